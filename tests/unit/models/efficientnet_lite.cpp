// SPDX-License-Identifier: MIT
// EfficientNet-Lite0 against PyTorch's results in tests/golden/efficientnet_lite.safetensors.
#include "frostline/models/efficientnet_lite.hpp"

#include <fmt/core.h>

#include <cmath>
#include <numeric>

#include "frostline/frostline.hpp"
#include "support/check_partly_trained.hpp"
#include "support/internals.hpp"

namespace frostline::test::efficientnet_lite_test {
namespace {

constexpr int classes_here = 10;
using Net = EfficientNetLite0<LiteHead<1280, classes_here, Probability{0.0f}>>;

const StateDict& golden() {
  static const StateDict file = read_safetensors(std::filesystem::path(FROSTLINE_GOLDEN_DIR) /
                                                 "efficientnet_lite.safetensors");
  return file;
}
std::vector<float> stored(const std::string& key) {
  const StoredTensor& tensor = golden().tensors.at(key);
  std::vector<float> result(tensor.size());
  tensor.copy_to(std::span(result));
  return result;
}

/// Numbers between -1 and 1 that depend on the key: make_efficientnet_lite.py has the same.
std::vector<double> hashed(std::string_view key, std::size_t count) {
  std::uint64_t key_hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : key) key_hash = (key_hash ^ std::uint64_t(c)) * 0x100000001b3;
  std::vector<double> result(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t x = i * 0x9e3779b97f4a7c15 + key_hash;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    x ^= x >> 31;
    result[i] = double(x >> 40) / (1 << 23) - 1;
  }
  return result;
}
std::vector<float> images_of(int count, int height, int width) {
  const auto numbers =
      hashed(fmt::format("{}x{}", height, width), std::size_t(count * 3 * height * width));
  return {numbers.begin(), numbers.end()};
}
template <class AnyNetwork>
void fill(AnyNetwork& network) {
  for (const NamedTensor& tensor : network.tensors()) {
    if (tensor.type != ElementType::f32) continue;
    const std::string_view key = tensor.key;
    const bool vector = tensor.extents.size() == 1;
    std::vector<double> numbers = hashed(key, tensor.size);
    double fan_in = 1;
    for (std::size_t k = 1; k < tensor.extents.size(); ++k) fan_in *= double(tensor.extents[k]);
    for (double& x : numbers) {
      if (key.ends_with("running_var") || (vector && key.ends_with("weight")))
        x = 1.5 + x / 2;
      else
        x = vector ? x / 2 : x * (2 / std::sqrt(fan_in));
    }
    const std::vector<float> values(numbers.begin(), numbers.end());
    network.write(tensor, std::span<const float>(values));
  }
}

template <class Options, int Height, int Width>
void check_logits(int count) {
  Network<Freeze<Net>, Input<3, Height, Width>, cpu, Options> network{max_batch(count)};
  fill(network);
  const auto logits = network.predict(images_of(count, Height, Width));
  const std::vector<float> wanted = stored(fmt::format("{}x{}", Height, Width));
  const std::vector<float> computed{logits.begin(), logits.end()};
  const double error = length(difference(computed, wanted)) / length(wanted);
  INFO(Height << "x" << Width << ": relative error " << error);
  REQUIRE(error <= 1e-5);
}

/// The norm of a tensor, and the sum of its products with hashes.
std::vector<float> summary_of(std::string_view key, const std::vector<float>& values) {
  const std::vector<double> weights = hashed(key, values.size());
  return {float(length(values)),
          float(std::inner_product(values.begin(), values.end(), weights.begin(), 0.0))};
}

/// Requires the loss, the gradients and the running statistics of PyTorch's first training step.
/// The tolerance is about three times what PyTorch's float32 differs from its float64, since
/// rounding moves values over the kinks of ReLU6.
template <class Model>
void check_step(const std::string& name, double tolerance, std::size_t tensors) {
  constexpr int count = 6, side = 96;
  Network<Model, Input<3, side, side>> network{max_batch(count)};
  fill(network);
  std::vector<int> labels(count);
  std::iota(labels.begin(), labels.end(), 0);
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 0}};
  const double loss = double(stored(name + ".loss")[0]);
  const double computed_loss = double(trainer.step(images_of(count, side, side), labels));
  INFO(name << ": loss " << computed_loss << ", PyTorch's " << loss);
  REQUIRE(std::abs(computed_loss - loss) <= 2e-5 * loss);
  double all = 0;  // the norm of all gradients
  for (const NamedTensor& tensor : network.tensors())
    if (tensor.trains)
      all = std::hypot(all, double(stored(name + "." + std::string(tensor.key))[0]));
  std::size_t compared = 0;
  for (const NamedTensor& tensor : network.tensors()) {
    const std::string key{tensor.key};
    if (tensor.type != ElementType::f32 || golden().tensors.count(name + "." + key) == 0) continue;
    const auto computed =
        summary_of(key, tensor.trains ? gradient_of(network, tensor) : network.values(key));
    const auto wanted = stored(name + "." + key);
    INFO(key << ": " << computed[0] << ", " << computed[1] << "; PyTorch's " << wanted[0] << ", "
             << wanted[1]);
    const double bound = tolerance * (double(wanted[0]) + (tensor.trains ? 0.005 * all : 0));
    CHECK(std::abs(double(computed[0]) - double(wanted[0])) <= bound);
    CHECK(std::abs(double(computed[1]) - double(wanted[1])) <= bound);
    ++compared;
  }
  CHECK(compared == tensors);
}

}  // namespace

TEST_CASE("EfficientNet-Lite0 has PyTorch's logits", "[slow]") {
  check_logits<Balanced, 64, 64>(2);
  check_logits<Balanced, 75, 58>(1);
  check_logits<Balanced, 224, 224>(1);
}
TEST_CASE("a training step of EfficientNet-Lite0 is PyTorch's", "[slow]") {
  check_step<Net>("everything", 2e-2, 247);
  check_step<Unfreeze<Freeze<Net>, "_blocks.15", "_conv_head", "_bn1", "_fc">>("last", 5e-3, 22);
}

}  // namespace frostline::test::efficientnet_lite_test
