// SPDX-License-Identifier: MIT
// The main job: fine-tunes a pretrained ResNet-18 on a folder of pictures, with a new head.
#include <CLI/CLI.hpp>
#include <chrono>
#include <frostline/frostline.hpp>
#include <optional>

#include "support/confusion_text.hpp"
#include "support/result_json.hpp"
#include "support/training.hpp"

namespace fl = frostline;

// One class a folder; another data set wants another number here. The pretrained model's own
// number of classes does not matter: its head is replaced.
constexpr int classes = 10, side = 96;
using Pretrained = fl::ResNet18<16, fl::ClassifierHead<128, 34>>;
using NewHead = fl::ClassifierHead<128, classes>;

// What trains is part of the type: four models, four networks.
using HeadOnly = fl::ReplaceHead<fl::Freeze<Pretrained>, NewHead>;
using Layer4 = fl::Unfreeze<HeadOnly, "layer4", "fc">;
using Everything = fl::ReplaceHead<Pretrained, NewHead>;
using Scratch = fl::ResNet18<16, NewHead>;

struct Options : examples::TrainingOptions {
  std::string mode = "head";
  std::filesystem::path data = "examples/data/clipart10";
  std::string weights = "examples/data/resnet18-w16.safetensors";
  std::filesystem::path out = "out";
};

template <class Model>
void run(const Options& options) {
  using Clock = std::chrono::steady_clock;
  const examples::DataSet training = examples::load_data_set(options.data / "train", classes);
  const examples::DataSet validation = examples::load_data_set(options.data / "val", classes);
  std::filesystem::create_directories(options.out);

  fl::Network<Model, fl::Input<3, side, side>> network{fl::max_batch(options.batch),
                                                       fl::seed(options.seed)};
  fmt::print("--train {}: {} of {} parameters train, on {} pictures; {} to validate\n",
             options.mode, fl::with_commas(std::int64_t(network.trainable_count())),
             fl::with_commas(std::int64_t(network.parameter_count())), training.size(),
             validation.size());
  if (options.mode != "scratch" && options.weights != "none")
    fmt::print("{}: {}\n", options.weights, fl::load_pretrained(network, options.weights).text());
  else
    fmt::print("no pretrained weights: Kaiming initialisation from seed {}\n", options.seed);

  fl::Trainer trainer{network, fl::CrossEntropy{.label_smoothing = 0.1f},
                      fl::Sgd{.momentum = 0.9f, .weight_decay = 5e-4f, .nesterov = true}};
  const auto start = Clock::now();
  const auto epochs = examples::train(trainer, training, validation, side, options);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();

  const examples::Predictions last =
      examples::predict_all(trainer, validation, side, options.batch);
  fl::ConfusionMatrix confusion(classes);
  for (std::size_t i = 0; i < validation.size(); ++i)
    confusion.add(validation.labels[i], last.classes[i]);
  fmt::print("\nvalidation accuracy {:.1f} % after {:.1f} s; rows are true, columns predicted\n{}",
             100 * confusion.accuracy(), seconds,
             examples::confusion_text(confusion, training.classes));

  std::string names;
  for (const std::string& name : training.classes) names += (names.empty() ? "" : "\n") + name;
  fl::save(network, options.out / "finetuned.safetensors", fl::ElementType::f32,
           {{"format", "pt"}, {"classes", names}});
  examples::write_result(options.out / "result.json",
                         {options.mode, seconds, options.seed, training.classes, epochs});

  examples::Report report;
  report.title = fmt::format("Fine-tuning ResNet-18 on {}", options.data.filename().string());
  report.facts = {{"what trains", options.mode},
                  {"pretrained weights", options.mode == "scratch" ? "none" : options.weights},
                  {"parameters that train",
                   fmt::format("{} of {}", fl::with_commas(std::int64_t(network.trainable_count())),
                               fl::with_commas(std::int64_t(network.parameter_count())))},
                  {"pictures", fmt::format("{} to train on, {} to validate", training.size(),
                                           validation.size())},
                  {"epochs", std::to_string(options.epochs)},
                  {"batch", std::to_string(options.batch)},
                  {"learning rate", fmt::format("{}, a cosine", options.learning_rate)},
                  {"seed", std::to_string(options.seed)},
                  {"seconds", fmt::format("{:.1f}", seconds)},
                  {"threads", std::to_string(network.threads())}};
  report.classes = training.classes;
  report.epochs = epochs;
  report.confusion = confusion;
  const std::size_t stride = std::max<std::size_t>(1, validation.size() / 30);
  for (std::size_t i = 0; i < validation.size(); i += stride)
    report.predictions.push_back(
        {validation.images[i], validation.labels[i], last.classes[i], last.probabilities[i]});
  examples::write_report(options.out / "report.html", report);
  fmt::print("\nwrote finetuned.safetensors, report.html and result.json to {}\n",
             std::filesystem::absolute(options.out).lexically_normal().string());
}

int main(int argc, char** argv) {
  CLI::App app{"Fine-tunes a ResNet-18 of width 16 on DATA/train and DATA/val, one folder a class"};
  Options options;
  std::optional<float> learning_rate;
  app.add_option("--train", options.mode, "what trains: head, layer4 (and head), all, or scratch")
      ->capture_default_str()
      ->check(CLI::IsMember({"head", "layer4", "all", "scratch"}));
  app.add_option("--data", options.data, "folder with train/ and val/")->capture_default_str();
  app.add_option("--weights", options.weights, "pretrained weights, or none")
      ->capture_default_str();
  app.add_option("--epochs", options.epochs)->capture_default_str()->check(CLI::Range(1, 100000));
  app.add_option("--batch", options.batch)->capture_default_str()->check(CLI::Range(2, 4096));
  app.add_option("--learning-rate", learning_rate,
                 "the highest; it follows a cosine [0.05 for head and scratch, else 0.02]");
  app.add_option("--smallest-crop", options.smallest_crop, "share of a picture a crop keeps")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 1.0));
  app.add_option("--seed", options.seed)->capture_default_str();
  app.add_option("--out", options.out, "folder for what is written")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const bool fresh = options.mode == "head" || options.mode == "scratch";
  options.learning_rate = learning_rate.value_or(fresh ? 0.05f : 0.02f);

  try {
    if (options.mode == "head")
      run<HeadOnly>(options);
    else if (options.mode == "layer4")
      run<Layer4>(options);
    else if (options.mode == "all")
      run<Everything>(options);
    else
      run<Scratch>(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
