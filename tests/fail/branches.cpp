// SPDX-License-Identifier: MIT
// prints: branches_differ<
// prints: main_gives<8, 16, 16>
// prints: shortcut_gives<3, 32, 32>
// says: frostline: Residual requires branches that give one shape
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model = fl::Residual<fl::Sequential<fl::Conv2d<3, 8, 3, 2, 1>, fl::ReLU>>;
fl::Network<Model, fl::Input<3, 32, 32>> network{fl::max_batch(1)};
