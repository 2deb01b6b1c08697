// SPDX-License-Identifier: MIT
// The cases of tests/golden/layers.safetensors and optimizers.safetensors that every backend must
// pass.
#pragma once

#include "frostline/graph/schedule.hpp"
#include "frostline/layers/pointwise_linear.hpp"
#include "frostline/optimizers/adam.hpp"
#include "frostline/optimizers/adamw.hpp"
#include "frostline/optimizers/clip_norm.hpp"
#include "frostline/optimizers/lion.hpp"
#include "frostline/optimizers/rmsprop.hpp"
#include "frostline/optimizers/sgd.hpp"
#include "support/golden_layer.hpp"
#include "support/internals.hpp"
#include "support/random.hpp"

namespace frostline::test {

/// Calls check(threads) for the teams that a backend may have.
template <class Backend, class Check>
void for_teams(Check check) {
  for (const int threads : {1, 3})
    if (threads == 1 || image_by_image<Backend>) check(threads);
}
constexpr Situation placed(Situation asked, Shape in) {
  asked.in = in;
  return asked;
}

template <class Backend, class Layer, int C, int H, int W, Statistics Mode = Statistics::batch,
          Situation asked = Situation{}>
void check_golden(const std::string& name) {
  constexpr Situation place = placed(asked, {C, H, W});
  for_teams<Backend>(
      [&](int threads) { golden_layer<Backend, Layer, place, Mode>(name, threads).run(); });
}

inline Allowed exactly(std::string_view, std::string_view) { return {}; }
template <class Backend, class Layer, int C, int H, int W, Situation asked = Situation{},
          Statistics Mode = Statistics::batch>
void check_special(const std::string& name, const Rule& rule = exactly) {
  constexpr Situation place = placed(asked, {C, H, W});
  for_teams<Backend>([&](int threads) {
    golden_layer<Backend, Layer, place, Mode>("special." + name, threads).run_special(rule);
  });
}

/// The numbers of a channel. Shapes: a batch of `shape`.
inline Group channels_of(Shape shape) {
  return [=](std::size_t i) { return i / shape.pixels() % std::size_t(shape.channels); };
}
/// The channels of a pixel. Shapes: a batch of `shape`.
inline Group pixels_of(Shape shape) {
  return [=](std::size_t i) { return i / shape.size() * shape.pixels() + i % shape.pixels(); };
}
/// A norm's input gradient, and its output where a weight overflows, are the same sums in another
/// order than PyTorch's.
struct InAnotherOrder {
  Group sums;
  Strays of_gradients = Strays::near;  // where the output's gradient, or a weight, is special
  Allowed operator()(std::string_view tensor, std::string_view result) const {
    if (result == "input_gradient" && (tensor == "output_gradient" || tensor == "weight"))
      return {of_gradients, sums};
    if (result == "input_gradient" || (result == "output" && tensor == "weight"))
      return {Strays::near, sums};
    return {};
  }
};

/// Shapes: logits {classes, H, W}. Returns the mean loss and assigns the gradient.
template <class Backend>
float loss_of(const CrossEntropy& loss, Shape shape, std::span<const float> logits,
              std::span<const int> labels, std::vector<float>& gradient) {
  using LossKernel = Kernel<Backend, CrossEntropy>;
  const typename Backend::Context context{};
  const typename Backend::Memory workspace(
      LossKernel::workspace_bytes(shape, int(logits.size() / shape.size())));
  SharedVector<float> z(logits.begin(), logits.end()), dz(logits.size(), -7.0f);
  const LossCall<Backend> call{.context = &context,
                               .threads = 2,
                               .shape = shape,
                               .logits = {z.data(), z.size()},
                               .labels = labels,
                               .gradient = {dz.data(), dz.size()},
                               .workspace = workspace.data()};
  LossKernel::prepare(loss, call);
  LossKernel::compute(loss, call);
  const float mean = LossKernel::mean(call);
  gradient.assign(dz.begin(), dz.end());
  return mean;
}
template <class Backend>
void check_loss(const std::string& name, Shape shape, const CrossEntropy& loss) {
  std::vector<float> gradient;
  compare(name + ".loss", {loss_of<Backend>(loss, shape, floats(name + ".logits"),
                                            integers(name + ".labels"), gradient)});
  compare(name + ".gradient", gradient);
}
/// Three positions of five classes, the second with this label.
template <class Backend>
void check_special_loss(const std::string& name, int label, const CrossEntropy& loss) {
  const std::string key = "special.cross_entropy." + name;
  const auto logits = floats(key + ".logits"), losses = floats(key + ".loss");
  const auto gradients = floats(key + ".gradient");
  for (std::size_t v = 0; v < special_count; ++v) {
    INFO(key << ", " << special_values[v]);
    std::vector<float> gradient;
    const float mean = loss_of<Backend>(loss, {5, 1, 1}, rows_of(logits, v),
                                        std::vector<int>{0, label, 4}, gradient);
    compare_special({mean}, rows_of(losses, v));
    compare_special(gradient, rows_of(gradients, v));
  }
}

/// Runs a step for each of these gradients; returns the parameters after each, and the last states.
struct OptimizerSteps {
  std::vector<float> after;
  SharedVector<float> states;
};
template <class Backend, class Optimizer>
OptimizerSteps optimizer_steps(const Optimizer& optimizer, std::span<const float> start,
                               const std::vector<std::vector<float>>& gradients) {
  using Update = UpdateKernel<Backend>;
  optimizer.check();
  const typename Backend::Context context{};
  const typename Backend::Memory workspace(Update::template workspace_bytes<Optimizer>);
  SharedVector<float> parameters(start.begin(), start.end());
  OptimizerSteps result;
  result.states.resize(uses_states(optimizer) ? Optimizer::states.size() * start.size() : 0);
  std::int64_t step = 0;
  for (const std::vector<float>& now : gradients) {
    const SharedVector<float> gradient(now.begin(), now.end());
    const UpdateCall<Backend> call{.context = &context,
                                   .threads = 2,
                                   .parameters = {parameters.data(), parameters.size()},
                                   .gradients = {gradient.data(), gradient.size()},
                                   .states = {result.states.data(), result.states.size()},
                                   .workspace = workspace.data()};
    Update::prepare(optimizer, ++step, call);
    Update::update(optimizer, step, call);
    context.synchronize();
    result.after.insert(result.after.end(), parameters.begin(), parameters.end());
  }
  return result;
}
template <class Backend, class Optimizer>
void check_optimizer(const std::string& name, const Optimizer& optimizer) {
  const auto start = floats(name + ".parameters"), all = floats(name + ".gradients");
  const std::size_t size = start.size();
  std::vector<std::vector<float>> gradients;
  for (auto at = all.begin(); at < all.end(); at += std::ptrdiff_t(size))
    gradients.emplace_back(at, at + std::ptrdiff_t(size));
  const auto steps = optimizer_steps<Backend>(optimizer, start, gradients);
  compare(name + ".after", steps.after);
  for (std::size_t k = 0; k < Optimizer::states.size(); ++k)
    if (const auto key = name + "." + std::string(Optimizer::states[k]); is_stored(key)) {
      const auto first = steps.states.begin() + std::ptrdiff_t(k * size);
      compare(key, {first, first + std::ptrdiff_t(size)});
    }
}
/// Each special value, and a half, as a parameter and as its gradient.
template <class Backend, class Optimizer>
void check_special_optimizer(const std::string& name, const Optimizer& optimizer) {
  const std::string key = "special." + name;
  INFO(key);
  const auto start = floats(key + ".parameters");
  std::vector<float> gradient;
  for (std::size_t v = 0; v <= special_count; ++v)
    gradient.insert(gradient.end(), special_count + 1,
                    v < special_count ? special_values[v] : 0.5f);
  compare_special(optimizer_steps<Backend>(optimizer, start,
                                           {gradient, std::vector<float>(start.size(), -0.25f)})
                      .after,
                  floats(key + ".after"));
}

/// Clips gradients; returns the norm.
template <class Backend>
double clip(const ClipNorm& transform, SharedVector<float>& gradients, int threads,
            const double* guard = nullptr) {
  using Clip = Kernel<Backend, ClipNorm>;
  const typename Backend::Context context{};
  const typename Backend::Memory workspace(Clip::workspace_bytes(gradients.size()));
  const GradientCall<Backend> call{.context = &context,
                                   .threads = threads,
                                   .gradients = {gradients.data(), gradients.size()},
                                   .guard = guard,
                                   .workspace = workspace.data()};
  Clip::prepare(transform, call);
  Clip::apply(transform, call);
  double norm = 0;
  Backend::copy_out(context, &norm, Clip::guard_place(call), sizeof norm);
  context.synchronize();
  return norm;
}
template <class Backend>
void check_clip_norm(const std::string& name, const ClipNorm& transform) {
  const auto before = floats(name + ".gradients");
  SharedVector<float> gradients(before.begin(), before.end());
  compare(name + ".norm", {float(clip<Backend>(transform, gradients, 2))});
  compare(name + ".after", {gradients.begin(), gradients.end()});
}

/// The norm of many blocks does not depend on threads; a guard that is not finite is passed on.
template <class Backend>
void check_clip_blocks() {
  const auto numbers = random_floats(40'003);
  double squares = 0;
  for (const float number : numbers) squares += double(number) * double(number);
  SharedVector<float> gradients(numbers.begin(), numbers.end()), again = gradients;
  const double norm = clip<Backend>({1}, gradients, 1);
  CHECK(std::abs(norm - std::sqrt(squares)) < 1e-9 * norm);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (std::abs(gradients[i] - numbers[i] / float(norm)) > 1e-6f) FAIL("gradient " << i);
  CHECK(clip<Backend>({1}, again, 3) == norm);
  CHECK(again == gradients);
  const SharedVector<double> guard(1, std::numeric_limits<double>::quiet_NaN());
  CHECK(std::isnan(clip<Backend>({1}, again, 2, guard.data())));
  again[30'000] = std::numeric_limits<float>::infinity();
  CHECK(std::isinf(clip<Backend>({1}, again, 2)));
}

template <class Backend>
void check_golden_layers() {
  check_golden<Backend, Conv2d<8, 8, 3, 1, 1>, 8, 9, 10>("conv2d.plain");
  check_golden<Backend, Conv2d<3, 5, 7, 2, 3, 1, 1, false>, 3, 11, 9>("conv2d.stem");
  check_golden<Backend, Conv2d<4, 6, 3, 2, 1, 1, 1, false>, 4, 8, 7>("conv2d.strided");
  check_golden<Backend, Conv2d<4, 6, 1, 2, 0, 1, 1, false>, 4, 5, 6>("conv2d.shortcut");
  check_golden<Backend, Conv2d<2, 3, 3, 1, 2, 2>, 2, 6, 5>("conv2d.dilated");
  check_golden<Backend, Conv2d<6, 4, 3, 2, 1, 1, 2>, 6, 7, 6>("conv2d.grouped");
  check_golden<Backend, Conv2d<4, 4, 3, 1, 1, 1, 4, false>, 4, 4, 5>("conv2d.depthwise");
  check_golden<Backend, Conv2d<4, 6, 3, 2, 3, 2, 2>, 4, 9, 8>("conv2d.everything");
  check_golden<Backend, ReLU6, 18, 3, 5>("relu6.plain");
  check_golden<Backend, Sigmoid, 18, 3, 5>("sigmoid.plain");
  check_golden<Backend, SiLU, 18, 3, 5>("silu.plain");
  check_golden<Backend, GELU, 18, 3, 5>("gelu.plain");
  check_golden<Backend, Hardswish, 18, 3, 5>("hardswish.plain");
  check_golden<Backend, Hardsigmoid, 18, 3, 5>("hardsigmoid.plain");
  check_golden<Backend, AvgPool2d<2>, 18, 7, 5>("avg_pool2d.halves");
  check_golden<Backend, AvgPool2d<3, 2, 1>, 3, 9, 8>("avg_pool2d.padded");
  check_golden<Backend, Scale, 18, 3, 5>("scale.plain");
  constexpr int same = same_padding;
  check_golden<Backend, Conv2d<4, 6, 3, 2, same>, 4, 8, 10>("conv2d.same_even");
  check_golden<Backend, Conv2d<4, 6, 3, 2, same, 1, 1, false>, 4, 7, 9>("conv2d.same_odd");
  check_golden<Backend, Conv2d<5, 18, 3, 2, same>, 5, 13, 14>("conv2d.same_mixed");
  check_golden<Backend, Conv2d<3, 5, 7, 2, same, 1, 1, false>, 3, 12, 11>("conv2d.same_stem");
  check_golden<Backend, Conv2d<4, 4, 5, 2, same, 1, 4, false>, 4, 8, 7>("conv2d.same_depthwise");
  check_golden<Backend, Conv2d<2, 3, 3, 3, same, 2>, 2, 6, 8>("conv2d.same_dilated");
  check_golden<Backend, Conv2d<4, 6, 1, 2, same>, 4, 5, 6>("conv2d.same_one");
  check_golden<Backend, Conv2d<4, 6, 3, 1, same>, 4, 6, 7>("conv2d.same_stride_one");
  check_golden<Backend, BatchNorm2d<3>, 3, 5, 4>("batch_norm2d.training");
  check_golden<Backend, BatchNorm2d<5>, 5, 1, 1>("batch_norm2d.one_pixel");
  check_golden<Backend, BatchNorm2d<3>, 3, 3, 3>("batch_norm2d.narrow");
  check_golden<Backend, BatchNorm2d<3>, 3, 5, 4, Statistics::running>("batch_norm2d.evaluation");
  using Slow = BatchNorm2d<3, NormConstants{.epsilon = 0.5f, .momentum = 0.01f}>;
  check_golden<Backend, Slow, 3, 5, 4>("batch_norm2d.slow");
  check_golden<Backend, Slow, 3, 5, 4, Statistics::running>("batch_norm2d.slow_evaluation");
  check_golden<Backend, LayerNorm2d<18, Epsilon{1e-6f}>, 18, 3, 5>("layer_norm2d.plain");
  check_golden<Backend, LayerNorm2d<5, Epsilon{0.5f}>, 5, 1, 1>("layer_norm2d.one_pixel");
  check_golden<Backend, LayerScale<18>, 18, 3, 5>("layer_scale.plain");
  check_golden<Backend, PointwiseLinear<5, 18>, 5, 3, 4>("pointwise_linear.plain");
  check_golden<Backend, Conv2d<4, 4, 7, 1, 3, 1, 4>, 4, 9, 8>("conv2d.depthwise_seven");
  check_golden<Backend, ClassToken<18>, 18, 3, 2>("class_token.plain");
  check_golden<Backend, PositionEmbedding<18, 5>, 18, 1, 5>("position_embedding.plain");
  check_golden<Backend, FirstToken, 18, 1, 5>("first_token.plain");
  check_golden<Backend, ScaledDotProductAttention<2>, 60, 1, 19>("attention.plain");
  check_golden<Backend, ScaledDotProductAttention<1>, 48, 1, 50>("attention.one_head");
  check_golden<Backend, MaxPool2d<3, 2, 1>, 3, 9, 8>("max_pool2d.stem");
  check_golden<Backend, MaxPool2d<2>, 3, 7, 5>("max_pool2d.halves");
  check_golden<Backend, MaxPool2d<3, 2, 1>, 1, 6, 6>("max_pool2d.not_a_number");
  check_golden<Backend, Upsample<7, 11>, 2, 3, 4>("upsample.up");
  check_golden<Backend, Upsample<2, 3>, 2, 5, 7>("upsample.down");
  check_golden<Backend, Upsample<32, 24>, 2, 4, 3>("upsample.to_input");
  check_golden<Backend, Linear<13, 7>, 13, 1, 1>("linear.plain");
  check_golden<Backend, GlobalAveragePool, 5, 3, 4>("global_average_pool.plain");
}
template <class Backend>
void check_golden_losses() {
  check_loss<Backend>("cross_entropy.plain", {7, 1, 1}, {});
  check_loss<Backend>("cross_entropy.large", {5, 1, 1}, {});
  check_loss<Backend>("cross_entropy.smoothed", {7, 1, 1}, {.label_smoothing = 0.1f});
  check_loss<Backend>("cross_entropy.ignored", {7, 1, 1}, {});
  check_loss<Backend>("cross_entropy.smoothed_ignored", {7, 1, 1}, {.label_smoothing = 0.1f});
  check_loss<Backend>("cross_entropy.dense", {4, 3, 5}, {.ignore_index = 255});
  check_loss<Backend>("cross_entropy.dense_smoothed", {4, 3, 5},
                      {.label_smoothing = 0.1f, .ignore_index = 255});
}
template <class Backend>
void check_golden_steps() {
  const auto sgd = [](const char* name, const Sgd& s) { check_optimizer<Backend>(name, s); };
  sgd("sgd.plain", {.learning_rate = 0.1f});
  sgd("sgd.momentum", {.learning_rate = 0.1f, .momentum = 0.9f});
  sgd("sgd.nesterov", {.learning_rate = 0.1f, .momentum = 0.9f, .nesterov = true});
  sgd("sgd.weight_decay", {.learning_rate = 0.1f, .weight_decay = 0.05f});
  sgd("sgd.everything",
      {.learning_rate = 0.1f, .momentum = 0.9f, .weight_decay = 0.05f, .nesterov = true});
  const auto adamw = [](const char* name, const AdamW& s) { check_optimizer<Backend>(name, s); };
  adamw("adamw.default", {});
  adamw("adamw.no_decay", {.learning_rate = 0.05f, .weight_decay = 0});
  adamw("adamw.everything",
        {.learning_rate = 0.1f, .betas = {0.8, 0.95}, .epsilon = 1e-4f, .weight_decay = 0.3f});
  adamw("adamw.no_means", {.learning_rate = 0.1f, .betas = {0, 0}, .weight_decay = 0.1f});
  adamw("adamw.still", {.learning_rate = 0});
  const auto adam = [](const char* name, const Adam& s) { check_optimizer<Backend>(name, s); };
  adam("adam.default", {});
  adam("adam.weight_decay", {.learning_rate = 0.05f, .weight_decay = 0.2f});
  adam("adam.everything",
       {.learning_rate = 0.1f, .betas = {0.8, 0.95}, .epsilon = 1e-4f, .weight_decay = 0.3f});
  const auto rmsprop = [](const char* name, const RMSprop& s) {
    check_optimizer<Backend>(name, s);
  };
  rmsprop("rmsprop.default", {});
  rmsprop("rmsprop.momentum", {.learning_rate = 0.02f, .momentum = 0.9f});
  rmsprop("rmsprop.weight_decay",
          {.learning_rate = 0.02f, .alpha = 0.9, .epsilon = 1e-3f, .weight_decay = 0.2f});
  rmsprop("rmsprop.everything", {.learning_rate = 0.01f,
                                 .alpha = 0.9,
                                 .epsilon = 0.0316f,
                                 .momentum = 0.8f,
                                 .weight_decay = 0.1f});
  const auto lion = [](const char* name, const Lion& s) { check_optimizer<Backend>(name, s); };
  lion("lion.default", {});
  lion("lion.weight_decay", {.learning_rate = 0.01f, .weight_decay = 0.5f});
  lion("lion.everything", {.learning_rate = 0.1f, .betas = {0.95, 0.98}, .weight_decay = 0.3f});
}
template <class Backend>
void check_golden_clipping() {
  check_clip_norm<Backend>("clip_norm.above", {1.0f});
  check_clip_norm<Backend>("clip_norm.far_above", {1e-3f});
  check_clip_norm<Backend>("clip_norm.below", {100.0f});
  check_clip_blocks<Backend>();
}
/// All layers but convolutions, whose sums are a backend's own.
template <class Backend>
void check_special_layers() {
  constexpr Situation any{}, blocked{.given = Layout::blocked};
  check_special<Backend, Linear<5, 4>, 5, 1, 1>("linear");
  check_special<Backend, BatchNorm2d<3>, 3, 2, 3, any, Statistics::batch>(
      "batch_norm2d.training", InAnotherOrder{channels_of({3, 2, 3})});
  check_special<Backend, BatchNorm2d<3>, 3, 2, 3, any, Statistics::running>(
      "batch_norm2d.evaluation");
  check_special<Backend, ReLU, 3, 3, 2>("relu");
  if constexpr (Storage<Backend>::has_layouts)
    check_special<Backend, ReLU, 3, 3, 2, blocked>("relu");
  check_special<Backend, ReLU6, 3, 2, 1>("relu6");
  if constexpr (Storage<Backend>::has_layouts)
    check_special<Backend, ReLU6, 3, 2, 1, blocked>("relu6");
  check_special<Backend, Sigmoid, 3, 3, 2>("sigmoid");
  if constexpr (Storage<Backend>::has_layouts)
    check_special<Backend, Sigmoid, 3, 3, 2, blocked>("sigmoid");
  check_special<Backend, SiLU, 4, 2, 2>("silu");
  check_special<Backend, GELU, 4, 2, 2>("gelu");
  check_special<Backend, LayerNorm2d<3, Epsilon{1e-6f}>, 3, 2, 2, any, Statistics::batch>(
      "layer_norm2d", InAnotherOrder{pixels_of({3, 2, 2}), Strays::far});
  check_special<Backend, LayerScale<3>, 3, 2, 2>("layer_scale");
  check_special<Backend, ClassToken<3>, 3, 2, 2>("class_token");
  check_special<Backend, PositionEmbedding<3, 4>, 3, 1, 4>("position_embedding");
  check_special<Backend, FirstToken, 3, 1, 4>("first_token");
  check_special<Backend, ScaledDotProductAttention<2>, 12, 1, 4>(
      "attention", InAnotherOrder{[](std::size_t) { return std::size_t(0); }, Strays::far});
  check_special<Backend, Hardswish, 4, 2, 2>("hardswish");
  check_special<Backend, Hardsigmoid, 4, 2, 2>("hardsigmoid");
  if constexpr (Storage<Backend>::has_layouts) {
    check_special<Backend, Hardswish, 4, 2, 2, blocked>("hardswish");
    check_special<Backend, Hardsigmoid, 4, 2, 2, blocked>("hardsigmoid");
  }
  check_special<Backend, AvgPool2d<2>, 1, 4, 4>("avg_pool2d");
  check_special<Backend, MaxPool2d<3, 2, 1>, 2, 5, 6>("max_pool2d.stem");
  check_special<Backend, MaxPool2d<2>, 1, 4, 4>("max_pool2d.halves");
  check_special<Backend, Upsample<6, 8>, 2, 3, 4>("upsample");
  check_special<Backend, GlobalAveragePool, 3, 2, 3>("global_average_pool");
}
template <class Backend>
void check_special_losses() {
  check_special_loss<Backend>("label", 2, {});
  check_special_loss<Backend>("other", 3, {});
  check_special_loss<Backend>("smoothed_label", 2, {.label_smoothing = 0.1f});
  check_special_loss<Backend>("smoothed_other", 3, {.label_smoothing = 0.1f});
  check_special_loss<Backend>("ignored", 255, {.ignore_index = 255});
  check_special_loss<Backend>("smoothed_ignored", 255,
                              {.label_smoothing = 0.1f, .ignore_index = 255});
}
template <class Backend>
void check_special_steps() {
  const auto sgd = [](const char* name, const Sgd& s) {
    check_special_optimizer<Backend>(name, s);
  };
  sgd("sgd.plain", {.learning_rate = 0.1f});
  sgd("sgd.momentum", {.learning_rate = 0.1f, .momentum = 0.9f});
  sgd("sgd.nesterov", {.learning_rate = 0.1f, .momentum = 0.9f, .nesterov = true});
  sgd("sgd.weight_decay", {.learning_rate = 0.1f, .weight_decay = 0.05f});
  sgd("sgd.everything",
      {.learning_rate = 0.1f, .momentum = 0.9f, .weight_decay = 0.05f, .nesterov = true});
  check_special_optimizer<Backend>("adamw.default", AdamW{.learning_rate = 0.1f});
  check_special_optimizer<Backend>("adamw.no_decay",
                                   AdamW{.learning_rate = 0.1f, .weight_decay = 0});
  check_special_optimizer<Backend>("adam.default", Adam{.learning_rate = 0.1f});
  check_special_optimizer<Backend>("adam.weight_decay",
                                   Adam{.learning_rate = 0.1f, .weight_decay = 0.1f});
  check_special_optimizer<Backend>("rmsprop.default", RMSprop{.learning_rate = 0.1f});
  check_special_optimizer<Backend>(
      "rmsprop.everything", RMSprop{.learning_rate = 0.1f, .momentum = 0.9f, .weight_decay = 0.1f});
  check_special_optimizer<Backend>("lion.default", Lion{.learning_rate = 0.1f});
  check_special_optimizer<Backend>("lion.weight_decay",
                                   Lion{.learning_rate = 0.1f, .weight_decay = 0.1f});
}

}  // namespace frostline::test
