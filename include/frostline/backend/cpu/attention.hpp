// SPDX-License-Identifier: MIT
// ScaledDotProductAttention on the CPU: a head at a time, some queries at a time.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "frostline/backend/cpu/activations.hpp"
#include "frostline/backend/cpu/blocked.hpp"
#include "frostline/backend/cpu/products.hpp"
#include "frostline/backend/cpu/reorder.hpp"
#include "frostline/layers/scaled_dot_product_attention.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

/// The sizes of an attention, and its memory. No matrix of tokens x tokens is stored, only some
/// rows of it at a time. Units of sizes in memory: floats.
struct AttentionSizes {
  int tokens, channels, heads;  // of the output

  static constexpr int together = 48;  // queries whose rows a thread computes together

  constexpr int depth() const { return channels / heads; }
  float scale() const { return 1 / float(std::sqrt(double(depth()))); }
  /// Rows of tokens or of numbers of a head, in whole vectors.
  constexpr int row() const { return divide_up(tokens, lanes) * lanes; }
  constexpr int head_row() const { return divide_up(depth(), lanes) * lanes; }
  constexpr int queries() const { return std::min(together, tokens); }
  constexpr std::ptrdiff_t of_head() const { return std::ptrdiff_t(tokens) * head_row(); }
  constexpr std::ptrdiff_t of_head_transposed() const { return std::ptrdiff_t(head_row()) * row(); }
  constexpr std::ptrdiff_t of_queries() const { return std::ptrdiff_t(queries()) * head_row(); }
  constexpr std::ptrdiff_t of_scores() const { return std::ptrdiff_t(queries()) * row(); }
  constexpr std::ptrdiff_t forward_floats() const {
    return of_head_transposed() + of_head() + 2 * of_queries() + of_scores();
  }
  constexpr std::ptrdiff_t backward_floats() const {
    return 2 * of_head_transposed() + 3 * of_head() + 3 * of_queries() + 2 * of_scores();
  }
};

/// Some neighbouring channels of one image: a head's queries, keys or values.
struct HeadChannels {
  BlockedMap map;
  int first, count;

  constexpr bool whole_blocks() const { return first % lanes == 0 && count % lanes == 0; }
  constexpr std::ptrdiff_t at(int channel, int token) const {
    const int c = first + channel;
    return map.at(c / lanes, 0, token) + c % lanes;
  }
  /// Assigns rows of `stride` floats, whose last ones become zero: the channels of each of some
  /// tokens, times a factor.
  void get(const float* from, int token, int tokens, float factor, float* to, int stride) const {
    const Vector factors = splat(factor);
    for (int t = token; t < token + tokens; ++t, to += stride) {
      if (whole_blocks()) {
        for (int c = 0; c < count; c += lanes) store(to + c, load(from + at(c, t)) * factors);
        continue;
      }
      for (int c = 0; c < stride; ++c) to[c] = c < count ? from[at(c, t)] * factor : 0.0f;
    }
  }
  /// Assigns rows of `stride` floats, whose last ones become zero: the tokens of each channel.
  void get_transposed(const float* from, float* to, int stride) const {
    const int tokens = map.shape.width;
    const int together = whole_blocks() ? lanes : 1;
    for (int c = 0; c < count; c += together) {
      const float* channel = from + at(c, 0);
      if (together > 1)
        to_planes<false>(channel, {to, stride, lanes, tokens});
      else
        for (int t = 0; t < tokens; ++t) to[t] = channel[t * lanes];
      for (int i = 0; i < together; ++i, to += stride) std::fill(to + tokens, to + stride, 0.0f);
    }
  }
  /// Assigns the channels of some tokens times a factor, or adds to them.
  template <bool Adds>
  void put(const float* from, int stride, float factor, int token, int tokens, float* to) const {
    const Vector factors = splat(factor);
    for (int t = token; t < token + tokens; ++t, from += stride) {
      if (whole_blocks()) {
        for (int c = 0; c < count; c += lanes) {
          float* place = to + at(c, t);
          const Vector value = load(from + c) * factors;
          store(place, Adds ? load(place) + value : value);
        }
        continue;
      }
      for (int c = 0; c < count; ++c) {
        float& place = to[at(c, t)];
        place = Adds ? place + from[c] * factor : from[c] * factor;
      }
    }
  }
};

