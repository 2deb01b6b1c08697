// SPDX-License-Identifier: MIT
// Kernel: how a backend computes a layer; Place, At and Call: its arguments.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "frostline/core/choice.hpp"
#include "frostline/core/device_span.hpp"
#include "frostline/core/instruction_set.hpp"
#include "frostline/core/team.hpp"

namespace frostline {

/// Marks loops that all layers of a kind share: if inlined, they would be compiled for each layer.
#ifdef FROSTLINE_COMPILES_KERNELS  // for programs that only declare them
#define FROSTLINE_COMPILED_ONCE [[gnu::noinline, gnu::used]] inline
#else
#define FROSTLINE_COMPILED_ONCE [[gnu::noinline]] inline
#endif

/// The parts of a training step.
enum class Pass { forward, loss, parameter_gradient, input_gradient };

inline namespace FROSTLINE_CPU {

/// The CPU backend: the host's memory, vectorised kernels, OpenMP's threads.
struct cpu;

}  // namespace FROSTLINE_CPU

/// The computation of a layer (a loss, an optimizer) by a backend. A layer's kernel has the static
/// member templates `forward<At>(const Call&)`, and where gradients are needed also
/// `input_gradient<At>` and `parameter_gradient<At>`. All threads of a team call them at the same
/// time and divide the work by `call.team`; the next step begins when all have returned. The
/// gradient of a parameter k that does not train (`!At::trains(k)`) is null: the kernel must
/// neither compute nor write it. A kernel may also have
/// - `choose(const Situation&)`: the layouts and the algorithm of a place; without it values are
///   NCHW;
/// - `scratch_bytes<At>(Pass)` per thread, `shared_scratch_bytes<At>(Pass)` per team;
/// - `packed_floats<At>(Pass)` and `pack<At, Pass>(const Call&)`, which a team runs after
///   parameters have changed. `pack` skips parameters that do not train unless
///   `call.frozen_changed`: their packed copy is still valid. The kernels of that pass read the
///   result from `call.packed`;
/// - `reads_only_packed<At>`: only `pack` reads its parameters.
template <class Backend, class Layer>
struct Kernel;

}  // namespace frostline

namespace frostline::detail {

/// What a convolution's forward applies to its sums, if it has absorbed a ReLU or a ReLU6.
enum class Rectifier : unsigned char { none, relu, relu6 };

namespace flags {
// forward also does the batch norm, the residual sum, the ReLU and the pooling after it.
inline constexpr int batch_norm = 1, added = 2, relu = 4, pooled = 16384;
inline constexpr int relu6 = 8192;                      // instead of the ReLU
inline constexpr int batch_statistics = 8;              // while training
inline constexpr int saves_for_backward = 16;           // forward fills the saved buffer
inline constexpr int wants_any_input_gradient = 32;     // besides the parameters' (batch norm)
inline constexpr int wants_parameter_gradients = 4096;  // besides the inputs' (batch norm)
inline constexpr int wants_input_gradient = 64;         // << input
inline constexpr int accumulates = 512;    // << input: its gradient is added, else assigned
inline constexpr int bounded = 32768;      // the output has call.classes channels, not At::out's
inline constexpr int algorithm = 1 << 16;  // times the number of the algorithm, below 64
inline constexpr int frozen = 1 << 22;     // << parameter: it does not train, but another one does
}  // namespace flags

/// The shape of a value, and its layout in memory.
struct Form {
  Shape shape{};
  Layout layout = Layout::plain;
};

/// A layer's place in a network: each input's form, the output's, and flags.
struct Place {
  static constexpr int max_inputs = 3;
  Form inputs[max_inputs]{};
  Form output{};
  int flags = 0;
};

/// A kernel's arguments at compile time. A join's inputs may have different shapes: `in` and
/// `blocked_input` are those of the first.
template <Place place>
struct At {
  static constexpr Form input(int k) { return place.inputs[k]; }
  static constexpr Shape in = place.inputs[0].shape, out = place.output.shape;
  static constexpr bool blocked_input = place.inputs[0].layout == Layout::blocked;
  static constexpr bool blocked_output = place.output.layout == Layout::blocked;
  static constexpr bool batch_norm = place.flags & flags::batch_norm;
  static constexpr bool added = place.flags & flags::added;
  static constexpr Rectifier rectifier = place.flags & flags::relu6  ? Rectifier::relu6
                                         : place.flags & flags::relu ? Rectifier::relu
                                                                     : Rectifier::none;
  static constexpr bool batch_statistics = place.flags & flags::batch_statistics;
  static constexpr bool saves_for_backward = place.flags & flags::saves_for_backward;
  static constexpr bool wants_parameter_gradients = place.flags & flags::wants_parameter_gradients;
  static constexpr bool wants_any_input_gradient = place.flags & flags::wants_any_input_gradient;
  static constexpr bool wants_input_gradient(int input) {
    return place.flags & (flags::wants_input_gradient << input);
  }
  static constexpr bool accumulates(int input) {
    return place.flags & (flags::accumulates << input);
  }
  static constexpr bool pooled = place.flags & flags::pooled;
  static constexpr bool bounded = place.flags & flags::bounded;
  static constexpr int algorithm = place.flags / flags::algorithm % 64;
  /// Whether a parameter trains, in a layer that has a trainable parameter: only there is
  /// parameter_gradient called.
  static constexpr bool trains(int parameter) {
    return !(place.flags & (flags::frozen << parameter));
  }
};

}  // namespace frostline::detail

