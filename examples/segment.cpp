// SPDX-License-Identifier: MIT
// Segmentation: a dense head on a frozen backbone learns the class of each pixel.
#include <fmt/core.h>

#include <frostline/frostline.hpp>
#include <frostline/io/images/image.hpp>

#include "support/command_line.hpp"
#include "support/output.hpp"
#include "support/scenes.hpp"
#include "support/watch.hpp"

namespace fl = frostline;

constexpr int classes = 11, side = 192;  // the data set's ten classes, and the background
using Pretrained = fl::ResNet18<16, fl::ClassifierHead<128, 34>>;
using Model = fl::ReplaceHead<fl::Freeze<Pretrained>, fl::FcnHead<128, classes>>;
using Net = fl::Network<Model, fl::Input<3, side, side>>;

struct Options {
  std::string data = "examples/data/clipart10", out = "out";
  std::string weights = "examples/data/resnet18-w16.safetensors";
  int epochs = 12, batch = 8, scenes = 240;
  float learning_rate = 0.05f;
  std::uint64_t seed = 0;
};

void run(const Options& options) {
  const std::filesystem::path out(options.out);
  examples::prepare_output(out, {"segmenter.safetensors", "segmented.png"},
                           Net::parameter_count() * sizeof(float));
  const fl::EvaluationTransform whole{side, side};  // as large as the largest cut-out
  const auto data_sets = examples::load_data_sets(options.data, classes - 1, whole, whole);
  const auto& [training, validation] = data_sets;
  const examples::Scenes scenes(training, side, options.scenes, true);
  const examples::Scenes held_out(validation, side, 48, false);

  Net network{fl::max_batch(options.batch), fl::seed(options.seed)};
  fmt::print("{}: {}\n", options.weights, fl::load_pretrained(network, options.weights).text());
  fl::Trainer trainer{
      network, fl::CrossEntropy{},
      fl::Sgd{.learning_rate = options.learning_rate, .momentum = 0.9f, .weight_decay = 1e-4f}};
  fl::FitOptions fitting{.epochs = options.epochs, .seed = options.seed};
  fitting.score = [](const fl::Validation& v) {
    return v.confusion.mean_intersection_over_union();
  };
  fitting.on_epoch = [&](const fl::EpochResult& now, const fl::Validation& v, bool) {
    fmt::print(
        "epoch {}/{}  loss {:.4f}  pixel accuracy {:.1f} %  mean IoU {:.3f}  {:.0f} scenes/s\n",
        now.epoch, options.epochs, now.training_loss, 100 * v.confusion.accuracy(),
        v.confusion.mean_intersection_over_union(), now.images_per_second);
    return true;
  };
  const fl::FitResult result =
      fl::fit(trainer, scenes, held_out, examples::watched(fitting, "scenes"));
  fmt::print("\nintersection over union by class, after the best epoch, {}\n", result.kept);
  for (int k = 0; k < classes; ++k)
    fmt::print("  {:<12} {:.3f}\n", k == 0 ? "background" : training.classes()[std::size_t(k - 1)],
               result.validation.confusion.intersection_over_union(k));

  fl::save(network, out / "segmenter.safetensors");
  std::vector<fl::Image> sheet;
  const auto paint = [&](std::size_t i, std::span<const float> logits) {
    const examples::Scene scene = examples::make_scene(data_sets.validation, side, i);
    std::vector<int> labels;
    for (std::size_t p = 0; p < scene.labels.size(); ++p)
      labels.push_back(fl::predicted_class(Net::output_shape, logits.data(), p));
    sheet.push_back(scene.image);
    sheet.push_back(examples::paint_labels(scene.labels, side));
    sheet.push_back(examples::paint_labels(labels, side));
  };
  fl::predict_all(network, examples::Scenes(validation, side, 6, false), paint);
  fl::write_png(out / "segmented.png", examples::tile(sheet, 3));
  fmt::print("\nwrote segmented.png (scene, truth, prediction) and segmenter.safetensors to {}\n",
             std::filesystem::absolute(out).lexically_normal().string());
}

int main(int argc, char** argv) {
  Options options;
  examples::CommandLine line(
      "Learns to segment scenes that it composes from the cut-outs in DATA/train");
  line.text("--data", options.data, "folder with train/ and val/");
  line.text("--weights", options.weights, "pretrained weights");
  line.number("--epochs", options.epochs, "passes over the data", 1, 100000);
  line.number("--batch", options.batch, "scenes per step", 2, 1024);
  line.number("--scenes", options.scenes, "new scenes per epoch", 2, 1000000);
  line.number("--learning-rate", options.learning_rate, "highest value of a cosine");
  line.number("--seed", options.seed, "seed of all random numbers");
  line.text("--out", options.out, "folder for the results");
  line.parse(argc, argv);
  try {
    run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
