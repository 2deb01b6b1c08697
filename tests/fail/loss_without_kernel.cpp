// SPDX-License-Identifier: MIT
// prints: frostline: Trainer requires a loss with `int ignore_index`, `check() const` and a Kernel
// says: Kernel<Backend, Loss>)
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Net = fl::Network<fl::Linear<4, 2>, fl::Input<4, 1, 1>>;
struct Hinge {
  int ignore_index = -100;
  void check() const {}
};
using Wrong = fl::Trainer<Net, Hinge, fl::Sgd>;
constexpr auto size = sizeof(Wrong);