namespace frostline {

/// A kernel's arguments at run time. Values have the layouts that the kernel chose, parameters
/// PyTorch's order, gradients the layouts of their values.
struct Call {
  const void* context = nullptr;  // the backend's own, such as a stream
  Team team{};
  int batch = 0;
  int max_batch = 0;      // decides how weights are packed; batches may be larger (with_batch)
  int classes = 0;        // where At::bounded: channels of the output
  int first_channel = 0;  // CopyChannels: where the branch begins in the output
  bool training = false;
  bool accumulate = false;      // parameter_gradient adds, else it assigns
  bool frozen_changed = false;  // pack: parameters that do not train have changed too
  // For random numbers a layer hashes both with the element's index, as DropoutMask does. `random`
  // differs between nodes; `*step` differs between steps, and is in the backend's memory, since a
  // recorded step reads it again.
  std::uint64_t random = 0;
  const std::uint64_t* step = nullptr;

  const float* inputs[3]{};  // (batch, in)
  float* output = nullptr;   // (batch, out): forward assigns it
  const float* output_gradient = nullptr;
  float* input_gradients[3]{};
  const float* parameters[4]{};
  float* parameter_gradients[4]{};
  float* buffers[4]{};
  std::byte* saved = nullptr;  // saved_stride bytes per sample
  std::size_t saved_stride = 0;
  float* saved_fixed = nullptr;

  const float* added = nullptr;             // (batch, out): the residual, which forward adds
  const float* batch_norm_parameters[2]{};  // of the batch norm that forward absorbs
  const float* batch_norm_buffers[2]{};
  float batch_norm_epsilon = 0;
  float* packed = nullptr;

  std::byte* scratch = nullptr;  // the team's, then scratch_stride bytes per thread
  std::size_t shared_scratch_bytes = 0, scratch_stride = 0;
  float* shared_scratch() const { return reinterpret_cast<float*>(scratch); }
  float* thread_scratch() const {
    return reinterpret_cast<float*>(scratch + shared_scratch_bytes +
                                    std::size_t(team.thread) * scratch_stride);
  }
};

}  // namespace frostline

namespace frostline::detail {

using KernelFunction = void (*)(const Call&);

/// The shape of the output that a kernel writes.
template <class At>
constexpr Shape output_shape(const Call& call) {
  if constexpr (At::bounded) return {call.classes, At::out.height, At::out.width};
  return At::out;
}

/// Where At::bounded, calls body(image, in, out) for each image of a batch, with shapes that have
/// one channel per class; an input's images are `stride` floats apart.
template <class At, class Body>
void for_each_bounded_image(const Call& call, std::ptrdiff_t stride, Body body) {
  const Shape in{call.classes, At::in.height, At::in.width}, out = output_shape<At>(call);
  for (int n = 0; n < call.batch; ++n) {
    Call image = call;
    image.batch = 1;
    image.team.thread = (call.team.thread + n) % call.team.threads;  // few channels are few tasks
    // In a backward, an input or output that it does not read is null.
    if (call.inputs[0]) image.inputs[0] += n * stride;
    if (call.output) image.output += std::size_t(n) * out.size();
    if (call.input_gradients[0]) {
      image.output_gradient += std::size_t(n) * out.size();
      image.input_gradients[0] += n * stride;
    }
    body(image, in, out);
  }
}

}  // namespace frostline::detail

