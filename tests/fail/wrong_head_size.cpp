// SPDX-License-Identifier: MIT
// prints: layer_cannot_take_its_input<frostline::Linear<256, 10>
// prints: at<'f', 'c'>
// prints: gets<512, 1, 1>
// says: frostline: Network requires layers that take what the layer before them gives
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, fl::ClassifierHead<256, 10>>;
fl::Network<Model, fl::Input<3, 224, 224>> network{fl::max_batch(1)};