/// Softmax over the first `tokens` numbers of a row; the rest of its vectors becomes zero.
FROSTLINE_INLINE void softmax(float* row, int tokens) {
  const int whole = divide_up(tokens, lanes) * lanes;
  for (int t = tokens; t < whole; ++t) row[t] = -std::numeric_limits<float>::infinity();
  Vector most = load(row);
  for (int t = lanes; t < whole; t += lanes) most = load(row + t) > most ? load(row + t) : most;
  float largest = most[0];
  for (int i = 1; i < lanes; ++i) largest = most[i] > largest ? most[i] : largest;
  Vector sums{};
  for (int t = 0; t < whole; t += lanes) {
    const Vector weight = exponential(load(row + t) - splat(largest));
    store(row + t, weight);
    sums += weight;
  }
  float sum = 0;
  for (int i = 0; i < lanes; ++i) sum += sums[i];
  const Vector inverse = splat(1 / sum);
  for (int t = 0; t < whole; t += lanes) store(row + t, load(row + t) * inverse);
}

/// c = (or +=) a b, or a^T b, with whole vectors of columns. Shapes: a (rows, depth), b (depth,
/// columns), c (rows, columns).
FROSTLINE_INLINE void multiply_rows(Rows<const float> a, bool transposed, Rows<const float> b,
                                    Rows<float> c, int rows, int depth, int columns, bool adds) {
  const OuterProducts product{.a = a.data,
                              .a_row = transposed ? 1 : a.stride,
                              .a_sum = transposed ? a.stride : 1,
                              .b = b,
                              .c = c,
                              .rows = rows,
                              .depth = depth,
                              .columns = columns,
                              .adds = adds};
  product.run(Team{});
}

/// Zeros the channels after the last ones of a value; other threads assign the rest of their
/// blocks.
inline void zero_missing_channels(const Call& call, const BlockedMap& map, float* value) {
  const int first = map.shape.channels % lanes;
  for_each_task(call.team, first > 0 ? call.batch : 0, [&](int n) {
    for (int t = 0; t < map.shape.width; ++t)
      for (int i = first; i < lanes; ++i)
        value[n * map.sample() + map.at(map.blocks() - 1, 0, t) + i] = 0;
  });
}

// The loops are compiled once for all shapes.
FROSTLINE_COMPILED_ONCE void attention_forward(const Call& call, const AttentionSizes& sizes) {
  const BlockedMap in{{3 * sizes.channels, 1, sizes.tokens}};
  const BlockedMap out{{sizes.channels, 1, sizes.tokens}};
  const int tokens = sizes.tokens, depth = sizes.depth(), row = sizes.row(),
            head_row = sizes.head_row();
  float* const keys = call.thread_scratch();  // transposed
  float* const values = keys + sizes.of_head_transposed();
  float* const queries = values + sizes.of_head();
  float* const means = queries + sizes.of_queries();
  float* const scores = means + sizes.of_queries();
  zero_borders(call.team, out, call.output, call.batch);
  zero_missing_channels(call, out, call.output);
  // With few heads and images, the queries of a head are divided among threads.
  const int pieces = divide_up(tokens, sizes.queries()), heads = call.batch * sizes.heads;
  const int parts = std::clamp(divide_up(2 * call.team.threads, heads), 1, pieces);
  for_each_task(call.team, std::ptrdiff_t(heads) * parts, [&](int task) {
    const int part = task % parts, n = task / parts / sizes.heads;
    const int first = task / parts % sizes.heads * depth;
    const float* x = call.inputs[0] + n * in.sample();
    HeadChannels{in, sizes.channels + first, depth}.get_transposed(x, keys, row);
    HeadChannels{in, 2 * sizes.channels + first, depth}.get(x, 0, tokens, 1, values, head_row);
    for (int piece = pieces * part / parts; piece < pieces * (part + 1) / parts; ++piece) {
      const int query = piece * sizes.queries(), count = std::min(sizes.queries(), tokens - query);
      HeadChannels{in, first, depth}.get(x, query, count, sizes.scale(), queries, head_row);
      multiply_rows({queries, head_row}, false, {keys, row}, {scores, row}, count, depth, row,
                    false);
      for (int q = 0; q < count; ++q) softmax(scores + std::ptrdiff_t(q) * row, tokens);
      multiply_rows({scores, row}, false, {values, head_row}, {means, head_row}, count, tokens,
                    head_row, false);
      HeadChannels{out, first, depth}.put<false>(means, head_row, 1, query, count,
                                                 call.output + n * out.sample());
    }
  });
}

