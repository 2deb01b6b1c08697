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
  constexpr std::size_t most = 40;
  const std::size_t probes = std::min(gradient.size(), most);
  for (std::size_t probe = 0; probe < probes; ++probe) {
    const std::size_t i = gradient.size() <= most ? probe : random_engine()() % gradient.size();
    const double error = slope(i) - double(gradient[i]);
    errors += error * error / double(probes);
  }
  INFO("root mean square of gradient " << std::sqrt(squares) << ", of error " << std::sqrt(errors));
  REQUIRE(std::sqrt(errors) <= tolerance * std::sqrt(squares) + rounding + 1e-5);
}

/// A layer's gradients against central differences: assigned over poison, added, each separately.
template <class Backend, class Layer, Situation place>
class LayerChecker {
 public:
  LayerChecker(int batch, int threads, LayerCheck check) : check_(check), run_(batch, threads) {
    for (int k = 0; k < run_.inputs; ++k) {
      const std::size_t size = std::size_t(batch) * run_.input_shape(k).size();
      run_.x[k] = check.gap > 0 ? spaced_floats(size, check.gap) : random_floats(size);
    }
    for (int k = 0; k < run_.parameters.count; ++k)
      run_.p[k] = random_floats(run_.parameters[k].size());
    for (int k = 0; k < run_.buffers.count; ++k)
      run_.b[k] = random_floats(
          run_.buffers[k].size() * size_of(run_.buffers[k].type) / sizeof(float), 0.5f, 1.5f);
    run_.dy = random_floats(std::size_t(batch) * run_.out.size());
  }

  void check() {
    REQUIRE(std::isfinite(weighted_sum()));
    using Kernel = typename Run::LayerKernel;
    using Here = typename Run::template Here<flags_here>;
    constexpr bool inputs = !place.first && requires { &Kernel::template input_gradient<Here>; };
    // Only a batch norm may train with the statistics of a frozen one.
    constexpr bool may_train = !place.frozen || Layer::kind == Kind::batch_norm;
    constexpr bool parameters = Run::parameters.count > 0 && may_train && requires {
      &Kernel::template parameter_gradient<Here>;
    };
    if constexpr (inputs || parameters) {
      const Gradients assigned = run_.template backward<flags_here, inputs, parameters>();
      const Gradients before = changed(assigned, [] { return uniform(); });
      expect(run_.template backward<flags_here, inputs, parameters, true>(before), before,
             assigned);
      if constexpr (inputs && parameters) {
        Gradients alone = run_.template backward<flags_here, true, false>();
        for (int k = 0; k < run_.parameters.count; ++k)
          alone.parameters[k] = run_.template backward<flags_here, false, true>().parameters[k];
        expect(assigned, changed(alone, [] { return 0.0f; }), alone);
      }
      if constexpr (parameters && Run::parameters.count == 2) {
        check_one<0, inputs>(assigned);
        check_one<1, inputs>(assigned);
      }
      for (int k = 0; k < run_.inputs && inputs; ++k) {
        INFO("input " << k);
        compare_slopes(run_.x[k], assigned.inputs[k]);
      }
      for (int k = 0; k < run_.parameters.count && parameters; ++k) {
        INFO("parameter " << run_.parameters[k].name.data());
        compare_slopes(run_.p[k], assigned.parameters[k]);
      }
    }
  }

 private:
  using Run = LayerRun<Backend, Layer, place>;
  static constexpr int flags_here = place.frozen ? 0 : flags::batch_statistics;

  /// If only parameter k of two trains, its gradient and the input's are the same as if both do.
  template <int k, bool Inputs>
  void check_one(Gradients assigned) {
    INFO("only parameter " << k);
    constexpr int flags = flags_here | (flags::frozen << (1 - k));
    run_.template forward<flags>();
    assigned.parameters[1 - k].clear();
    expect(run_.template backward<flags, Inputs, true>(), changed(assigned, [] { return 0.0f; }),
           assigned);
    const Gradients before = changed(assigned, [] { return uniform(); });
    expect(run_.template backward<flags, Inputs, true, true>(before), before, assigned);
  }
  /// The sum of the output's numbers times their gradients.
  std::vector<double> weighted() {
    const auto mean = run_.b[0], variance = run_.b[1];
    const std::vector<float> y = run_.template forward<flags_here>();
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

  LayerCheck check_;
  Run run_;
};

template <class Backend, class Layer, Situation place>
void check_layer_in(int batch, LayerCheck check) {
  for (const int threads : {1, 3}) {
    if (threads > 1 && !image_by_image<Backend>) continue;  // one thread queues all work
    INFO("batch " << batch << ", " << threads << " threads, "
                  << (place.given == Layout::blocked ? "blocked" : "plain"));
    LayerChecker<Backend, Layer, place>(batch, threads, check).check();
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
