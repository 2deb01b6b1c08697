// SPDX-License-Identifier: MIT
// prints: layer_cannot_take_its_input<frostline::detail::FlattenOf<7, 7>
// prints: at<'a', 'v', 'g', 'p', 'o', 'o', 'l'>
// prints: gets<512, 6, 6>
// says: frostline: Network requires layers that take what the layer before them gives
#include <frostline/frostline.hpp>
#include <frostline/models/vgg.hpp>
namespace fl = frostline;
fl::Network<fl::Vgg16BatchNorm<>, fl::Input<3, 192, 192>> network{fl::max_batch(1)};
