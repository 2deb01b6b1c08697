// SPDX-License-Identifier: MIT
// The concept of a backend: the smallest complete one, and incomplete ones.
#include "minimal_backend.hpp"

#include "../support/internals.hpp"
#include "frostline/backend/cpu.hpp"
#include "frostline/network/network.hpp"
#include "frostline/rewrite/frozen.hpp"

namespace frostline::test::minimal_backend_test {

using Model = Sequential<Linear<6, 5>, ReLU, Linear<5, 3>>;
using Net = Network<Model, Input<6, 1, 1>, minimal_backend>;
static_assert(Net::trains && Net::output_shape == Shape{3, 1, 1});
static_assert(Net::parameter_count() == 6 * 5 + 5 + 5 * 3 + 3);
static_assert(IsBackend<cpu>);

struct WithoutMemory : minimal_backend {
  using Memory = std::byte*;
};
struct WithoutRun : minimal_backend {
  static constexpr int run = 0;
};
static_assert(!IsBackend<WithoutMemory>);
static_assert(!IsBackend<WithoutRun>);
static_assert(!IsBackend<int>);

// A convolution absorbs the layers after it only if its kernel says so.
using Convolution = Frozen<Sequential<Conv2d<3, 4, 1>, BatchNorm2d<4>, ReLU>>;
static_assert(scheduled<Convolution, Input<3, 8, 8>, minimal_backend>.loss == 3);
static_assert(scheduled<Convolution, Input<3, 8, 8>, cpu>.loss == 2);  // and a Reorder

}  // namespace frostline::test::minimal_backend_test
