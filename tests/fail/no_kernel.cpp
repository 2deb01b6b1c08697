// SPDX-License-Identifier: MIT
// prints: no_kernel_computes_this_layer<Swish, frostline::
// says: ::cpu>
// says: frostline: Network requires a Kernel<Backend, Layer> for each of its layers
#include <frostline/frostline.hpp>
namespace fl = frostline;
struct Swish : fl::Layer {
  static constexpr fl::Shape output(fl::Shape in) { return in; }
};
fl::Network<fl::Sequential<Swish>, fl::Input<3, 32, 32>> network{fl::max_batch(1)};
