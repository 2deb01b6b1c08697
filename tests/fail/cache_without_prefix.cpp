// SPDX-License-Identifier: MIT
// prints: no_frozen_layer_before<frostline::detail::at<'c', 'o', 'n', 'v', '1'>
// says: frostline: features require frozen layers before the first that trains
#include <frostline/frostline.hpp>
namespace fl = frostline;
fl::Network<fl::ResNet18<>, fl::Input<3, 32, 32>> network{fl::max_batch(1)};
fl::FeatureCache cache{network, 10};
