// SPDX-License-Identifier: MIT
// prints: breaks_the_bound_of_classes<
// prints: at<'1'>
// says: frostline: Bounded requires the network
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Head = fl::Sequential<fl::ClassifierHead<512, fl::AtMost<1000>>, fl::ReLU>;
using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, Head>;
fl::Network<Model, fl::Input<3, 224, 224>> network{fl::max_batch(1), fl::classes(37)};
