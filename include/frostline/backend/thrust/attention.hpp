// SPDX-License-Identifier: MIT
// ScaledDotProductAttention with Thrust: all heads of an image, some queries at a time.
#pragma once

#include <cmath>

#include "frostline/backend/thrust/gemm.hpp"
#include "frostline/layers/scaled_dot_product_attention.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

/// The sizes of an attention. Scores are stored for so many queries that they stay in a cache: of
/// each head a matrix of tokens x queries. Neighbouring threads read neighbouring queries.
struct AttentionSizes {
  int tokens, channels, heads;  // of the output

  static constexpr std::ptrdiff_t most_floats = 1 << 20;

  constexpr int depth() const { return channels / heads; }
  float scale() const { return 1 / float(std::sqrt(double(depth()))); }
  constexpr std::ptrdiff_t of_head() const { return std::ptrdiff_t(depth()) * tokens; }
  constexpr std::ptrdiff_t of_third() const { return std::ptrdiff_t(channels) * tokens; }
  constexpr int queries() const {
    const std::ptrdiff_t most = most_floats / (std::ptrdiff_t(heads) * tokens);
    return most > tokens ? tokens : most > 0 ? int(most) : 1;
  }
  constexpr std::size_t scores_floats() const {
    return std::size_t(heads) * std::size_t(tokens) * std::size_t(queries());
  }
  constexpr std::size_t queries_floats() const {
    return std::size_t(channels) * std::size_t(queries());
  }
};

/// Some queries times the scale, before the products with keys, as in PyTorch: so the same ones
/// overflow. Shapes: from (channels, tokens), to (channels, count).
struct ScaledQueries {
  std::ptrdiff_t tokens, count;
  float scale;
  const float* from;
  float* to;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    to[i] = from[i / count * tokens + i % count] * scale;
  }
};

/// A column of scores: of one query and head, over all tokens. Shapes: scores (heads, tokens,
/// queries).
struct ScoreColumn {
  std::ptrdiff_t tokens, queries;
  FROSTLINE_DEVICE std::ptrdiff_t first(std::ptrdiff_t i) const {
    return i / queries * tokens * queries + i % queries;
  }
};
/// Softmax of each column.
struct SoftmaxColumn {
  ScoreColumn column;
  float* scores;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    float* of = scores + column.first(i);
    float most = of[0];
    for (std::ptrdiff_t t = 1; t < column.tokens; ++t)
      most = of[t * column.queries] > most ? of[t * column.queries] : most;
    double sum = 0;
    for (std::ptrdiff_t t = 0; t < column.tokens; ++t) {
      float& score = of[t * column.queries];
      score = std::exp(score - most);
      sum += double(score);
    }
    const auto inverse = float(1 / sum);
    for (std::ptrdiff_t t = 0; t < column.tokens; ++t) of[t * column.queries] *= inverse;
  }
};
/// With the weights p and their gradient dp, assigns that of the scores before the scale to dp.
struct SoftmaxSlopes {
  ScoreColumn column;
  float scale;
  const float* weights;
  float* gradients;
  FROSTLINE_DEVICE void operator()(std::ptrdiff_t i) const {
    const float* p = weights + column.first(i);
    float* dp = gradients + column.first(i);
    double sum = 0;
    for (std::ptrdiff_t t = 0; t < column.tokens; ++t)
      sum += double(p[t * column.queries]) * double(dp[t * column.queries]);
    for (std::ptrdiff_t t = 0; t < column.tokens; ++t) {
      float& slope = dp[t * column.queries];
      slope = p[t * column.queries] * (slope - float(sum)) * scale;
    }
  }
};

