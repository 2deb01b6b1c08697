// SPDX-License-Identifier: MIT
// check_layer: compares any layer's kernel with numeric gradients, in each layout that it takes.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "frostline/graph/schedule.hpp"
#include "support/internals.hpp"
#include "support/layer_run.hpp"
#include "support/random.hpp"

namespace frostline::test {

struct LayerCheck {
  float step = 0.25f;       // of the numerical difference
  float gap = 0;            // least distance of inputs (for layers with kinks)
  double tolerance = 2e-3;  // of the gradients' root mean square
};

inline Gradients changed(Gradients gradients, float (*change)()) {
  for (auto& input : gradients.inputs)
    for (float& number : input) number = change();
  for (auto& parameter : gradients.parameters)
    for (float& number : parameter) number = change();
  return gradients;
}
/// Requires that after = before + gradient.
inline void expect(const Gradients& after, const Gradients& before, const Gradients& gradient) {
  const auto wrong = [](const std::vector<float>& a, const std::vector<float>& b,
                        const std::vector<float>& g) {
    int count = a.size() != b.size() || a.size() != g.size();
    for (std::size_t i = 0; count == 0 && i < a.size(); ++i)
      count += !(std::abs(a[i] - b[i] - g[i]) <= 1e-5f * (1 + std::abs(b[i]) + std::abs(g[i])));
    return count;
  };
  for (int k = 0; k < 2; ++k)
    REQUIRE(wrong(after.inputs[k], before.inputs[k], gradient.inputs[k]) == 0);
  for (int k = 0; k < TensorSpecs::capacity; ++k)
    REQUIRE(wrong(after.parameters[k], before.parameters[k], gradient.parameters[k]) == 0);
}
/// Requires slopes that differ little from a gradient: slope(i) is the numeric one, known to
/// `rounding` at best.
inline void compare(const std::vector<float>& gradient, double tolerance, double rounding,
                    const std::function<double(std::size_t)>& slope) {
  double squares = 0, errors = 0;
  for (const float g : gradient) squares += double(g) * double(g) / double(gradient.size());
  const bool all = gradient.size() <= 40;  // of larger ones, some
  const std::size_t probes = all ? gradient.size() : 16;
  for (std::size_t probe = 0; probe < probes; ++probe) {
    const std::size_t i = all ? probe : random_engine()() % gradient.size();
    const double error = slope(i) - double(gradient[i]);
    errors += error * error / double(probes);
  }
  INFO("root mean square of gradient " << std::sqrt(squares) << ", of error " << std::sqrt(errors));
  REQUIRE(std::sqrt(errors) <= tolerance * std::sqrt(squares) + rounding + 1e-5);
}

/// The passes whose gradients are checked; `parameters` and `inputs` say which a layer has here.
struct CheckedCode {
  bool inputs, parameters;
  PassCode forward;
  BackwardCode assigned, added, inputs_alone, parameters_alone;
  struct One {  // where only one parameter of two trains
    PassCode forward;
    BackwardCode assigned, added;
  };
  std::vector<One> ones;
};

/// A layer's gradients against central differences: assigned over poison, added, each separately.
template <class Backend>
class LayerChecker {
 public:
  LayerChecker(LayerValues<Backend>& run, const CheckedCode& code, LayerCheck check)
      : run_(run), code_(code), check_(check) {
    const LayerFacts& facts = run.facts();
    const std::size_t batch = std::size_t(run.batch());
    for (int k = 0; k < facts.inputs; ++k) {
      const std::size_t size = batch * facts.input_shapes[k].size();
      run_.x[k] = check.gap > 0 ? spaced_floats(size, check.gap) : random_floats(size);
    }
    for (int k = 0; k < facts.parameters.count; ++k)
      run_.p[k] = random_floats(facts.parameters[k].size());
    for (int k = 0; k < facts.buffers.count; ++k)
      run_.b[k] = random_floats(
          facts.buffers[k].size() * size_of(facts.buffers[k].type) / sizeof(float), 0.5f, 1.5f);
    run_.dy = random_floats(batch * facts.out.size());
  }

  void check() {
    REQUIRE(std::isfinite(weighted_sum()));
    if (!code_.inputs && !code_.parameters) return;
    const LayerFacts& facts = run_.facts();
    const Gradients assigned = run_.backward(code_.assigned);
    const Gradients before = changed(assigned, [] { return uniform(); });
    expect(run_.backward(code_.added, before), before, assigned);
    if (code_.inputs && code_.parameters) {
      Gradients alone = run_.backward(code_.inputs_alone);
      for (int k = 0; k < facts.parameters.count; ++k)
        alone.parameters[k] = run_.backward(code_.parameters_alone).parameters[k];
      expect(assigned, changed(alone, [] { return 0.0f; }), alone);
    }
    for (int k = 0; k < int(code_.ones.size()); ++k) check_one(k, assigned);
    for (int k = 0; k < facts.inputs && code_.inputs; ++k) {
      INFO("input " << k);
      compare_slopes(run_.x[k], assigned.inputs[k]);
    }
    for (int k = 0; k < facts.parameters.count && code_.parameters; ++k) {
      INFO("parameter " << facts.parameters[k].name.data());
      compare_slopes(run_.p[k], assigned.parameters[k]);
    }
  }

