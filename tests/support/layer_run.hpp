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

/// One pass of a kernel in its place: the memory that it needs, and its functions.
struct PassCode {
  std::size_t packed_floats = 0, shared_scratch_bytes = 0, scratch_bytes = 0;
  KernelFunction pack = nullptr;  // null: nothing is packed
  KernelFunction run = nullptr;
};
/// A backward; a part that is not wanted has no function.
struct BackwardCode {
  PassCode parameters, inputs;
  bool trains[TensorSpecs::capacity]{};  // what has no gradient has no place for one
  bool adds = false;
};
/// What is known of a layer in its place.
struct LayerFacts {
  int inputs;
  Shape input_shapes[2], out;
  Choice choice;
  TensorSpecs parameters, buffers;
  Saved saved;
};

/// The values of a layer in NCHW, and a kernel's passes over them. Its code is the same for all
/// layers, so that it is compiled once.
template <class Backend>
class LayerValues {
 public:
  LayerValues(const LayerFacts& facts, int batch, int threads)
      : facts_(facts),
        batch_(batch),
        threads_(threads),
        stored_y_(facts.out, facts.choice.output, batch),
        saved_stride_(whole_lines(facts.saved.per_sample)),
        saved_(saved_stride_ * std::size_t(batch) / sizeof(float)),
        saved_fixed_(facts.saved.fixed / sizeof(float)) {}
  std::vector<float> x[2], dy, p[TensorSpecs::capacity], b[TensorSpecs::capacity];
  const LayerFacts& facts() const { return facts_; }
  int batch() const { return batch_; }

  /// Updates the buffers.
  std::vector<float> forward(const PassCode& code) {
    stored_y_ = StoredValue(facts_.out, facts_.choice.output, batch_);
    Values values(*this);
    values.call.output = stored_y_.data();
    run(code, values.call);
    for (int k = 0; k < facts_.buffers.count; ++k) {
      REQUIRE(values.buffers[k].intact());
      b[k] = values.buffers[k].copy();
    }
    return stored_y_.values();
  }
  /// What the parts of the backward assign, or add to `before`. The forward has run before it.
  Gradients backward(const BackwardCode& code, const Gradients& before = {}) {
    const bool wants_inputs = code.inputs.run, wants_parameters = code.parameters.run;
    Values values(*this);
    Call& call = values.call;
    StoredValue stored_dy(facts_.out, facts_.choice.output, batch_);
    stored_dy.assign(dy);
    call.output = stored_y_.data();
    call.output_gradient = stored_dy.data();
    call.accumulate = code.adds;
    std::vector<StoredValue> dx;
    std::vector<Poisoned> dp;
    for (int k = 0; k < facts_.inputs; ++k)
      dx.emplace_back(facts_.input_shapes[k], facts_.choice.input, batch_);
    for (int k = 0; k < facts_.parameters.count; ++k) dp.emplace_back(facts_.parameters[k].size());
    for (int k = 0; k < facts_.inputs; ++k) {
      if (code.adds && wants_inputs) dx[std::size_t(k)].assign(before.inputs[k]);
      call.input_gradients[k] = dx[std::size_t(k)].data();
    }
    for (int k = 0; k < facts_.parameters.count; ++k) {
      if (!code.trains[k]) continue;
      if (code.adds && wants_parameters) dp[std::size_t(k)].fill(before.parameters[k]);
      call.parameter_gradients[k] = dp[std::size_t(k)].data();
    }
    if (wants_parameters) run(code.parameters, call);
    if (wants_inputs) run(code.inputs, call);
    Gradients result;
    for (int k = 0; k < facts_.inputs; ++k)
      if (wants_inputs) result.inputs[k] = dx[std::size_t(k)].values();
    for (int k = 0; k < facts_.parameters.count; ++k) {
      REQUIRE(dp[std::size_t(k)].intact());
      if (wants_parameters && code.trains[k]) result.parameters[k] = dp[std::size_t(k)].copy();
    }
    return result;
  }

 private:
  /// A call and the values that it reads.
  struct Values {
    explicit Values(LayerValues& layer) {
      const LayerFacts& facts = layer.facts_;
      call.context = &layer.context_;
      call.batch = layer.batch_;
      call.training = true;
      call.frozen_changed = true;
      call.random = 12345;
      call.step = step.data();
      for (int k = 0; k < facts.inputs; ++k) {
        x.emplace_back(facts.input_shapes[k], facts.choice.input, layer.batch_);
        x.back().assign(layer.x[k]);
      }
      for (int k = 0; k < facts.inputs; ++k) call.inputs[k] = x[std::size_t(k)].data();
      for (int k = 0; k < facts.parameters.count; ++k)
        call.parameters[k] = filled(parameters[k], layer.p[k]);
      for (int k = 0; k < facts.buffers.count; ++k)
        call.buffers[k] = filled(buffers[k], layer.b[k]);
      call.saved = reinterpret_cast<std::byte*>(layer.saved_.data());
      call.saved_stride = layer.saved_stride_;
      call.saved_fixed = layer.saved_fixed_.data();
    }
    static float* filled(Poisoned& memory, const std::vector<float>& from) {
      memory = Poisoned(from.size());
      memory.fill(from);
      return memory.data();
    }
    Call call;
    SharedVector<std::uint64_t> step = SharedVector<std::uint64_t>(1, 777);
    std::vector<StoredValue> x;
    Poisoned parameters[TensorSpecs::capacity], buffers[TensorSpecs::capacity];
  };

