// SPDX-License-Identifier: MIT
// FeatureCache: training from it equals training on the images; files, sizes and types.
#include "frostline/train/feature_cache.hpp"

#include <sys/resource.h>

#include <csignal>

#include "frostline/frostline.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"
#include "unit/io/files.hpp"

namespace frostline::test::feature_cache_test {
namespace {

using Image = Input<3, 40, 33>;
using Small = ResNet18<8>;
using HeadOnly = ReplaceHead<Freeze<Small>, ClassifierHead<64, 5>>;
using LastBlock = Unfreeze<HeadOnly, "layer4.1", "fc">;
constexpr Sgd sgd{.learning_rate = 0.01f, .momentum = 0.9f, .weight_decay = 1e-3f};
constexpr std::size_t samples = 11;
constexpr int batch = 4;

struct Data {
  std::vector<float> images = random_floats(samples * Image::shape.size());
  std::vector<int> labels = random_labels(samples, 5);
};

/// Two epochs' batches of indices.
std::vector<std::vector<std::size_t>> batches() {
  return {{3, 0, 10, 7}, {1, 2, 9, 4}, {8, 5, 6}, {0, 8, 3, 1}, {10, 9, 2, 6}, {4, 7, 5}};
}

struct Difference {
  double loss = 0,
         weights = 0;  // the largest relative error; the relative L2 error outside of the prefix
};

/// Trains a network from images, and one from cached features, with the same batches.
template <class Model>
Difference train_both(const CacheOptions& options) {
  const Data data;
  Network<Model, Image> whole{max_batch(batch), seed(7)};
  Network<Model, Image> cached{max_batch(batch), seed(7)};
  auto before = snapshot(cached);
  FeatureCache cache{cached, samples, options};
  cache.append(data.images, data.labels);
  Trainer by_image{whole, CrossEntropy{}, sgd};
  Trainer by_feature{cached, CrossEntropy{}, sgd};
  Difference worst;
  for (const auto& indices : batches()) {
    std::vector<float> images;
    std::vector<int> labels;
    for (const std::size_t i : indices) {
      const auto first = data.images.begin() + std::ptrdiff_t(i * Image::shape.size());
      images.insert(images.end(), first, first + std::ptrdiff_t(Image::shape.size()));
      labels.push_back(data.labels[i]);
    }
    const float expected = by_image.step(images, labels);
    const FeatureBatch features = cache.gather(indices);
    REQUIRE(std::vector<int>(features.labels.begin(), features.labels.end()) == labels);
    const float found = by_feature.step(features);
    worst.loss =
        std::max(worst.loss, std::abs(double(found) - double(expected)) / double(expected));
  }
  const auto expected = snapshot(whole), found = snapshot(cached);
  for (const auto& [key, values] : expected)
    if (values != before.at(key)) before.erase(key);  // training changes it
  double square = 0, all = 0;
  for (const auto& [key, values] : expected)
    for (std::size_t i = 0; before.count(key) == 0 && i < values.size(); ++i) {
      square += std::pow(double(values[i]) - double(found.at(key)[i]), 2);
      all += std::pow(double(values[i]), 2);
    }
  worst.weights = std::sqrt(square / all);
  for (const auto& [key, values] : before) REQUIRE(found.at(key) == values);  // bit for bit
  REQUIRE(found.at("fc.weight") !=
          snapshot(Network<Model, Image>{max_batch(1), seed(7)}).at("fc.weight"));
  return worst;
}

TEST_CASE("training from cached features equals training on the images") {
  const files::TemporaryFolder folder;
  CacheOptions options;
  SECTION("in memory") {}
  SECTION("in a given file") { options.file = folder.path / "features"; }
  SECTION("in a file, since it is larger than the budget") { options.memory_budget = 100; }
  const Difference head = train_both<HeadOnly>(options);
  INFO(head.loss << " " << head.weights);
  REQUIRE(head.loss == 0);  // bit for bit
  REQUIRE(head.weights == 0);
  const Difference block = train_both<LastBlock>(options);
  INFO(block.loss << " " << block.weights);
  REQUIRE(block.loss == 0);
  REQUIRE(block.weights == 0);
  REQUIRE(std::filesystem::is_empty(folder.path));
}

TEST_CASE("training from features of 16 bits nearly equals training on the images") {
  CacheOptions options{.type = ElementType::f16};
  SECTION("in memory") {}
  SECTION("in a file") { options.memory_budget = 0; }
  for (const Difference& worst : {train_both<HeadOnly>(options), train_both<LastBlock>(options)}) {
    INFO(worst.loss << " " << worst.weights);
    REQUIRE(worst.loss <= 1e-2);
    REQUIRE(worst.loss > 0);
    REQUIRE(worst.weights <= 5e-3);
  }
}

TEST_CASE("features of 16 bits are the nearest halves, also subnormal numbers and zeros") {
  FeatureStore store({8, 1, 1}, 2, {.type = ElementType::f16});
  const std::vector<float> values{0, -0.0f, 1, -65504, 0x1p-24f, -0x1p-15f, 0x1.555555p-2f, 1e-9f};
  store.append(values);
  std::vector<float> found(8);
  const std::size_t first = 0;
  store.gather(std::span(&first, 1), found.data());
  for (std::size_t i = 0; i < 8; ++i) {
    const float nearest = float_from_f16(f16_from_float(values[i]));
    REQUIRE(std::bit_cast<std::uint32_t>(found[i]) == std::bit_cast<std::uint32_t>(nearest));
  }
  for (const float x : {65520.0f, -1e9f, HUGE_VALF, std::nanf("")}) {
    REQUIRE_ERROR(
        store.append(std::vector<float>(8, x)),
        std::isfinite(x) ? "does not fit F16; cache F32 instead" : "a feature of sample 1");
    REQUIRE(store.size() == 1);
  }
}

TEST_CASE("all halves are read back exactly") {
  FeatureStore store({0x7c00, 1, 1}, 2, {.type = ElementType::f16});
  std::vector<float> values(0x7c00), found(0x7c00);
  for (const float sign : {1.0f, -1.0f}) {
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = sign * float_from_f16(std::uint16_t(i));
    store.append(values);
    const std::size_t last = store.size() - 1;
    store.gather(std::span(&last, 1), found.data());
    REQUIRE(std::memcmp(found.data(), values.data(), values.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("a cache is filled by any number of images") {
  const Data data;
  Network<HeadOnly, Image> network{max_batch(batch), seed(3)};
  const std::size_t size = Image::shape.size();
  FeatureCache at_once{network, samples}, piecewise{network, samples};
  at_once.append(data.images, data.labels);
  const std::span<const float> images(data.images);
  const std::span<const int> labels(data.labels);
  piecewise.append(images.first(size), labels.first(1));
  piecewise.append(images.subspan(size), labels.subspan(1));
  const std::vector<std::size_t> indices{10, 0, 5, 5};
  const FeatureBatch expected = at_once.gather(indices);
  REQUIRE(piecewise.full());
  const FeatureBatch found = piecewise.gather(indices);
  REQUIRE(std::ranges::equal(found.labels, expected.labels));
  REQUIRE(found.features.size() == expected.features.size());
  for (std::size_t i = 0; i < found.features.size(); ++i)
    REQUIRE(std::abs(found.features[i] - expected.features[i]) <= 1e-5f);
  REQUIRE(at_once.text() == "11 samples of 64x1x1, F32, 0.00282 MB in memory");
}

TEST_CASE("labels of pixels are cached with their images") {
  using Segmenter = ReplaceHead<Freeze<Small>, FcnHead<64, 4>>;
  Network<Segmenter, Image> network{max_batch(2)};
  const auto images = random_floats(3 * Image::shape.size());
  const std::size_t pixels = Image::shape.pixels();
  const auto labels = random_labels(3 * pixels, 4);
  FeatureCache cache{network, 3};
  cache.append(images, labels);
  const std::vector<std::size_t> indices{2, 0};
  const FeatureBatch gathered = cache.gather(indices);
  const auto truth = gathered.labels;
  REQUIRE(std::ranges::equal(truth.first(pixels), std::span(labels).subspan(2 * pixels)));
  REQUIRE(std::ranges::equal(truth.subspan(pixels), std::span(labels).first(pixels)));
  Trainer trainer{network, CrossEntropy{}, sgd};
  REQUIRE(trainer.step(gathered) > 0);
  REQUIRE(trainer.evaluate(gathered).count == 2 * pixels);
}

TEST_CASE("samples that do not fit a cache are an error and change nothing") {
  const Data data;
  Network<HeadOnly, Image> network{max_batch(batch)};
  const std::size_t size = Image::shape.size();
  const std::span<const float> images(data.images);
  const std::span<const int> labels(data.labels);
  FeatureCache cache{network, 3};
  const std::size_t second = 1;
  REQUIRE_ERROR(cache.append(images.first(size - 1)), "takes images of 3960 numbers, got 3959");
  REQUIRE_ERROR(cache.append({}), "takes images of 3960 numbers, got 0");
  REQUIRE_ERROR(cache.append(images.first(2 * size), labels.first(3)),
                "label(s) per image, got 3 for 2");
  REQUIRE_ERROR(cache.append(images, labels), "was made for 3 samples, got 11");
  REQUIRE(cache.size() == 0);
  REQUIRE_ERROR(cache.gather(std::span(&second, 1)), "holds 0 samples, but no sample 1");
  cache.append(images.first(size), labels.first(1));
  REQUIRE_ERROR(cache.append(images.first(size)), "takes 1 label(s) per image, got 0 for 1");
  REQUIRE_ERROR(cache.gather(std::span(&second, 1)), "holds 1 samples, but no sample 1");
  REQUIRE_ERROR(FeatureCache(network, 0), "at least one sample");
  REQUIRE_ERROR(FeatureCache(network, 3, CacheOptions{.type = ElementType::bf16}),
                "requires F32 or F16, got BF16");
  REQUIRE_ERROR(FeatureCache(network, ~std::size_t(0)), "cannot hold");
  REQUIRE_ERROR(FeatureCache(network, 3, CacheOptions{.keep = true}),
                "requires the name of the file");
}

TEST_CASE("a file that cannot be written is an error that names it, and leaves no file") {
  const files::TemporaryFolder folder;
  Network<HeadOnly, Image> network{max_batch(1)};
  const auto make = [&](const std::filesystem::path& file, std::size_t count) {
    FeatureCache cache{network, count, CacheOptions{.file = file}};
  };
  REQUIRE_ERROR(make(folder.path / "absent" / "features", 3), "absent/features': No such file");
  REQUIRE_ERROR((FeatureCache{network, 3, {.file = folder.path, .keep = true}}),
                "it is a directory");
  REQUIRE_ERROR(make("/proc/features", 3), "cannot write '/proc/features'");
  REQUIRE_ERROR(make(folder.path / "huge", std::size_t(1) << 46), "huge': No space left on device");
  // A limit of the process replaces a full disk.
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{4096, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = error_of([&] { make(folder.path / "large", 100'000); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  INFO(message);
  REQUIRE(message.find("large': File too large (it needs 256") != std::string::npos);
  REQUIRE(std::filesystem::is_empty(folder.path));
}

TEST_CASE(
    "a file that is not kept has no name even while the cache lives, and spares what is there") {
  const files::TemporaryFolder folder;
  const Data data;
  const auto path = folder.write("features", "another's");
  Network<HeadOnly, Image> network{max_batch(batch)};
  FeatureCache cache{network, samples, CacheOptions{.file = path}};
  cache.append(data.images);
  REQUIRE(cache.in_file());
  REQUIRE(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
  REQUIRE(files::content_of(path) == "another's");
}

TEST_CASE("a kept file is a safetensors file of the features, once the cache is full") {
  const files::TemporaryFolder folder;
  const Data data;
  const auto path = folder.write("features.safetensors", "an older one");
  const auto type = GENERATE(ElementType::f32, ElementType::f16);
  Network<HeadOnly, Image> network{max_batch(batch)};
  std::vector<std::size_t> indices(samples);
  for (std::size_t i = 0; i < samples; ++i) indices[i] = i;
  std::vector<float> expected;
  {
    FeatureCache cache{network, samples, {.type = type, .file = path, .keep = true}};
    REQUIRE(cache.in_file());
    const std::size_t size = Image::shape.size();
    cache.append(std::span(data.images).first(size));
    REQUIRE(files::content_of(path) == "an older one");
    cache.append(std::span(data.images).subspan(size));
    const FeatureBatch all = cache.gather(indices);
    expected.assign(all.features.begin(), all.features.end());
  }
  const StateDict file = read_weights(path);
  const StoredTensor& stored = file.tensors.at("features");
  REQUIRE(stored.type == type);
  REQUIRE(stored.extents == std::vector<std::int64_t>{samples, 64, 1, 1});
  std::vector<float> found(expected.size());
  stored.copy_to(std::span(found));
  REQUIRE(found == expected);
  REQUIRE(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("a full cache whose file cannot be kept is an error, and has all samples") {
  const files::TemporaryFolder folder;
  const Data data;
  const auto path = folder.path / "features";
  Network<HeadOnly, Image> network{max_batch(batch)};
  FeatureCache in_memory{network, samples};
  in_memory.append(data.images, data.labels);
  FeatureCache cache{network, samples, {.file = path, .keep = true}};
  std::filesystem::create_directories(path / "taken");
  REQUIRE_ERROR(cache.append(data.images, data.labels), "cannot write");
  REQUIRE(cache.full());
  const std::vector<std::size_t> indices{samples - 1, 0};
  const FeatureBatch one = cache.gather(indices), other = in_memory.gather(indices);
  REQUIRE(std::ranges::equal(one.features, other.features));
  REQUIRE(std::ranges::equal(one.labels, other.labels));
}

}  // namespace
}  // namespace frostline::test::feature_cache_test
