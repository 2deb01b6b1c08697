// SPDX-License-Identifier: MIT
// prints: layer_cannot_take_its_input<frostline::Linear<256, 10
// says: frostline: Network requires layers that take what the layer before them gives
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, fl::ClassifierHead<256, 10>>;
fl::SplitNetwork<Model, fl::Input<3, 32, 32>> network{fl::max_batch(1)};
