// SPDX-License-Identifier: MIT
// Optimizers with Thrust: one pass over all trainable parameters.
#pragma once

#include "frostline/backend/thrust/memory.hpp"
#include "frostline/optimizers/optimizer.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// The settings, read from the device's memory: a recorded step would keep its first arguments.
template <class Function>
struct UpdateSettings {
  Function function;
  bool with_states;
};
template <class Function, std::size_t States>
struct UpdateOne {
  const UpdateSettings<Function>* settings;
  std::ptrdiff_t count;
  float* parameters;
  const float* gradients;
  float* states;
  const double* guard;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const float loss = guard ? float(*guard) : 0;
    if (!(loss - loss == 0)) return;  // not finite
    const bool with_states = settings->with_states;
    Element<float, States> x{parameters[i], gradients[i], {}};
    for (std::ptrdiff_t k = 0; with_states && k < std::ptrdiff_t(States); ++k)
      x.states[k] = states[k * count + i];
    settings->function(x);
    parameters[i] = x.parameter;
    for (std::ptrdiff_t k = 0; with_states && k < std::ptrdiff_t(States); ++k)
      states[k * count + i] = x.states[k];
  }
};
/// The factor is in the device's memory, or given here.
struct ScaleOne {
  float* gradients;
  const float* factor;
  float given = 1;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const float by = factor ? *factor : given;
    if (by != 1) gradients[i] *= by;
  }
};

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <>
struct UpdateKernel<thrust_backend> {
  template <class Optimizer>
  using Settings = detail::device::UpdateSettings<detail::FunctionOf<Optimizer>>;
  template <class Optimizer>
  static constexpr std::size_t workspace_bytes = sizeof(Settings<Optimizer>);
  template <class Optimizer>
  static void prepare(const Optimizer& optimizer, std::int64_t step,
                      const UpdateCall<thrust_backend>& call) {
    const Settings<Optimizer> settings{detail::function_at(optimizer, step),
                                       detail::uses_states(optimizer)};
    thrust_backend::copy_in(detail::device::context_of(call.context), call.workspace, &settings,
                            sizeof settings);
  }
  /// Updates the parameters and their states.
  template <class Optimizer>
  static void update(const Optimizer&, std::int64_t, const UpdateCall<thrust_backend>& call) {
    const auto count = std::ptrdiff_t(call.parameters.size());
    detail::device::for_each_index(
        call.context, count,
        detail::device::UpdateOne<detail::FunctionOf<Optimizer>, Optimizer::states.size()>{
            reinterpret_cast<const Settings<Optimizer>*>(call.workspace), count,
            call.parameters.data(), call.gradients.data(), call.states.data(), call.guard});
  }
  /// Multiplies gradients.
  static void scale(const void* context, int, SpanOf<thrust_backend, float> gradients,
                    float factor) {
    detail::device::for_each_index(context, std::ptrdiff_t(gradients.size()),
                                   detail::device::ScaleOne{gradients.data(), nullptr, factor});
  }
};

}  // namespace frostline