  /// Packs if the pass needs it, then runs the pass, each in a team of its own.
  void run(const PassCode& code, Call call) {
    Poisoned packed(code.packed_floats);
    call.packed = packed.data();
    if (code.pack && code.packed_floats > 0) run_team(call, code.pack);
    GuardedScratch scratch(code.shared_scratch_bytes, code.scratch_bytes, threads_);
    scratch.give(call);
    run_team(call, code.run);
    REQUIRE((packed.intact() && scratch.intact() && saved_.intact() && saved_fixed_.intact()));
  }
  void run_team(const Call& call, KernelFunction function) {
    run_kernel<Backend>(context_, threads_, call, function);
  }

  typename Backend::Context context_{};
  LayerFacts facts_;
  int batch_, threads_;
  StoredValue stored_y_;
  std::size_t saved_stride_;
  Poisoned saved_, saved_fixed_;
};

/// One layer in one place: its values, and its kernel's passes by their flags.
template <class Backend, class Layer, Situation place>
class LayerRun : public LayerValues<Backend> {
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

  LayerRun(int batch, int threads) : LayerValues<Backend>(known_facts(), batch, threads) {}

  template <int Flags>
  std::vector<float> forward() {
    return LayerValues<Backend>::forward(forward_code<Flags>());
  }
  template <int Flags, bool Inputs, bool Parameters, bool Adds = false>
  Gradients backward(const Gradients& before = {}) {
    return LayerValues<Backend>::backward(backward_code<Flags, Inputs, Parameters, Adds>(), before);
  }

  static LayerFacts known_facts() {
    LayerFacts facts{inputs, {}, out, choice, parameters, buffers, {}};
    for (int k = 0; k < inputs; ++k) facts.input_shapes[k] = input_shape(k);
    facts.saved = Layer::saved(Storage<Backend>::padded(in, choice.input));
    return facts;
  }
  template <int Flags>
  static PassCode forward_code() {
    return pass_code<Pass::forward, Flags | flags::saves_for_backward>();
  }
  template <int Flags, bool Inputs, bool Parameters, bool Adds = false>
  static BackwardCode backward_code() {
    BackwardCode code;
    code.adds = Adds;
    for (int k = 0; k < parameters.count; ++k) code.trains[k] = Here<Flags>::trains(k);
    if constexpr (Parameters)
      code.parameters = pass_code<Pass::parameter_gradient,
                                  Flags | (Inputs ? flags::wants_any_input_gradient : 0)>();
    constexpr int each = flags::wants_input_gradient | (Adds ? flags::accumulates : 0);
    if constexpr (Inputs)
      code.inputs = pass_code<Pass::input_gradient,
                              Flags | each | (inputs == 2 ? each << 1 : 0) |
                                  (Parameters ? flags::wants_parameter_gradients : 0)>();
    return code;
  }

 private:
  template <Pass pass, int Flags>
  static PassCode pass_code() {
    using AtHere = Here<Flags>;
    PassCode code;
    if constexpr (requires { LayerKernel::template packed_floats<AtHere>(pass); })
      code.packed_floats = LayerKernel::template packed_floats<AtHere>(pass);
    if constexpr (requires { LayerKernel::template shared_scratch_bytes<AtHere>(pass); })
      code.shared_scratch_bytes = LayerKernel::template shared_scratch_bytes<AtHere>(pass);
    if constexpr (requires { LayerKernel::template scratch_bytes<AtHere>(pass); })
      code.scratch_bytes = LayerKernel::template scratch_bytes<AtHere>(pass);
    if constexpr (requires(Call call) { LayerKernel::template pack<AtHere, pass>(call); })
      code.pack = LayerKernel::template pack<AtHere, pass>;
    if constexpr (pass == Pass::forward)
      code.run = LayerKernel::template forward<AtHere>;
    else if constexpr (pass == Pass::parameter_gradient)
      code.run = LayerKernel::template parameter_gradient<AtHere>;
    else
      code.run = LayerKernel::template input_gradient<AtHere>;
    return code;
  }
};

}  // inline namespace
}  // namespace frostline::test
