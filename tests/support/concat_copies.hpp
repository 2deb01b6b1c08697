// SPDX-License-Identifier: MIT
// What every backend's copies of channels must do, in poisoned memory.
#pragma once

#include "frostline/layers/concat.hpp"
#include "support/internals.hpp"
#include "support/layer_run.hpp"
#include "support/random.hpp"

namespace frostline::test::concat {

/// Branches of these numbers of channels, joined and taken apart again.
template <class Backend, Layout layout, int Height, int Width, int... Channels>
class Copies {
 public:
  /// Requires that all branches stand in the joined value, in blocks that are zero besides them,
  /// and that each branch's gradient is its slice, assigned and then added once more.
  static void check(int batch, int threads) {
    Copies copies(batch, threads);
    copies.join(std::integer_sequence<int, Channels...>{});
  }

 private:
  static constexpr int all = (0 + ... + Channels);
  using LayerKernel = Kernel<Backend, CopyChannels>;
  template <int Branch, int Flags>
  using Here =
      At<Place{.inputs = {{{Branch, Height, Width}, layout}, {{all, Height, Width}, layout}},
               .output = {{all, Height, Width}, layout},
               .flags = Flags}>;

  Copies(int batch, int threads)
      : batch_(batch), threads_(threads), joined_({all, Height, Width}, layout, batch) {}

  std::size_t floats(int channels) const {
    return std::size_t(batch_) * Shape{channels, Height, Width}.size();
  }
  /// The numbers of some channels. Shapes: (batch, all, H, W) to (batch, channels, H, W).
  std::vector<float> slice(const std::vector<float>& from, int first, int channels) const {
    constexpr std::size_t pixels = Shape{all, Height, Width}.pixels();
    std::vector<float> result;
    for (int n = 0; n < batch_; ++n) {
      const auto begin = from.begin() + (n * all + first) * std::ptrdiff_t(pixels);
      result.insert(result.end(), begin, begin + channels * std::ptrdiff_t(pixels));
    }
    return result;
  }
  template <int... Branch>
  void join(std::integer_sequence<int, Branch...>) {
    const std::vector<float> expected = random_floats(floats(all));
    int first = 0;
    const auto put = [&](int channels, KernelFunction forward) {
      StoredValue branch({channels, Height, Width}, layout, batch_);
      branch.assign(slice(expected, first, channels));
      Call call;
      call.inputs[0] = branch.data();
      call.output = joined_.data();
      run(call, first, forward);
      first += channels;
    };
    (put(Branch, LayerKernel::template forward<Here<Branch, 0>>), ...);
    REQUIRE(joined_.values() == expected);

    first = 0;
    const auto take = [&](int channels, KernelFunction assign, KernelFunction add) {
      StoredValue gradient({channels, Height, Width}, layout, batch_);
      Call call;
      call.output_gradient = joined_.data();
      call.input_gradients[0] = gradient.data();
      std::vector<float> wanted = slice(expected, first, channels);
      run(call, first, assign);
      REQUIRE(gradient.values() == wanted);
      run(call, first, add);
      for (float& number : wanted) number += number;
      REQUIRE(gradient.values() == wanted);
      first += channels;
    };
    (take(Branch, LayerKernel::template input_gradient<Here<Branch, flags::wants_input_gradient>>,
          LayerKernel::template input_gradient<
              Here<Branch, flags::wants_input_gradient | flags::accumulates>>),
     ...);
  }
  void run(Call call, int first, KernelFunction function) {
    call.context = &context_;
    call.batch = batch_;
    call.first_channel = first;
    run_kernel<Backend>(context_, threads_, call, function);
  }

  typename Backend::Context context_{};
  int batch_, threads_;
  StoredValue joined_;
};

template <class Backend, Layout layout>
void check_copies(int threads) {
  for (const int batch : {1, 3}) {
    Copies<Backend, layout, 5, 3, 16, 8, 4>::check(batch, threads);
    Copies<Backend, layout, 4, 6, 5, 3, 1, 40, 16>::check(batch, threads);
    Copies<Backend, layout, 1, 1, 17>::check(batch, threads);
    Copies<Backend, layout, 3, 9, 32, 16>::check(batch, threads);
  }
}

}  // namespace frostline::test::concat
