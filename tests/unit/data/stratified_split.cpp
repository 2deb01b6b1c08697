// SPDX-License-Identifier: MIT
// stratified_split: shares of classes, classes of one sample, seeds.
#include "frostline/data/stratified_split.hpp"

#include <map>

#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"

namespace frostline::test::stratified_split_test {

TEST_CASE("a stratified split holds out the share of each class, and each sample is in one part") {
  const std::map<int, int> sizes{{0, 1}, {1, 2}, {3, 10}, {7, 37}};
  std::vector<int> labels;
  for (const auto& [label, size] : sizes) labels.insert(labels.end(), std::size_t(size), label);
  std::shuffle(labels.begin(), labels.end(), random_engine());
  const Split split = stratified_split(labels, 0.2, random_engine()());
  std::map<int, int> held_out;
  for (const std::size_t i : split.held_out) ++held_out[labels[i]];
  CHECK(held_out == std::map<int, int>{{1, 1}, {3, 2}, {7, 7}});  // 7.4 pictures are 7
  std::vector<std::size_t> all = split.train;
  all.insert(all.end(), split.held_out.begin(), split.held_out.end());
  std::sort(all.begin(), all.end());
  CHECK(all == in_order(labels.size()));
}

TEST_CASE("the seed chooses the samples that a stratified split holds out") {
  const std::vector<int> labels(100, 4);
  CHECK(stratified_split(labels, 0.5, 1).held_out == stratified_split(labels, 0.5, 1).held_out);
  CHECK(stratified_split(labels, 0.5, 1).held_out != stratified_split(labels, 0.5, 2).held_out);
  CHECK(stratified_split(labels, 0.999).train.size() == 1);
  for (const double share : {0.0, 1.0, -1.0, std::nan("")})
    REQUIRE_ERROR(stratified_split(labels, share), "between 0 and 1");
}

}  // namespace frostline::test::stratified_split_test
