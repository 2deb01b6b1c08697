// SPDX-License-Identifier: MIT
// prints: gate_has_wrong_shape<
// prints: gets<8, 30, 30>
// prints: gate_gives<4, 1, 1>
// says: frostline: Scaled requires a gate that gives {channels, 1, 1}
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Gate = fl::Sequential<fl::GlobalAveragePool, fl::Conv2d<8, 4, 1>, fl::Sigmoid>;
using Model = fl::Sequential<fl::Conv2d<3, 8, 3>, fl::Scaled<Gate>>;
fl::Network<Model, fl::Input<3, 32, 32>> network{fl::max_batch(1)};
