// SPDX-License-Identifier: MIT
// Classifier: a network of any model, for programs that choose the model when they run.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace examples {

/// The names of the layers that give the classes: of ResNet, EfficientNet-Lite, MobileNetV2 and
/// EfficientNet-B0, ConvNeXt, ViT-B/16 and ViT-S/14.
inline constexpr std::string_view linear_layers[]{"fc",           "_fc",        "classifier.1",
                                                  "classifier.2", "heads.head", "head"};

/// A network that classifies one image at a time.
class Classifier {
 public:
  virtual ~Classifier() = default;
  /// Valid until the next call. Shapes: {3, size, size} to (classes).
  virtual std::span<const float> logits(std::span<const float> image) = 0;
};

/// A model of which a program has a network, for images of one size.
struct CompiledModel {
  std::string_view name;
  int size;
  int resize;  // to which a picture's shorter side is resized, if the file does not say
  /// Makes the network and loads its weights. Throws: Error if they do not fit, or there are too
  /// many classes.
  std::unique_ptr<Classifier> (*load)(const std::filesystem::path& weights, int classes);
};

/// In predict_resnet.cpp, predict_efficientnet_lite.cpp and predict_others.cpp, which compile side
/// by side.
std::vector<CompiledModel> resnets();
std::vector<CompiledModel> efficientnet_lites();
std::vector<CompiledModel> other_models();

}  // namespace examples
