// SPDX-License-Identifier: MIT
// A model, not a measurement: the least work of a training step of ResNet-18, from its graph, and
// the least time of that on two devices, from their data sheets.
#include <cstdio>
#include <cstdlib>

#include "frostline/program/cost.hpp"
#include "frostline/thrust.hpp"

namespace fl = frostline;

namespace {

using Pretrained = fl::ReplaceHead<fl::Freeze<fl::ResNet18<>>, fl::ClassifierHead<512, 10>>;

/// Peaks without sparsity. Source: NVIDIA H100 SXM5 data sheet; NVIDIA Ada GPU Architecture, 2023.
struct Device {
  const char* name;
  double bytes;             // per second
  double fp32, tf32, bf16;  // operations per second
};
constexpr Device devices[]{{"H100 SXM", 3.35e12, 67e12, 495e12, 989e12},
                           {"RTX 4090", 1.008e12, 82.6e12, 82.6e12, 165.2e12}};

/// Each step takes the longer time of its arithmetic and its traffic. Units: seconds per batch.
double floor_of(const fl::detail::Program& program, int batch, double operations, double bytes,
                double bytes_a_number) {
  const auto time = [&](const fl::detail::Cost& cost) {
    const double traffic =
        double(cost.bytes * batch + cost.bytes_once) / 4 * bytes_a_number / bytes;
    return std::max(double(cost.operations) * batch / operations, traffic);
  };
  double sum = time(fl::detail::cost_of_update(program));
  for (int s = 0; s < int(program.steps.size()); ++s)
    sum += time(fl::detail::cost_of_step(program, s));
  return sum;
}

template <class Model>
void print(const char* name, int batch) {
  const fl::detail::Program& program =
      fl::detail::program<Model, fl::Input<3, 224, 224>, fl::thrust_backend, fl::Balanced>;
  const fl::detail::Cost cost = fl::detail::cost_of(program);
  std::printf("| %s | %.2f | %.1f + %.1f |", name, double(cost.operations) / 1e9,
              double(cost.bytes) / 1e6, double(cost.bytes_once) / 1e6);
  for (const Device& device : devices)
    for (const auto& [peak, bytes] :
         {std::pair{device.fp32, 4.0}, std::pair{device.tf32, 4.0}, std::pair{device.bf16, 2.0}})
      std::printf(" %.1f |", 1e6 / batch * floor_of(program, batch, peak, device.bytes, bytes));
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  const int batch = argc > 1 ? std::max(1, std::atoi(argv[1])) : 32;
  std::printf(
      "A training step of ResNet-18, 224x224, batch %d: GFLOP per image; MB per image + MB per "
      "step;\nat least so many microseconds per image.\n\n",
      batch);
  std::printf("| trains | GFLOP | MB |");
  for (const Device& device : devices)
    for (const char* type : {"fp32", "TF32", "bf16"}) std::printf(" %s %s |", device.name, type);
  std::printf("\n|---|---|---|---|---|---|---|---|---|\n");
  print<Pretrained>("the head", batch);
  print<fl::Unfreeze<Pretrained, "layer4", "fc">>("layer4 + head", batch);
  print<fl::ResNet18<64, fl::ClassifierHead<512, 10>>>("everything", batch);
}
