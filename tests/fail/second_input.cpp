// SPDX-License-Identifier: MIT
// says: frostline: Network requires layers with one input
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model = fl::Sequential<fl::Conv2d<3, 4, 1>, fl::Add>;
fl::Network<Model, fl::Input<3, 32, 32>> network{fl::max_batch(1)};
