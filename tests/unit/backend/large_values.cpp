// SPDX-License-Identifier: MIT
// Values that do not stay in the caches are written past them, and are the same as small ones.
#include <algorithm>
#include <cstring>

#include "frostline/backend/cpu.hpp"
#include "support/catch.hpp"
#include "support/random.hpp"

namespace frostline::test::large_values_test {
namespace {

constexpr Shape shape{16, 254, 254};
constexpr BlockedMap map{shape};
constexpr int batch = 8;
static_assert(batch * map.sample() > most_cached_floats && map.sample() <= most_cached_floats);

OfBlock<float> filled(float number) {
  OfBlock<float> result;
  std::fill_n(result.of, lanes, number);
  return result;
}
float* floats_of(std::vector<OfBlock<float>>& blocks) {
  return reinterpret_cast<float*>(blocks.data());
}
/// Random values with borders of zeros.
std::vector<OfBlock<float>> random_values() {
  std::vector<OfBlock<float>> values(std::size_t(batch * map.sample() / lanes));
  float* floats = floats_of(values);
  for (int n = 0; n < batch; ++n)
    for (int b = 0; b < map.blocks(); ++b)
      for (int y = 0; y < shape.height; ++y)
        for (int i = 0; i < shape.width * lanes; ++i)
          floats[n * map.sample() + map.at(b, y, 0) + i] = uniform(-8, 8);
  return values;
}

/// A kernel on the whole batch, and on each image alone: both must write the same.
template <class Kernel>
void check(Kernel kernel) {
  std::vector<OfBlock<float>> x = random_values(), dy = random_values();
  std::vector<OfBlock<float>> whole(x.size(), filled(1)), single(x.size(), filled(2));
  std::vector<float> scale = random_floats(16), shift = random_floats(16);
  std::vector<float> mean = random_floats(16), variance = random_floats(16, 0.5f, 2);
  const auto run = [&](int first, int count, std::vector<OfBlock<float>>& to) {
    const auto at = [&](std::vector<OfBlock<float>>& of) {
      return floats_of(of) + first * map.sample();
    };
    Call call;
    call.batch = count;
    call.inputs[0] = at(x);
    call.output = at(to);
    call.output_gradient = at(dy);
    call.input_gradients[0] = at(to);
    call.parameters[0] = scale.data(), call.parameters[1] = shift.data();
    call.buffers[0] = mean.data(), call.buffers[1] = variance.data();
    kernel(call, count * map.sample(), at(x));
  };
  run(0, batch, whole);
  for (int n = 0; n < batch; ++n) run(n, 1, single);
  REQUIRE(std::memcmp(whole.data(), single.data(), whole.size() * sizeof(OfBlock<float>)) == 0);
}

TEST_CASE("large values of elementwise layers are those of small ones") {
  check([](const Call& call, std::ptrdiff_t count, float*) { relu_forward(call, count); });
  check([](const Call& call, std::ptrdiff_t count, float*) { relu6_forward(call, count); });
  // The gradients' kernels read the layer's output: here its input, which has all signs.
  check([](Call call, std::ptrdiff_t count, float* y) {
    call.output = y;
    relu_input_gradient<false>(call, count);
  });
  check([](Call call, std::ptrdiff_t count, float* y) {
    call.output = y;
    relu6_input_gradient<false>(call, count);
  });
}

TEST_CASE("large values of a batch norm with running statistics are those of small ones") {
  check([](const Call& call, std::ptrdiff_t, float*) {
    batch_norm_forward(shape, call, {}, false, false);
  });
  check([](const Call& call, std::ptrdiff_t, float*) {
    batch_norm_input_gradient<false, false>(shape, call, {}, false);
  });
}

}  // namespace
}  // namespace frostline::test::large_values_test
