// SPDX-License-Identifier: MIT
// prints: breaks_the_bound_of_classes<
// prints: at<'2'>
// says: frostline: Bounded requires the network
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Head = fl::Sequential<fl::GlobalAveragePool, fl::Linear<512, 10>, fl::Bounded<fl::ReLU>>;
using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, Head>;
fl::Network<Model, fl::Input<3, 224, 224>> network{fl::max_batch(1), fl::classes(3)};
