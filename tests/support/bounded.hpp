// SPDX-License-Identifier: MIT
// Bounded: a network made for AtMost<N> classes, compared with one made for the given number.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>

#include "frostline/checkpoint/load.hpp"
#include "frostline/checkpoint/save.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "frostline/rewrite/train_only.hpp"
#include "frostline/rewrite/unfreeze.hpp"
#include "frostline/train/feature_cache.hpp"
#include "frostline/train/trainer.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"

namespace frostline::test {

inline constexpr int bounded_width = 4;
inline constexpr int bounded_features = 8 * bounded_width;
using BoundedImage = Input<3, 32, 32>;
inline constexpr float other_order = 1e-5f;  // of sums: how much results may differ by it
using Pretrained = ResNet18<bounded_width, ClassifierHead<bounded_features, 1000>>;

// Models of a head; the number of classes is its parameter.
template <auto Classes>
using Classifier = ClassifierHead<bounded_features, Classes>;
template <auto Classes>
using Dense = FcnHead<bounded_features, Classes>;
template <class Head>
using HeadAlone = ReplaceHead<Freeze<Pretrained>, Head>;
template <class Head>
using Layer4 = ReplaceHead<Unfreeze<Freeze<Pretrained>, "layer4">, Head>;
template <class Head>
using AllOf = ReplaceHead<Pretrained, Head>;
template <class Head>
using NothingTrains = Freeze<ReplaceHead<Pretrained, Head>>;
/// The head is frozen, and the layers before it train.
template <class Head>
using FrozenHead = Unfreeze<Freeze<ReplaceHead<Pretrained, Head>>, "layer4">;

template <class Head>
using BiasesAlone = TrainOnly<ReplaceHead<Pretrained, Head>, Biases>;

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
template <class Net>
std::string saved_bytes_of(const Net& network) {
  const auto path = std::filesystem::temp_directory_path() /
                    format_text("frostline-bounded-{}.safetensors", random_engine()());
  save(network, path);
  const std::string bytes = bytes_of(path);
  std::filesystem::remove(path);
  return bytes;
}

/// How much results may differ: not at all, or by another order of sums.
inline void require_near(std::span<const float> one, std::span<const float> other, float most) {
  REQUIRE(one.size() == other.size());
  std::size_t far = 0;
  for (std::size_t i = 0; i < one.size(); ++i)
    far += std::abs(one[i] - other[i]) <= most * (1 + std::abs(other[i])) ? 0 : 1;
  REQUIRE(far == 0);
}
template <class One, class Other>
void require_same_weights(const One& one, const Other& other, float most) {
  for (const auto& [key, values] : snapshot(other)) {
    INFO(key);
    require_near(one.values(key), values, most);
  }
}
/// Rows of parameters (or of their gradients) after the last class stay zero.
template <class Net>
bool is_zero_after_the_classes(SpanOf<typename Net::backend, const float> span,
                               const Net& network) {
  std::vector<float> copy(span.size());
  Net::backend::copy_out(network.executor().context(), copy.data(), span.data(), span.size_bytes());
  const Program& program = network.executor().program();
  bool result = true;
  for (const NamedTensor& tensor : network.tensors()) {
    if (!tensor.trains || !program.nodes[std::size_t(tensor.node)].bounded_parameters()) continue;
    const std::size_t first = program.parameters[tensor.node][tensor.index];
    const std::size_t all = program.declared_by(tensor.node).parameters[tensor.index].size();
    REQUIRE(tensor.size < all);
    for (std::size_t i = tensor.size; i < all; ++i) result = result && copy[first + i] == 0;
  }
  return result;
}

template <class Bounded, class Fixed>
void require_same_description(const Bounded& bounded) {
  static_assert(Bounded::bound > 0 && Fixed::bound == 0);
  CHECK(bounded.output_shape == Fixed::output_shape);
  CHECK(bounded.parameter_count() == Fixed::parameter_count());
  CHECK(bounded.trainable_count() == Fixed::trainable_count());
  const auto one = bounded.tensors(), other = Fixed::tensors();
  REQUIRE(one.size() == other.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    INFO(other[i].key);
    CHECK(one[i].key == other[i].key);
    CHECK(one[i].extents == other[i].extents);
    CHECK(one[i].size == other[i].size);
    CHECK(one[i].trains == other[i].trains);
  }
}

/// Trains a network made for AtMost<Bound> classes and one made for Number of them alike. Before
/// the first step, results differ by at most `most`. Training widens the difference: the dense
/// head's batch norm sees one value of each picture, and where these are nearly equal it divides by
/// almost nothing. Two equal networks, one of which had its last weights moved by one unit in the
/// last place, differed after five steps by 1.6e-6 in the median of 300 pairs, and by up to 3e-4
/// (for pictures of one brightness; they have several here).
template <class Backend, template <class> class Model, template <auto> class Head, int Bound,
          int Number>
void compare_bounded(float most) {
  using Bounded = Network<Model<Head<AtMost<Bound>>>, BoundedImage, Backend>;
  using Fixed = Network<Model<Head<Number>>, BoundedImage, Backend>;
  const Seed first = seed(random_engine()());
  Bounded bounded{max_batch(5), classes(Number), first};
  Fixed fixed{max_batch(5), first};
  require_same_description<Bounded, Fixed>(bounded);
  REQUIRE(snapshot(bounded) == snapshot(fixed));  // by the seed
  REQUIRE(saved_bytes_of(bounded) == saved_bytes_of(fixed));

  std::vector<float> images = random_floats(5 * BoundedImage::shape.size());
  for (std::size_t i = 0; i < images.size(); ++i)
    images[i] += float(i / BoundedImage::shape.size());
  const auto check_predictions = [&](float farthest) {
    INFO("predictions");
    require_near(bounded.predict(images), fixed.predict(images), farthest);
    const auto three = std::span(images).first(3 * BoundedImage::shape.size());
    require_near(bounded.predict(three), fixed.predict(three), farthest);
  };
  check_predictions(most);
  if constexpr (Fixed::trains) {
    const auto labels = random_labels(5 * Fixed::output_shape.pixels(), Number);
    const Sgd sgd{.learning_rate = 0.05f, .momentum = 0.9f, .weight_decay = 0.01f};
    Trainer one{bounded, CrossEntropy{.label_smoothing = 0.1f}, sgd};
    Trainer other{fixed, CrossEntropy{.label_smoothing = 0.1f}, sgd};
    const float trained = 200 * most;
    for (int step = 0; step < 5; ++step) {
      INFO("step " << step);
      const float loss = one.step(images, labels), wanted = other.step(images, labels);
      REQUIRE(std::abs(loss - wanted) <= (step == 0 ? most : trained) * (1 + wanted));
    }
    const Evaluation seen = one.evaluate(images, labels), wanted = other.evaluate(images, labels);
    CHECK(seen.correct == wanted.correct);
    CHECK(std::abs(seen.loss() - wanted.loss()) <= double(trained) * (1 + wanted.loss()));
    require_same_weights(bounded, fixed, trained);
    if constexpr (Number < Bound) {
      CHECK(is_zero_after_the_classes(bounded.trainable(), bounded));
      CHECK(is_zero_after_the_classes(bounded.gradients(), bounded));
    }
    if (most == 0) REQUIRE(saved_bytes_of(bounded) == saved_bytes_of(fixed));
    check_predictions(trained);
    for (const NamedTensor& state : other.states()) {
      INFO(state.key);
      std::vector<float> here(state.size), there(state.size);
      one.read_state(state.key, here);
      other.read_state(state.key, there);
      require_near(here, there, trained);
    }
    // A label that is below the bound but not below the number.
    std::vector<int> too_large = labels;
    too_large.back() = Number;
    REQUIRE_ERROR(one.step(images, too_large), format_text("labels from 0 to {}", Number - 1));
  }
  if constexpr (Bounded::has_features) {
    const auto here = bounded.features(images);
    const std::vector<float> features(here.begin(), here.end());
    require_near(features, fixed.features(images), most);
  }
}

}  // namespace frostline::test
