// SPDX-License-Identifier: MIT
// check_layer: any layer's kernel against numeric gradients, with poisoned memory all around.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "frostline/core/kernel.hpp"
#include "frostline/core/layer.hpp"
#include "frostline/graph/schedule.hpp"
#include "support/catch.hpp"
#include "support/random.hpp"

namespace frostline::test {

/// Memory full of not-a-number between two canaries.
class Poisoned {
 public:
  explicit Poisoned(std::size_t count) : memory_(count + 2 * guard, poison) {}
  float* data() { return memory_.data() + guard; }
  std::size_t size() const { return memory_.size() - 2 * guard; }
  std::vector<float> copy() const { return {memory_.begin() + guard, memory_.end() - guard}; }
  void fill(const std::vector<float>& from) {
    std::copy(from.begin(), from.end(), memory_.begin() + guard);
  }
  bool intact() const {
    const auto is_poison = [](float x) { return x != x; };
    return std::all_of(memory_.begin(), memory_.begin() + guard, is_poison) &&
           std::all_of(memory_.end() - guard, memory_.end(), is_poison);
  }

 private:
  static constexpr int guard = 64;
  static constexpr float poison = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> memory_;
};

struct LayerCheck {
  Statistics statistics = Statistics::batch;
  float step = 0.25f;       // of the numeric difference
  float gap = 0;            // above 0: inputs so far apart (for layers with kinks)
  double tolerance = 2e-3;  // of the gradients' root mean square
};

/// One layer in one place on one backend, with all memory that its kernel touches.
template <class Backend, class Layer, int C, int H, int W>
class LayerUnderTest {
 public:
  static constexpr Shape in{C, H, W}, out = output_of<Layer>(in, {C, 2 * H, 2 * W});
  static constexpr TensorSpecs parameters = Layer::parameters(), buffers = Layer::buffers();
  static constexpr bool two_inputs = Layer::kind == Kind::add;
  template <int Flags>
  using Place = At<C, H, W, out.channels, out.height, out.width, Flags>;
  using LayerKernel = Kernel<Backend, Layer>;

  LayerUnderTest(int batch, LayerCheck check)
      : batch_(batch), check_(check), y_(std::size_t(batch) * out.size()) {
    for (int k = 0; k < 1 + two_inputs; ++k)
      x_[k] = check.gap > 0 ? spaced_floats(input_size(), check.gap) : random_floats(input_size());
    for (int k = 0; k < parameters.count; ++k) p_[k] = random_floats(parameters[k].size());
    for (int k = 0; k < buffers.count; ++k)
      b_[k] = random_floats(buffers[k].size() + 1, 0.5f, 1.5f);
    weights_ = random_floats(y_.size());
    saved_.assign(Layer::saved(in).per_sample * std::size_t(batch) + 64, std::byte(0xff));
    saved_fixed_.assign(Layer::saved(in).fixed / sizeof(float) + 1,
                        std::numeric_limits<float>::quiet_NaN());
  }

  void run() {
    for (const int threads : {1, 3}) {
      threads_ = threads;
      if (check_.statistics == Statistics::batch)
        check_all<flags::batch_statistics>();
      else
        check_all<0>();
    }
  }

 private:
  std::size_t input_size() const { return std::size_t(batch_) * in.size(); }

  Call call(Pass pass) {
    Call call;
    call.batch = batch_;
    call.threads = threads_;
    call.training = true;
    call.random = 12345;
    for (int k = 0; k < 1 + two_inputs; ++k) call.inputs[k] = x_[k].data();
    call.output = y_.data();
    call.output_gradient = weights_.data();
    for (int k = 0; k < parameters.count; ++k) call.parameters[k] = p_[k].data();
    for (int k = 0; k < buffers.count; ++k) call.buffers[k] = b_[k].data();
    call.saved = saved_.data();
    call.saved_stride = Layer::saved(in).per_sample;
    call.saved_fixed = saved_fixed_.data();
    if constexpr (requires { LayerKernel::template scratch_bytes<Place<0>>(pass); }) {
      const std::size_t bytes = LayerKernel::template scratch_bytes<Place<0>>(pass);
      scratch_.assign(bytes / sizeof(float) * std::size_t(threads_),
                      std::numeric_limits<float>::quiet_NaN());
      call.scratch = reinterpret_cast<std::byte*>(scratch_.data());
      call.scratch_stride = bytes;
    }
    return call;
  }
  template <int Flags>
  double forward() {
    y_ = Poisoned(y_.size());
    auto moved = b_[0];  // running statistics are moved once, not by each probe
    auto moved_variance = b_[1];
    LayerKernel::template forward<Place<Flags | flags::keeps>>(call(Pass::forward));
    b_[0] = moved;
    b_[1] = moved_variance;
    REQUIRE(y_.intact());
    double sum = 0;
    const std::vector<float> y = y_.copy();
    for (std::size_t i = 0; i < y.size(); ++i) sum += double(y[i]) * double(weights_[i]);
    return sum;
  }
  template <int Flags>
  double slope(float& variable) {
    const float before = variable;
    variable = before + check_.step;
    const double above = forward<Flags>();
    variable = before - check_.step;
    const double below = forward<Flags>();
    variable = before;
    return (above - below) / (2 * double(check_.step));
  }
  template <int Flags>
  void compare(std::vector<float>& variables, const std::vector<float>& gradient) {
    double squares = 0, errors = 0;
    for (const float g : gradient) squares += double(g) * double(g) / double(gradient.size());
    const int probes = int(std::min<std::size_t>(gradient.size(), 60));
    for (int probe = 0; probe < probes; ++probe) {
      const std::size_t i =
          gradient.size() <= 60 ? std::size_t(probe) : random_engine()() % gradient.size();
      const double error = slope<Flags>(variables[i]) - double(gradient[i]);
      errors += error * error / probes;
    }
    INFO("root mean square of gradient " << std::sqrt(squares) << ", of error "
                                         << std::sqrt(errors));
    REQUIRE(std::sqrt(errors) <= check_.tolerance * std::sqrt(squares) + 1e-5);
  }
  static bool sums(const std::vector<float>& after, const std::vector<float>& before,
                   const std::vector<float>& gradient) {
    for (std::size_t i = 0; i < after.size(); ++i)
      if (!(std::abs(after[i] - before[i] - gradient[i]) <=
            1e-5f * (1 + std::abs(before[i]) + std::abs(gradient[i]))))
        return false;
    return true;
  }

