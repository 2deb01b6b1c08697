// SPDX-License-Identifier: MIT
// Segmentation: a dense head on a frozen backbone learns the class of each pixel.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <frostline/frostline.hpp>
#include <frostline/io/images/image.hpp>
#include <frostline/io/weights/read_weights.hpp>
#include <frostline/models/efficientnet_lite.hpp>
#include <frostline/models/unet.hpp>

#include "support/command_line.hpp"
#include "support/model_file.hpp"
#include "support/output.hpp"
#include "support/scenes.hpp"
#include "support/watch.hpp"

namespace fl = frostline;

constexpr int classes = 11, side = 256;  // the data set's ten classes, and the background
using Image = fl::Input<3, side, side>;

/// A U-Net on EfficientNet-Lite0, for its ImageNet weights.
struct LiteUNet {
  static constexpr std::string_view name = "efficientnet_lite0_unet";
  static constexpr const char* weights = "build/weights/efficientnet_lite0.pth";
  using Head = fl::UNetHead<1280, classes, fl::Skip<"_blocks.10", 112, 192>,
                            fl::Skip<"_blocks.4", 40, 64>, fl::Skip<"_blocks.2", 24, 48>>;
  using Model = fl::ReplaceHead<fl::Freeze<fl::EfficientNetLite0<>>, Head>;
};
/// A fully convolutional head on the small ResNet-18, whose weights are among the examples' data.
struct SmallFcn {
  static constexpr std::string_view name = "resnet18_w16_fcn";
  static constexpr const char* weights = "examples/data/resnet18-w16.safetensors";
  using Pretrained = fl::ResNet18<16, fl::ClassifierHead<128, 34>>;
  using Model = fl::ReplaceHead<fl::Freeze<Pretrained>, fl::FcnHead<128, classes>>;
};
constexpr fl::Shape output_shape{classes, side, side};  // of both

struct Options {
  std::string data = "examples/data/clipart10", out = "out";
  std::string model, weights, picture;
  int epochs = 14, batch = 8, scenes = 480;
  float learning_rate = 0.002f;
  std::uint64_t seed = 0;
};

const fl::EvaluationTransform whole_scene{side, side};

std::vector<int> predicted_labels(std::span<const float> logits) {
  std::vector<int> labels;
  for (std::size_t p = 0; p < output_shape.pixels(); ++p)
    labels.push_back(fl::predicted_class(output_shape, logits.data(), p));
  return labels;
}

/// The square of a picture that the network got, from its input.
fl::Image seen(std::span<const float> input, const fl::EvaluationTransform& transform) {
  fl::Image image{side, side, {}};
  for (std::size_t p = 0; p < std::size_t(side) * side; ++p)
    for (std::size_t c = 0; c < 3; ++c)
      image.pixels.push_back(std::uint8_t(std::lround(
          255 * std::clamp(input[c * side * side + p] * transform.normalization.deviation[c] +
                               transform.normalization.mean[c],
                           0.0f, 1.0f))));
  return image;
}

/// What a file that an earlier run has saved says. Throws: Error unless this program can use it.
examples::ModelFacts facts_of(const std::string& weights) {
  const examples::ModelFacts facts = examples::model_facts(
      fl::read_weights(weights), {.model = "(not named)", .transform = whole_scene});
  if (facts.model != LiteUNet::name && facts.model != SmallFcn::name)
    throw fl::Error(
        fmt::format("'{}': the model is '{}', but --picture takes a segmenter.safetensors, "
                    "whose model is '{}' or '{}'",
                    weights, facts.model, LiteUNet::name, SmallFcn::name));
  if (facts.transform.crop != side)
    throw fl::Error(
        fmt::format("'{}': pictures have {} pixels, but this program was compiled for {}", weights,
                    facts.transform.crop, side));
  if (facts.classes.size() != std::size_t(classes))
    throw fl::Error(fmt::format("'{}' names {} classes, but this program was compiled for {}",
                                weights, facts.classes.size(), classes));
  return facts;
}

template <class Segmenter>
std::vector<int> labels_of(const std::string& weights, std::span<const float> input) {
  fl::Network<fl::Freeze<typename Segmenter::Model>, Image> network{fl::max_batch(1)};
  fl::load(network, weights);
  return predicted_labels(network.predict(input));
}

