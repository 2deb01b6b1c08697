// SPDX-License-Identifier: MIT
// LayerRun: a layer's kernel, run by a team as a network runs it, with poisoned memory all around.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#ifndef __CUDACC__  // which does not know vectors; its backend's values are NCHW
#include "frostline/backend/cpu/blocked.hpp"
#endif
#include "frostline/core/kernel.hpp"
#include "frostline/core/layer.hpp"
#include "frostline/graph/arrange.hpp"
#include "frostline/graph/plan_memory.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"

namespace frostline::test {

/// A vector that kernels may read and write: on CUDA, memory that host and device share. What is
/// made of it has names of its own there, since one program may hold both.
#ifdef __CUDACC__
inline namespace shared_memory {
template <class T>
struct SharedAllocator {
  using value_type = T;
  T* allocate(std::size_t count) {
    void* memory = nullptr;
    device::require(cudaMallocManaged(&memory, count * sizeof(T)), "cudaMallocManaged");
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t) { cudaFree(memory); }
  bool operator==(const SharedAllocator&) const { return true; }
};
template <class T>
using SharedVector = std::vector<T, SharedAllocator<T>>;
#else
inline namespace host_memory {
template <class T>
using SharedVector = std::vector<T>;
#endif

/// Memory full of NaN between two canaries; it begins at a cache line, or `shift` floats
/// after one.
class Poisoned {
 public:
  explicit Poisoned(std::size_t count = 0, std::size_t shift = 0)
      : count_(count), before_(guard + shift), lines_((count + shift + 2 * guard + 15) / 16) {
    poison();
  }
  float* data() { return all() + before_; }
  const float* data() const { return const_cast<Poisoned*>(this)->data(); }
  std::size_t size() const { return count_; }
  std::vector<float> copy() const { return {data(), data() + count_}; }
  void fill(const std::vector<float>& from) {
    REQUIRE(from.size() == count_);
    std::copy(from.begin(), from.end(), data());
  }
  void poison() { std::fill_n(all(), lines_.size() * 16, not_a_number); }
  bool intact() const {
    const auto is_poison = [](float x) { return x != x; };
    return std::all_of(data() - before_, data(), is_poison) &&
           std::all_of(data() + count_, data() + count_ + guard, is_poison);
  }

 private:
  struct alignas(64) Line {
    float floats[16];
  };
  static constexpr std::size_t guard = 64;
  static constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
  float* all() { return lines_.data()->floats; }
  std::size_t count_, before_;
  SharedVector<Line> lines_;
};

/// Calls a kernel's function in each thread of a team, and waits for what it queues.
template <class Backend>
void run_kernel(const typename Backend::Context& context, int threads, const Call& call,
                KernelFunction function) {
  Backend::run(threads, [&](const Team& team) {
    Call own = call;
    own.team = team;
    if constexpr (Backend::in_host_memory)
      function(own);
    else
      Backend::queue({}, {}, [&] { function(own); });
  });
  context.synchronize();
}

/// A batch of values in a layout. NCHW need not begin at a cache line.
class StoredValue {
 public:
  StoredValue(Shape shape, Layout layout, int batch)
      : shape_(shape),
        layout_(layout),
        batch_(batch),
        memory_(std::size_t(batch) * stored_floats(), is_blocked() ? 0 : 1) {}
  float* data() { return memory_.data(); }
  /// From NCHW; all other floats of the layout are zero.
  void assign(const std::vector<float>& values) {
    REQUIRE(values.size() == std::size_t(batch_) * shape_.size());
    std::fill_n(memory_.data(), memory_.size(), 0.0f);
    for_each([&](std::size_t i, std::ptrdiff_t at) { memory_.data()[at] = values[i]; });
  }
  /// To NCHW. Requires that all other floats are zero and the canaries are unchanged.
  std::vector<float> values() const {
    REQUIRE(memory_.intact());
    std::vector<float> stored = memory_.copy(), result(std::size_t(batch_) * shape_.size());
    for_each([&](std::size_t i, std::ptrdiff_t at) {
      result[i] = stored[std::size_t(at)];
      stored[std::size_t(at)] = 0;
    });
    REQUIRE(std::count(stored.begin(), stored.end(), 0.0f) == std::ptrdiff_t(stored.size()));
    return result;
  }

 private:
#ifdef __CUDACC__
  bool is_blocked() const { return false; }
  std::size_t stored_floats() const { return shape_.size(); }
  std::ptrdiff_t blocked_place(int, int, int, int) const { return 0; }
#else
  bool is_blocked() const { return layout_ == Layout::blocked; }
  std::size_t stored_floats() const {
    return is_blocked() ? std::size_t(BlockedMap{shape_}.sample()) : shape_.size();
  }
  std::ptrdiff_t blocked_place(int n, int c, int y, int x) const {
    const BlockedMap map{shape_};
    return n * map.sample() + map.at(c / lanes, y, x) + c % lanes;
  }
#endif
  template <class Visit>
  void for_each(Visit visit) const {
    std::size_t i = 0;
    for (int n = 0; n < batch_; ++n)
      for (int c = 0; c < shape_.channels; ++c)
        for (int y = 0; y < shape_.height; ++y)
          for (int x = 0; x < shape_.width; ++x, ++i)
            visit(i, is_blocked() ? blocked_place(n, c, y, x) : std::ptrdiff_t(i));
  }
  Shape shape_;
  Layout layout_;
  int batch_;
  Poisoned memory_;
};

/// The choice of a layer's kernel; Reorder has none, as arrange chooses for it.
template <class Backend, class Layer>
constexpr Choice choice_of(const Situation& place) {
  if (Layer::kind == Kind::reorder)
    return {place.given, place.given == Layout::plain ? Layout::blocked : Layout::plain};
  return chooser_of<Backend, Layer>().choose(place);
}

/// Gradients in NCHW.
struct Gradients {
  std::vector<float> inputs[2], parameters[TensorSpecs::capacity];
};

/// Scratch memory of a team; each part ends with a cache line that must not change.
class GuardedScratch {
 public:
  GuardedScratch(std::size_t shared_bytes, std::size_t thread_bytes, int threads)
      : shared_bytes_(whole_lines(shared_bytes) + line),
        stride_(whole_lines(thread_bytes) + line),
        memory_((shared_bytes_ + stride_ * std::size_t(threads)) / sizeof(float)) {}
  void give(Call& call) {
    call.shared_scratch_bytes = shared_bytes_;
    call.scratch_stride = stride_;
    call.scratch = reinterpret_cast<std::byte*>(memory_.data());
  }
  bool intact() const {
    bool result = memory_.intact();
    const std::size_t size = memory_.size() * sizeof(float);
    for (std::size_t end = shared_bytes_; end <= size; end += stride_) {
      const float* guard = memory_.data() + (end - line) / sizeof(float);
      result &= std::all_of(guard, guard + line / sizeof(float), [](float f) { return f != f; });
    }
    return result;
  }

 private:
  static constexpr std::size_t line = 64;
  std::size_t shared_bytes_, stride_;
  Poisoned memory_;
};

/// One layer in one place: its values in NCHW, and its kernel's passes over them.
template <class Backend, class Layer, Situation place>
class LayerRun {
 public:
  static constexpr Shape in = place.in;
  static constexpr Shape out = output_of<Layer>(in, {in.channels, 2 * in.height, 2 * in.width});
  static constexpr Choice choice = choice_of<Backend, Layer>(place);
  static constexpr TensorSpecs parameters = Layer::parameters(), buffers = Layer::buffers();
  static constexpr int inputs = Layer::inputs;
  static constexpr Shape input_shape(int k) { return k == 0 ? in : Layer::second_input(in); }
  using LayerKernel = Kernel<Backend, Layer>;
  static constexpr Place place_with(int flags) {
    Place result{.output = {out, choice.output},
                 .flags = flags | choice.algorithm * flags::algorithm};
    for (int k = 0; k < inputs; ++k) result.inputs[k] = {input_shape(k), choice.input};
    return result;
  }
  template <int Flags>
  using Here = At<place_with(Flags)>;

  LayerRun(int batch, int threads)
      : batch_(batch), threads_(threads), stored_y_(out, choice.output, batch) {
    const Saved saved = Layer::saved(Storage<Backend>::padded(in, choice.input));
    saved_stride_ = whole_lines(saved.per_sample);
    saved_ = Poisoned(saved_stride_ * std::size_t(batch) / sizeof(float));
    saved_fixed_ = Poisoned(saved.fixed / sizeof(float));
  }
  std::vector<float> x[2], dy, p[TensorSpecs::capacity], b[TensorSpecs::capacity];

  /// Updates the buffers.
  template <int Flags>
  std::vector<float> forward() {
    stored_y_ = StoredValue(out, choice.output, batch_);
    Values values(*this);
    values.call.output = stored_y_.data();
    run<Pass::forward, Flags | flags::saves_for_backward>(values.call);
    for (int k = 0; k < buffers.count; ++k) {
      REQUIRE(values.buffers[k].intact());
      b[k] = values.buffers[k].copy();
    }
    return stored_y_.values();
  }
  /// What the parts of the backward assign, or add to `before`. The forward has run before it.
  /// Parameters that do not train by the flags have no gradient, and no place for one.
  template <int Flags, bool Inputs, bool Parameters, bool Adds = false>
  Gradients backward(const Gradients& before = {}) {
    Values values(*this);
    Call& call = values.call;
    StoredValue stored_dy(out, choice.output, batch_);
    stored_dy.assign(dy);
    call.output = stored_y_.data();
    call.output_gradient = stored_dy.data();
    call.accumulate = Adds;
    std::vector<StoredValue> dx;
    std::vector<Poisoned> dp;
    for (int k = 0; k < inputs; ++k) dx.emplace_back(input_shape(k), choice.input, batch_);
    for (int k = 0; k < parameters.count; ++k) dp.emplace_back(parameters[k].size());
    for (int k = 0; k < inputs; ++k) {
      if (Adds && Inputs) dx[std::size_t(k)].assign(before.inputs[k]);
      call.input_gradients[k] = dx[std::size_t(k)].data();
    }
    for (int k = 0; k < parameters.count; ++k) {
      if (!Here<Flags>::trains(k)) continue;
      if (Adds && Parameters) dp[std::size_t(k)].fill(before.parameters[k]);
      call.parameter_gradients[k] = dp[std::size_t(k)].data();
    }
    if constexpr (Parameters)
      run<Pass::parameter_gradient, Flags | (Inputs ? flags::wants_any_input_gradient : 0)>(call);
    constexpr int each = flags::wants_input_gradient | (Adds ? flags::accumulates : 0);
    if constexpr (Inputs)
      run<Pass::input_gradient, Flags | each | (inputs == 2 ? each << 1 : 0) |
                                    (Parameters ? flags::wants_parameter_gradients : 0)>(call);
    Gradients result;
    for (int k = 0; k < inputs; ++k)
      if (Inputs) result.inputs[k] = dx[std::size_t(k)].values();
    for (int k = 0; k < parameters.count; ++k) {
      REQUIRE(dp[std::size_t(k)].intact());
      if (Parameters && Here<Flags>::trains(k)) result.parameters[k] = dp[std::size_t(k)].copy();
    }
    return result;
  }

 private:
  /// A call and the values that it reads.
  struct Values {
    explicit Values(LayerRun& run) {
      call.context = &run.context_;
      call.batch = run.batch_;
      call.training = true;
      call.frozen_changed = true;
      call.random = 12345;
      call.step = step.data();
      for (int k = 0; k < inputs; ++k) {
        x.emplace_back(input_shape(k), choice.input, run.batch_);
        x.back().assign(run.x[k]);
        call.inputs[k] = x.back().data();
      }
      for (int k = 0; k < parameters.count; ++k) {
        parameters_[k] = Poisoned(run.p[k].size());
        parameters_[k].fill(run.p[k]);
        call.parameters[k] = parameters_[k].data();
      }
      for (int k = 0; k < buffers_count; ++k) {
        buffers[k] = Poisoned(run.b[k].size());
        buffers[k].fill(run.b[k]);
        call.buffers[k] = buffers[k].data();
      }
      call.saved = reinterpret_cast<std::byte*>(run.saved_.data());
      call.saved_stride = run.saved_stride_;
      call.saved_fixed = run.saved_fixed_.data();
    }
    static constexpr int buffers_count = Layer::buffers().count;
    Call call;
    SharedVector<std::uint64_t> step = SharedVector<std::uint64_t>(1, 777);
    std::vector<StoredValue> x;
    Poisoned parameters_[TensorSpecs::capacity], buffers[TensorSpecs::capacity];
  };

  /// Packs if the pass needs it, then runs the pass, each in a team of its own.
  template <Pass pass, int Flags>
  void run(Call call) {
    using AtHere = Here<Flags>;
    std::size_t packed_floats = 0, shared_bytes = 0, bytes = 0;
    if constexpr (requires { LayerKernel::template packed_floats<AtHere>(pass); })
      packed_floats = LayerKernel::template packed_floats<AtHere>(pass);
    if constexpr (requires { LayerKernel::template shared_scratch_bytes<AtHere>(pass); })
      shared_bytes = LayerKernel::template shared_scratch_bytes<AtHere>(pass);
    if constexpr (requires { LayerKernel::template scratch_bytes<AtHere>(pass); })
      bytes = LayerKernel::template scratch_bytes<AtHere>(pass);

    Poisoned packed(packed_floats);
    call.packed = packed.data();
    if constexpr (requires { LayerKernel::template pack<AtHere, pass>(call); })
      if (packed_floats > 0) run_team(call, LayerKernel::template pack<AtHere, pass>);
    GuardedScratch scratch(shared_bytes, bytes, threads_);
    scratch.give(call);
    if constexpr (pass == Pass::forward)
      run_team(call, LayerKernel::template forward<AtHere>);
    else if constexpr (pass == Pass::parameter_gradient)
      run_team(call, LayerKernel::template parameter_gradient<AtHere>);
    else
      run_team(call, LayerKernel::template input_gradient<AtHere>);

    REQUIRE((packed.intact() && scratch.intact() && saved_.intact() && saved_fixed_.intact()));
  }
  void run_team(const Call& call, KernelFunction function) {
    run_kernel<Backend>(context_, threads_, call, function);
  }

  typename Backend::Context context_{};
  int batch_, threads_;
  StoredValue stored_y_;
  std::size_t saved_stride_ = 0;
  Poisoned saved_, saved_fixed_;
};

}  // inline namespace
}  // namespace frostline::test
