// SPDX-License-Identifier: MIT
// prints: frostline: Trainer requires a loss with `int ignore_index`, `check() const` and a Kernel
// says: ignore_index
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Net = fl::Network<fl::Linear<4, 2>, fl::Input<4, 1, 1>>;
struct Hinge {  // it lacks ignore_index
  void check() const {}
};
template <>
struct fl::Kernel<fl::cpu, Hinge> : fl::Kernel<fl::cpu, fl::CrossEntropy> {};
using Wrong = fl::Trainer<Net, Hinge, fl::Sgd>;
constexpr auto size = sizeof(Wrong);