/// Segments one picture with a file that an earlier run has saved.
void segment_picture(const Options& options) {
  const std::filesystem::path out(options.out);
  examples::prepare_output(out, {"segmented.png"}, 0);
  const std::string weights =
      options.weights.empty() ? (out / "segmenter.safetensors").string() : options.weights;
  const examples::ModelFacts facts = facts_of(weights);
  std::vector<float> input(Image::shape.size());
  facts.transform(fl::read_image(options.picture), input);
  const std::vector<int> labels = facts.model == LiteUNet::name
                                      ? labels_of<LiteUNet>(weights, input)
                                      : labels_of<SmallFcn>(weights, input);
  for (int k = 0; k < classes; ++k)
    if (const auto pixels = std::count(labels.begin(), labels.end(), k); pixels > 0)
      fmt::print("  {:<12} {:5.1f} % of the pixels\n", facts.classes[std::size_t(k)],
                 100 * double(pixels) / double(labels.size()));
  const std::vector<fl::Image> sheet{seen(input, facts.transform),
                                     examples::paint_labels(labels, side)};
  fl::write_png(out / "segmented.png", examples::tile(sheet, 2));
}

template <class Segmenter>
void train(const Options& options) {
  using Net = fl::Network<typename Segmenter::Model, Image>;
  const std::string weights = options.weights.empty() ? Segmenter::weights : options.weights;
  const std::filesystem::path out(options.out);
  examples::prepare_output(out, {"segmenter.safetensors", "segmented.png"},
                           Net::parameter_count() * sizeof(float));
  const auto data_sets =
      examples::load_data_sets(options.data, classes - 1, whole_scene, whole_scene);
  const auto& [training, validation] = data_sets;
  const examples::Scenes scenes(training, side, options.scenes, true);
  const examples::Scenes held_out(validation, side, 48, false);

  Net network{fl::max_batch(options.batch), fl::seed(options.seed)};
  fmt::print("{}: {}\n", weights, fl::load_pretrained(network, weights).text());
  fl::Trainer trainer{network, fl::CrossEntropy{},
                      fl::AdamW{.learning_rate = options.learning_rate, .weight_decay = 1e-2f}};
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
  examples::ModelFacts facts{std::string(Segmenter::name), whole_scene, training.classes()};
  facts.classes.insert(facts.classes.begin(), "background");
  for (int k = 0; k < classes; ++k)
    fmt::print("  {:<12} {:.3f}\n", facts.classes[std::size_t(k)],
               result.validation.confusion.intersection_over_union(k));

  fl::save(network, out / "segmenter.safetensors", {.metadata = examples::metadata_of(facts)});
  std::vector<fl::Image> sheet;
  const auto paint = [&](std::size_t i, std::span<const float> logits) {
    const examples::Scene scene = examples::make_scene(data_sets.validation, side, i);
    sheet.push_back(scene.image);
    sheet.push_back(examples::paint_labels(scene.labels, side));
    sheet.push_back(examples::paint_labels(predicted_labels(logits), side));
  };
  fl::predict_all(network, examples::Scenes(validation, side, 6, false), paint);
  fl::write_png(out / "segmented.png", examples::tile(sheet, 3));
  fmt::print("\nwrote segmented.png (scene, truth, prediction) and segmenter.safetensors to {}\n",
             std::filesystem::absolute(out).lexically_normal().string());
}

void run(const Options& options) {
  if (!options.picture.empty()) return segment_picture(options);
  if (options.model == SmallFcn::name) return train<SmallFcn>(options);
  const bool fetched = std::filesystem::exists(LiteUNet::weights);
  if (options.weights.empty() && !fetched) {
    if (!options.model.empty())
      throw fl::Error(fmt::format(
          "there is no {}, which examples/run.sh fetches: run it first, or give --weights FILE",
          LiteUNet::weights));
    fmt::print(
        "there is no {}, which examples/run.sh fetches: in its place {}, a small network "
        "whose result is far worse\n",
        LiteUNet::weights, SmallFcn::name);
    return train<SmallFcn>(options);
  }
  train<LiteUNet>(options);
}

int main(int argc, char** argv) {
  Options options;
  examples::CommandLine line(
      "Learns to segment scenes that it composes from the cut-outs in DATA/train");
  line.text("--data", options.data, "folder with train/ and val/");
  line.choice("--model", options.model,
              "the network to train (the first, or the second where its weights are not fetched)",
              {std::string(LiteUNet::name), std::string(SmallFcn::name)});
  line.text(
      "--weights", options.weights,
      "pretrained weights of the model (by default those that examples/run.sh has fetched), or "
      "a segmenter.safetensors for --picture (by default that of --out)");
  line.text("--picture", options.picture,
            "train nothing: segment this picture with a segmenter.safetensors");
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
