// SPDX-License-Identifier: MIT
// prints: no_layer_has_this<frostline::detail::name<'l', 'a', 'y', 'e', 'r', '7'>
// says: take one of names_are
#include <frostline/frostline.hpp>
#include <frostline/models/unet.hpp>
namespace fl = frostline;
using Head = fl::UNetHead<512, 21, fl::Skip<"layer3", 256, 64>, fl::Skip<"layer7", 64, 32>>;
using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, Head>;
fl::Network<Model, fl::Input<3, 64, 64>> network{fl::max_batch(1)};
