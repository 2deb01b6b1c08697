// SPDX-License-Identifier: MIT
// prints: no_frozen_layer_before<frostline::at<'c', 'o', 'n', 'v', '1'>
// says: frostline: Split requires frozen layers before the first that trains
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Net = fl::SplitNetwork<fl::ResNet18<>, fl::Input<3, 32, 32>>;
Net network{fl::max_batch(1)};
fl::Trainer trainer{network.rest(), fl::CrossEntropy{}, fl::Sgd{}};
