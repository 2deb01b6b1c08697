// SPDX-License-Identifier: MIT
// says: frostline: Network requires no classes(n): its head is made for a constant number of them
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, fl::ClassifierHead<512, 37>>;
fl::Network<Model, fl::Input<3, 224, 224>> network{fl::max_batch(1), fl::classes(37)};
