// SPDX-License-Identifier: MIT
// The part of finetune that is the same for all models: data, training, evaluation, results.
#include "finetuning.hpp"

#include <chrono>

#include "command_line.hpp"
#include "confusion_text.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/images/image.hpp"
#include "frostline/optimizers/sgd.hpp"
#include "frostline/train/logistic_regression.hpp"
#include "model_file.hpp"
#include "output.hpp"
#include "result_json.hpp"
#include "watch.hpp"

namespace examples {

namespace fl = frostline;

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

fl::EvaluationTransform whole_picture(const FinetuningOptions& options) {
  return {options.side, options.side};
}

/// The picture from its file, or, if the file is gone, the picture in memory.
fl::Image shown(const fl::ImageDataSet& data, std::size_t i, bool upright) {
  using fl::Orientation;
  try {
    return fl::shrink(
        fl::read_image(data.path(i),
                       {.orientation = upright ? Orientation::upright : Orientation::as_stored}),
        320);
  } catch (const fl::Error&) {
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
                         whole_picture(options));
      };
      now.heat_of_prediction = heat_of(prediction);
      if (prediction != label) now.heat_of_truth = heat_of(label);
    }
    report.predictions.push_back(std::move(now));
  }
}

}  // namespace

FinetuningOptions parse_finetuning(int argc, char** argv, const std::string& model, int side,
                                   std::string& backend, const std::vector<std::string>& backends) {
  FinetuningOptions options;
  options.model = model;
  options.side = side;
  options.weights = model == "resnet18_w16" ? "examples/data/resnet18-w16.safetensors"
                                            : fmt::format("build/weights/{}.pth", model);
  CommandLine line(fmt::format(
      "Trains {} for pictures of {}x{} on the classes of a folder. (examples/run.sh has more "
      "options: --model NAME and --size N.)",
      model, side, side));
  line.choice(
      "--recipe", options.recipe,
      "probe: a new head, by logistic regression; head: by SGD; lp-ft: probe, then the last "
      "stage too at a small rate, with averaged weights; last-stage, all: from the start",
      {"probe", "head", "lp-ft", "last-stage", "all"});
  line.text("--data", options.data, "folder with train/ and val/, or with one folder per class");
  line.text("--weights", options.weights, "pretrained weights, or none");
  line.number("--epochs", options.epochs, "passes over the data; 0: 30, for lp-ft 1", 0, 100000);
  line.number("--batch", options.batch, "pictures per step", 2, 4096);
  line.number("--learning-rate", options.learning_rate,
              "highest value of a cosine; 0: 0.03 for head, 0.0003 for lp-ft, else 0.02");
  line.choice("--augment", options.augment,
              "crops and mirrors pictures at random; by default for last-stage and all. "
              "Without, frozen layers run once per picture",
              {"yes", "no"});
  line.share("--smallest-crop", options.smallest_crop,
             "least share of a picture that a crop keeps");
  line.flag("--upright", options.upright, "turn photos as their EXIF data say");
  line.choice("--cache", options.cache, "type of cached features, for pictures that do not vary",
              {"f32", "f16", "none"});
  line.flag("--best", options.best, "write the weights of the best epoch, not of the last");
  line.number("--seed", options.seed, "seed of all random numbers");
  line.choice("--backend", backend, "backend that computes", backends);
  line.text("--out", options.out, "folder for the results");
  line.parse(argc, argv);
  const bool head = options.recipe == "head", tunes = options.recipe == "lp-ft";
  if (options.augment.empty())
    options.augment = head || tunes || options.recipe == "probe" ? "no" : "yes";
  if (options.epochs == 0) options.epochs = tunes ? 1 : 30;
  if (options.learning_rate == 0) options.learning_rate = head ? 0.03f : tunes ? 0.0003f : 0.02f;
  return options;
}

Finetuning::Finetuning(const FinetuningOptions& options)
    : options_(options), folders_(open_folders(options.data, options.seed)) {
  fl::Sgd{.learning_rate = options.learning_rate}.check();
  if (options.recipe == "probe" && augments())
    throw fl::Error("--recipe probe sees each picture once: --augment yes is for other recipes");
  if (options.weights != "none" && !std::filesystem::exists(options.weights))
    throw fl::Error(fmt::format(
        "there are no pretrained weights '{}': give a file of {} with --weights, or --weights none",
        options.weights, options.model));
  if (!folders_.text.empty()) fmt::print("{}\n", folders_.text);
}

