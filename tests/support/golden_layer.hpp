// SPDX-License-Identifier: MIT
// GoldenLayer: a layer's kernel against PyTorch's results in tests/golden/layers.safetensors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "frostline/io/weights/safetensors.hpp"
#include "support/internals.hpp"
#include "support/layer_run.hpp"

namespace frostline::test {

/// The largest relative difference in the L2 norm of a tensor. PyTorch's results are exact to
/// float32's rounding (6e-8).
struct Tolerance {
  std::string_view operation;
  double relative;
};
inline constexpr Tolerance tolerances[]{
    {"conv2d", 1e-6},
    {"batch_norm2d", 1e-6},
    {"max_pool2d", 1e-7},
    {"upsample", 1e-6},
    {"linear", 1e-6},
    {"global_average_pool", 1e-6},
    {"cross_entropy", 1e-6},
    {"sgd", 1e-6},
    {"sigmoid", 1e-6},
    {"scale", 1e-6},
    {"squeeze_excitation", 2e-6},
    {"adam", 1e-6},  // and adamw
    {"rmsprop", 1e-6},
    {"lion", 1e-6},
    {"clip_norm", 1e-6},
    {"relu6", 1e-7},
    {"silu", 1e-6},
    {"hardswish", 1e-6},
    {"hardsigmoid", 1e-6},
    {"avg_pool2d", 1e-6},
    {"gelu", 1e-6},
    {"layer_norm2d", 1e-6},
    {"layer_scale", 1e-6},
    {"pointwise_linear", 1e-6},
    {"class_token", 0},
    {"position_embedding", 1e-7},
    {"first_token", 0},
    {"attention", 1e-6},
    {"positions", 1e-7},
};

/// A tensor of layers.safetensors or optimizers.safetensors; null if none has it.
inline const StoredTensor* find_stored(const std::string& key) {
  static const auto read = [](const char* file) {
    return read_safetensors(std::filesystem::path(FROSTLINE_GOLDEN_DIR) / file);
  };
  static const StateDict files[]{read("layers.safetensors"), read("optimizers.safetensors")};
  for (const StateDict& file : files)
    if (const auto found = file.tensors.find(key); found != file.tensors.end())
      return &found->second;
  return nullptr;
}
inline bool is_stored(const std::string& key) { return find_stored(key) != nullptr; }
inline const StoredTensor& stored(const std::string& key) {
  if (!is_stored(key)) FAIL("no golden file has '" << key << "'");
  return *find_stored(key);
}
inline std::vector<float> floats(const std::string& key) {
  std::vector<float> result(stored(key).size());
  stored(key).copy_to(std::span(result));
  return result;
}
inline std::vector<int> integers(const std::string& key) {
  std::vector<std::int64_t> wide(stored(key).size());
  stored(key).copy_to(std::span(wide));
  return {wide.begin(), wide.end()};
}

/// Requires the same results as PyTorch's, including NaN.
inline void compare(const std::string& key, const std::vector<float>& computed) {
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

/// The special values, in the order of their results.
inline constexpr float special_values[]{std::numeric_limits<float>::quiet_NaN(),
                                        std::numeric_limits<float>::infinity(),
                                        -std::numeric_limits<float>::infinity(),
                                        -0.0f,
                                        1e-42f,
                                        std::numeric_limits<float>::max()};
inline constexpr std::size_t special_count = std::size(special_values);

/// How a result of special values may differ from PyTorch's. Where both are beyond 1e37, one order
/// of a sum may overflow, and another not.
enum class Strays {
  no,    // NaN, infinities and their signs are the same
  near,  // what is not finite is not finite; finite numbers whose sums hold it, times zero, need
         // not be finite, and where it is only large have its rounding errors
  far    // near, and where PyTorch's sums of finite numbers overflow, others need not
};
/// Of numbers, those that share sums.
using Group = std::function<std::size_t(std::size_t)>;

/// Checks the results of one special value, element by element. With a finite one, infinities are
/// sums that overflowed.
inline void compare_special(const std::vector<float>& computed, std::span<const float> wanted,
                            Strays strays = Strays::no, const Group& group = {},
                            bool finite = false) {
  REQUIRE(computed.size() == wanted.size());
  constexpr float large = 1e30f;
  const float most =
      finite ? std::numeric_limits<float>::max() : std::numeric_limits<float>::infinity();
  std::vector<float> largest;  // of a group
  for (std::size_t i = 0; i < wanted.size() && strays != Strays::no; ++i) {
    largest.resize(std::max(largest.size(), group(i) + 1));
    const float size = std::isfinite(wanted[i]) ? std::abs(wanted[i]) : most;
    largest[group(i)] = std::max(largest[group(i)], size);
  }
  const auto is_right = [&](std::size_t i) {
    const float one = computed[i], other = wanted[i];
    if (one == other || (std::isnan(one) && std::isnan(other))) return true;
    const bool numbers = !std::isnan(one) && !std::isnan(other);
    if (numbers && (std::min(one, other) > 1e37f || std::max(one, other) < -1e37f)) return true;
    if (!std::isfinite(other))
      return strays != Strays::no && (!std::isfinite(one) || (finite && strays == Strays::far));
    const double error = std::abs(double(one) - double(other));
    if (error <= 1e-5 * (1 + std::abs(double(other)))) return true;
    if (strays == Strays::no || largest[group(i)] < large) return false;
    return !std::isfinite(one) ||
           (std::isfinite(largest[group(i)]) && error <= 1e-5 * double(largest[group(i)]));
  };
  int wrong = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (is_right(i)) continue;
    UNSCOPED_INFO("at " << i << " " << computed[i] << " instead of " << wanted[i]);
    ++wrong;
  }
  CHECK(wrong == 0);
}
/// The part of a stacked tensor that belongs to the special value `v`.
inline std::span<const float> rows_of(const std::vector<float>& stacked, std::size_t v) {
  const std::size_t size = stacked.size() / special_count;
  return std::span(stacked).subspan(v * size, size);
}

/// How a result of a special value may differ, and how its numbers share sums; of the tensor that
/// holds the value, and the result.
struct Allowed {
  Strays strays = Strays::no;
  Group group = {};
};
using Rule = std::function<Allowed(std::string_view tensor, std::string_view result)>;

/// One layer of the file, run as a network runs it.
template <class Backend>
class GoldenLayer {
 public:
  struct Code {
    bool batch;  // statistics of the batch
    PassCode forward;
    BackwardCode backward;
  };
  GoldenLayer(const std::string& name, const LayerFacts& facts, int batch, int threads, Code code)
      : name_(name), run_(facts, batch, threads), code_(code) {
    reset();
  }

