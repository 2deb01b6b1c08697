// SPDX-License-Identifier: MIT
// prints: model_declares_no_head<
// says: frostline: ReplaceHead requires a model that declares a head
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model = fl::ReplaceHead<fl::Sequential<fl::Conv2d<3, 8, 3>>, fl::ClassifierHead<8, 10>>;
fl::Network<Model, fl::Input<3, 32, 32>> network{fl::max_batch(1)};
