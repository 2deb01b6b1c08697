// SPDX-License-Identifier: MIT
// says: frostline: FeatureCache requires a network of which nothing trains
#include <frostline/frostline.hpp>
namespace fl = frostline;
fl::Network<fl::ResNet18<>, fl::Input<3, 32, 32>> network{fl::max_batch(1)};
fl::FeatureCache cache{network, 10};
