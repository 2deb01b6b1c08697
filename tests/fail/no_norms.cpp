// SPDX-License-Identifier: MIT
// prints: model_has_none_of_these<frostline::detail::name<'n', 'o', 'r', 'm', 's'>
// says: frostline: TrainOnly requires a model with parameters of the part that it trains
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model = fl::TrainOnly<fl::Sequential<fl::Conv2d<3, 8, 3>, fl::ReLU>, fl::Norms>;
fl::Network<Model, fl::Input<3, 32, 32>> network{fl::max_batch(1)};
