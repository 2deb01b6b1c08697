// SPDX-License-Identifier: MIT
// Segmentation: a dense head on a frozen backbone learns which pixel belongs to which class.
#include <frostline/frostline.hpp>
#include <frostline/io/images/image.hpp>

#include "support/command_line.hpp"
#include "support/output.hpp"
#include "support/progress.hpp"
#include "support/scenes.hpp"

namespace fl = frostline;

constexpr int classes = 11, side = 192;  // the data set's ten, and the background
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

/// The class of each pixel of each scene, batch by batch.
template <class Visit>  // visit(index of scene, predicted labels)
void predict_scenes(Net& network, std::span<const examples::Scene> scenes, Visit visit) {
  const std::size_t pixels = Net::output_shape.pixels();
  std::vector<int> labels(pixels);
  for (std::size_t first = 0; first < scenes.size();) {
    const std::size_t count = std::min(scenes.size() - first, std::size_t(network.max_batch()));
    const examples::Batch batch = examples::batch_of(scenes.subspan(first, count));
    const std::span<const float> logits = network.predict(batch.images);
    for (std::size_t n = 0; n < count; ++n) {
      for (std::size_t p = 0; p < pixels; ++p)
        labels[p] =
            fl::predicted_class(Net::output_shape, logits.data() + n * Net::output_shape.size(), p);
      visit(first + n, labels);
    }
    first += count;
  }
}

void run(const Options& options) {
  const std::filesystem::path out(options.out);
  examples::prepare_output(out, {"segmenter.safetensors", "segmented.png"},
                           Net::parameter_count() * sizeof(float));
  const examples::Keep keep = examples::keep_for_crops(side / 2, 1);  // the largest cut-out
  const auto [training, validation] =
      examples::load_data_sets(options.data, classes - 1, keep, keep);
  std::vector<examples::Scene> held_out;
  for (int i = 0; i < 48; ++i)
    held_out.push_back(examples::make_scene(validation, side, std::uint64_t(i)));

  Net network{fl::max_batch(options.batch), fl::seed(options.seed)};
  fmt::print("{}: {}\n", options.weights, fl::load_pretrained(network, options.weights).text());
  fl::Trainer trainer{network, fl::CrossEntropy{},
                      fl::Sgd{.momentum = 0.9f, .weight_decay = 1e-4f}};
  const int batches = (options.scenes + options.batch - 1) / options.batch;
  const fl::CosineSchedule schedule{.peak = options.learning_rate,
                                    .warmup_steps = batches / 2,
                                    .steps = batches * options.epochs};
  int step = 0;
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    examples::Progress progress(fmt::format("epoch {}/{}", epoch, options.epochs),
                                std::size_t(options.scenes));
    for (int b = 0; b < batches; ++b) {
      std::vector<examples::Scene> scenes;
      for (int i = 0; i < std::min(options.batch, options.scenes - b * options.batch); ++i)
        scenes.push_back(examples::make_scene(
            training, side,
            (options.seed * 1'000'003 + std::uint64_t(step)) * 1'000'003 + std::uint64_t(i) + 1));
      const examples::Batch batch = examples::batch_of(scenes);
      trainer.optimizer.learning_rate = schedule(step++);
      progress.advance(scenes.size(), double(trainer.step(batch.images, batch.labels)));
    }
    progress.finish();
    fl::ConfusionMatrix confusion(classes);
    predict_scenes(network, held_out, [&](std::size_t i, std::span<const int> labels) {
      for (std::size_t p = 0; p < labels.size(); ++p)
        confusion.add(held_out[i].labels[p], labels[p]);
    });
    fmt::print(
        "epoch {}/{}  loss {:.4f}  pixel accuracy {:.1f} %  mean IoU {:.3f}  {:.0f} scenes/s\n",
        epoch, options.epochs, progress.mean_loss(), 100 * confusion.accuracy(),
        confusion.mean_intersection_over_union(), progress.images_per_second());
    if (epoch < options.epochs) continue;
    fmt::print("\nintersection over union by class\n");
    for (int k = 0; k < classes; ++k)
      fmt::print("  {:<12} {:.3f}\n", k == 0 ? "background" : training.classes[std::size_t(k - 1)],
                 confusion.intersection_over_union(k));
  }

  fl::save(network, out / "segmenter.safetensors");
  std::vector<fl::Image> sheet;
  predict_scenes(network, std::span(held_out).first(6),
                 [&](std::size_t i, std::span<const int> labels) {
                   sheet.push_back(held_out[i].image);
                   sheet.push_back(examples::paint_labels(held_out[i].labels, side));
                   sheet.push_back(examples::paint_labels(labels, side));
                 });
  fl::write_png(out / "segmented.png", examples::tile(sheet, 3));
  fmt::print("\nwrote segmented.png (scene, truth, prediction) and segmenter.safetensors to {}\n",
             std::filesystem::absolute(out).lexically_normal().string());
}

int main(int argc, char** argv) {
  Options options;
  examples::CommandLine line(
      "Learns to segment scenes that it makes of the cut-outs in DATA/train");
  line.text("--data", options.data, "folder with train/ and val/");
  line.text("--weights", options.weights, "pretrained weights");
  line.number("--epochs", options.epochs, "passes over the data", 1, 100000);
  line.number("--batch", options.batch, "scenes a step", 2, 1024);
  line.number("--scenes", options.scenes, "new scenes an epoch", 2, 1000000);
  line.number("--learning-rate", options.learning_rate, "the highest; it follows a cosine");
  line.number("--seed", options.seed, "of what is drawn at random");
  line.text("--out", options.out, "folder for what is written");
  line.parse(argc, argv);
  try {
    run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
