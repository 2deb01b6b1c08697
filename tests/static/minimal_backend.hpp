// SPDX-License-Identifier: MIT
// The smallest backend: plain loops on one thread, for Linear and ReLU.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>

#include "frostline/core/backend.hpp"
#include "frostline/core/kernel.hpp"
#include "frostline/layers/linear.hpp"
#include "frostline/layers/relu.hpp"

namespace frostline::test {

struct minimal_backend {
  class Memory {
   public:
    Memory() = default;
    explicit Memory(std::size_t bytes) : lines_(new Line[(bytes + 63) / 64]{}), bytes_(bytes) {}
    std::byte* data() const { return reinterpret_cast<std::byte*>(lines_.get()); }
    std::size_t size() const { return bytes_; }

   private:
    struct alignas(64) Line {
      std::byte bytes[64];
    };
    std::unique_ptr<Line[]> lines_;
    std::size_t bytes_ = 0;
  };
  struct Context {
    void synchronize() const {}
  };
  struct Replay {
    template <class Queue>
    void run(const Context&, int, Queue queue) {
      queue();
    }
    void forget() {}
  };
  static constexpr bool in_host_memory = true;
  static Memory allocate(const Context&, std::string_view, std::size_t bytes, std::size_t = 0) {
    return Memory(bytes);
  }
  static void copy_in(const Context&, void* to, const void* from, std::size_t bytes) {
    std::memcpy(to, from, bytes);
  }
  static void copy_out(const Context& context, void* to, const void* from, std::size_t bytes) {
    copy_in(context, to, from, bytes);
  }
  static void copy(const Context& context, void* to, const void* from, std::size_t bytes) {
    copy_in(context, to, from, bytes);
  }
  static int threads() { return 1; }
  template <class Body>
  static void run(int, Body body) {
    body(Team{});
  }
};
static_assert(IsBackend<minimal_backend>);

}  // namespace frostline::test

template <>
struct frostline::Kernel<frostline::test::minimal_backend, frostline::ReLU> {
  template <class At>
  static void forward(const Call& call) {
    for (std::size_t i = 0; i < std::size_t(call.batch) * At::in.size(); ++i)
      call.output[i] = call.inputs[0][i] < 0 ? 0 : call.inputs[0][i];
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    for (std::size_t i = 0; i < std::size_t(call.batch) * At::in.size(); ++i) {
      const float gradient = call.output[i] > 0 ? call.output_gradient[i] : 0;
      float& to = call.input_gradients[0][i];
      to = At::accumulates(0) ? to + gradient : gradient;
    }
  }
};

template <int In, int Out>
struct frostline::Kernel<frostline::test::minimal_backend, frostline::Linear<In, Out>> {
  template <class At>
  static void forward(const Call& call) {
    for (int n = 0; n < call.batch; ++n)
      for (int o = 0; o < Out; ++o) {
        float sum = call.parameters[1][o];
        for (int i = 0; i < In; ++i)
          sum += call.parameters[0][o * In + i] * call.inputs[0][n * In + i];
        call.output[n * Out + o] = sum;
      }
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    for (int n = 0; n < call.batch; ++n)
      for (int i = 0; i < In; ++i) {
        float sum = At::accumulates(0) ? call.input_gradients[0][n * In + i] : 0;
        for (int o = 0; o < Out; ++o)
          sum += call.parameters[0][o * In + i] * call.output_gradient[n * Out + o];
        call.input_gradients[0][n * In + i] = sum;
      }
  }
  /// Assigns the weight's and the bias's gradients, or adds to them if the call says so.
  template <class At>
  static void parameter_gradient(const Call& call) {
    for (int o = 0; o < Out; ++o)
      for (int i = 0; i <= In; ++i) {  // the last is the bias's
        float& to =
            i < In ? call.parameter_gradients[0][o * In + i] : call.parameter_gradients[1][o];
        float sum = call.accumulate ? to : 0;
        for (int n = 0; n < call.batch; ++n)
          sum += call.output_gradient[n * Out + o] * (i < In ? call.inputs[0][n * In + i] : 1);
        to = sum;
      }
  }
};
