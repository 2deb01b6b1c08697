// SPDX-License-Identifier: MIT
// Tests of any backend's trainer: accumulate and update, transforms, states.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>

#include "frostline/layers/batch_norm2d.hpp"
#include "frostline/layers/conv2d.hpp"
#include "frostline/layers/linear.hpp"
#include "frostline/layers/relu.hpp"
#include "frostline/models/heads.hpp"
#include "frostline/train/trainer.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"

namespace frostline::test {

using Snapshot = std::map<std::string, std::vector<float>>;
/// Bit for bit, including NaN.
inline bool same_bits(const Snapshot& one, const Snapshot& other) {
  bool same = one.size() == other.size();
  for (const auto& [key, values] : one)
    same = same && values.size() == other.at(key).size() &&
           std::memcmp(values.data(), other.at(key).data(), values.size() * sizeof(float)) == 0;
  return same;
}
inline double largest_difference(const Snapshot& one, const Snapshot& other) {
  double result = 0;
  for (const auto& [key, values] : one)
    for (std::size_t i = 0; i < values.size(); ++i)
      result = std::max(result, std::abs(double(values[i]) - double(other.at(key)[i])));
  return result;
}

/// Without a batch norm, whose statistics would depend on the batch.
using Plain =
    Sequential<Conv2d<2, 5, 3, 1, 1>, ReLU, Conv2d<5, 6, 3, 2, 1>, ReLU, ClassifierHead<6, 4>>;
/// The same with one.
using Normed = Sequential<Conv2d<2, 5, 3, 1, 1>, BatchNorm2d<5>, ReLU, ClassifierHead<5, 4>>;
using Picture = Input<2, 6, 7>;

/// A network, its trainer and samples; networks with equal seeds are equal.
template <class Model, class Backend, class Optimizer, class... Transforms>
struct TrainingSetup {
  using Net = Network<Model, Picture, Backend>;
  Net network;
  Trainer<Net, CrossEntropy, Optimizer, Transforms...> trainer;
  TrainingSetup(std::uint64_t first, Optimizer optimizer, Transforms... transforms)
      : network(max_batch(8), seed(first)),
        trainer(network, CrossEntropy{}, optimizer, transforms...) {}
};

/// Samples and labels in batches of these sizes.
struct Samples {
  std::vector<float> numbers = random_floats(8 * Picture::shape.size());
  std::vector<int> labels = random_labels(8, 4);
  std::span<const float> images(std::size_t first, std::size_t count) const {
    return std::span(numbers).subspan(first * Picture::shape.size(), count * Picture::shape.size());
  }
  std::span<const int> truth(std::size_t first, std::size_t count) const {
    return std::span(labels).subspan(first, count);
  }
  /// Calls one(images, labels) for each batch.
  template <class One>
  void in_batches(std::initializer_list<std::size_t> sizes, One one) const {
    std::size_t first = 0;
    for (const std::size_t size : sizes) {
      one(images(first, size), truth(first, size));
      first += size;
    }
  }
};

/// With a learning rate of 1 an update subtracts the gradient.
template <class Backend>
void check_accumulate(const std::vector<int>& labels, std::initializer_list<std::size_t> sizes) {
  const std::uint64_t first = random_engine()();
  Samples samples;
  samples.labels = labels;
  TrainingSetup<Plain, Backend, Sgd> whole{first, Sgd{.learning_rate = 1}};
  TrainingSetup<Plain, Backend, Sgd> parts{first, Sgd{.learning_rate = 1}};
  const Snapshot before = snapshot(whole.network);
  const float mean = whole.trainer.step(samples.numbers, samples.labels);
  const Snapshot wanted = snapshot(whole.network);
  double sum = 0, counted = 0;
  std::size_t batches = 0;
  samples.in_batches(sizes, [&](auto images, auto truth) {
    const auto now = double(truth.size()) - double(std::count(truth.begin(), truth.end(), -100));
    sum += now * double(parts.trainer.accumulate(images, truth));
    counted += now;
    REQUIRE(parts.trainer.accumulated() == ++batches);
  });
  REQUIRE(same_bits(snapshot(parts.network), before));
  parts.trainer.update();
  REQUIRE(parts.trainer.accumulated() == 0);
  REQUIRE(parts.trainer.updates() == 1);
  CHECK(std::abs(sum / std::max(counted, 1.0) - double(mean)) < 1e-5);
  CHECK((largest_difference(before, wanted) > 1e-2 || counted == 0));
  CHECK(largest_difference(snapshot(parts.network), wanted) < 2e-6);
}
template <class Backend>
void check_accumulates() {
  check_accumulate<Backend>(random_labels(8, 4), {4, 4});
  check_accumulate<Backend>(random_labels(8, 4), {8});
  check_accumulate<Backend>(random_labels(8, 4), {1, 2, 5});
  check_accumulate<Backend>(random_labels(8, 4), {5, 1, 1, 1});
  check_accumulate<Backend>({0, -100, 2, 3, -100, -100, 1, 2}, {2, 1, 5});
  check_accumulate<Backend>({-100, -100, 2, 3, -100, 0, 1, 2}, {2, 2, 1, 3});  // first counts none
  check_accumulate<Backend>(std::vector<int>(8, -100), {3, 5});
}

/// A step is accumulate and update, bit for bit; a step after accumulate adds the last batch.
template <class Backend, class Optimizer, class... Transforms>
void check_step_is_both(Optimizer optimizer, Transforms... transforms) {
  const std::uint64_t first = random_engine()();
  using Setup = TrainingSetup<Normed, Backend, Optimizer, Transforms...>;
  Setup one{first, optimizer, transforms...}, other{first, optimizer, transforms...};
  for (int step = 0; step < 4; ++step) {
    const Samples samples;
    const float loss = one.trainer.step(samples.numbers, samples.labels);
    REQUIRE(loss == other.trainer.accumulate(samples.numbers, samples.labels));
    other.trainer.update();
    REQUIRE(same_bits(snapshot(one.network), snapshot(other.network)));
  }
  const Samples samples;
  samples.in_batches({3, 5}, [&](auto images, auto truth) {
    one.trainer.accumulate(images, truth);
    if (other.trainer.accumulated() == 0)
      other.trainer.accumulate(images, truth);
    else
      other.trainer.step(images, truth);
  });
  one.trainer.update();
  REQUIRE(same_bits(snapshot(one.network), snapshot(other.network)));
  REQUIRE(one.trainer.updates() == 5);
  REQUIRE(other.trainer.updates() == 5);
}

/// A refused call changes nothing, and earlier accumulated gradients stay.
template <class Backend>
void check_refused_accumulate() {
  const std::uint64_t first = random_engine()();
  const Samples samples;
  using Setup = TrainingSetup<Normed, Backend, AdamW>;
  Setup clean{first, AdamW{}}, troubled{first, AdamW{}};
  const Snapshot before = snapshot(clean.network);
  REQUIRE_ERROR(troubled.trainer.update(), "update requires an accumulate");
  std::vector<float> spoilt = samples.numbers;
  spoilt[9] = std::numeric_limits<float>::quiet_NaN();
  const auto refused = [&](std::string_view words) {
    const Snapshot now = snapshot(troubled.network);
    const std::size_t batches = troubled.trainer.accumulated();
    REQUIRE_ERROR(troubled.trainer.accumulate(spoilt, samples.labels), words);
    REQUIRE_ERROR(troubled.trainer.accumulate(samples.images(0, 2), samples.truth(0, 3)),
                  "takes 2 labels for 2 images of one label, got");
    REQUIRE(troubled.trainer.accumulated() == batches);
    REQUIRE(same_bits(snapshot(troubled.network), now));
  };
  refused(
      "the loss is not a number in training step 1: sample 0 of the given batch is not finite: "
      "correct or skip it. The batch was not added");
  REQUIRE(same_bits(snapshot(troubled.network), before));
  samples.in_batches({3, 5}, [&](auto images, auto truth) {
    clean.trainer.accumulate(images, truth);
    troubled.trainer.accumulate(images, truth);
    refused("The batch was not added; the earlier ones stay");
  });
  troubled.trainer.optimizer.learning_rate = -1;
  REQUIRE_ERROR(troubled.trainer.update(), "finite and at least 0");
  REQUIRE_ERROR(troubled.trainer.step(samples.numbers, samples.labels), "finite and at least 0");
  troubled.trainer.optimizer = clean.trainer.optimizer;
  REQUIRE(troubled.trainer.accumulated() == 2);
  troubled.trainer.evaluate(samples.numbers, samples.labels);  // harmless
  clean.trainer.update();
  troubled.trainer.update();
  REQUIRE(same_bits(snapshot(clean.network), snapshot(troubled.network)));
  REQUIRE(!same_bits(snapshot(clean.network), before));
  REQUIRE_ERROR(troubled.trainer.update(), "update requires an accumulate");

  // Gradients that were overwritten, or are discarded.
  troubled.trainer.accumulate(samples.numbers, samples.labels);
  troubled.network.forward(samples.numbers, true);
  const Snapshot now = snapshot(troubled.network);
  REQUIRE_ERROR(troubled.trainer.update(), "another forward with training came after accumulate");
  REQUIRE(troubled.trainer.accumulated() == 0);
  troubled.trainer.accumulate(samples.numbers, samples.labels);
  troubled.trainer.discard();
  REQUIRE_ERROR(troubled.trainer.update(), "update requires an accumulate");
  for (const char* key : {"0.weight", "3.fc.bias"})
    REQUIRE(troubled.network.values(key) == now.at(key));
}

/// Gradients with norm max_norm, or unchanged.
template <class Backend>
void check_clipped_training() {
  const std::uint64_t first = random_engine()();
  const Samples samples;
  using Clipped = TrainingSetup<Plain, Backend, Sgd, ClipNorm>;
  TrainingSetup<Plain, Backend, Sgd> plain{first, Sgd{.learning_rate = 1}};
  Clipped clipped{first, Sgd{.learning_rate = 1}, ClipNorm{1e-2f}};
  Clipped free{first, Sgd{.learning_rate = 1}, ClipNorm{1e6f}};
  const Snapshot before = snapshot(plain.network);
  const auto moved = [&](const Snapshot& after) {
    double squares = 0;
    for (const auto& [key, values] : before)
      for (std::size_t i = 0; i < values.size(); ++i)
        squares += std::pow(double(after.at(key)[i]) - double(values[i]), 2);
    return std::sqrt(squares);
  };
  REQUIRE(plain.trainer.step(samples.numbers, samples.labels) ==
          clipped.trainer.step(samples.numbers, samples.labels));
  free.trainer.step(samples.numbers, samples.labels);
  REQUIRE(same_bits(snapshot(plain.network), snapshot(free.network)));
  const double norm = moved(snapshot(plain.network));
  REQUIRE(norm > 2e-2);
  CHECK(std::abs(moved(snapshot(clipped.network)) - 1e-2 / (norm + 1e-6) * norm) < 1e-5);
  // The norm is that of the mean's gradients, not of accumulated sums.
  Clipped parts{first, Sgd{.learning_rate = 1}, ClipNorm{float(norm) * 1.001f}};
  samples.in_batches({1, 7},
                     [&](auto images, auto truth) { parts.trainer.accumulate(images, truth); });
  parts.trainer.update();
  CHECK(largest_difference(snapshot(parts.network), snapshot(plain.network)) < 2e-6);
  // A recorded step reads another norm.
  for (int step = 0; step < 4; ++step) {
    plain.trainer.step(samples.numbers, samples.labels);
    free.trainer.step(samples.numbers, samples.labels);
  }
  std::get<0>(free.trainer.transforms).max_norm = 1e-9f;
  const Snapshot last = snapshot(free.network);
  free.trainer.step(samples.numbers, samples.labels);
  CHECK(largest_difference(snapshot(free.network), last) < 1e-6);
  std::get<0>(free.trainer.transforms).max_norm = 0;
  REQUIRE_ERROR(free.trainer.step(samples.numbers, samples.labels), "finite and above 0");
}

/// The loss is finite but gradients are not: nothing changes, not even running statistics.
template <class Backend>
void check_infinite_gradients() {
  using Steep = Sequential<BatchNorm2d<2>, Linear<2, 2>, Linear<2, 3>>;
  Network<Steep, Input<2, 1, 1>, Backend> network{max_batch(4), seed(random_engine()())};
  const auto put = [&](const char* key, std::vector<float> values) {
    network.write(network.tensor(key), std::span<const float>(values));
  };
  put("1.weight", {0, 0, 0, 0});
  put("1.bias", {0, 0});
  put("2.weight", {1e30f, 1e30f, 0, 0, 0, 0});
  const auto samples = random_floats(4 * 2);
  const std::vector<int> labels{0, 0, 1, 0};
  Trainer trainer{network, CrossEntropy{}, AdamW{}, ClipNorm{}};
  for (int step = 0; step < 3; ++step) trainer.step(samples, labels);  // recorded, and repeated
  put("0.weight", {1e20f, 1e20f});
  put("1.weight", {0, 0, 0, 0});
  put("1.bias", {0, 0});
  const Snapshot before = snapshot(network);
  std::map<std::string, std::vector<float>> states;
  for (const NamedTensor& state : trainer.states())
    trainer.read_state(state.key, states[state.key] = std::vector<float>(state.size));
  const auto unchanged = [&] {
    for (const NamedTensor& state : trainer.states()) {
      std::vector<float> now(state.size);
      trainer.read_state(state.key, now);
      REQUIRE(now == states.at(state.key));
    }
    REQUIRE(trainer.updates() == 3);
    REQUIRE(trainer.accumulated() == 0);
  };
  REQUIRE_ERROR(trainer.step(samples, labels), "the norm of the gradients is ");
  REQUIRE(same_bits(snapshot(network), before));
  unchanged();
  REQUIRE_ERROR(trainer.step(samples, labels), " in training step 4. The step was not taken");
  REQUIRE(std::isfinite(trainer.accumulate(samples, labels)));
  const Snapshot accumulated = snapshot(network);
  REQUIRE_ERROR(trainer.update(), "the accumulated gradients are dropped");
  REQUIRE(same_bits(snapshot(network), accumulated));
  unchanged();
  REQUIRE_ERROR(trainer.update(), "update requires an accumulate");
  put("0.weight", {1, 1});
  trainer.step(samples, labels);
  REQUIRE(trainer.updates() == 4);
}

/// A trainer that gets another's states and number of updates continues as the other.
template <class Backend, class Optimizer>
void check_states_move(Optimizer optimizer, std::size_t states) {
  const Samples samples;
  using Setup = TrainingSetup<Normed, Backend, Optimizer>;
  Setup one{1, optimizer}, other{2, optimizer};
  for (int step = 0; step < 3; ++step) one.trainer.step(samples.numbers, samples.labels);
  const auto tensors = one.trainer.states();
  REQUIRE(tensors.size() == 6 * states);
  for (const NamedTensor& tensor : one.network.tensors())
    if (tensor.type == ElementType::f32)
      other.network.write(tensor, std::span<const float>(one.network.values(tensor.key)));
  for (const NamedTensor& state : tensors) {
    std::vector<float> numbers(state.size);
    one.trainer.read_state(state.key, numbers);
    REQUIRE(std::any_of(numbers.begin(), numbers.end(), [](float x) { return x != 0; }));
    other.trainer.write_state(state.key, numbers);
  }
  other.trainer.set_updates(one.trainer.updates());
  for (int step = 0; step < 3; ++step) {
    REQUIRE(one.trainer.step(samples.numbers, samples.labels) ==
            other.trainer.step(samples.numbers, samples.labels));
    REQUIRE(same_bits(snapshot(one.network), snapshot(other.network)));
  }
}
template <class Backend>
void check_states() {
  check_states_move<Backend>(Sgd{.momentum = 0.9f}, 1);
  check_states_move<Backend>(AdamW{}, 2);
  check_states_move<Backend>(Sgd{}, 0);
  TrainingSetup<Plain, Backend, AdamW> setup{1, AdamW{}};
  const NamedTensor first = setup.trainer.states().front();
  REQUIRE(first.key == "exp_avg.0.weight");
  REQUIRE(first.extents == std::vector<std::int64_t>{5, 2, 3, 3});
  std::vector<float> numbers(first.size);
  REQUIRE_ERROR(setup.trainer.read_state("exp_avg.9.weight", numbers),
                "the optimizer has no state 'exp_avg.9.weight'");
  REQUIRE_ERROR(setup.trainer.write_state("exp_avg.0.bias", numbers),
                "'exp_avg.0.bias' holds 5 numbers, not 90");
  REQUIRE_ERROR(setup.trainer.set_updates(-1), "at least 0, got -1");
}

}  // namespace frostline::test
