// SPDX-License-Identifier: MIT
// prints: outputs_differ<frostline::detail::at<'a', 'u', 'x'>
// prints: frostline::detail::auxiliary_gives<21, 4, 4>
// prints: frostline::detail::network_gives<21, 64, 64>
// says: frostline: Auxiliary requires a branch that gives the network's output shape
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Head = fl::Module<fl::FcnHead<512, 21>,
                        fl::Auxiliary<"layer3", fl::Named<"aux", fl::Conv2d<256, 21, 1>>>>;
using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, Head>;
fl::Network<Model, fl::Input<3, 64, 64>> network{fl::max_batch(1)};
