// SPDX-License-Identifier: MIT
// The Thrust backend against the CPU backend; compiled by g++ for a host's threads and by nvcc.
#include <cmath>

#include "frostline/thrust.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "thrust/results.hpp"

namespace frostline::test::compare_test {
namespace {

std::uint64_t any_seed() { return random_engine()(); }

/// Requires results that differ by at most this part of their L2 norm.
void compare(const Results& results, const Results& wanted, double bound = 1e-4) {
  REQUIRE(results.size() == wanted.size());
  double worst = 0;
  for (std::size_t r = 0; r < results.size(); ++r) {
    INFO(wanted[r].name);
    REQUIRE(results[r].name == wanted[r].name);
    REQUIRE(results[r].numbers.size() == wanted[r].numbers.size());
    double error = 0, norm = 0;
    for (std::size_t i = 0; i < wanted[r].numbers.size(); ++i) {
      const double one = double(results[r].numbers[i]), other = double(wanted[r].numbers[i]);
      error += (one - other) * (one - other);
      norm += other * other;
    }
    CHECK(std::sqrt(error) <= bound * std::sqrt(norm));
    if (norm > 0) worst = std::max(worst, std::sqrt(error / norm));
  }
  std::printf("%zu results, the worst %.1e apart\n", results.size(), worst);
}

}  // namespace

TEST_CASE("layers agree with the CPU backend, forward and backward") {
  const std::uint64_t seed = any_seed();
  Results results;
  append_all<thrust_backend>(results, seed, LayerCases{});
  compare(results, cpu_layer_results(seed));
}

TEST_CASE("networks train as with the CPU backend", "[slow]") {
  const std::uint64_t seed = any_seed();
  compare(network_results<thrust_backend>(seed), cpu_network_results(seed));
}

TEST_CASE("ResNet-18 and EfficientNet-Lite0 give the CPU backend's logits", "[slow]") {
  const std::uint64_t seed = any_seed();
  compare(image_results<thrust_backend>(seed), cpu_image_results(seed));
}

#ifdef __CUDACC__
// nvcc emits the kernels that a network's steps name, and none that only the tests of single layers
// call; the linker takes this file's functions for all.
TEST_CASE("a batch norm that trains with running statistics has a kernel") {
  using Layers = Sequential<Conv2d<3, 4, 3>, BatchNorm2d<4>, GlobalAveragePool>;
  using Model = Unfreeze<Freeze<Layers>, "1.weight", "1.bias">;
  Network<Model, Input<3, 8, 8>, thrust_backend> network{max_batch(2)};
  Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  const std::vector<float> images = random_floats(2 * 3 * 8 * 8);
  const std::vector<int> labels{1, 3};
  const auto before = network.values("1.weight");
  REQUIRE(std::isfinite(trainer.step(images, labels)));
  REQUIRE(network.values("1.weight") != before);
}

TEST_CASE("a training step allocates nothing on the device") {
  using Model = ReplaceHead<Freeze<ResNet18<8>>, ClassifierHead<64, 5>>;
  Network<Model, Input<3, 32, 32>, thrust_backend> network{max_batch(4)};
  Trainer trainer{network, CrossEntropy{}, Sgd{.momentum = 0.9f}};
  const std::vector<float> images(4 * 3 * 32 * 32, 0.5f);
  const std::vector<int> labels{0, 1, 2, 3};
  const auto free_bytes = [] {
    std::size_t free = 0, all = 0;
    REQUIRE(cudaMemGetInfo(&free, &all) == cudaSuccess);
    return free;
  };
  trainer.step(images, labels);  // makes cuBLAS's handle
  trainer.step(images, labels);  // records the step
  const std::size_t before = free_bytes();
  for (int step = 0; step < 3; ++step) trainer.step(images, labels);
  CHECK(free_bytes() == before);
  void* more = nullptr;  // shows that an allocation would be seen
  REQUIRE(cudaMalloc(&more, std::size_t(8) << 20) == cudaSuccess);
  CHECK(free_bytes() < before);
  REQUIRE(cudaFree(more) == cudaSuccess);
}

TEST_CASE("a network computes in its caller's stream, and with cuBLAS if TF32 is allowed") {
  const std::uint64_t seed = any_seed();
  const Results wanted = cpu_image_results(seed);
  cudaStream_t stream = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  compare(image_results<thrust_backend>(seed, thrust_backend::Context{stream}), wanted);
  compare(image_results<thrust_backend>(seed, thrust_backend::Context{stream, true}), wanted, 1e-2);
  REQUIRE(cudaStreamDestroy(stream) == cudaSuccess);
}

TEST_CASE("an error of CUDA or cuBLAS names the call and the node") {
  const Path path("layer1.0.conv1");
  const auto refused = [] { device::require(CUBLAS_STATUS_INVALID_VALUE, "cublasSgemm"); };
  REQUIRE_ERROR(thrust_backend::queue("in ", path, refused), "cublasSgemm failed: ");
  REQUIRE_ERROR(thrust_backend::queue("in ", path, refused), ", in 'layer1.0.conv1'");
  REQUIRE_ERROR(thrust_backend::queue("in the loss", {}, refused), ", in the loss");
  const auto left_behind = [] { (void)cudaMemcpy(nullptr, nullptr, 1, cudaMemcpyKind(99)); };
  const auto wrong = [] {
    device::require(cudaMemcpy(nullptr, nullptr, 1, cudaMemcpyKind(99)), "cudaMemcpy");
  };
  REQUIRE_ERROR(thrust_backend::queue("in ", path, left_behind), "launch failed: ");
  thrust_backend::queue("in ", path, [] {});  // the error was cleared
  REQUIRE_ERROR(thrust_backend::queue("in ", path, wrong), "cudaMemcpy failed: ");
  thrust_backend::queue("in ", path, [] {});
}
#endif

}  // namespace frostline::test::compare_test
