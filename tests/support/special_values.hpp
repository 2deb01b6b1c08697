// SPDX-License-Identifier: MIT
// What is not finite goes through layers that no file holds results of: dropout, sums, fused
// layers.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "frostline/core/model.hpp"
#include "frostline/layers/max_pool2d.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/train/trainer.hpp"
#include "support/internals.hpp"
#include "support/layer_run.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"

namespace frostline::test {

inline constexpr float infinity = std::numeric_limits<float>::infinity();
inline constexpr float not_finite[]{std::numeric_limits<float>::quiet_NaN(), infinity, -infinity};

inline bool same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }
/// Requires the same numbers, including NaN.
inline void require_same(std::span<const float> found, std::span<const float> wanted) {
  REQUIRE(found.size() == wanted.size());
  int wrong = 0;
  for (std::size_t i = 0; i < found.size(); ++i) wrong += !same(found[i], wanted[i]);
  REQUIRE(wrong == 0);
}
/// Random numbers, every seventh of which is not finite.
inline std::vector<float> some_not_finite(std::size_t count) {
  std::vector<float> result = random_floats(count);
  for (std::size_t i = 0; i < count; i += 7) result[i] = not_finite[i / 7 % 3];
  return result;
}

/// PyTorch multiplies by the mask, so that a dropped infinity becomes NaN.
template <class Backend, Situation place>
void check_special_dropout() {
  using Run = LayerRun<Backend, Dropout<>, place>;
  constexpr int batch = 3, here = flags::batch_statistics;
  const std::size_t size = batch * place.in.size();
  Run run(batch, 1);
  run.x[0].assign(size, 1.0f);
  const std::vector<float> mask = run.template forward<here>();
  REQUIRE(std::count(mask.begin(), mask.end(), 0.0f) > 0);
  run.x[0] = some_not_finite(size), run.dy = some_not_finite(size);
  const auto masked = [&](std::vector<float> values) {
    for (std::size_t i = 0; i < size; ++i) values[i] *= mask[i];
    return values;
  };
  require_same(run.template forward<here>(), masked(run.x[0]));
  require_same(run.template backward<here, true, false>().inputs[0], masked(run.dy));
}

/// Layers that pass on their inputs.
template <class Backend, class Layer, Situation place>
void check_special_passage() {
  LayerRun<Backend, Layer, place> run(2, 1);
  const std::size_t size = 2 * place.in.size();
  run.x[0] = some_not_finite(size), run.dy = some_not_finite(size);
  std::vector<float> wanted = run.x[0];
  if (run.inputs == 2) {
    run.x[1] = some_not_finite(size);
    std::rotate(run.x[1].begin(), run.x[1].begin() + 10, run.x[1].end());
    for (std::size_t i = 0; i < size; ++i) wanted[i] += run.x[1][i];
  }
  require_same(run.template forward<0>(), wanted);
  const Gradients gradients = run.template backward<0, true, false>();
  for (int k = 0; k < run.inputs; ++k) require_same(gradients.inputs[k], run.dy);
}

/// Gates that are not finite change no channel but their own, and no border of a layout.
template <class Backend, Situation place>
void check_special_gates() {
  constexpr std::size_t pixels = place.in.pixels();
  LayerRun<Backend, Scale, place> run(2, 3);
  run.x[0] = random_floats(2 * place.in.size()), run.dy = random_floats(2 * place.in.size());
  run.x[1] = random_floats(2 * std::size_t(place.in.channels));
  run.x[1][3] = infinity, run.x[1][20] = not_finite[0];
  const auto gated = [&](std::vector<float> values) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] *= run.x[1][i / pixels];
    return values;
  };
  require_same(run.template forward<0>(), gated(run.x[0]));
  require_same(run.template backward<0, true, false>().inputs[0], gated(run.dy));
}