void Finetuning::begin(const NetworkFacts& network, const std::string& mode) {
  if (mode_.empty()) {
    constexpr std::size_t others = std::size_t(8) << 20;  // the page, with its pictures
    prepare_output(options_.out, {"finetuned.safetensors", "result.json", "report.html"},
                   network.parameters * sizeof(float) + others);
    check_report_tools();
  }
  network_ = network;
  mode_ = mode;
}

void Finetuning::load(bool varied) {
  constexpr std::size_t memory = std::size_t(128) << 20;  // for the pictures to train on
  const fl::EvaluationTransform whole = whole_picture(options_);
  const fl::TrainingTransform crops{.crop = options_.side, .min_scale = options_.smallest_crop};
  training_.reset();  // not the memory of both
  training_ = load_pictures(folders_.train, varied ? fl::ImageDataSet::Transform(crops) : whole,
                            "to train on", options_.upright, memory);
  if (!validation_)
    validation_ = load_pictures(folders_.val, whole, "to validate", options_.upright, memory / 4);
  fmt::print("{} classes; {}: {} of {} parameters train, on {} pictures; {} to validate\n",
             classes(), mode_, network_.trainable, network_.parameters, training_->size(),
             validation_->size());
}

void Finetuning::probe(
    fl::FitTarget& target,
    const std::function<void(std::span<const float>, std::span<const float>)>& write) {
  load(false);
  const auto start = Clock::now();
  const auto cache = fl::cached_features(target, *training_, caching_options());
  fl::LogisticRegressionOptions fitting;
  fitting.seed = options_.seed;
  fitting.epsilon = 0.01;  // of EfficientNet-Lite0, one weight is 1.2 instead of 63
  const auto fitted = fl::fit_logistic_regression(*cache, classes(), fitting);
  write(fitted.weight, fitted.bias);
  const double used = seconds_since(start);
  fmt::print("logistic regression: L2 of {:g}{}, loss {:.4f}, {} iterations{}\n",
             fitted.regularization,
             fitted.chosen ? ", chosen on a fifth of the pictures"
                           : " (no class has a picture to hold out, so that none was chosen)",
             fitted.loss, fitted.iterations, fitted.converged ? "" : ", not converged");
  probed_ = judged_ = fl::validate(target, *validation_, watched({}));
  seconds_ += seconds_since(start);
  regularization_ = fitted.regularization;
  epochs_.push_back({.epoch = 1,
                     .training_loss = fitted.loss,
                     .validation_loss = judged_.evaluation.loss(),
                     .validation_accuracy = judged_.evaluation.accuracy(),
                     .images_per_second = used > 0 ? double(training_->size()) / used : 0});
  fmt::print("probe: validation loss {:.4f}, accuracy {:.1f} %\n", judged_.evaluation.loss(),
             100 * judged_.evaluation.accuracy());
}

fl::FitOptions Finetuning::caching_options() const {  // features of a head are always cached
  fl::FitOptions caching;
  if (options_.cache == "f16") caching.cache->type = fl::ElementType::f16;
  return watched(caching);
}

fl::FitOptions Finetuning::fit_options() const {
  fl::FitOptions fitting{.epochs = options_.epochs,
                         .batch = options_.batch,
                         .seed = options_.seed,
                         .restore_best = options_.best};
  if (options_.cache == "f16") fitting.cache->type = fl::ElementType::f16;
  if (options_.cache == "none") fitting.cache.reset();
  return watched(fitting);
}

void Finetuning::fit(fl::FitTarget& target) {
  load(augments());
  fit(target, *training_, *validation_);
}

void Finetuning::fit(fl::FitTarget& target, const fl::detail::DataView& training,
                     const fl::detail::DataView& validation) {
  const auto start = Clock::now();
  fl::FitResult result = fl::fit(target, training, validation, fit_options());
  seconds_ += seconds_since(start);
  for (EpochResult& epoch : result.epochs) {
    epoch.epoch = int(epochs_.size()) + 1;  // a probe before was the first
    epochs_.push_back(epoch);
  }
  judged_ = std::move(result.validation);
}

