// SPDX-License-Identifier: MIT
// Prints summaries; they must be equal for all compilers, byte for byte.
#include <cstdio>

#include "frostline/layers/conv2d.hpp"
#include "frostline/layers/relu.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/program/summary.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "frostline/rewrite/unfreeze.hpp"

namespace fl = frostline;

template <class Model>
void print() {
  std::puts(fl::summary<Model, fl::Input<3, 224, 224>>().c_str());
}

int main() {
  print<fl::ResNet18<>>();
  print<fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, fl::ClassifierHead<512, 10>>>();
  print<
      fl::Unfreeze<fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, fl::FcnHead<512, 21>>, "layer4">>();
  using Branches = fl::Concat<fl::Identity, fl::Conv2d<3, 5, 3, 1, 1>, fl::ReLU>;
  print<fl::Freeze<fl::Sequential<Branches, fl::Concat<fl::Identity, fl::Conv2d<11, 4, 1>>>>>();
  print<fl::Sequential<Branches, fl::Frozen<fl::Conv2d<11, 4, 1>>>>();
}
