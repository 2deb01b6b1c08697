// SPDX-License-Identifier: MIT
// Shows a training on the terminal: progress bars, and a line per epoch.
#include "watch.hpp"

#include <fmt/format.h>

#include <memory>

#include "progress.hpp"

namespace examples {

namespace fl = frostline;

static std::string purpose(fl::FitPhase phase) {
  return phase == fl::FitPhase::features_to_train ? "to train on" : "to validate";
}

fl::FitOptions watched(fl::FitOptions options, const std::string& what) {
  const int epochs = options.epochs;
  const auto bar = std::make_shared<std::unique_ptr<Progress>>();
  options.on_progress = [=](const fl::FitProgress& now) {
    if (now.phase == fl::FitPhase::validation) return;
    if (!*bar)
      *bar = std::make_unique<Progress>(
          now.epoch == 0 ? fmt::format("features of {} {}", what, purpose(now.phase))
                         : fmt::format("epoch {}/{}", now.epoch, epochs),
          now.total);
    (*bar)->show(now.done, now.epoch == 0 ? std::nullopt : std::optional(now.loss));
    if (now.done == now.total && now.epoch > 0) bar->reset();
  };
  options.on_cache = [=](fl::FitPhase phase, const fl::FeatureCache& cache) {
    (*bar)->finish();
    fmt::print("features of the {} {} are cached: {}, {:.2f} s\n", what, purpose(phase),
               cache.text(), (*bar)->seconds());
    bar->reset();
  };
  if (!options.on_epoch)
    options.on_epoch = [=](const fl::EpochResult& now, const fl::Validation&, bool) {
      fmt::print(
          "epoch {:>3}/{}  loss {:.4f}  validation loss {:.4f}  accuracy {:5.1f} %  "
          "{:.0f} images/s\n",
          now.epoch, epochs, now.training_loss, now.validation_loss, 100 * now.validation_accuracy,
          now.images_per_second);
      std::fflush(stdout);
      return true;
    };
  return options;
}

}  // namespace examples
