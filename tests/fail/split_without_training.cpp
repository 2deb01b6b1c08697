// SPDX-License-Identifier: MIT
// prints: nothing_trains_among<
// says: frostline: Split requires a model in which something trains
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Net = fl::SplitNetwork<fl::Freeze<fl::ResNet18<>>, fl::Input<3, 32, 32>>;
Net network{fl::max_batch(1)};
