// prints: no_output_depends_on_the_layer<frostline::detail::at<'l', 'a', 'y', 'e', 'r', '4'
// says: leave this one out
#include <frostline/frostline.hpp>
namespace fl = frostline;
using Head = fl::Module<fl::OutputOf<"layer3">, fl::ClassifierHead<256, 5>>;
using Model = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, Head>;
fl::Network<Model, fl::Input<3, 64, 64>> network{fl::max_batch(1)};
