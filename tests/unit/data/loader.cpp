// SPDX-License-Identifier: MIT
// The loader: the same order with any number of threads, errors, an early end, a bounded queue.
#include "frostline/data/loader.hpp"

#include <atomic>
#include <string>

#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"

namespace frostline::test::loader_test {
namespace {

/// Samples that contain their index and draw; some cannot be read.
struct Numbers {
  std::size_t size = 103;
  std::vector<std::size_t> broken = {};
  mutable std::atomic<std::size_t> reads = 0;

  DataFacts facts() const { return {.size = size, .image = {2, 1, 2}, .labels = 3}; }
  void read(std::size_t index, std::uint64_t draw, std::span<float> image,
            std::span<int> labels) const {
    ++reads;
    for (const std::size_t b : broken)
      if (b == index) throw Error("sample " + std::to_string(index));
    for (std::size_t i = 0; i < image.size(); ++i)
      image[i] = float(index * 10 + i) + float(draw % 1000) / 1000;
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = int(index * 10 + i);
  }
};

struct All {
  std::vector<float> images;
  std::vector<int> labels;
  std::vector<std::size_t> batches;
  bool operator==(const All&) const = default;
};

All load(const Numbers& data, const LoaderOptions& options, const Draws& draws) {
  All all;
  Loader loader(data, shuffled(data.size, draws), 8, draws, options);
  while (const auto batch = loader.next()) {
    all.images.insert(all.images.end(), batch->images.begin(), batch->images.end());
    all.labels.insert(all.labels.end(), batch->labels.begin(), batch->labels.end());
    all.batches.push_back(batch->labels.size() / 3);
  }
  REQUIRE_FALSE(loader.next());  // also not later
  return all;
}

}  // namespace

TEST_CASE("a loader gives the same batches with any number of threads") {
  const Numbers data;
  const Draws draws{5, 2};
  const All expected = load(data, {1, 1}, draws);
  REQUIRE(expected.batches == std::vector<std::size_t>{8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 7});
  const std::vector<std::size_t> order = shuffled(103, draws);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::uint64_t draw = draws.of_sample(order[i]);
    REQUIRE(expected.labels[3 * i + 2] == int(order[i] * 10 + 2));
    REQUIRE(expected.images[4 * i + 3] == float(order[i] * 10 + 3) + float(draw % 1000) / 1000);
  }
  for (const int threads : {1, 2, 3, 8})
    for (const int ahead : {1, 2, 5}) REQUIRE(load(data, {threads, ahead}, draws) == expected);
  REQUIRE_FALSE(load(data, {}, {5, 3}) == expected);
  REQUIRE_FALSE(load(data, {}, {6, 2}) == expected);
}

TEST_CASE("an order has each sample once") {
  std::vector<std::size_t> order = shuffled(1000, {1, 1});
  REQUIRE(order != in_order(1000));
  std::sort(order.begin(), order.end());
  REQUIRE(order == in_order(1000));
}

TEST_CASE("the caller gets a batch's first exception") {
  const Numbers data{.broken = {29, 26, 60}};
  for (const int threads : {1, 4}) {
    Loader loader(data, in_order(103), 8, {}, {threads, 2});
    for (int b = 0; b < 3; ++b) REQUIRE(loader.next());
    REQUIRE_ERROR(loader.next(), "sample 26");
    REQUIRE_ERROR(loader.next(), "sample 26");
  }
}

TEST_CASE("a loader can end early, and reads only `ahead` batches ahead") {
  for (int i = 0; i < 20; ++i) {
    const Numbers data;
    {
      Loader loader(data, in_order(103), 8, {}, {3, 2});
      for (int b = 0; b < i % 4; ++b) REQUIRE(loader.next());
    }
    REQUIRE(data.reads <= 8 * (std::size_t(i % 4) + 3));
  }
  const Numbers data;
  Loader none(data, {}, 8);
  REQUIRE_FALSE(none.next());
}

TEST_CASE("a loader refuses wrong options") {
  const Numbers data;
  REQUIRE_ERROR(Loader(data, {103}, 8), "the sample 103 of a data set of 103");
  REQUIRE_ERROR(Loader(data, {0}, 0), "batches of 0");
  REQUIRE_ERROR(Loader(data, {0}, 1, {}, {.threads = -1}), "-1 threads");
  REQUIRE_ERROR(Loader(data, {0}, 1, {}, {.ahead = 0}), "0 ahead");
  REQUIRE_ERROR(TensorDataSet({1, 2, 2}, std::vector<float>(7), {1}), "got 7 numbers");
  REQUIRE_ERROR(TensorDataSet({1, 2, 2}, std::vector<float>(8), {1, 2, 3}), "3 labels");
  REQUIRE_ERROR(TensorDataSet({1, 2, 2}, {}, {}), "whole images");
}

}  // namespace frostline::test::loader_test
