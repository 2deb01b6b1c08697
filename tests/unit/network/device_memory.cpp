// SPDX-License-Identifier: MIT
// Spans of a backend's memory: the host can index them only if that memory is the host's.
#include <optional>

#include "frostline/backend/cpu.hpp"
#include "frostline/network/to_backend.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "support/catch.hpp"
#include "support/device_backend.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/relative_error.hpp"

namespace frostline::test::device_memory_test {

using Model = Sequential<Frozen<Linear<6, 9>>, ReLU, Linear<9, 5>, ReLU, Linear<5, 3>>;
template <class Backend>
using Net = Network<Model, Input<6, 1, 1>, Backend>;

template <class Backend, class Variable, class Constant>
constexpr bool has_spans = requires(Net<Backend>& network) {
  { network.trainable() } -> std::same_as<Variable>;
  { network.gradients() } -> std::same_as<Variable>;
  { network.output_gradient() } -> std::same_as<Variable>;
  { network.output() } -> std::same_as<Constant>;
  { network.predict({}) } -> std::same_as<std::span<const float>>;
};
static_assert(has_spans<cpu, std::span<float>, std::span<const float>>);
static_assert(has_spans<minimal_backend, std::span<float>, std::span<const float>>);
static_assert(has_spans<device_backend, DeviceSpan<float>, DeviceSpan<const float>>);

static_assert(!std::ranges::range<DeviceSpan<float>>);
static_assert(std::convertible_to<DeviceSpan<float>, DeviceSpan<const float>>);
static_assert(!std::convertible_to<DeviceSpan<const float>, DeviceSpan<float>>);
static_assert(!std::convertible_to<DeviceSpan<float>, std::span<const float>>);
static_assert(!std::convertible_to<std::span<float>, DeviceSpan<float>>);

std::vector<float> on_host(DeviceSpan<const float> span) {
  std::vector<float> copy(span.size());
  device_backend::copy_out({}, copy.data(), span.data(), span.size_bytes());
  return copy;
}

TEST_CASE("a network in a device's memory predicts and differentiates as one in the host's") {
  Net<minimal_backend> host{max_batch(4), seed(random_engine()())};
  auto device = to<device_backend>(host);
  const auto images = random_floats(4 * 6), slopes = random_floats(4 * 3);
  REQUIRE(relative_error(device.predict(images), host.predict(images)) == 0);
  REQUIRE(relative_error(device.features(images), host.features(images)) == 0);
  for (const bool accumulate : {false, true}) {
    device.forward(images, true);
    host.forward(images, true);
    REQUIRE(relative_error(on_host(device.output()), host.output()) == 0);
    std::ranges::copy(slopes, host.output_gradient().begin());
    const DeviceSpan<float> to = device.output_gradient();
    REQUIRE(to.size_bytes() == slopes.size() * sizeof(float));
    device_backend::copy_in({}, to.data(), slopes.data(), to.size_bytes());
    device.backward(accumulate);
    host.backward(accumulate);
    REQUIRE(relative_error(on_host(device.gradients()), host.gradients()) == 0);
  }
  REQUIRE(relative_error(on_host(device.trainable()), host.trainable()) == 0);
}

using Large =
    Network<Sequential<Linear<300, 200>, ReLU, Linear<200, 3>>, Input<300, 1, 1>, device_backend>;

TEST_CASE("parameters and values are refused together, before anything is allocated") {
  const std::size_t before = device_backend::allocated;
  const Large network{max_batch(100)};
  const std::size_t both = device_backend::allocated - before;
  device_backend::room = both - 1;
  REQUIRE_ERROR(Large{max_batch(100)},
                format_text("a network with max_batch(100) takes {} bytes", both));
  device_backend::room = std::numeric_limits<std::size_t>::max();
  REQUIRE(device_backend::allocated == before + both);
}

TEST_CASE("networks that share parameters allocate them once") {
  constexpr std::size_t parameters = (300 * 200 + 200 + 200 * 3 + 3) * sizeof(float);
  constexpr std::size_t values = (300 + 2 * (200 + 200 + 3)) * sizeof(float);  // per sample
  const auto allocated_by = [](auto make) {
    const std::size_t before = device_backend::allocated;
    make();
    return device_backend::allocated - before;
  };
  std::optional<Large> network, evaluation;
  const auto first = allocated_by([&] { network.emplace(max_batch(1)); });
  CHECK(first >= 2 * parameters);  // and gradients
  const auto second = allocated_by([&] { evaluation.emplace(network->with_batch(max_batch(7))); });
  CHECK(second >= 7 * 300 * sizeof(float));
  CHECK(second <= 7 * values + 10'000);
  CHECK(evaluation->trainable().data() == network->trainable().data());
  CHECK(evaluation->gradients().data() == network->gradients().data());
}

}  // namespace frostline::test::device_memory_test