  template <int Flags>
  void check_all() {
    REQUIRE(std::isfinite(forward<Flags>()));
    if constexpr (requires { &LayerKernel::template parameter_gradient<Place<Flags>>; })
      check_parameters<Flags>();
    forward<Flags>();
    if constexpr (requires { &LayerKernel::template input_gradient<Place<Flags>>; })
      check_inputs<Flags>();
  }
  template <int Flags>
  void check_parameters() {
    std::vector<Poisoned> gradients;
    for (int k = 0; k < parameters.count; ++k) gradients.emplace_back(parameters[k].size());
    const auto run = [&](bool accumulate) {
      Call with = call(Pass::parameter_gradient);
      with.accumulate = accumulate;
      for (int k = 0; k < parameters.count; ++k)
        with.parameter_gradients[k] = gradients[std::size_t(k)].data();
      LayerKernel::template parameter_gradient<Place<Flags>>(with);
    };
    run(false);
    std::vector<std::vector<float>> assigned;
    for (const Poisoned& gradient : gradients) assigned.push_back(gradient.copy());
    std::vector<std::vector<float>> before;
    for (Poisoned& gradient : gradients) {
      before.push_back(random_floats(gradient.size()));
      gradient.fill(before.back());
    }
    run(true);
    for (std::size_t k = 0; k < gradients.size(); ++k) {
      INFO("parameter " << parameters[int(k)].name.data());
      REQUIRE(gradients[k].intact());
      REQUIRE(sums(gradients[k].copy(), before[k], assigned[k]));
      compare<Flags>(p_[k], assigned[k]);
    }
  }
  template <int Flags>
  void check_inputs() {
    constexpr int owes = flags::owes | (two_inputs ? flags::owes << 1 : 0);
    constexpr int adds = flags::adds | (two_inputs ? flags::adds << 1 : 0);
    std::vector<Poisoned> gradients(1 + two_inputs, Poisoned(input_size()));
    Call with = call(Pass::input_gradient);
    for (std::size_t k = 0; k < gradients.size(); ++k)
      with.input_gradients[k] = gradients[k].data();
    LayerKernel::template input_gradient<Place<Flags | owes>>(with);
    std::vector<std::vector<float>> assigned, before;
    for (Poisoned& gradient : gradients) {
      assigned.push_back(gradient.copy());
      before.push_back(random_floats(gradient.size()));
      gradient.fill(before.back());
    }
    LayerKernel::template input_gradient<Place<Flags | owes | adds>>(with);
    for (std::size_t k = 0; k < gradients.size(); ++k) {
      INFO("input " << k);
      REQUIRE(gradients[k].intact());
      REQUIRE(sums(gradients[k].copy(), before[k], assigned[k]));
      compare<Flags>(x_[k], assigned[k]);
    }
  }

  int batch_, threads_ = 1;
  LayerCheck check_;
  std::vector<float> x_[2], p_[4], b_[4], weights_, saved_fixed_, scratch_;
  std::vector<std::byte> saved_;
  Poisoned y_;
};

/// Every gradient of a layer against central differences: assigned over poison, then added.
template <class Backend, class Layer, int C, int H, int W>
void check_layer(int batch, LayerCheck check = {}) {
  LayerUnderTest<Backend, Layer, C, H, W>(batch, check).run();
}

}  // namespace frostline::test
