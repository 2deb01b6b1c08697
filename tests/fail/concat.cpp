// SPDX-License-Identifier: MIT
// prints: branches_cannot_be_joined<
// prints: number_of_branch<1>
// prints: branch_gives<8, 16, 16>
// prints: first_branch_gives<4, 32, 32>
// says: frostline: Concat requires branches that give one height and width
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model = fl::Concat<fl::Conv2d<3, 4, 1>, fl::Conv2d<3, 8, 3, 2, 1>>;
fl::Network<Model, fl::Input<3, 32, 32>> network{fl::max_batch(1)};
