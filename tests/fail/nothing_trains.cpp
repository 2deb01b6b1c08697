// SPDX-License-Identifier: MIT
// says: frostline: Trainer requires a model with trainable parameters
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Net = fl::Network<fl::Freeze<fl::ResNet18<>>, fl::Input<3, 32, 32>>;
using Wrong = fl::Trainer<Net, fl::CrossEntropy, fl::Sgd>;
constexpr auto size = sizeof(Wrong);
