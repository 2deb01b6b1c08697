// SPDX-License-Identifier: MIT
// says: frostline: Trainer requires an optimizer with an array `states` of names
#include <array>
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Net = fl::Network<fl::Linear<4, 2>, fl::Input<4, 1, 1>>;
struct NoSteps {  // it lacks operator()
  static constexpr std::array<std::string_view, 0> states{};
  void check() const {}
};
using Wrong = fl::Trainer<Net, fl::CrossEntropy, NoSteps>;
constexpr auto size = sizeof(Wrong);