/// A frozen model, which fuses its layers, against the same one layer by layer, with one pixel of
/// the first of two images that is not finite. An output that is not finite in the latter must not
/// be finite in the former; numbers from column `far` on, and the second image, must not change. If
/// the algorithm does not transform, all other numbers are the same.
template <class Backend, class Model, class In, class Options = DirectOnly>
void check_special_fused(int far, bool exact) {
  Network<Freeze<Model>, In, Backend, Options> frozen{max_batch(2)};
  Network<Model, In, Backend, DirectOnly> trainable{max_batch(2)};
  for (const NamedTensor& tensor : trainable.tensors()) {
    if (tensor.type != ElementType::f32) continue;
    const bool variance = tensor.key.ends_with("running_var");
    const std::vector<float> values =
        random_floats(tensor.size, variance ? 0.5f : -0.5f, variance ? 1.5f : 0.5f);
    trainable.write(tensor, std::span<const float>(values));
    frozen.write(frozen.tensor(tensor.key), std::span<const float>(values));
  }
  const auto clean = random_floats(2 * In::shape.size());
  const auto copy = [](std::span<const float> values) {
    return std::vector<float>(values.begin(), values.end());
  };
  const std::vector<float> before = copy(frozen.predict(clean));
  constexpr Shape out = decltype(frozen)::output_shape;
  for (const float value : not_finite) {
    auto images = clean;
    images[std::size_t(3 * In::shape.width + 2)] = value;
    const std::vector<float> found = copy(frozen.predict(images));
    const std::vector<float> wanted = copy(trainable.predict(images));
    int wrong = 0, special = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const bool reached = i < out.size() && int(i) % out.width < far;
      const bool close = std::abs(found[i] - wanted[i]) <= 1e-4f * (1 + std::abs(wanted[i]));
      special += !std::isfinite(wanted[i]);
      if (!std::isfinite(wanted[i]))
        wrong += exact ? !same(found[i], wanted[i]) : std::isfinite(found[i]);
      else
        wrong += !close && (exact || !reached || std::isfinite(found[i]));
    }
    INFO(value);
    CHECK(wrong == 0);
    CHECK(special > 0);
    require_same(copy(frozen.predict(clean)), before);  // no state remains
  }
}

/// With a momentum of 0 an earlier momentum buffer is neither used nor changed.
template <class Backend>
void check_idle_momentum() {
  using Update = UpdateKernel<Backend>;
  const typename Backend::Context context{};
  const typename Backend::Memory workspace(Update::template workspace_bytes<Sgd>);
  SharedVector<float> parameters(3, 1.0f), momentum(std::begin(not_finite), std::end(not_finite));
  const SharedVector<float> gradients(3, 0.5f);
  const UpdateCall<Backend> call{.context = &context,
                                 .threads = 1,
                                 .parameters = {parameters.data(), parameters.size()},
                                 .gradients = {gradients.data(), gradients.size()},
                                 .states = {momentum.data(), momentum.size()},
                                 .workspace = workspace.data()};
  const Sgd sgd{.learning_rate = 0.5f};
  Update::prepare(sgd, 1, call);
  Update::update(sgd, 1, call);
  context.synchronize();
  for (int i = 0; i < 3; ++i) {
    CHECK(parameters[std::size_t(i)] == 0.75f);
    CHECK(same(momentum[std::size_t(i)], not_finite[i]));
  }
}

/// A pixel that is not finite makes a loss that is not a number, which a training step refuses.
template <class Backend>
void check_special_training() {
  using Model = ResNet18<4, ClassifierHead<32, 3>>;
  using Image = Input<3, 32, 32>;
  auto images = random_floats(2 * Image::shape.size());
  const std::vector<int> labels{2, 0};
  Network<Model, Image, Backend> network{max_batch(2), seed(1)};
  Trainer trainer{network, CrossEntropy{}, Sgd{}};
  REQUIRE(std::isfinite(trainer.step(images, labels)));
  images[500] = not_finite[0];
  CHECK(std::isnan(trainer.evaluate(images, labels).loss()));
  REQUIRE_ERROR(trainer.step(images, labels), "the loss is not a number");
}

template <int In, int Out, int Stride>
using SpecialBlock =
    Residual<Sequential<Conv2d<In, Out, 3, Stride, 1>, ReLU, Conv2d<Out, Out, 3, 1, 1, 1, 1, false>,
                        BatchNorm2d<Out>>,
             Sequential<Conv2d<In, Out, 1, Stride, 0, 1, 1, false>, BatchNorm2d<Out>>>;
/// Convolutions that absorb batch norm, residual sum and ReLU.
template <int Stride>
using SpecialBlocks = Sequential<Conv2d<3, 5, 3, 1, 1>, ReLU, SpecialBlock<5, 19, Stride>, ReLU>;
/// The same of other windows, which are sums over columns.
using SpecialColumns =
    Sequential<Conv2d<3, 5, 5, 1, 2>, BatchNorm2d<5>, ReLU, Conv2d<5, 3, 3, 1, 2, 2>, ReLU>;
using SpecialEntrance =
    Sequential<Conv2d<3, 19, 7, 2, 3, 1, 1, false>, BatchNorm2d<19>, ReLU, MaxPool2d<3, 2, 1>>;

}  // namespace frostline::test