/// Some queries of one image: its queries, keys and values, each head (depth, tokens).
struct QueriesOfImage {
  const float *queries, *keys, *values;
  int first, count;
};
/// Calls visit(image, QueriesOfImage) for a batch, the queries of an image in order.
template <class Visit>
void for_each_queries(const Call& call, const AttentionSizes& sizes, Visit visit) {
  for (int n = 0; n < call.batch; ++n)
    for (int first = 0; first < sizes.tokens; first += sizes.queries()) {
      const float* x = call.inputs[0] + n * 3 * sizes.of_third();
      const int rest = sizes.tokens - first;
      visit(n, QueriesOfImage{x + first, x + sizes.of_third(), x + 2 * sizes.of_third(), first,
                              rest < sizes.queries() ? rest : sizes.queries()});
    }
}
/// Assigns weights (heads, tokens, queries), and before them the scaled queries to `scaled`.
template <class AnyCall>
void attention_weights(const AnyCall& call, const AttentionSizes& sizes, const QueriesOfImage& of,
                       float* scaled, float* weights) {
  const int tokens = sizes.tokens, count = of.count;
  for_each_index(call.context, std::ptrdiff_t(sizes.channels) * count,
                 ScaledQueries{tokens, count, sizes.scale(), of.queries, scaled});
  gemm(call.context, tokens, count, sizes.depth(), {of.keys, tokens, true, sizes.of_head()},
       {scaled, count, false, std::ptrdiff_t(sizes.depth()) * count},
       {weights, count, std::ptrdiff_t(tokens) * count}, false, sizes.heads);
  for_each_index(call.context, std::ptrdiff_t(sizes.heads) * count,
                 SoftmaxColumn{{tokens, count}, weights});
}

template <class AnyCall>
FROSTLINE_COMPILED_ONCE void attention_forward(const AnyCall& call, const AttentionSizes& sizes) {
  float* scaled = call.shared_scratch();
  float* weights = scaled + sizes.queries_floats();
  for_each_queries(call, sizes, [&](int n, const QueriesOfImage& of) {
    attention_weights(call, sizes, of, scaled, weights);
    gemm(call.context, sizes.depth(), of.count, sizes.tokens,
         {of.values, sizes.tokens, false, sizes.of_head()},
         {weights, of.count, false, std::ptrdiff_t(sizes.tokens) * of.count},
         {call.output + n * sizes.of_third() + of.first, sizes.tokens, sizes.of_head()}, false,
         sizes.heads);
  });
}
template <class AnyCall>
FROSTLINE_COMPILED_ONCE void attention_input_gradient(const AnyCall& call,
                                                      const AttentionSizes& sizes, bool adds) {
  float* scaled = call.shared_scratch();
  float* weights = scaled + sizes.queries_floats();
  float* gradients = weights + sizes.scores_floats();  // of the weights, then of the scores
  const int tokens = sizes.tokens, depth = sizes.depth(), heads = sizes.heads;
  const std::ptrdiff_t head = sizes.of_head();
  for_each_queries(call, sizes, [&](int n, const QueriesOfImage& of) {
    const int count = of.count;
    const std::ptrdiff_t matrix = std::ptrdiff_t(tokens) * count;
    const float* dy = call.output_gradient + n * sizes.of_third() + of.first;
    float* dx = call.input_gradients[0] + n * 3 * sizes.of_third();
    const bool add = adds || of.first > 0;  // to what all queries give
    attention_weights(call, sizes, of, scaled, weights);
    gemm(call.context, tokens, count, depth, {of.values, tokens, true, head},
         {dy, tokens, false, head}, {gradients, count, matrix}, false, heads);
    for_each_index(call.context, std::ptrdiff_t(heads) * count,
                   SoftmaxSlopes{{tokens, count}, sizes.scale(), weights, gradients});
    gemm(call.context, depth, count, tokens, {of.keys, tokens, false, head},
         {gradients, count, false, matrix}, {dx + of.first, tokens, head}, adds, heads);
    gemm(call.context, depth, tokens, count, {of.queries, tokens, false, head},
         {gradients, count, true, matrix}, {dx + sizes.of_third(), tokens, head}, add, heads);
    gemm(call.context, depth, tokens, count, {dy, tokens, false, head},
         {weights, count, true, matrix}, {dx + 2 * sizes.of_third(), tokens, head}, add, heads);
  });
}

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device

namespace frostline {

template <int Heads>
struct Kernel<thrust_backend, ScaledDotProductAttention<Heads>> {
  template <class At>
  static constexpr detail::device::AttentionSizes sizes{At::out.width, At::out.channels, Heads};
  template <class At>
  static constexpr std::size_t shared_scratch_bytes(Pass pass) {
    const std::size_t matrices = pass == Pass::forward ? 1 : 2;
    return (sizes<At>.queries_floats() + matrices * sizes<At>.scores_floats()) * sizeof(float);
  }

  template <class At>
  static void forward(const Call& call) {
    detail::device::attention_forward(call, sizes<At>);
  }
  /// Assigns the input's gradient, or adds to it where At says so.
  template <class At>
  static void input_gradient(const Call& call) {
    detail::device::attention_input_gradient(call, sizes<At>, At::accumulates(0));
  }
};

}  // namespace frostline
