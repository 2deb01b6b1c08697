// SPDX-License-Identifier: MIT
// ImageDataSet: a data set of pictures and classes, or of pictures and label masks.
#pragma once

#include <cmath>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <variant>

#include "frostline/data/data_set.hpp"
#include "frostline/data/image_folder.hpp"
#include "frostline/data/transform.hpp"
#include "frostline/io/images/read_label_mask.hpp"

namespace frostline {

/// The file of a picture, and the file of its label mask: a class per pixel (read_label_mask).
struct ImageAndMask {
  std::filesystem::path image, mask;
};

struct ImageDataOptions {
  DecodeOptions decode = {};
  std::size_t memory = std::size_t(2) << 30;  // bytes; pictures beyond are read again each time
  std::function<void(std::size_t done)> on_read = {};  // called by one thread at a time
};

/// The constructor reads all pictures once, so that a picture that cannot be read is an error
/// before a training. It keeps them only as large as the transform needs, since a photo of 12
/// megapixels takes 36 MB. EvaluationTransform gives the same numbers as for the original picture.
/// For random crops, a picture that is more than twice as large as they need is shrunk, and the
/// crops differ a little. Pictures that do not fit in `memory` are read again each time, by the
/// threads of a Loader, and give the same numbers.
class ImageDataSet {
 public:
  using Transform = std::variant<EvaluationTransform, TrainingTransform>;

  /// The pictures of a folder, with one class per picture. Shapes: (3, crop, crop).
  /// Throws: Error if the transform makes no sense, or that names the first pictures that cannot be
  /// read or are too thin.
  ImageDataSet(ImageFolder folder, const Transform& transform, const ImageDataOptions& options = {})
      : transform_(transform), decode_(options.decode), classes_(std::move(folder.classes)) {
    files_ = std::move(folder.samples);
    read_all(options);
  }
  /// Pictures with one class per pixel: labels of the nearest pixels, 255 where a crop exceeds its
  /// picture (CrossEntropy{.ignore_index = 255}). Throws: as above, and if a picture and its mask
  /// differ in size.
  ImageDataSet(std::vector<ImageAndMask> pairs, const Transform& transform,
               const ImageDataOptions& options = {}, std::vector<std::string> classes = {})
      : transform_(transform), decode_(options.decode), classes_(std::move(classes)) {
    for (ImageAndMask& pair : pairs) {
      files_.push_back({std::move(pair.image)});
      masks_.push_back(std::move(pair.mask));
    }
    read_all(options);
  }

  const std::vector<std::string>& classes() const { return classes_; }
  std::size_t size() const { return files_.size(); }
  const std::filesystem::path& path(std::size_t i) const { return files_[i].path; }
  int label(std::size_t i) const { return files_[i].label; }     // the class of the picture
  Image image(std::size_t i) const { return picture(i).image; }  // in the size that is kept

  DataFacts facts() const {
    const int crop = std::visit([](const auto& t) { return t.crop; }, transform_);
    const Shape shape{3, crop, crop};
    return {.size = size(),
            .image = shape,
            .labels = masks_.empty() ? 1 : shape.pixels(),
            .classes = int(classes_.size()),
            .varies = std::holds_alternative<TrainingTransform>(transform_)};
  }
  void read(std::size_t i, std::uint64_t draw, std::span<float> out, std::span<int> labels) const {
    const bool is_kept = !kept_[i].image.pixels.empty();
    const Picture again = is_kept ? Picture{} : picture(i);
    const auto& [image, mask] = is_kept ? kept_[i] : again;
    if (masks_.empty()) labels[0] = label(i);
    if (const auto* evaluation = std::get_if<EvaluationTransform>(&transform_)) {
      masks_.empty() ? (*evaluation)(image, out) : (*evaluation)(image, mask, out, labels);
    } else {
      std::mt19937_64 random{draw};
      const auto& training = std::get<TrainingTransform>(transform_);
      masks_.empty() ? training(image, out, random) : training(image, mask, out, labels, random);
    }
  }

 private:
  struct Picture {
    Image image;
    LabelMask mask;
  };

  /// The shorter side down to which a picture may be shrunk.
  int needed() const {
    if (const auto* evaluation = std::get_if<EvaluationTransform>(&transform_))
      return evaluation->resize;
    const auto& training = std::get<TrainingTransform>(transform_);
    return int(std::ceil(2 * training.crop / std::sqrt(training.min_scale)));
  }
  Picture picture(std::size_t i) const {
    if (!kept_[i].image.pixels.empty()) return kept_[i];
    const Image image = read_image(files_[i].path, decode_);
    const LabelMask mask = masks_.empty() ? LabelMask{} : read_label_mask(masks_[i], decode_);
    try {
      return shrunk(image, mask);
    } catch (const Error& error) {
      throw Error(detail::format_text("'{}': {}", files_[i].path.string(), error.what()));
    }
  }
  Picture shrunk(Image image, LabelMask mask) const {
    if (!masks_.empty()) detail::check_pair(image, mask);
    // A picture of 1x60000 cannot be enlarged until its shorter side is a network's.
    constexpr int most = 1000;
    if (std::max(image.width, image.height) / std::min(image.width, image.height) > most)
      throw Error(detail::format_text("a picture of {}x{} pixels is too thin to be of use",
                                      image.width, image.height));
    image = shrink(std::move(image), needed());
    if (!masks_.empty()) mask = resize_nearest(mask, image.width, image.height);
    return {std::move(image), std::move(mask)};
  }
  void read_all(const ImageDataOptions& options) {
    const DataFacts now = facts();
    if (now.size == 0) throw Error("frostline: ImageDataSet requires at least one picture");
    check_transform(std::size_t(std::max(now.image.width, 0)));
    kept_.resize(now.size);
    std::mutex mutex;
    std::size_t bytes = 0, done = 0;
    detail::for_each_in_parallel(now.size, [&](std::size_t i) {
      Picture read = picture(i);
      const std::lock_guard lock(mutex);
      const std::size_t more = read.image.pixels.size() + read.mask.labels.size();
      if (more <= options.memory - bytes) {
        bytes += more;
        kept_[i] = std::move(read);
      }
      if (options.on_read) options.on_read(++done);
    });
  }
  /// Throws: Error if the transform makes no sense.
  void check_transform(std::size_t crop) const {
    const Image pixel{1, 1, {0, 0, 0}};
    std::vector<float> out(3 * crop * crop);
    std::mt19937_64 random;
    if (const auto* evaluation = std::get_if<EvaluationTransform>(&transform_))
      (*evaluation)(pixel, out);
    else
      std::get<TrainingTransform>(transform_)(pixel, out, random);
  }

  Transform transform_;
  DecodeOptions decode_;
  std::vector<std::string> classes_;
  std::vector<Sample> files_;
  std::vector<std::filesystem::path> masks_;  // empty if each picture has one class
  std::vector<Picture> kept_;
};

}  // namespace frostline
