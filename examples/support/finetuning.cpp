// SPDX-License-Identifier: MIT
// The part of finetune that is the same for all models: training, evaluation, results.
#include "finetuning.hpp"

#include <chrono>

#include "confusion_text.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/images/image.hpp"
#include "frostline/optimizers/sgd.hpp"
#include "output.hpp"
#include "result_json.hpp"
#include "watch.hpp"

namespace examples {

namespace {

Report report_of(const NetworkFacts& network, const DataSets& data,
                 const FinetuningOptions& options, double seconds) {
  Report report;
  report.title = fmt::format("Fine-tuning ResNet-18 on {}", folder_name(options.data));
  report.facts = {
      {"trainable layers", options.mode},
      {"pretrained weights", options.mode == "scratch" ? "none" : options.weights},
      {"trainable parameters", fmt::format("{} of {}", network.trainable, network.parameters)},
      {"pictures",
       fmt::format("{} to train on, {} to validate", data.training.size(), data.validation.size())},
      {"crops and mirroring", options.augment ? "random" : "none"},
      {"epochs", std::to_string(options.epochs)},
      {"batch", std::to_string(options.batch)},
      {"learning rate", fmt::format("{}, a cosine", options.learning_rate)},
      {"seed", std::to_string(options.seed)},
      {"seconds", fmt::format("{:.1f}", seconds)},
      {"threads", std::to_string(network.threads)}};
  report.classes = data.training.classes();
  return report;
}

frostline::EvaluationTransform whole(const FinetuningOptions& options) {
  return {options.side, options.side};
}

/// The picture from its file, or, if the file is gone, the picture in memory.
frostline::Image shown(const frostline::ImageDataSet& data, std::size_t i, bool upright) {
  using frostline::Orientation;
  try {
    return frostline::shrink(
        frostline::read_image(
            data.path(i), {.orientation = upright ? Orientation::upright : Orientation::as_stored}),
        320);
  } catch (const frostline::Error&) {
    return data.image(i);
  }
}

/// Adds all outcomes, and some predictions with their pictures and heat maps.
void add_predictions(Report& report, const frostline::ImageDataSet& data,
                     const frostline::Validation& validation, const FinetuningOptions& options,
                     const std::optional<LastFeatures>& features) {
  for (std::size_t i = 0; i < data.size(); ++i) {
    const auto& [prediction, probability] = validation.predictions[i];
    report.outcomes.push_back({probability, prediction == data.label(i)});
  }
  std::vector<float> input(data.facts().image.size());
  for (const std::size_t i : predictions_to_show(report.outcomes)) {
    const auto& [prediction, probability] = validation.predictions[i];
    ShownPrediction now{shown(data, i, options.upright), data.label(i), prediction, probability};
    if (features) {
      int label = 0;
      data.read(i, 0, input, {&label, 1});
      const std::span<const float> map = features->of_image(input);
      const auto heat_of = [&](int k) {
        return with_heat(now.image,
                         class_activation_map(features->shape, map, features->weights, k),
                         whole(options));
      };
      now.heat_of_prediction = heat_of(prediction);
      if (prediction != label) now.heat_of_truth = heat_of(label);
    }
    report.predictions.push_back(std::move(now));
  }
}

}  // namespace

void prepare_finetuning(const FinetuningOptions& options, std::size_t weight_bytes) {
  frostline::Sgd{.learning_rate = options.learning_rate}.check();
  constexpr std::size_t others = std::size_t(8) << 20;  // the page, with its pictures
  prepare_output(options.out, {"finetuned.safetensors", "result.json", "report.html"},
                 weight_bytes + others);
  check_report_tools();
}

DataSets load_pictures(const FinetuningOptions& options, int classes) {
  const frostline::EvaluationTransform all = whole(options);
  const frostline::TrainingTransform crops{.crop = options.side,
                                           .min_scale = options.smallest_crop};
  if (!options.augment) return load_data_sets(options.data, classes, all, all, options.upright);
  return load_data_sets(options.data, classes, crops, all, options.upright);
}

void finetune(frostline::FitTarget& trainer, const NetworkFacts& network, const DataSets& data,
              const FinetuningOptions& options, const std::function<void()>& save,
              const std::function<LastFeatures()>& features) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto& [training, validation] = data;
  frostline::FitOptions fitting{.epochs = options.epochs,
                                .batch = options.batch,
                                .seed = options.seed,
                                .restore_best = options.best};
  if (options.cache == "f16") fitting.cache->type = frostline::ElementType::f16;
  if (options.cache == "none") fitting.cache.reset();
  const frostline::FitResult fit = frostline::fit(trainer, training, validation, watched(fitting));
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  save();

  const frostline::ConfusionMatrix& confusion = fit.validation.confusion;
  fmt::print("\nvalidation accuracy {:.1f} % after {:.1f} s; rows are true, columns predicted\n{}",
             100 * confusion.accuracy(), seconds, confusion_text(confusion, training.classes()));

  const std::filesystem::path out(options.out);
  write_result(out / "result.json",
               {options.mode, seconds, options.seed, training.classes(), fit.epochs});
  Report report = report_of(network, data, options, seconds);
  report.epochs = fit.epochs;
  report.confusion = confusion;
  add_predictions(report, validation, fit.validation, options,
                  features ? std::optional(features()) : std::nullopt);
  write_report(out / "report.html", report);
}

}  // namespace examples
