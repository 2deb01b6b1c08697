// SPDX-License-Identifier: MIT
// Every operation of the CPU backend against PyTorch's results in tests/golden/layers.safetensors.
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "frostline/backend/cpu.hpp"
#include "frostline/core/layer.hpp"
#include "frostline/io/safetensors.hpp"
#include "support/catch.hpp"
#include "support/cpu_loss.hpp"
#include "support/layer_run.hpp"

namespace frostline::test {
namespace {

/// The largest relative difference in the L2 norm of a tensor. PyTorch's results are exact to
/// float32's rounding (6e-8).
struct Tolerance {
  std::string_view operation;
  double relative;
};
constexpr Tolerance tolerances[]{
    {"conv2d", 1e-6},        {"batch_norm2d", 1e-6}, {"max_pool2d", 1e-7},
    {"upsample", 1e-6},      {"linear", 1e-6},       {"global_average_pool", 1e-6},
    {"cross_entropy", 1e-6}, {"sgd", 1e-6},  // what the parameters are after each step
};

const StateDict& golden() {
  static const StateDict file =
      read_safetensors(std::filesystem::path(FROSTLINE_GOLDEN_DIR) / "layers.safetensors");
  return file;
}

const StoredTensor& stored(const std::string& key) {
  const auto found = golden().tensors.find(key);
  if (found == golden().tensors.end()) FAIL("layers.safetensors lacks '" << key << "'");
  return found->second;
}

std::vector<float> floats(const std::string& key) {
  std::vector<float> result(stored(key).size());
  stored(key).copy_to(std::span(result));
  return result;
}

std::vector<int> integers(const std::string& key) {
  std::vector<std::int64_t> wide(stored(key).size());
  stored(key).copy_to(std::span(wide));
  return {wide.begin(), wide.end()};
}

/// Requires what was computed to be what PyTorch computed, not-a-number included.
void compare(const std::string& key, const std::vector<float>& computed) {
  const std::vector<float> wanted = floats(key);
  double errors = 0, squares = 0, tolerance = -1;
  for (const Tolerance& one : tolerances)
    if (key.starts_with(one.operation)) tolerance = one.relative;
  REQUIRE(computed.size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (std::isnan(wanted[i]) && std::isnan(computed[i])) continue;
    const double error = double(computed[i]) - double(wanted[i]);
    errors += error * error;
    squares += double(wanted[i]) * double(wanted[i]);
  }
  INFO(key << " differs by " << std::sqrt(errors / squares));
  CHECK(std::sqrt(errors) <= tolerance * std::sqrt(squares));
}

constexpr float poison = std::numeric_limits<float>::quiet_NaN();

/// One layer of the file, run as a network runs it.
template <class Layer, Situation place, Statistics Mode>
class GoldenLayer {
 public:
  GoldenLayer(const std::string& name, int threads)
      : name_(name), run_(int(stored(name + ".input").size() / place.in.size()), threads) {
    run_.x[0] = floats(key("input"));
    run_.dy = floats(key("output_gradient"));
    for (int k = 0; k < run_.parameters.count; ++k)
      run_.p[k] = floats(key(run_.parameters[k].name));
    for (int k = 0; k < run_.buffers.count; ++k)
      run_.b[k] =
          is_float(k) ? floats(key(run_.buffers[k].name)) : std::vector<float>(2);  // an int64 of 0
  }

  void run() {
    constexpr bool batch = Mode == Statistics::batch, trains = batch && Run::parameters.count > 0;
    constexpr int flags = batch ? flags::batch_statistics : 0;
    compare(key("output"), run_.template forward<flags>());
    if (batch) compare_buffers();
    const Gradients gradients = run_.template backward<flags, true, trains>();
    compare(key("input_gradient"), gradients.inputs[0]);
    for (int k = 0; k < run_.parameters.count && trains; ++k)
      compare(key(run_.parameters[k].name) + "_gradient", gradients.parameters[k]);
  }

 private:
  using Run = LayerRun<cpu, Layer, place>;
  std::string key(std::string_view tensor) const { return name_ + "." + std::string(tensor); }
  bool is_float(int k) const { return run_.buffers[k].type == ElementType::f32; }
  void compare_buffers() {
    for (int k = 0; k < run_.buffers.count; ++k) {
      const std::string after = key(run_.buffers[k].name) + "_after";
      if (is_float(k)) {
        compare(after, run_.b[k]);
      } else {
        std::int64_t counted;
        std::memcpy(&counted, run_.b[k].data(), sizeof counted);
        CHECK(counted == integers(after)[0]);
      }
    }
  }

