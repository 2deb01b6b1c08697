// SPDX-License-Identifier: MIT
// says: frostline: Trainer requires gradient transforms with `check()`
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Net = fl::Network<fl::Linear<4, 2>, fl::Input<4, 1, 1>>;
using Wrong = fl::Trainer<Net, fl::CrossEntropy, fl::AdamW, fl::Sgd>;
constexpr auto size = sizeof(Wrong);
