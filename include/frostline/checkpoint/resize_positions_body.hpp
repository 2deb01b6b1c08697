// SPDX-License-Identifier: MIT
// The bodies of checkpoint/resize_positions.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frostline/checkpoint/resize_positions.hpp"
#include "frostline/core/body.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/images/filter.hpp"
#include "frostline/io/weights/state_dict.hpp"
#include "frostline/program/named_tensor.hpp"

namespace frostline::detail {

FROSTLINE_BODY int grid_side(std::span<const std::int64_t> extents) {
  if (extents.size() != 3 || extents[0] != 1) return 0;
  for (int side = 1; side <= 256; ++side)
    if (extents[1] == 1 + std::int64_t{side} * side) return side;
  return 0;
}

FROSTLINE_BODY std::string resizing_error(std::span<const std::int64_t> stored,
                                          const NamedTensor& wanted) {
  if (stored.size() != 3 || stored[2] != wanted.extents[2])
    return "only the number of places can be resized";
  const auto error_of = [](std::span<const std::int64_t> extents, std::string_view whose) {
    if (grid_side(extents) > 0) return std::string{};
    return format_text(
        "{} embeddings cannot be resized, since they are not a class token's and those of n x n "
        "places, where n is at most 256",
        whose);
  };
  const std::string error = error_of(stored, "the file's");
  return error.empty() ? error_of(wanted.extents, "the network's") : error;
}

/// Resamples the middle one of three axes. Shapes: from (outer, rows, inner) to
/// (outer, wanted, inner).
inline std::vector<float> resample_axis(const std::vector<float>& from, std::size_t outer, int rows,
                                        int wanted, std::size_t inner) {
  const double scale = double(rows) / wanted;
  std::vector<double> weights(std::size_t(widest_window<BicubicFilter>(scale)));
  std::vector<float> to(outer * std::size_t(wanted) * inner);
  std::vector<double> sums(inner);
  for (int row = 0; row < wanted; ++row) {
    const FilterWindow window = filter_window<BicubicFilter>(rows, 0, scale, row, weights);
    for (std::size_t o = 0; o < outer; ++o) {
      std::fill(sums.begin(), sums.end(), 0.0);
      const float* in = &from[(o * std::size_t(rows) + std::size_t(window.first)) * inner];
      for (int tap = 0; tap < window.count; ++tap, in += inner)
        for (std::size_t i = 0; i < inner; ++i)
          sums[i] += weights[std::size_t(tap)] * double(in[i]);
      float* out = &to[(o * std::size_t(wanted) + std::size_t(row)) * inner];
      for (std::size_t i = 0; i < inner; ++i) out[i] = float(sums[i]);
    }
  }
  return to;
}

FROSTLINE_BODY std::vector<float> resized_positions(const StoredTensor& stored,
                                                    const NamedTensor& wanted) {
  const int from = grid_side(stored.extents), to = grid_side(wanted.extents);
  const auto channels = std::size_t(wanted.extents[2]);
  std::vector<float> all(stored.size());
  stored.copy_to(std::span(all));
  const auto places = all.begin() + std::ptrdiff_t(channels);
  std::vector<float> result(all.begin(), places);
  std::vector<float> grid(places, all.end());  // (from, from, channels)
  grid = resample_axis(grid, std::size_t(from), from, to, channels);
  grid = resample_axis(grid, 1, from, to, std::size_t(to) * channels);
  result.insert(result.end(), grid.begin(), grid.end());
  return result;
}

}  // namespace frostline::detail
