// SPDX-License-Identifier: MIT
// A backend's results of layers and networks, for comparison with another's.
#pragma once

#include <string>
#include <vector>

#include "frostline/train/trainer.hpp"
#include "support/internals.hpp"
#include "support/layer_run.hpp"
#include "support/random.hpp"
#include "thrust/cases.hpp"

namespace frostline::test {

struct Result {
  std::string name;
  std::vector<float> numbers;
};
using Results = std::vector<Result>;

/// The CPU backend's, from these random numbers.
Results cpu_layer_results(std::uint64_t seed);
Results cpu_network_results(std::uint64_t seed);
Results cpu_image_results(std::uint64_t seed);

/// The passes whose results are compared.
struct ComparedCode {
  bool inputs, parameters;
  PassCode forward;
  BackwardCode assigned, added;
};
template <class Backend, class Case>
ComparedCode compared_code() {
  using Layer = typename Case::layer;
  using Run = LayerRun<Backend, Layer, Case::place>;
  using Kernel = Kernel<Backend, Layer>;
  constexpr int here = Case::place.frozen ? 0 : flags::batch_statistics;
  using Here = typename Run::template Here<here>;
  constexpr bool inputs = !Case::place.first && requires {
    &Kernel::template input_gradient<Here>;
  };
  constexpr bool may_train = !Case::place.frozen || Layer::kind == Kind::batch_norm;
  constexpr bool parameters = may_train && requires { &Kernel::template parameter_gradient<Here>; };
  return {inputs, parameters, Run::template forward_code<here>(),
          Run::template backward_code<here, inputs, parameters>(),
          Run::template backward_code<here, inputs, parameters, true>()};
}

/// A layer's outputs, buffers and gradients, assigned and added, for random numbers.
template <class Backend>
void append_layer_results(Results& results, const std::string& name, LayerValues<Backend>& run,
                          const ComparedCode& code, std::mt19937_64 random) {
  std::uniform_real_distribution<float> any{-1, 1};
  const auto draw = [&](std::size_t count, float middle = 0) {
    std::vector<float> numbers(count);
    for (float& number : numbers) number = middle + any(random) * (middle > 0 ? 0.5f : 1.0f);
    return numbers;
  };
  const LayerFacts& facts = run.facts();
  const std::size_t batch = std::size_t(run.batch());
  for (int k = 0; k < facts.inputs; ++k) run.x[k] = draw(batch * facts.input_shapes[k].size());
  for (int k = 0; k < facts.parameters.count; ++k) run.p[k] = draw(facts.parameters[k].size());
  for (int k = 0; k < facts.buffers.count; ++k)
    run.b[k] = facts.buffers[k].type == ElementType::f32 ? draw(facts.buffers[k].size(), 1)
                                                         : std::vector<float>(2);
  run.dy = draw(batch * facts.out.size());

  results.push_back({name + " outputs", run.forward(code.forward)});
  for (int k = 0; k < facts.buffers.count; ++k)
    results.push_back({name + " buffer " + std::to_string(k), run.b[k]});
  if (!code.inputs && !code.parameters) return;
  const auto append = [&](const std::string& how, const Gradients& gradients) {
    for (int k = 0; k < facts.inputs && code.inputs; ++k)
      results.push_back({name + how + " input " + std::to_string(k), gradients.inputs[k]});
    for (int k = 0; k < facts.parameters.count && code.parameters; ++k)
      results.push_back({name + how + " parameter " + std::to_string(k), gradients.parameters[k]});
  };
  const Gradients assigned = run.backward(code.assigned);
  append(", assigned", assigned);
  append(", added", run.backward(code.added, assigned));
}
template <class Backend, class Case>
void append_case(Results& results, std::uint64_t seed) {
  LayerRun<Backend, typename Case::layer, Case::place> run(Case::batch, 1);
  append_layer_results<Backend>(results, Case::name(), run, compared_code<Backend, Case>(),
                                std::mt19937_64{seed});
}
template <class Backend, class... Case>
void append_all(Results& results, std::uint64_t seed, TypeList<Case...>) {
  (append_case<Backend, Case>(results, seed++), ...);
}

/// Gives a ResNet and FcnHead weights with which float32 is stable, as tests/golden/networks.py
/// explains: with others, a rounding that turns a ReLU off makes networks drift apart, PyTorch's
/// from its own too. Layer scales, which begin at 1e-6, get weights with which their blocks matter.
template <class Net>
void stabilise(Net& network, std::mt19937_64& random) {
  const auto any = [&](float low, float high) {
    return std::uniform_real_distribution<float>{low, high}(random);
  };
  for (const NamedTensor& tensor : Net::tensors()) {
    const auto within = [&](std::string_view part) {
      return tensor.key.find(part) != std::string::npos;
    };
    if (tensor.key.ends_with("layer_scale")) {
      std::vector<float> scale(tensor.size);
      for (float& number : scale) number = any(0.5f, 1.5f);
      network.write(tensor, std::span<const float>(scale));
    }
    const bool added = within("bn2.") || within("downsample.1.");
    const bool norms = added || within("bn1.") || within("classifier.1.");
    if (!norms || !tensor.key.ends_with(".weight")) continue;
    const std::string norm = tensor.key.substr(0, tensor.key.size() - 6);
    const float low = added && norm.starts_with("layer4") ? 0.03f
                      : norm.ends_with("bn2.")            ? 0.1f
                                                          : 0.25f;
    std::vector<float> weight(tensor.size), bias(tensor.size);
    for (std::size_t i = 0; i < tensor.size; ++i) {
      weight[i] = any(low, 2 * low);
      bias[i] = weight[i] * any(2.5f, 3.5f) * (added || any(0, 1) < 0.7f ? 1.0f : -1.0f);
    }
    network.write(tensor, std::span<const float>(weight));
    network.write(network.tensor(norm + "bias"), std::span<const float>(bias));
  }
}

/// Logits and evaluation of some images, then losses of steps with momentum and weight decay, of
/// which no two are called alike: a backend that records one and repeats it must not repeat all.
template <class Backend, class Model, class In>
void append_training(Results& results, const std::string& name, std::uint64_t seed) {
  constexpr int batch = 3;
  Network<Model, In, Backend> network{max_batch(batch), frostline::seed(seed)};
  Trainer trainer{network, CrossEntropy{},
                  Sgd{.learning_rate = 1e-2f, .momentum = 0.9f, .weight_decay = 5e-4f}};
  using Net = decltype(network);
  std::mt19937_64 random{seed};
  stabilise(network, random);
  std::normal_distribution<float> normal;
  std::vector<float> images(batch * Net::input_shape.size()), losses;
  std::vector<int> labels(batch * Net::output_shape.pixels());
  const auto draw = [&] {
    for (float& pixel : images) pixel = normal(random);
    for (int& label : labels) label = int(random() % std::uint64_t(Net::output_shape.channels));
  };
  draw();
  const auto logits = network.predict(images);
  results.push_back({name + " logits", {logits.begin(), logits.end()}});
  const auto evaluation = trainer.evaluate(images, labels);
  results.push_back({name + " evaluation", {float(evaluation.loss()), float(evaluation.correct)}});
  const int batches[] = {3, 3, 3, 2, 3, 2, 2, 3};
  for (const int images_now : batches) {
    const auto now = std::size_t(images_now);
    losses.push_back(trainer.step(std::span(images).first(now * Net::input_shape.size()),
                                  std::span(labels).first(now * Net::output_shape.pixels())));
    draw();
    trainer.optimizer.learning_rate *= 0.9f;
    trainer.optimizer.weight_decay *= 1.1f;
    trainer.loss.label_smoothing += 0.01f;
    labels.front() = trainer.loss.ignore_index = -1 - int(losses.size());
  }
  results.push_back({name + " losses", losses});
}
template <class Backend>
Results network_results(std::uint64_t seed) {
  using Small = Input<3, 64, 64>;
  using Narrow = ResNet18<16, ClassifierHead<128, 7>>;
  using NewHead = ReplaceHead<Freeze<Narrow>, ClassifierHead<128, 5>>;
  Results results;
  append_training<Backend, NewHead, Small>(results, "head only", seed);
  append_training<Backend, Unfreeze<NewHead, "layer4", "fc">, Small>(results, "layer4 + head",
                                                                     seed);
  append_training<Backend, Narrow, Small>(results, "everything", seed);
  append_training<Backend, ReplaceHead<Freeze<Narrow, BatchStatistics>, ClassifierHead<128, 5>>,
                  Small>(results, "head with batch statistics", seed);
  append_training<Backend, ReplaceHead<Freeze<Narrow>, FcnHead<128, 4>>, Small>(results, "FcnHead",
                                                                                seed);
  using Squeezing = Module<Named<"stem", Conv2d<3, 20, 3, 2, same_padding>>,
                           Named<"se", SqueezeExcitation<20, 6>>, ClassifierHead<20, 4>>;
  append_training<Backend, Squeezing, Small>(results, "squeeze-and-excitation", seed);
  using Activations = Module<Named<"stem", Conv2d<3, 12, 3, 2, 1>>, Named<"silu", SiLU>,
                             Named<"pool", AvgPool2d<3, 2, 1>>, Named<"conv", Conv2d<12, 10, 1>>,
                             Named<"hardswish", Hardswish>, Named<"expand", Conv2d<10, 9, 1>>,
                             Named<"hardsigmoid", Hardsigmoid>, ClassifierHead<9, 4>>;
  append_training<Backend, Activations, Small>(results, "SiLU, Hardswish, Hardsigmoid", seed);
  using ConvNeXt = Module<Named<"stem", Conv2d<3, 12, 4, 4>>, Named<"norm", LayerNorm2d<12>>,
                          Named<"block", detail::ConvNeXtBlock<12>>, ConvNeXtHead<12, 4>>;
  append_training<Backend, ConvNeXt, Small>(results, "a block of ConvNeXt", seed);
  using Vit = Module<Named<"conv_proj", Conv2d<3, 48, 16, 16>>, ClassToken<48>,
                     PositionEmbedding<48, 17>, Named<"block", detail::EncoderBlock<48, 3>>,
                     Named<"ln", LayerNorm2d<48>>, VisionTransformerHead<48, 4>>;
  append_training<Backend, Vit, Small>(results, "a block of a vision transformer", seed);
  using Vit14 =
      Module<Named<"patch_embed", Conv2d<3, 48, 14, 14>>, detail::TimmClassToken<48>,
             detail::TimmPositionEmbedding<48, 26>, Named<"block", detail::TimmBlock<48, 3>>,
             Named<"norm", LayerNorm2d<48>>, ClassTokenHead<48, 4>>;
  append_training<Backend, Vit14, Input<3, 70, 70>>(results, "a block of ViT-S/14", seed);
  return results;
}

template <class Backend, class Model, class In>
std::vector<float> image_logits(std::uint64_t seed, typename Backend::Context context) {
  Network<Model, In, Backend> network{max_batch(1), frostline::seed(seed), context};
  std::mt19937_64 random{seed};
  std::normal_distribution<float> normal;
  std::vector<float> image(In::shape.size());
  for (float& pixel : image) pixel = normal(random);
  const auto logits = network.predict(image);
  return {logits.begin(), logits.end()};
}
/// ResNet-18 of width 64 with an image of 224x224, and EfficientNet-Lite0.
template <class Backend>
Results image_results(std::uint64_t seed, typename Backend::Context context = {}) {
  using Resnet = ReplaceHead<Freeze<ResNet18<>>, ClassifierHead<512, 10>>;
  using Lite = ReplaceHead<Freeze<EfficientNetLite0<>>, LiteHead<1280, 10>>;
  return {
      {"ResNet-18 logits", image_logits<Backend, Resnet, Input<3, 224, 224>>(seed, context)},
      {"EfficientNet-Lite0 logits", image_logits<Backend, Lite, Input<3, 75, 64>>(seed, context)}};
}

}  // namespace frostline::test