  void run() {
    compare(key("output"), run_.forward(code_.forward));
    if (code_.batch) compare_buffers();
    const Gradients gradients = run_.backward(code_.backward);
    if (wants_input_gradient()) compare(key("input_gradient"), gradients.inputs[0]);
    if (wants_input_gradient() && facts().inputs == 2)
      compare(key("second_input_gradient"), gradients.inputs[1]);
    for (int k = 0; k < facts().parameters.count && trains(); ++k)
      compare(key(facts().parameters[k].name) + "_gradient", gradients.parameters[k]);
  }

  /// Each special value in the middle of each tensor.
  void run_special(const Rule& rule) {
    run_special_in("input", rule, run_.x[0]);
    for (int k = 0; k < facts().parameters.count; ++k)
      run_special_in(facts().parameters[k].name, rule, run_.p[k]);
    for (int k = 0; k < facts().buffers.count; ++k)
      if (is_float(k)) run_special_in(facts().buffers[k].name, rule, run_.b[k]);
    run_special_in("output_gradient", rule, run_.dy);
  }

 private:
  const LayerFacts& facts() const { return run_.facts(); }
  bool trains() const { return code_.backward.parameters.run; }
  bool wants_input_gradient() const { return code_.backward.inputs.run; }
  std::string key(std::string_view tensor) const { return name_ + "." + std::string(tensor); }
  bool is_float(int k) const { return facts().buffers[k].type == ElementType::f32; }
  void reset() {
    run_.x[0] = floats(key("input"));
    if (facts().inputs == 2) run_.x[1] = floats(key("second_input"));
    run_.dy = floats(key("output_gradient"));
    for (int k = 0; k < facts().parameters.count; ++k)
      run_.p[k] = floats(key(facts().parameters[k].name));
    for (int k = 0; k < facts().buffers.count; ++k)
      run_.b[k] = is_float(k) ? floats(key(facts().buffers[k].name))
                              : std::vector<float>(2);  // an int64 of 0
  }
  void compare_buffers() {
    for (int k = 0; k < facts().buffers.count; ++k) {
      const std::string after = key(facts().buffers[k].name) + "_after";
      if (is_float(k)) {
        compare(after, run_.b[k]);
      } else {
        std::int64_t counted;
        std::memcpy(&counted, run_.b[k].data(), sizeof counted);
        CHECK(counted == integers(after)[0]);
      }
    }
  }
  void run_special_in(std::string_view tensor, const Rule& rule, std::vector<float>& values) {
    int results = 0;
    for (std::size_t v = 0; v < special_count; ++v) {
      reset();
      values[values.size() / 2] = special_values[v];
      const auto check = [&](const std::string& result, const std::vector<float>& computed) {
        const std::string stacked = key(tensor) + "/" + result;
        if (!is_stored(stacked)) return;  // the result does not depend on it
        ++results;
        INFO(stacked << ", " << special_values[v]);
        const std::vector<float> wanted = floats(stacked);
        const Allowed allowed = rule(tensor, result);
        compare_special(computed, rows_of(wanted, v), allowed.strays, allowed.group,
                        std::isfinite(special_values[v]));
      };
      check("output", run_.forward(code_.forward));
      for (int k = 0; k < facts().buffers.count && code_.batch; ++k)
        if (is_float(k)) check(std::string(facts().buffers[k].name) + "_after", run_.b[k]);
      const Gradients gradients = run_.backward(code_.backward);
      if (wants_input_gradient()) check("input_gradient", gradients.inputs[0]);
      for (int k = 0; k < facts().parameters.count && trains(); ++k)
        check(std::string(facts().parameters[k].name) + "_gradient", gradients.parameters[k]);
    }
    if (wants_input_gradient() || tensor != "output_gradient" || trains()) CHECK(results > 0);
  }

  std::string name_;
  LayerValues<Backend> run_;
  Code code_;
};

template <class Backend, class Layer, Situation place, Statistics Mode>
GoldenLayer<Backend> golden_layer(const std::string& name, int threads) {
  using Run = LayerRun<Backend, Layer, place>;
  constexpr bool batch = Mode == Statistics::batch;
  constexpr bool trains = batch && Run::parameters.count > 0;
  constexpr int here = batch ? flags::batch_statistics : 0;
  const int samples = int(stored(name + ".input").size() / place.in.size());
  return {name,
          Run::known_facts(),
          samples,
          threads,
          {batch, Run::template forward_code<here>(),
           Run::template backward_code<here, !place.first, trains>()}};
}

}  // namespace frostline::test