/// With the weights p = softmax(scores), and their gradient dp = dy v^T, that of the scores is
/// p * (dp - the sum over tokens of p * dp). It is computed for some queries at a time.
template <bool Adds>
FROSTLINE_COMPILED_ONCE void attention_input_gradient(const Call& call,
                                                      const AttentionSizes& sizes) {
  const BlockedMap in{{3 * sizes.channels, 1, sizes.tokens}};
  const BlockedMap out{{sizes.channels, 1, sizes.tokens}};
  const int tokens = sizes.tokens, depth = sizes.depth(), row = sizes.row(),
            head_row = sizes.head_row();
  float* const keys_transposed = call.thread_scratch();
  float* const values_transposed = keys_transposed + sizes.of_head_transposed();
  float* const keys = values_transposed + sizes.of_head_transposed();
  float* const keys_gradient = keys + sizes.of_head();
  float* const values_gradient = keys_gradient + sizes.of_head();
  float* const queries = values_gradient + sizes.of_head();
  float* const queries_gradient = queries + sizes.of_queries();
  float* const slopes = queries_gradient + sizes.of_queries();  // of the output
  float* const weights = slopes + sizes.of_queries();
  float* const gradients = weights + sizes.of_scores();  // of the weights, then of the scores
  if constexpr (!Adds) {
    zero_borders(call.team, in, call.input_gradients[0], call.batch);
    zero_missing_channels(call, in, call.input_gradients[0]);
  }
  for_each_task(call.team, std::ptrdiff_t(call.batch) * sizes.heads, [&](int task) {
    const int n = task / sizes.heads, first = task % sizes.heads * depth;
    const HeadChannels of_queries{in, first, depth};
    const HeadChannels of_keys{in, sizes.channels + first, depth};
    const HeadChannels of_values{in, 2 * sizes.channels + first, depth};
    const float* x = call.inputs[0] + n * in.sample();
    float* dx = call.input_gradients[0] + n * in.sample();
    of_keys.get_transposed(x, keys_transposed, row);
    of_keys.get(x, 0, tokens, 1, keys, head_row);
    of_values.get_transposed(x, values_transposed, row);
    for (int query = 0; query < tokens; query += sizes.queries()) {
      const int count = std::min(sizes.queries(), tokens - query);
      of_queries.get(x, query, count, sizes.scale(), queries, head_row);
      HeadChannels{out, first, depth}.get(call.output_gradient + n * out.sample(), query, count, 1,
                                          slopes, head_row);
      multiply_rows({queries, head_row}, false, {keys_transposed, row}, {weights, row}, count,
                    depth, row, false);
      multiply_rows({slopes, head_row}, false, {values_transposed, row}, {gradients, row}, count,
                    depth, row, false);
      for (int q = 0; q < count; ++q) {
        float* const p = weights + std::ptrdiff_t(q) * row;
        float* const dp = gradients + std::ptrdiff_t(q) * row;
        softmax(p, tokens);
        Vector sums{};
        for (int t = 0; t < row; t += lanes) sums += load(p + t) * load(dp + t);
        float sum = 0;
        for (int i = 0; i < lanes; ++i) sum += sums[i];
        for (int t = 0; t < row; t += lanes)
          store(dp + t, load(p + t) * (load(dp + t) - splat(sum)));
      }
      const bool adds = query > 0;
      multiply_rows({weights, row}, true, {slopes, head_row}, {values_gradient, head_row}, tokens,
                    count, head_row, adds);
      multiply_rows({gradients, row}, true, {queries, head_row}, {keys_gradient, head_row}, tokens,
                    count, head_row, adds);
      multiply_rows({gradients, row}, false, {keys, head_row}, {queries_gradient, head_row}, count,
                    tokens, head_row, false);
      of_queries.put<Adds>(queries_gradient, head_row, sizes.scale(), query, count, dx);
    }
    of_keys.put<Adds>(keys_gradient, head_row, 1, 0, tokens, dx);
    of_values.put<Adds>(values_gradient, head_row, 1, 0, tokens, dx);
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail

namespace frostline {

template <int Heads>
struct Kernel<cpu, ScaledDotProductAttention<Heads>> {
  static constexpr Choice choose(const Situation&) { return {Layout::blocked, Layout::blocked}; }
  template <class At>
  static constexpr detail::AttentionSizes sizes{At::out.width, At::out.channels, Heads};
  template <class At>
  static constexpr std::size_t scratch_bytes(Pass pass) {
    return std::size_t(pass == Pass::forward ? sizes<At>.forward_floats()
                                             : sizes<At>.backward_floats()) *
           sizeof(float);
  }

  template <class At>
  static void forward(const Call& call) {
    detail::attention_forward(call, sizes<At>);
  }
  /// Assigns the input's gradient, or adds to it if At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::attention_input_gradient<At::accumulates(0)>(call, sizes<At>);
  }
};

}  // namespace frostline
