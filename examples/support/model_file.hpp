// SPDX-License-Identifier: MIT
// What a file of weights says about its network: model, size of pictures, normalisation, classes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "frostline/data/transform.hpp"
#include "frostline/io/weights/state_dict.hpp"

namespace examples {

/// The network of a file, and how it takes pictures.
struct ModelFacts {
  std::string model;  // "resnet18"
  frostline::EvaluationTransform transform{};
  std::vector<std::string> classes{};  // names, in the order of the outputs; none if not known
  bool upright = false;                // photos are turned as their EXIF data say
};

/// The metadata that model_facts reads.
/// Shapes: as many classes as the network has outputs.
std::map<std::string, std::string> metadata_of(const ModelFacts& facts);

/// Reads a safetensors file's metadata, all of which are text: "model"; "size", the side of the
/// network's input; "resize", to which a picture's shorter side is resized (the size, if it is
/// missing); "mean" and "std", three numbers each with spaces between, for pixels of 0 to 1; and
/// "classes", a name a line; "upright", yes or no. What the file does not say is as in `otherwise`.
/// Throws: Error, which names the key and its text, if it is not of this form, if there is only one
/// of mean and std, or a resize without a size.
ModelFacts model_facts(const frostline::StateDict& file, const ModelFacts& otherwise);

/// The number of outputs of a classifier's linear layer in the file, one of linear_layers, also
/// after a prefix such as "module."; nullopt if there is none. Throws: Error if the facts name
/// another number of classes.
std::optional<int> outputs_of(const frostline::StateDict& file, const ModelFacts& facts);

}  // namespace examples
