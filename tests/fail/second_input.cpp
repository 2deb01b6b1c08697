// SPDX-License-Identifier: MIT
// prints: layer_has_no_second_input<frostline::Add
// prints: at<'1'>
// says: frostline: Network requires layers with one input
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model = fl::Sequential<fl::Conv2d<3, 4, 1>, fl::Add>;
fl::Network<Model, fl::Input<3, 32, 32>> network{fl::max_batch(1)};
