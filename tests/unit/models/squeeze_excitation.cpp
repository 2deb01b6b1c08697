// SPDX-License-Identifier: MIT
// Squeeze-and-excitation on the CPU.
#include "frostline/frostline.hpp"
#include "support/golden_network.hpp"
#include "support/internals.hpp"

namespace frostline::test::squeeze_excitation_test {

TEST_CASE("a network with squeeze-and-excitation trains as PyTorch's") {
  check_squeeze_excitation<cpu>();
}

TEST_CASE("a frozen squeeze-and-excitation computes what a trainable one does") {
  constexpr int batch = 5;
  using In = Input<3, 9, 10>;
  Network<Squeezing, In> trainable{max_batch(batch), seed(7)};
  Network<Freeze<Squeezing>, In> frozen{max_batch(batch), seed(7)};
  static_assert(decltype(frozen)::trainable_count() == 0);
  const std::vector<float> images = random_floats(batch * In::shape.size());
  const auto wanted = trainable.predict(images);
  const auto computed = frozen.predict(images);
  REQUIRE(wanted.size() == computed.size());
  for (std::size_t i = 0; i < wanted.size(); ++i)
    REQUIRE(std::abs(computed[i] - wanted[i]) <= 1e-5f * (1 + std::abs(wanted[i])));
}

/// Requires the gradients of what trains to be those of the same network with all of it training.
template <class Model>
void check_gradients() {
  constexpr int batch = 3;
  using In = Input<3, 9, 10>;
  Network<Squeezing, In> whole{max_batch(batch), seed(7)};
  Network<Model, In> network{max_batch(batch), seed(7)};
  const std::vector<float> images = random_floats(batch * In::shape.size());
  const std::vector<int> labels{0, 3, 1};
  const Sgd still{.learning_rate = 0};
  Trainer all{whole, CrossEntropy{}, still};
  Trainer some{network, CrossEntropy{}, still};
  const float loss = all.step(images, labels);
  REQUIRE(std::abs(some.step(images, labels) - loss) <= 1e-5f * loss);
  int compared = 0;
  for (const NamedTensor& tensor : network.tensors()) {
    if (!tensor.trains) continue;
    const std::vector<float> wanted = gradient_of(whole, whole.tensor(tensor.key));
    INFO(tensor.key);
    REQUIRE(length(difference(gradient_of(network, tensor), wanted)) <= 1e-4 * length(wanted));
    ++compared;
  }
  REQUIRE(compared > 0);
}
TEST_CASE("a part of a squeeze-and-excitation trains as in the whole network") {
  using Frozen = Freeze<Squeezing>;
  SECTION("the gate") { check_gradients<Unfreeze<Frozen, "se", "fc">>(); }
  SECTION("the gate's last layer") { check_gradients<Unfreeze<Frozen, "se.fc2">>(); }
  SECTION("what comes before it") { check_gradients<Unfreeze<Frozen, "stem", "fc">>(); }
}

// The gate is read by shape: each place of the multiplication holds both inputs' forms.
constexpr const auto& graph = compiled<Squeezing, Input<3, 9, 10>, cpu>;
constexpr int scale = [] {
  for (int s = graph.size - 1; s > 0; --s)
    if (graph[s].input_count == 2) return s;
  return no_node;
}();
static_assert(graph[scale].path == std::string_view("se"));
static_assert(graph[graph[scale].inputs[0]].out == Shape{20, 5, 5});
static_assert(graph[graph[scale].inputs[1]].out == Shape{20, 1, 1});

}  // namespace frostline::test::squeeze_excitation_test
