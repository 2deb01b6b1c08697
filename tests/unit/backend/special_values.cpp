// SPDX-License-Identifier: MIT
// NaN and infinities in kernels with every width of vectors, without files.
#include "support/special_values.hpp"

#include "frostline/backend/cpu.hpp"
#include "support/internals.hpp"

namespace frostline::test::special_values_test {
namespace {

constexpr Situation blocked(Shape in) { return {.in = in, .given = Layout::blocked}; }
constexpr Situation plain(Shape in) { return {.in = in}; }

TEST_CASE("ReLU and maximum of vectors keep NaN, wherever it comes from") {
  alignas(64) float x[lanes], y[lanes], result[lanes];
  const float values[]{not_finite[0], -not_finite[0], infinity, -infinity, 0.0f, -0.0f, 1e-42f, -2};
  for (const float a : values)
    for (const float b : values) {
      std::fill_n(x, lanes, 1.0f), std::fill_n(y, lanes, 1.0f);
      x[lanes - 1] = a, y[lanes - 1] = b;
      store(result, relu(load(x)));
      CHECK(same(result[lanes - 1], a <= 0 ? 0.0f : a));
      store(result, larger(magnitude(load(x)), magnitude(load(y))));
      CHECK(same(result[lanes - 1], std::isnan(a)   ? a
                                    : std::isnan(b) ? b
                                                    : std::max(std::abs(a), std::abs(b))));
      CHECK(result[0] == 1);
    }
}

TEST_CASE("a vector keeps its first lanes") {
  alignas(64) float x[lanes];
  for (int count = 0; count <= lanes; ++count) {
    std::fill_n(x, lanes, not_finite[0]);
    store(x, first_lanes(load(x), count));
    for (int i = 0; i < lanes; ++i) CHECK(same(x[i], i < count ? not_finite[0] : 0.0f));
  }
}

TEST_CASE("a dropped infinity becomes NaN") {
  check_special_dropout<cpu, plain({17, 3, 5})>();
  check_special_dropout<cpu, blocked({17, 3, 5})>();
}

TEST_CASE("sums, copies and reorderings pass on NaN and infinity") {
  check_special_passage<cpu, Add, plain({17, 3, 5})>();
  check_special_passage<cpu, Add, blocked({17, 3, 5})>();
  check_special_passage<cpu, Flatten, plain({17, 3, 5})>();
  check_special_passage<cpu, Reorder, plain({17, 3, 37})>();
  check_special_passage<cpu, Reorder, blocked({17, 3, 37})>();
}

TEST_CASE("gates that are not finite change only their channels") {
  check_special_gates<cpu, plain({17, 3, 5})>();
  check_special_gates<cpu, blocked({17, 3, 5})>();
}

/// A convolution whose last block of channels is not whole; LayerRun requires zeros in the rest.
template <class Layer, Convolutions algorithm>
void check_padded_channels() {
  constexpr Situation place{.in = {3, 8, 9}, .tuning = {.convolutions = algorithm}};
  LayerRun<cpu, Layer, place> run(2, 2);
  run.x[0] = some_not_finite(2 * place.in.size());
  for (int k = 0; k < run.parameters.count; ++k) run.p[k] = random_floats(run.parameters[k].size());
  run.dy = some_not_finite(2 * run.out.size());
  run.template forward<0>();
  run.template backward<0, true, true>();
}
TEST_CASE("padded channels stay zero next to channels that are not finite") {
  check_padded_channels<Conv2d<3, 19, 3, 1, 1>, Convolutions::direct>();
  check_padded_channels<Conv2d<3, 5, 3, 2, 1>, Convolutions::direct>();
  check_padded_channels<Conv2d<3, 19, 1>, Convolutions::direct>();
  check_padded_channels<Conv2d<3, 19, 3, 1, 1>, Convolutions::f2>();
  check_padded_channels<Conv2d<3, 5, 3, 1, 1>, Convolutions::f4>();
  check_padded_channels<Conv2d<3, 5, 3, 1, 1>, Convolutions::f7>();
  check_padded_channels<Conv2d<3, 5, 3, 2, 1>, Convolutions::f4>();
}

TEST_CASE("padded channels stay zero in the stem") {
  const StemShape stem{{3, 24, 24}, BlockedMap{{lanes + 3, 6, 6}}};
  const auto floats = [](std::ptrdiff_t count) { return HostMemory(std::size_t(count) * 4); };
  const auto weights = random_floats(std::size_t(lanes + 3) * 3 * 49);
  const auto image = some_not_finite(3 * 24 * 24);
  const HostMemory packed = floats(stem.packed_floats()), out = floats(stem.out.sample());
  const HostMemory scratch = floats(stem.thread_scratch_floats());
  stem_pack(Team{}, stem, WeightView::of(weights.data(), lanes + 3, 3, 7), packed.floats().data());
  stem_forward(Team{}, stem, 1, image.data(), packed.floats().data(), nullptr, out.floats().data(),
               scratch.floats().data());
  for (int y = 0; y < 6; ++y)
    for (int x = 0; x < 6; ++x) {
      const float* pixel = out.floats().data() + stem.out.at(1, y, x);
      CHECK(!std::isfinite(pixel[0]));
      CHECK(std::count(pixel + 3, pixel + lanes, 0.0f) == lanes - 3);
    }
}

TEST_CASE("NaN and infinity pass through fused convolutions as through single layers") {
  check_special_fused<cpu, SpecialBlocks<1>, Input<3, 9, 41>>(20, true);
  check_special_fused<cpu, SpecialBlocks<2>, Input<3, 9, 41>>(12, true);
  check_special_fused<cpu, SpecialColumns, Input<3, 9, 41>>(20, true);
  check_special_fused<cpu, SpecialEntrance, Input<3, 29, 61>>(8, true);
}
TEST_CASE("NaN and infinity do not become finite in fused transformed convolutions") {
  check_special_fused<cpu, SpecialBlocks<1>, Input<3, 9, 41>, Balanced>(20, false);
  check_special_fused<cpu, SpecialBlocks<2>, Input<3, 9, 41>, Balanced>(12, false);
  check_special_fused<cpu, SpecialEntrance, Input<3, 29, 61>, Balanced>(8, false);
}

TEST_CASE("a momentum of 0 ignores an earlier momentum buffer") { check_idle_momentum<cpu>(); }
TEST_CASE("a NaN pixel makes the loss NaN") { check_special_training<cpu>(); }

}  // namespace
}  // namespace frostline::test::special_values_test
