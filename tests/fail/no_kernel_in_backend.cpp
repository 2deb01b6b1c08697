// SPDX-License-Identifier: MIT
// prints: no_kernel_computes_this_layer<frostline::Conv2d<3, 8, 3
// says: frostline: Network requires a Kernel<Backend, Layer> for each of its layers
#include <frostline/frostline.hpp>

#include "../static/minimal_backend.hpp"
namespace fl = frostline;
using Model = fl::Sequential<fl::ReLU, fl::Conv2d<3, 8, 3>>;
fl::Network<Model, fl::Input<3, 32, 32>, fl::test::minimal_backend> network{fl::max_batch(1)};