  std::string name_;
  Run run_;
};

template <class Layer, int C, int H, int W, Statistics Mode = Statistics::batch>
void check(const std::string& name) {
  constexpr Situation place{.in = {C, H, W}};
  for (const int threads : {1, 3}) GoldenLayer<Layer, place, Mode>(name, threads).run();
}

void check_loss(const std::string& name, Shape shape, const CrossEntropy& loss) {
  const std::vector<float> logits = floats(name + ".logits");
  const std::vector<int> labels = integers(name + ".labels");
  std::vector<float> gradient(logits.size(), poison);
  compare(name + ".loss", {cpu_loss(loss, shape, logits, labels, gradient)});
  compare(name + ".gradient", gradient);
}

void check_sgd(const std::string& name, const Sgd& sgd) {
  std::vector<float> parameters = floats(name + ".parameters"), after;
  const std::vector<float> gradients = floats(name + ".gradients");
  const std::size_t size = parameters.size();
  std::vector<float> momentum(sgd.momentum == 0 ? 0 : size);
  for (std::size_t step = 0; step < gradients.size() / size; ++step) {
    Kernel<cpu, Sgd>::update(sgd, {.threads = 2,
                                   .parameters = parameters,
                                   .gradients = std::span(gradients).subspan(step * size, size),
                                   .momentum = momentum});
    after.insert(after.end(), parameters.begin(), parameters.end());
  }
  compare(name + ".after", after);
}

TEST_CASE("a convolution computes what PyTorch's does") {
  check<Conv2d<8, 8, 3, 1, 1>, 8, 9, 10>("conv2d.plain");
  check<Conv2d<3, 5, 7, 2, 3, 1, 1, false>, 3, 11, 9>("conv2d.stem");
  check<Conv2d<4, 6, 3, 2, 1, 1, 1, false>, 4, 8, 7>("conv2d.strided");
  check<Conv2d<4, 6, 1, 2, 0, 1, 1, false>, 4, 5, 6>("conv2d.shortcut");
  check<Conv2d<2, 3, 3, 1, 2, 2>, 2, 6, 5>("conv2d.dilated");
  check<Conv2d<6, 4, 3, 2, 1, 1, 2>, 6, 7, 6>("conv2d.grouped");
  check<Conv2d<4, 4, 3, 1, 1, 1, 4, false>, 4, 4, 5>("conv2d.depthwise");
  check<Conv2d<4, 6, 3, 2, 3, 2, 2>, 4, 9, 8>("conv2d.everything");
}

TEST_CASE("a batch norm computes, and moves its running statistics, as PyTorch's does") {
  check<BatchNorm2d<3>, 3, 5, 4>("batch_norm2d.training");
  check<BatchNorm2d<5>, 5, 1, 1>("batch_norm2d.one_pixel");
  check<BatchNorm2d<3>, 3, 3, 3>("batch_norm2d.narrow");
  check<BatchNorm2d<3>, 3, 5, 4, Statistics::running>("batch_norm2d.evaluation");
}

TEST_CASE("a max pool pads with minus infinity and breaks ties as PyTorch's does") {
  check<MaxPool2d<3, 2, 1>, 3, 9, 8>("max_pool2d.stem");
  check<MaxPool2d<2>, 3, 7, 5>("max_pool2d.halves");
  check<MaxPool2d<3, 2, 1>, 1, 6, 6>("max_pool2d.not_a_number");
}

TEST_CASE("upsampling, linear and pooling layers compute what PyTorch's do") {
  check<Upsample<7, 11>, 2, 3, 4>("upsample.up");
  check<Upsample<2, 3>, 2, 5, 7>("upsample.down");
  check<Upsample<32, 24>, 2, 4, 3>("upsample.to_input");
  check<Linear<13, 7>, 13, 1, 1>("linear.plain");
  check<GlobalAveragePool, 5, 3, 4>("global_average_pool.plain");
}

TEST_CASE("cross entropy and its gradient are PyTorch's") {
  check_loss("cross_entropy.plain", {7, 1, 1}, {});
  check_loss("cross_entropy.large", {5, 1, 1}, {});
  check_loss("cross_entropy.smoothed", {7, 1, 1}, {.label_smoothing = 0.1f});
  check_loss("cross_entropy.ignored", {7, 1, 1}, {});
  check_loss("cross_entropy.smoothed_ignored", {7, 1, 1}, {.label_smoothing = 0.1f});
  check_loss("cross_entropy.dense", {4, 3, 5}, {.ignore_index = 255});
  check_loss("cross_entropy.dense_smoothed", {4, 3, 5},
             {.label_smoothing = 0.1f, .ignore_index = 255});
}

TEST_CASE("four steps of stochastic gradient descent are PyTorch's") {
  check_sgd("sgd.plain", {.learning_rate = 0.1f});
  check_sgd("sgd.momentum", {.learning_rate = 0.1f, .momentum = 0.9f});
  check_sgd("sgd.nesterov", {.learning_rate = 0.1f, .momentum = 0.9f, .nesterov = true});
  check_sgd("sgd.weight_decay", {.learning_rate = 0.1f, .weight_decay = 0.05f});
  check_sgd("sgd.everything",
            {.learning_rate = 0.1f, .momentum = 0.9f, .weight_decay = 0.05f, .nesterov = true});
}

}  // namespace
}  // namespace frostline::test