namespace frostline {

/// The arguments of a loss; LossFor says what a loss must have. `Kernel<Backend, Loss>` has
/// - `workspace_bytes(shape, max_batch)`: the memory that it needs;
/// - `prepare(loss, LossCall)`: copies what differs between steps to the backend's memory;
/// - `compute(loss, LossCall)`, after it: assigns the logits' gradient unless that is empty;
/// - `mean(LossCall)`, after it: the batch's mean loss;
/// - `guard_place(LossCall)`: the address, in the backend's memory, of a double that is finite if
///   the mean is finite as a float and so are all logits that the gradient depends on, also those
///   of ignored positions.
/// A backend may record the kernels that `compute` queues, and queue them again without calling it.
/// The loss itself has `ignore_index`, the label of positions that do not count, and `check()`,
/// which throws Error for settings that make no sense.
template <class Backend>
struct LossCall {
  const void* context = nullptr;
  int threads = 1;
  Shape shape{};                          // of a sample's logits
  SpanOf<Backend, const float> logits{};  // (batch, shape)
  std::span<const int> labels{};          // (batch, pixels), in the host's memory
  int batch() const { return int(labels.size() / shape.pixels()); }
  SpanOf<Backend, float> gradient{};  // (batch, shape)
  double weight = 1;                  // of the gradient: 1 for that of the mean
  const double* guard = nullptr;      // of another output's loss, included in this one's guard
  std::byte* workspace = nullptr;
};

/// The losses that Trainer takes on a backend: their settings, and their kernel.
template <class Loss>
concept IsLoss = std::copyable<Loss> && requires(const Loss& loss) {
  { loss.ignore_index } -> std::convertible_to<int>;
  loss.check();
};
template <class Loss, class Backend>
concept LossFor = IsLoss<Loss> && requires {
  sizeof(Kernel<Backend, Loss>);
} && requires(const Loss& loss, const LossCall<Backend>& call, Shape shape, int max_batch) {
  { Kernel<Backend, Loss>::workspace_bytes(shape, max_batch) } -> std::same_as<std::size_t>;
  Kernel<Backend, Loss>::prepare(loss, call);
  Kernel<Backend, Loss>::compute(loss, call);
  { Kernel<Backend, Loss>::mean(call) } -> std::same_as<float>;
  { Kernel<Backend, Loss>::guard_place(call) } -> std::same_as<const double*>;
};

/// The arguments of a transform of all gradients. The transform has `check()` as a loss has, and
/// `explain(guard)`, which says in words why its guard is not finite.
/// `Kernel<Backend, Transform>` has
/// - `workspace_bytes(floats)`: the memory that it needs for so many gradients;
/// - `prepare(transform, GradientCall)`: as a loss's;
/// - `apply(transform, GradientCall)`, after it: changes the gradients;
/// - `guard_place(GradientCall)`: the address of a double in the backend's memory; as a float it is
///   finite if the call's guard is finite and the gradients may be used.
template <class Backend>
struct GradientCall {
  const void* context = nullptr;
  int threads = 1;
  SpanOf<Backend, float> gradients{};
  const double* guard = nullptr;  // the loss's or the previous transform's; null: finite
  std::byte* workspace = nullptr;
};

/// A transform of the gradients, between the backward and the optimizer.
template <class Transform, class Backend>
concept GradientTransformFor = requires(const Transform& transform) {
  transform.check();
  transform.explain(0.0);
}
&&requires(const Transform& transform, const GradientCall<Backend>& call, std::size_t floats) {
  { Kernel<Backend, Transform>::workspace_bytes(floats) } -> std::same_as<std::size_t>;
  Kernel<Backend, Transform>::prepare(transform, call);
  Kernel<Backend, Transform>::apply(transform, call);
  { Kernel<Backend, Transform>::guard_place(call) } -> std::same_as<const double*>;
};

/// The arguments of an update of the parameters.
template <class Backend>
struct UpdateCall {
  const void* context = nullptr;
  int threads = 1;
  SpanOf<Backend, float> parameters{};
  SpanOf<Backend, const float> gradients{};  // as many
  SpanOf<Backend, float> states{};           // as many for each state; empty if there is none
  const double* guard = nullptr;             // as a transform's
  std::byte* workspace = nullptr;
};

/// How a backend updates parameters with any optimizer (optimizers/optimizer.hpp). It has
/// - `workspace_bytes<Optimizer>`: the memory that it needs;
/// - `prepare(optimizer, step, UpdateCall)`: as a loss's, for the update of this number;
/// - `update(optimizer, step, UpdateCall)`, after it: updates the parameters and their states,
///   unless the guard is not finite as a float;
/// - `scale(context, threads, gradients, factor)`: multiplies gradients.
template <class Backend>
struct UpdateKernel;

}  // namespace frostline
