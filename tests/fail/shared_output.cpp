// SPDX-License-Identifier: MIT
// prints: two_outputs_are_the_value_of<frostline::detail::at<'a'>
// says: frostline: Auxiliary requires a branch with a layer of its own
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Model = fl::Module<fl::Named<"a", fl::Linear<3, 4>>, fl::Auxiliary<"a", fl::Identity>>;
fl::Network<Model, fl::Input<3, 1, 1>> network{fl::max_batch(1)};
