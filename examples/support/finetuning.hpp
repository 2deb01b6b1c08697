// SPDX-License-Identifier: MIT
// The part of finetune that is the same for all models: data, training, evaluation, results.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "class_activation_map.hpp"
#include "data_set.hpp"
#include "frostline/train/fit.hpp"
#include "frostline/train/standardization.hpp"
#include "report.hpp"

namespace examples {

/// What finetune's command line says. Zeros and empty texts stand for values that depend on the
/// recipe and the model.
struct FinetuningOptions {
  std::string recipe = "probe";
  std::string model;
  std::string data = "examples/data/clipart10";
  std::string weights;
  std::string out = "out";
  int epochs = 0;
  int batch = 32;
  int side = 0;  // of the network's input
  float learning_rate = 0;
  bool upright = false;        // photos are turned as their EXIF data say
  std::string augment;         // whether training pictures are cropped and mirrored: yes or no
  double smallest_crop = 0.8;  // a frozen backbone cannot learn what a crop does to its features
  std::string cache = "f32";   // how features are cached, if possible: f32, f16 or none
  bool best = false;           // the weights of the best epoch are written, not those of the last
  std::uint64_t seed = 0;
};

/// Reads the command line and fills in what depends on the recipe and the model. Exits if the line
/// is wrong or asks for help.
FinetuningOptions parse_finetuning(int argc, char** argv, const std::string& model, int side,
                                   std::string& backend, const std::vector<std::string>& backends);

/// Facts about a network, for the report.
struct NetworkFacts {
  std::size_t trainable, parameters;
  int threads;
};

/// A run of finetune. For each step of the recipe, `begin` and then `probe` or `fit`; at the end,
/// `finish`.
class Finetuning {
 public:
  /// Opens the folders of pictures. Throws: Error if something is wrong with them.
  explicit Finetuning(const FinetuningOptions& options);

  int classes() const { return int(folders_.train.classes.size()); }
  /// Checks before the first step that the results can be written, and that the weights are there.
  /// `mode` names the layers that train. Throws: Error that says what is missing.
  void begin(const NetworkFacts& network, const std::string& mode);
  /// Fits the head to the features of all pictures, computed once, as a logistic regression, and
  /// passes its weight and bias to `write`. Counts as an epoch.
  void probe(frostline::FitTarget& target,
             const std::function<void(std::span<const float>, std::span<const float>)>& write);
  /// Trains by SGD.
  void fit(frostline::FitTarget& target);
  /// Trains the head by SGD on the features of all pictures, computed once and standardised: `head`
  /// is a linear layer's. Then `fold` makes of it the network's, for features as they are.
  void fit_head(frostline::FitTarget& target, frostline::FitTarget& head,
                const std::function<void(const frostline::Standardization&)>& fold);
  /// Whether, with `best`, no epoch after the probe was better than it. Then the results are the
  /// probe's, and the network must be as it was after the probe.
  bool keeps_probe();
  bool augments() const { return options_.augment == "yes"; }
  /// First calls `save` with the file and its metadata, since the weights took the most work;
  /// prints the confusion matrix and writes result.json and report.html. `features` of the saved
  /// file gives the report its heat maps; without it there are none.
  void finish(const std::function<void(const std::filesystem::path& file,
                                       const std::map<std::string, std::string>& metadata)>& save,
              const std::function<LastFeatures(const std::filesystem::path& file)>& features = {});

 private:
  frostline::FitOptions caching_options() const;
  frostline::FitOptions fit_options() const;
  void fit(frostline::FitTarget& target, const frostline::detail::DataView& training,
           const frostline::detail::DataView& validation);
  void load(bool varied);

  FinetuningOptions options_;
  Folders folders_;
  std::optional<frostline::ImageDataSet> training_, validation_;
  NetworkFacts network_{};
  std::string mode_;
  std::vector<EpochResult> epochs_;
  frostline::Validation judged_;
  std::optional<frostline::Validation> probed_;
  std::optional<double> regularization_;
  double seconds_ = 0;
};

}  // namespace examples
