// SPDX-License-Identifier: MIT
// prints: no_layer_has_this<frostline::detail::name<'l', 'a', 'y', 'e', 'r', '5'>
// prints: 'l', 'a', 'y', 'e', 'r', '4', ' ', 'f', 'c'>
// says: frostline: Unfreeze requires names of the model's layers
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model = fl::Unfreeze<fl::Freeze<fl::ResNet18<>>, "layer5">;
fl::Network<Model, fl::Input<3, 224, 224>> network{fl::max_batch(1)};