bool Finetuning::keeps_probe() {
  if (!probed_) return false;
  const double probed = probed_->confusion.accuracy(), now = judged_.confusion.accuracy();
  if (!options_.best && probed > now)
    fmt::print(
        "NOTE: {:.1f} % were right after the probe, {:.1f} % after the last epoch; --best "
        "keeps the best\n",
        100 * probed, 100 * now);
  if (!options_.best || probed < now) return false;
  fmt::print("no epoch was better than the probe, which is kept\n");
  judged_ = *probed_;
  return true;
}

void Finetuning::fit_head(fl::FitTarget& target, fl::FitTarget& head,
                          const std::function<void(const fl::Standardization&)>& fold) {
  load(false);
  const auto start = Clock::now();
  std::optional<fl::Standardization> standard;  // of the pictures to train on
  const auto features = [&](const fl::ImageDataSet& data) {
    const auto cache = fl::cached_features(
        target, data, caching_options(),
        standard ? fl::FitPhase::features_to_validate : fl::FitPhase::features_to_train);
    if (!standard) standard.emplace(*cache);
    std::vector<float> rows;
    std::vector<int> labels;
    for (std::size_t i = 0; i < data.size(); ++i) {
      const auto row = cache->gather(std::span(&i, 1)).features;
      rows.insert(rows.end(), row.begin(), row.end());
      labels.push_back(data.label(i));
    }
    standard->apply(rows);
    return fl::TensorDataSet(head.input_shape(), std::move(rows), std::move(labels), classes());
  };
  const fl::TensorDataSet training = features(*training_), validation = features(*validation_);
  seconds_ += seconds_since(start);
  fit(head, training, validation);
  fold(*standard);
}

void Finetuning::finish(const std::function<void(const std::filesystem::path&,
                                                 const std::map<std::string, std::string>&)>& save,
                        const std::function<LastFeatures(const std::filesystem::path&)>& features) {
  const std::filesystem::path out(options_.out), weights = out / "finetuned.safetensors";
  const std::vector<std::string>& names = folders_.train.classes;
  std::map<std::string, std::string> metadata =
      metadata_of({options_.model, whole_picture(options_), names, options_.upright});
  save(weights, metadata);

  const fl::ConfusionMatrix& confusion = judged_.confusion;
  fmt::print("\nvalidation accuracy {:.1f} % after {:.1f} s; rows are true, columns predicted\n{}",
             100 * confusion.accuracy(), seconds_, confusion_text(confusion, names));

  write_result(out / "result.json",
               {mode_, options_.recipe, options_.model, options_.weights, regularization_, seconds_,
                options_.seed, names, epochs_, options_.recipe == "lp-ft"});
  Report report;
  report.title = fmt::format("Fine-tuning {} on {}", options_.model, folder_name(options_.data));
  report.facts = {
      {"recipe", options_.recipe},
      {"trainable layers", mode_},
      {"pretrained weights", options_.weights},
      {"trainable parameters", fmt::format("{} of {}", network_.trainable, network_.parameters)},
      {"pictures", fmt::format("{} to train on, {} to validate, of {}x{}", training_->size(),
                               validation_->size(), options_.side, options_.side)}};
  if (regularization_) report.facts.push_back({"L2", fmt::format("{:g}", *regularization_)});
  if (options_.recipe != "probe")
    report.facts.insert(report.facts.end(),
                        {{"crops and mirroring", augments() ? "random" : "none"},
                         {"epochs", std::to_string(options_.epochs)},
                         {"batch", std::to_string(options_.batch)},
                         {"learning rate", fmt::format("{}, a cosine", options_.learning_rate)}});
  if (options_.recipe == "lp-ft")
    report.facts.push_back({"weights", "after the probe, averaged over the steps"});
  report.facts.insert(report.facts.end(), {{"seed", std::to_string(options_.seed)},
                                           {"seconds", fmt::format("{:.1f}", seconds_)},
                                           {"threads", std::to_string(network_.threads)}});
  report.classes = names;
  report.epochs = epochs_;
  report.confusion = confusion;
  std::optional<LastFeatures> last_features;
  try {
    if (features) last_features = features(weights);
  } catch (const fl::Error& error) {
    fmt::print(stderr, "the report has no heat maps: {}\n", error.what());
  }
  add_predictions(report, *validation_, judged_, options_, last_features);
  write_report(out / "report.html", report);
  fmt::print("\nwrote finetuned.safetensors, report.html and result.json to {}\n",
             std::filesystem::absolute(out).lexically_normal().string());
}

}  // namespace examples
