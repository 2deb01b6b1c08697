// SPDX-License-Identifier: MIT
// A network in which some parameters train, compared with the same network in which all train and
// the others get their old values back after each step.
#pragma once

#include <cstring>

#include "frostline/core/rule.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/network/network.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/train_only.hpp"
#include "frostline/rewrite/unfreeze.hpp"
#include "frostline/train/trainer.hpp"
#include "support/internals.hpp"
#include "support/random.hpp"
#include "support/relative_error.hpp"
#include "support/snapshot.hpp"

namespace frostline::test {

/// Everything trains, with the statistics of the model's own rules.
template <class Model>
struct AllTrains {
  using model = Model;
  static constexpr Clause clauses[]{{.treatment = {.trains = true}}};
};

// Convolutions of each kind, batch norms, a sum and a linear layer; no ReLU, which a rounding might
// turn on or off.
using Smooth = Sequential<Conv2d<3, 17, 3, 1, 1>, BatchNorm2d<17>,
                          Residual<Sequential<Conv2d<17, 17, 3, 1, 1>, BatchNorm2d<17>>>,
                          Conv2d<17, 20, 3, 2, 1>, Conv2d<20, 6, 5, 1, 2, 1, 2>, Conv2d<6, 9, 1>,
                          BatchNorm2d<9>, GlobalAveragePool, Linear<9, 4>>;
using SmoothInput = Input<3, 11, 10>;

template <class Net>
void scatter(Net& network) {
  for (const NamedTensor& tensor : Net::tensors()) {
    if (tensor.type != ElementType::f32) continue;
    std::vector<float> values = network.values(tensor.key);
    for (float& x : values) x += tensor.is_buffer ? uniform(-0.3f, 0.3f) : uniform(-0.1f, 0.1f);
    network.write(tensor, std::span<const float>(values));
  }
}

template <class Net>
std::vector<float> gradient_of(const Net& network, const NamedTensor& tensor) {
  using Backend = typename Net::backend;
  const auto& store = network.executor().store();
  const std::size_t offset = store.program().parameters[tensor.node][tensor.index];
  std::vector<float> result(tensor.size);
  Backend::copy_out(store.context(), result.data(), store.gradients().data() + offset,
                    result.size() * sizeof(float));
  return result;
}

inline double length(std::span<const float> numbers) {
  double squares = 0;
  for (const float x : numbers) squares += double(x) * double(x);
  return std::sqrt(squares);
}
inline std::vector<float> difference(std::span<const float> a, std::span<const float> b) {
  std::vector<float> result(a.begin(), a.end());
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) result[i] -= b[i];
  return result;
}

/// Five steps of both. Requires that trainable parameters have the gradients and updates of the
/// whole network, that all else keeps its bytes, and that only batch statistics update running
/// ones.
template <class Backend, class Model>
void check_partly_trained() {
  constexpr int batch = 5, steps = 5;
  Network<Model, SmoothInput, Backend> network{max_batch(batch)};
  Network<AllTrains<Model>, SmoothInput, Backend> whole{max_batch(batch)};
  scatter(network);
  const auto before = snapshot(network);
  for (const NamedTensor& tensor : whole.tensors())
    if (tensor.type == ElementType::f32)
      whole.write(tensor, std::span<const float>(before.at(tensor.key)));
  const Sgd optimizer{.learning_rate = 0.05f, .momentum = 0.9f, .weight_decay = 0.01f};
  Trainer trainer{network, CrossEntropy{}, optimizer};
  Trainer other{whole, CrossEntropy{}, optimizer};
  for (int step = 0; step < steps; ++step) {
    const auto images = random_floats(batch * SmoothInput::shape.size());
    const auto labels = random_labels(batch, 4);
    const float loss = trainer.step(images, labels);
    REQUIRE(std::abs(loss - other.step(images, labels)) <= 1e-4f * loss);
    double all = 0;  // the length of all gradients
    for (const NamedTensor& tensor : whole.tensors())
      if (tensor.trains) all = std::hypot(all, length(gradient_of(whole, tensor)));
    for (const NamedTensor& tensor : network.tensors()) {
      if (tensor.is_buffer) continue;
      INFO("step " << step << ": " << tensor.key);
      if (!tensor.trains) {
        whole.write(tensor, std::span<const float>(before.at(tensor.key)));
        continue;
      }
      const std::vector<float> wanted = gradient_of(whole, tensor);
      REQUIRE(length(difference(gradient_of(network, tensor), wanted)) <=
              1e-4 * length(wanted) + 1e-6 * all);
    }
  }
  int trained = 0;
  for (const NamedTensor& tensor : network.tensors()) {
    if (tensor.type != ElementType::f32) continue;
    INFO(tensor.key);
    const std::vector<float> after = network.values(tensor.key), &first = before.at(tensor.key);
    const std::vector<float> wanted = difference(whole.values(tensor.key), first);
    const bool by_batch = network.graph()[tensor.node].statistics == Statistics::batch;
    if (tensor.trains || (tensor.is_buffer && by_batch)) {
      REQUIRE(length(wanted) > 0);
      REQUIRE(length(difference(difference(after, first), wanted)) <= 2e-3 * length(wanted));
      trained += tensor.trains;
    } else {
      REQUIRE(std::memcmp(after.data(), first.data(), after.size() * sizeof(float)) == 0);
    }
  }
  REQUIRE(trained > 0);
}

template <class Backend, FixedString... Names>
void check_unfrozen() {
  check_partly_trained<Backend, Unfreeze<Freeze<Smooth>, Names...>>();
}
template <class Backend, FixedString... Names>
void check_unfrozen_by_batch() {
  check_partly_trained<Backend, Unfreeze<Freeze<Smooth, BatchStatistics>, Names...>>();
}

}  // namespace frostline::test
