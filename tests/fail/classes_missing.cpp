// SPDX-License-Identifier: MIT
// says: frostline: Network requires classes(n) after max_batch(n)
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model =
    fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, fl::ClassifierHead<512, fl::AtMost<1000>>>;
fl::Network<Model, fl::Input<3, 224, 224>> network{fl::max_batch(1)};