 private:
  /// If only parameter k of two trains, its gradient and the input's are the same as if both do.
  void check_one(int k, Gradients assigned) {
    INFO("only parameter " << k);
    const CheckedCode::One& one = code_.ones[std::size_t(k)];
    run_.forward(one.forward);
    assigned.parameters[1 - k].clear();
    expect(run_.backward(one.assigned), changed(assigned, [] { return 0.0f; }), assigned);
    const Gradients before = changed(assigned, [] { return uniform(); });
    expect(run_.backward(one.added, before), before, assigned);
  }
  /// The sum of the output's numbers times their gradients.
  std::vector<double> weighted() {
    const auto mean = run_.b[0], variance = run_.b[1];
    const std::vector<float> y = run_.forward(code_.forward);
    run_.b[0] = mean, run_.b[1] = variance;
    std::vector<double> result(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) result[i] = double(y[i]) * double(run_.dy[i]);
    return result;
  }
  double weighted_sum() {
    const std::vector<double> terms = weighted();
    return std::accumulate(terms.begin(), terms.end(), 0.0);
  }
  /// How much rounding the outputs to floats may change a slope. That matters if the gradient is
  /// small compared to the output (a batch norm's with a weight near 0).
  double rounding() {
    const std::vector<double> terms = weighted();
    const double squares = std::inner_product(terms.begin(), terms.end(), terms.begin(), 0.0);
    return double(std::numeric_limits<float>::epsilon()) * std::sqrt(squares) / double(check_.step);
  }
  double slope(float& variable) {
    const float before = variable;
    variable = before + check_.step;
    const double above = weighted_sum();
    variable = before - check_.step;
    const double below = weighted_sum();
    variable = before;
    return (above - below) / (2 * double(check_.step));
  }
  void compare_slopes(std::vector<float>& variables, const std::vector<float>& gradient) {
    compare(gradient, check_.tolerance, rounding(),
            [&](std::size_t i) { return slope(variables[i]); });
  }

  LayerValues<Backend>& run_;
  const CheckedCode& code_;
  LayerCheck check_;
};

template <class Backend, class Layer, Situation place>
CheckedCode checked_code() {
  using Run = LayerRun<Backend, Layer, place>;
  using Kernel = typename Run::LayerKernel;
  constexpr int here = place.frozen ? 0 : flags::batch_statistics;
  using Here = typename Run::template Here<here>;
  constexpr bool inputs = !place.first && requires { &Kernel::template input_gradient<Here>; };
  // Only a batch norm may train with the statistics of a frozen one.
  constexpr bool may_train = !place.frozen || Layer::kind == Kind::batch_norm;
  constexpr bool parameters = Run::parameters.count > 0 && may_train && requires {
    &Kernel::template parameter_gradient<Here>;
  };
  CheckedCode code;
  code.inputs = inputs, code.parameters = parameters;
  code.forward = Run::template forward_code<here>();
  code.assigned = Run::template backward_code<here, inputs, parameters>();
  code.added = Run::template backward_code<here, inputs, parameters, true>();
  if constexpr (inputs && parameters) {
    code.inputs_alone = Run::template backward_code<here, true, false>();
    code.parameters_alone = Run::template backward_code<here, false, true>();
  }
  const auto one = [&]<int Flags>(std::integral_constant<int, Flags>) {
    code.ones.push_back({Run::template forward_code<Flags>(),
                         Run::template backward_code<Flags, inputs, true>(),
                         Run::template backward_code<Flags, inputs, true, true>()});
  };
  if constexpr (parameters && Run::parameters.count == 2) {
    one(std::integral_constant<int, here | flags::frozen << 1>{});
    one(std::integral_constant<int, here | flags::frozen>{});
  }
  return code;
}

template <class Backend, class Layer, Situation place>
void check_layer_in(int batch, LayerCheck check) {
  const CheckedCode code = checked_code<Backend, Layer, place>();
  for (const int threads : {1, 3}) {
    if (threads > 1 && !image_by_image<Backend>) continue;  // one thread queues all work
    INFO("batch " << batch << ", " << threads << " threads, "
                  << (place.given == Layout::blocked ? "blocked" : "plain"));
    LayerRun<Backend, Layer, place> run(batch, threads);
    LayerChecker<Backend>(run, code, check).check();
  }
}

/// Every gradient of a layer against central differences, by teams of one and of three threads, in
/// the layouts that its kernel chooses: where it takes any, in each. `asked` is its place but for
/// the shape; if frozen, with running statistics, and if first, its input has no gradient.
template <class Backend, class Layer, int C, int H, int W, Situation asked = Situation{}>
void check_layer(int batch, LayerCheck check = {}) {
  constexpr auto place = [](Layout given) {
    Situation result = asked;
    result.in = {C, H, W};
    result.given = given;
    return result;
  };
  constexpr Choice plain = choice_of<Backend, Layer>(place(Layout::plain));
  constexpr Choice blocked = choice_of<Backend, Layer>(place(Layout::blocked));
  check_layer_in<Backend, Layer, place(Layout::plain)>(batch, check);
  if constexpr (plain.input != blocked.input || plain.output != blocked.output)
    check_layer_in<Backend, Layer, place(Layout::blocked)>(batch, check);
}

}  // namespace frostline::test
