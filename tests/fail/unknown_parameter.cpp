// SPDX-License-Identifier: MIT
// clang-format off
// prints: no_layer_has_this<frostline::detail::name<'l', 'a', 'y', 'e', 'r', '4', '.', '1', '.', 'b', 'n', '2', '.', 'b', 'a', 'i', 's'>
// prints: '.', 'w', 'e', 'i', 'g', 'h', 't', ' ', 'l', 'a', 'y', 'e', 'r', '4', '.', '1', '.', 'b', 'n', '2', '.', 'b', 'i', 'a', 's'>
// says: frostline: Unfreeze requires names of the model's layers or parameters
// clang-format on
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model = fl::Unfreeze<fl::Freeze<fl::ResNet18<>>, "layer4.1.bn2.bais">;
fl::Network<Model, fl::Input<3, 224, 224>> network{fl::max_batch(1)};
