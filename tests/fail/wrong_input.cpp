// SPDX-License-Identifier: MIT
// prints: layer_cannot_take_its_input<frostline::Conv2d<3, 64, 7, 2, 3, 1, 1, false>
// prints: at<'c', 'o', 'n', 'v', '1'>
// prints: gets<1, 28, 28>
// says: frostline: Network requires layers that take what the layer before them gives
#include <frostline/frostline.hpp>
namespace fl = frostline;
fl::Network<fl::ResNet18<>, fl::Input<1, 28, 28>> network{fl::max_batch(1)};
