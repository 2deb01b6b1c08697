// SPDX-License-Identifier: MIT
// compiled_model: a CompiledModel of a type, for the source files that compile the networks.
#pragma once

#include <utility>

#include "classifier.hpp"
#include "frostline/backend/cpu.hpp"
#include "frostline/checkpoint/load.hpp"
#include "frostline/network/network.hpp"
#include "frostline/rewrite/frozen.hpp"

namespace examples {

template <class Network>
class ClassifierOf final : public Classifier {
 public:
  explicit ClassifierOf(Network network) : network_(std::move(network)) {}
  std::span<const float> logits(std::span<const float> image) override {
    return network_.predict(image);
  }

 private:
  Network network_;
};

/// All layers are frozen, so the network only does inference: no gradients, no backward code.
/// Pictures are resized as for ImageNet, to 256 for 224, unless their file or `resize` says else.
template <class Model, int Size>
CompiledModel compiled_model(std::string_view name, int resize = Size * 8 / 7) {
  using Net = frostline::Network<frostline::Freeze<Model>, frostline::Input<3, Size, Size>>;
  return {name, Size, resize,
          [](const std::filesystem::path& weights, int classes) -> std::unique_ptr<Classifier> {
            Net network{frostline::max_batch(1), frostline::classes(classes)};
            frostline::load(network, weights);
            return std::make_unique<ClassifierOf<Net>>(std::move(network));
          }};
}

}  // namespace examples
