// SPDX-License-Identifier: MIT
// Upsample for AtMost<N> classes: channels without a class get a gradient of zero.
#include "frostline/backend/cpu.hpp"
#include "support/internals.hpp"
#include "support/layer_run.hpp"
#include "support/random.hpp"

namespace frostline::test::bounded_upsample_test {

TEST_CASE("upsampling gives channels without a class a gradient of zero") {
  constexpr int bound = 70, number = 5, batch = 3;
  constexpr auto place = [](int channels, int flags) {
    return Place{.inputs = {{{channels, 3, 4}, Layout::blocked}},
                 .output = {{channels, 12, 9}},
                 .flags = flags::wants_input_gradient | flags};
  };
  using Late = At<place(bound, flags::bounded)>;
  using Early = At<place(number, 0)>;
  using Upsampling = Kernel<cpu, Upsample<12, 9>>;
  const std::vector<float> gradient = random_floats(batch * Early::out.size());
  Poisoned late(batch * std::size_t(BlockedMap{Late::in}.sample()));
  Poisoned early(batch * std::size_t(BlockedMap{Early::in}.sample()));
  Call call;
  call.batch = batch;
  call.classes = number;
  call.output_gradient = gradient.data();
  call.input_gradients[0] = late.data();
  Upsampling::input_gradient<Late>(call);
  call.input_gradients[0] = early.data();
  Upsampling::input_gradient<Early>(call);
  REQUIRE(late.intact());
  const auto of_classes = std::size_t(BlockedMap{Early::in}.sample());
  const auto all = std::size_t(BlockedMap{Late::in}.sample());
  const std::vector<float> here = late.copy(), there = early.copy();
  for (std::size_t n = 0; n < batch; ++n)
    for (std::size_t i = 0; i < all; ++i) {
      const float wanted = i < of_classes ? there[n * of_classes + i] : 0.0f;
      if (here[n * all + i] != wanted) FAIL("image " << n << ", number " << i);
    }
}

}  // namespace frostline::test::bounded_upsample_test
