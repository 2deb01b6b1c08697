// SPDX-License-Identifier: MIT
// prints: two_layers_own_the_same_keys_at<
// says: frostline: Network requires a key of its own for each parameter
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model = fl::Module<fl::Conv2d<3, 3, 1>, fl::Conv2d<3, 3, 1>>;
fl::Network<Model, fl::Input<3, 32, 32>> network{fl::max_batch(1)};
