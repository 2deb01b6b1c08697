// SPDX-License-Identifier: MIT
// Times single convolutions of ResNet-18 as networks of one layer. Rates count the operations of
// direct convolution.
#include <benchmark/benchmark.h>

#include <frostline/frostline.hpp>
#include <string>
#include <vector>

namespace fl = frostline;

namespace {

template <int In, int Out, int Size, int Kernel, int Stride>
struct Place {
  using Convolution = fl::Conv2d<In, Out, Kernel, Stride, Kernel / 2, 1, 1, false>;
  using Images = fl::Input<In, Size, Size>;
  static constexpr double gflop =
      2e-9 * In * Out * Kernel * Kernel * (Size / Stride) * (Size / Stride);  // per image
};

template <class Where, class Model, bool Backward>
void time(benchmark::State& state) {
  const int batch = int(state.range(0));
  fl::Network<Model, typename Where::Images> network{fl::max_batch(batch)};
  std::vector<float> images(std::size_t(batch) * network.input_shape.size());
  for (std::size_t i = 0; i < images.size(); ++i)
    images[i] = float(i * 2654435761u % 1000) / 500 - 1;
  network.forward(images, network.trains);
  if constexpr (Backward)
    for (float& value : network.output_gradient()) value = 1e-3f;
  for ([[maybe_unused]] auto iteration : state)
    if constexpr (Backward)
      network.backward();
    else
      benchmark::DoNotOptimize(network.forward(images, network.trains).data());
  state.counters["GFLOP/s"] =
      benchmark::Counter(Where::gflop * batch, benchmark::Counter::kIsIterationInvariantRate);
}

/// The convolution's passes. A batch norm before it wants the input's gradient; its backward is
/// part of that time.
template <class Where>
void add(const std::string& name) {
  using Convolution = typename Where::Convolution;
  using Normed =
      fl::Sequential<fl::BatchNorm2d<Where::Images::shape.channels>, fl::Frozen<Convolution>>;
  const auto add_one = [&](const char* pass, auto* function) {
    benchmark::RegisterBenchmark((name + pass).c_str(), function)
        ->ArgName("batch")
        ->Arg(1)
        ->Arg(5)
        ->Arg(32)
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  };
  add_one("/frozen forward", time<Where, fl::Frozen<Convolution>, false>);
  add_one("/forward", time<Where, Convolution, false>);
  add_one("/parameter gradient", time<Where, Convolution, true>);
  add_one("/input gradient", time<Where, Normed, true>);
}

}  // namespace

int main(int argc, char** argv) {
  add<Place<3, 64, 224, 7, 2>>("stem 7x7/2 3-64@224");
  add<Place<64, 64, 56, 3, 1>>("3x3 64-64@56");
  add<Place<64, 128, 56, 3, 2>>("3x3/2 64-128@56");
  add<Place<64, 128, 56, 1, 2>>("1x1/2 64-128@56");
  add<Place<128, 128, 28, 3, 1>>("3x3 128-128@28");
  add<Place<256, 256, 14, 3, 1>>("3x3 256-256@14");
  add<Place<512, 512, 7, 3, 1>>("3x3 512-512@7");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
