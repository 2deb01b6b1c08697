// SPDX-License-Identifier: MIT
// prints: no_layer_has_this<frostline::detail::name<'l', 'a', 'y', 'e', 'r', '5'>
// says: take one of names_are
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Head = fl::AuxiliaryFcnHead<512, 21, 256, "layer5">;
using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, Head>;
fl::Network<Model, fl::Input<3, 64, 64>> network{fl::max_batch(1)};
