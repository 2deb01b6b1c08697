// SPDX-License-Identifier: MIT
// What finetune does with any of its models: train, judge, and write down what came of it.
#include "finetuning.hpp"

#include <chrono>

#include "confusion_text.hpp"
#include "frostline/core/format.hpp"
#include "result_json.hpp"

namespace examples {

namespace {

Report report_of(const NetworkFacts& network, const DataSet& training, const DataSet& validation,
                 const FinetuningOptions& options, double seconds) {
  Report report;
  const std::filesystem::path data(options.data);
  report.title = fmt::format("Fine-tuning ResNet-18 on {}", data.filename().string());
  report.facts = {
      {"what trains", options.mode},
      {"pretrained weights", options.mode == "scratch" ? "none" : options.weights},
      {"parameters that train", fmt::format("{} of {}", network.trainable, network.parameters)},
      {"pictures",
       fmt::format("{} to train on, {} to validate", training.size(), validation.size())},
      {"crops and mirroring", options.augment ? "random" : "none"},
      {"epochs", std::to_string(options.epochs)},
      {"batch", std::to_string(options.batch)},
      {"learning rate", fmt::format("{}, a cosine", options.learning_rate)},
      {"seed", std::to_string(options.seed)},
      {"seconds", fmt::format("{:.1f}", seconds)},
      {"threads", std::to_string(network.threads)}};
  report.classes = training.classes;
  return report;
}

}  // namespace

void finetune(AnyTrainer& trainer, const NetworkFacts& network, const DataSet& training,
              const DataSet& validation, const FinetuningOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto [epochs, last] = train_and_predict(trainer, training, validation, options);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();

  frostline::ConfusionMatrix confusion(int(training.classes.size()));
  for (std::size_t i = 0; i < validation.size(); ++i)
    confusion.add(validation.labels[i], last.classes[i]);
  fmt::print("\nvalidation accuracy {:.1f} % after {:.1f} s; rows are true, columns predicted\n{}",
             100 * confusion.accuracy(), seconds, confusion_text(confusion, training.classes));

  const std::filesystem::path out(options.out);
  write_result(out / "result.json",
               {options.mode, seconds, options.seed, training.classes, epochs});
  Report report = report_of(network, training, validation, options, seconds);
  report.epochs = epochs;
  report.confusion = confusion;
  const std::size_t stride = std::max<std::size_t>(1, validation.size() / 30);
  for (std::size_t i = 0; i < validation.size(); i += stride)
    report.predictions.push_back(
        {validation.images[i], validation.labels[i], last.classes[i], last.probabilities[i]});
  write_report(out / "report.html", report);
}

}  // namespace examples
