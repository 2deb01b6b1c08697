// SPDX-License-Identifier: MIT
// The loop over epochs: compared with steps made by hand, number of computations, the best epoch.
#include "frostline/train/fit.hpp"

#include <atomic>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <tuple>

#include "frostline/frostline.hpp"
#include "frostline/train/schedules.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"

namespace frostline::test::fit_test {
namespace {

using In = Input<3, 40, 33>;
using Small = ResNet18<8, ClassifierHead<64, 5>>;
using HeadOnly = ReplaceHead<Freeze<Small>, ClassifierHead<64, 5>>;
using Segmenter = ReplaceHead<Freeze<Small>, FcnHead<64, 4>>;
constexpr Sgd sgd{.learning_rate = 0.01f, .momentum = 0.9f};

/// Random samples; counts how often each is read, and may vary with the draw.
struct Counted {
  TensorDataSet data;
  bool varies = false;
  std::shared_ptr<std::vector<std::atomic<int>>> reads;

  Counted(std::size_t size, bool varies_now, std::size_t labels = 1, int classes = 5)
      : data(In::shape, random_floats(size * In::shape.size()),
             random_labels(size * labels, classes), classes),
        varies(varies_now),
        reads(std::make_shared<std::vector<std::atomic<int>>>(size)) {}
  DataFacts facts() const {
    DataFacts facts = data.facts();
    facts.varies = varies;
    return facts;
  }
  void read(std::size_t i, std::uint64_t draw, std::span<float> image,
            std::span<int> labels) const {
    ++(*reads)[i];
    data.read(i, draw, image, labels);
    if (varies) image[0] = float(draw % 7);
  }
  bool each_read(int times) const {
    return std::all_of(reads->begin(), reads->end(), [=](const auto& n) { return n == times; });
  }
};

template <class Model>
using Net = Network<Model, In>;

bool nearly_equal(double found, double expected) {
  return std::abs(found - expected) <= 1e-5 * std::abs(expected);
}

}  // namespace

TEST_CASE("fit takes the same steps as a program's own loop") {
  const Counted training(11, true), judged(7, false);
  Net<Small> by_hand{max_batch(4), seed(3)}, fitted{max_batch(4), seed(3)};
  Trainer hand{by_hand, CrossEntropy{}, sgd};
  std::vector<double> losses;
  const CosineSchedule schedule{.peak = 0.01f, .warmup_steps = 3, .steps = 6};
  for (int epoch = 1, step = 0; epoch <= 2; ++epoch) {
    const Draws draws{9, epoch};
    const auto order = shuffled(11, draws);
    double sum = 0;
    for (std::size_t first = 0; first < 11; first += 4) {
      const std::size_t count = std::min<std::size_t>(4, 11 - first);
      std::vector<float> images(count * In::shape.size());
      std::vector<int> labels(count);
      for (std::size_t n = 0; n < count; ++n)
        training.read(order[first + n], draws.of_sample(order[first + n]),
                      std::span(images).subspan(n * In::shape.size(), In::shape.size()),
                      std::span(labels).subspan(n, 1));
      hand.optimizer.learning_rate = schedule(step++);
      sum += double(hand.step(images, labels)) * double(count);
    }
    losses.push_back(sum / 11);
  }
  Trainer trainer{fitted, CrossEntropy{}, sgd};
  const FitResult result =
      fit(trainer, training, judged, {.epochs = 2, .seed = 9, .restore_best = false});
  REQUIRE(result.epochs.size() == 2);
  for (int e = 0; e < 2; ++e) {
    REQUIRE(result.epochs[std::size_t(e)].epoch == e + 1);
    REQUIRE(result.epochs[std::size_t(e)].training_loss == losses[std::size_t(e)]);
  }
  REQUIRE(snapshot(fitted) == snapshot(by_hand));
  REQUIRE(trainer.optimizer.learning_rate == 0.01f);  // as it was
  REQUIRE(result.kept == 2);
  // The validation is that of the network with its present weights.
  std::int64_t right = 0;
  std::size_t seen = 0;
  predict_all(fitted, judged, [&](std::size_t i, std::span<const float> logits) {
    std::vector<float> image(In::shape.size());
    int label = -1;
    judged.data.read(i, 0, image, std::span(&label, 1));
    const Prediction prediction = likeliest(logits);
    REQUIRE(i == seen++);
    REQUIRE(prediction.label == result.validation.predictions[i].label);
    REQUIRE(nearly_equal(prediction.probability, result.validation.predictions[i].probability));
    right += prediction.label == label;
  });
  REQUIRE(seen == 7);
  REQUIRE(result.validation.confusion.accuracy() == double(right) / 7);
  REQUIRE(result.kept_epoch().validation_accuracy == double(right) / 7);
}

TEST_CASE("a plateau gives fit its learning rate, and reads the validation losses") {
  const Counted training(8, false), judged(4, false);
  Net<HeadOnly> network{max_batch(4), seed(3)};
  Trainer trainer{network, CrossEntropy{}, sgd};
  // No loss is better than the first by half of it.
  PlateauSchedule plateau{.peak = 1e-6f, .patience = 0, .threshold = 0.5};
  std::vector<float> rates;
  fit(trainer, training, judged,
      {.epochs = 3,
       .schedule = std::ref(plateau),
       .on_epoch = [&](const EpochResult& now, auto&&...) {
         rates.push_back(trainer.optimizer.learning_rate);
         plateau.observe(now.validation_loss);
         return true;
       }});
  REQUIRE(rates == std::vector<float>{1e-6f, 1e-6f, float(double(1e-6f) * 0.1)});
}

TEST_CASE("each sample is read once per epoch, and only once in all if features are cached") {
  const auto run = [](auto model, bool varies, std::optional<CacheOptions> cache) {
    const Counted training(9, varies), judged(6, false);
    Net<typename decltype(model)::type> network{max_batch(4), seed(3)};
    Trainer trainer{network, CrossEntropy{}, sgd};
    int caches = 0;
    FitOptions options{.epochs = 3, .cache = cache};
    options.on_cache = [&](FitPhase, const FeatureCache& now) { caches += now.full(); };
    const FitResult result = fit(trainer, training, judged, options);
    const int per_training = training.each_read(1) ? 1 : training.each_read(3) ? 3 : -1;
    const int per_validation = judged.each_read(1) ? 1 : judged.each_read(3) ? 3 : -1;
    return std::tuple(caches, per_training, per_validation, result.epochs[2].training_loss);
  };
  const CacheOptions floats;
  const auto cached = run(std::type_identity<HeadOnly>{}, false, floats);
  REQUIRE(std::get<0>(cached) == 2);
  REQUIRE(std::get<1>(cached) == 1);
  REQUIRE(std::get<2>(cached) == 1);
  const auto varying = run(std::type_identity<HeadOnly>{}, true, floats);
  REQUIRE(std::get<0>(varying) == 1);
  REQUIRE(std::get<1>(varying) == 3);
  REQUIRE(std::get<2>(varying) == 1);
  for (const auto& plain : {run(std::type_identity<HeadOnly>{}, false, std::nullopt),
                            run(std::type_identity<Small>{}, false, floats)}) {
    REQUIRE(std::get<0>(plain) == 0);
    REQUIRE(std::get<1>(plain) == 3);
    REQUIRE(std::get<2>(plain) == 3);
  }
}

TEST_CASE("fit from cached features equals fit on the images") {
  const Counted training(9, false), judged(6, false);
  Net<HeadOnly> plain{max_batch(4), seed(3)}, cached{max_batch(4), seed(3)};
  Trainer by_image{plain, CrossEntropy{}, sgd}, by_feature{cached, CrossEntropy{}, sgd};
  const FitResult expected = fit(by_image, training, judged, {.epochs = 3, .cache = std::nullopt});
  const FitResult found = fit(by_feature, training, judged, {.epochs = 3});
  for (std::size_t e = 0; e < 3; ++e) {
    REQUIRE(nearly_equal(found.epochs[e].training_loss, expected.epochs[e].training_loss));
    REQUIRE(nearly_equal(found.epochs[e].validation_loss, expected.epochs[e].validation_loss));
  }
}

TEST_CASE("the best epoch's weights and statistics come back, also when the training diverges") {
  const Counted training(8, true), judged(6, false);
  const std::vector<double> scores{1, 3, 2, 3};
  std::map<std::string, std::vector<float>> best, last;
  const auto run = [&](FitOptions options, Net<Small>& network) {
    Trainer trainer{network, CrossEntropy{}, sgd};
    int scored = 0;
    options.epochs = 4;
    options.schedule = [](int) { return 0.01f; };
    options.score = [&](const Validation&) { return scores[std::size_t(scored++)]; };
    const auto then = options.on_epoch;
    options.on_epoch = [&, then](const EpochResult& now, const Validation& v, bool is_best) {
      if (is_best) best = snapshot(network);
      last = snapshot(network);
      return !then || then(now, v, is_best);
    };
    return fit(trainer, training, judged, options);
  };
  {
    Net<Small> network{max_batch(4), seed(3)};
    const FitResult result = run({}, network);
    const bool better_loss = result.epochs[3].validation_loss < result.epochs[1].validation_loss;
    REQUIRE(result.kept == (better_loss ? 4 : 2));  // of equal scores the least loss
    REQUIRE(result.validation.evaluation.loss() == result.kept_epoch().validation_loss);
    REQUIRE(snapshot(network) == best);
  }
  {
    Net<Small> network{max_batch(4), seed(3)};
    REQUIRE(run({.restore_best = false}, network).kept == 4);
    REQUIRE(snapshot(network) == last);
  }
  {  // false ends it
    Net<Small> network{max_batch(4), seed(3)};
    FitOptions options;
    options.on_epoch = [](const EpochResult& now, const Validation&, bool) {
      return now.epoch < 3;
    };
    const FitResult result = run(options, network);
    REQUIRE(result.epochs.size() == 3);
    REQUIRE(result.kept == 2);
    REQUIRE(snapshot(network) == best);
    REQUIRE_FALSE(best == last);
  }
  {  // epoch 3 diverges
    Net<Small> network{max_batch(4), seed(3)};
    Trainer trainer{network, CrossEntropy{}, sgd};
    FitOptions options{.epochs = 4};
    options.schedule = [](int step) { return step < 4 ? 0.01f : 1e30f; };
    options.on_epoch = [&](const EpochResult&, const Validation&, bool is_best) {
      if (is_best) best = snapshot(network);
      return true;
    };
    REQUIRE_ERROR(fit(trainer, training, judged, options), "the loss is");
    REQUIRE(snapshot(network) == best);
    REQUIRE(trainer.optimizer.learning_rate == 0.01f);
  }
}

TEST_CASE(
    "averaged weights are evaluated and are the result, and the training does not read them") {
  const Counted training(8, true), judged(6, false);
  for (const bool restores : {false, true}) {
    Net<Small> averaged{max_batch(4), seed(3)}, plain{max_batch(4), seed(3)};
    Trainer trainer{averaged, CrossEntropy{}, Averaged{sgd, 0.8f}};
    Trainer other{plain, CrossEntropy{}, sgd};
    const FitOptions options{.epochs = 3, .restore_best = restores};
    FitOptions watched = options;
    std::map<std::string, std::vector<float>> best, last;
    watched.on_epoch = [&](const EpochResult&, const Validation&, bool is_best) {
      last = snapshot(averaged);
      if (is_best) best = last;
      return true;
    };
    const FitResult result = fit(trainer, training, judged, watched);
    const FitResult expected = fit(other, training, judged, options);
    for (std::size_t e = 0; e < 3; ++e) {
      REQUIRE(result.epochs[e].training_loss == expected.epochs[e].training_loss);
      REQUIRE(result.epochs[e].validation_loss != expected.epochs[e].validation_loss);
    }
    REQUIRE(snapshot(averaged) == (restores ? best : last));
    Trainer judge{averaged, CrossEntropy{}, sgd};
    FitTargetOf target{judge};
    REQUIRE(validate(target, judged).evaluation.loss() == result.kept_epoch().validation_loss);
  }
}

TEST_CASE("a dense head is trained by the same loop, and evaluated by pixel") {
  const Counted training(5, true, In::shape.pixels(), 4), judged(3, false, In::shape.pixels(), 4);
  Net<Segmenter> network{max_batch(2), seed(3)};
  Trainer trainer{network, CrossEntropy{}, sgd};
  std::vector<FitPhase> phases;
  FitOptions options{.epochs = 2};
  options.on_progress = [&](const FitProgress& now) {
    if (now.done == now.total) phases.push_back(now.phase);
  };
  const FitResult result = fit(trainer, training, judged, options);
  REQUIRE(result.validation.evaluation.count == 3 * In::shape.pixels());
  REQUIRE(result.validation.confusion.accuracy() == result.kept_epoch().validation_accuracy);
  REQUIRE(result.validation.predictions.empty());
  REQUIRE(phases == std::vector{FitPhase::features_to_validate, FitPhase::training,
                                FitPhase::validation, FitPhase::training, FitPhase::validation});
}

TEST_CASE("wrong options or data are an error before anything changes") {
  const Counted training(5, false), judged(3, false);
  Net<Small> network{max_batch(2), seed(3)};
  Trainer trainer{network, CrossEntropy{}, sgd};
  const auto before = snapshot(network);
  const TensorDataSet turned({3, 33, 40}, random_floats(In::shape.size()), {0});
  const TensorDataSet dense(In::shape, random_floats(In::shape.size()), {0, 1});
  const TensorDataSet fewer(In::shape, random_floats(In::shape.size()), {0}, 4);
  REQUIRE_ERROR(fit(trainer, turned, judged), "to train on of 3x33x40");
  REQUIRE_ERROR(fit(trainer, training, dense), "to validate of 3x40x33 with 2 label(s)");
  REQUIRE_ERROR(fit(trainer, training, fewer), "to validate of 4 classes for a network of 5");
  REQUIRE_ERROR(fit(trainer, training, judged, {.epochs = 0}), "got 0 epochs");
  REQUIRE_ERROR(fit(trainer, training, judged, {.batch = 3}), "max_batch(2)");
  REQUIRE_ERROR(fit(trainer, training, judged, {.cache = CacheOptions{.file = "x"}}),
                "must not name a file");
  REQUIRE_ERROR(predict_all(network, turned), "3x33x40");
  REQUIRE(snapshot(network) == before);
  REQUIRE(training.each_read(0));
}

}  // namespace frostline::test::fit_test
