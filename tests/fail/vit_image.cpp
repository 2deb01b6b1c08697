// SPDX-License-Identifier: MIT
// prints: layer_cannot_take_its_input<frostline::detail::PatchConvolution<768, 16, 224>
// prints: at<'c', 'o', 'n', 'v', '_', 'p', 'r', 'o', 'j'>
// prints: gets<3, 112, 448>
// says: frostline: Network requires layers that take what the layer before them gives
#include <frostline/frostline.hpp>
#include <frostline/models/vit.hpp>
namespace fl = frostline;
fl::Network<fl::ViTB16<>, fl::Input<3, 112, 448>> network{fl::max_batch(1)};
