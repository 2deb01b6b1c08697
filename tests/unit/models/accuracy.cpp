// SPDX-License-Identifier: MIT
// The error of a frozen ResNet-18's features for each choice of algorithms.
#include <frostline/frostline.hpp>

#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/random.hpp"

namespace frostline::test::accuracy_test {
namespace {

using Features = Freeze<Backbone<ResNet18<>>>;
using Image = Input<3, 224, 224>;
using Doubles = std::vector<double>;

Doubles convolve(const Node& node, const Doubles& x, const std::vector<float>& weight) {
  const Shape in = node.in, out = node.out;
  const int taps = int(weight.size()) / (in.channels * out.channels);
  const int size = taps == 1 ? 1 : taps == 9 ? 3 : 7, padding = size / 2;
  const int stride = (in.height + out.height - 1) / out.height;
  const int width = in.width + 2 * padding, height = in.height + 2 * padding;
  Doubles padded(std::size_t(in.channels * height * width)), y(out.size());
  for (int c = 0; c < in.channels; ++c)
    for (int row = 0; row < in.height; ++row)
      std::copy_n(x.data() + (c * in.height + row) * in.width, in.width,
                  padded.data() + (c * height + row + padding) * width + padding);
  for (int k = 0; k < out.channels; ++k)
    for (int c = 0; c < in.channels; ++c)
      for (int t = 0; t < taps; ++t) {
        const double w = double(weight[std::size_t((k * in.channels + c) * taps + t)]);
        for (int row = 0; row < out.height; ++row) {
          const double* from =
              padded.data() + (c * height + row * stride + t / size) * width + t % size;
          double* to = y.data() + (k * out.height + row) * out.width;
          for (int i = 0; i < out.width; ++i) to[i] += w * from[i * stride];
        }
      }
  return y;
}

Doubles pool(const Node& node, const Doubles& x) {
  const Shape in = node.in, out = node.out;
  Doubles y(out.size());  // after a ReLU: no number is below zero
  for (int c = 0; c < in.channels; ++c)
    for (int row = 0; row < out.height; ++row)
      for (int column = 0; column < out.width; ++column)
        for (int t = 0; t < 9; ++t) {
          const int v = 2 * row - 1 + t / 3, h = 2 * column - 1 + t % 3;
          if (v < 0 || h < 0 || v >= in.height || h >= in.width) continue;
          double& most = y[std::size_t((c * out.height + row) * out.width + column)];
          most = std::max(most, x[std::size_t((c * in.height + v) * in.width + h)]);
        }
  return y;
}

/// The features in double, from the graph and the network's own parameters.
template <class Net>
Doubles exact(const Net& network, const std::vector<float>& image) {
  constexpr const auto& graph = traced<Features, Image>;
  std::vector<Doubles> values(std::size_t(graph.size));
  values[0].assign(image.begin(), image.end());
  for (int i = 1; i < graph.size; ++i) {
    const Node& node = graph[i];
    const Doubles& x = values[std::size_t(node.inputs[0])];
    Doubles& y = values[std::size_t(i)];
    const std::string path(std::string_view(node.path));
    if (node.kind == Kind::convolution) {
      y = convolve(node, x, network.values(path + ".weight"));
    } else if (node.kind == Kind::max_pool_3_2_1) {
      y = pool(node, x);
    } else {
      y = x;
      if (node.kind == Kind::add)
        for (std::size_t k = 0; k < y.size(); ++k) y[k] += values[std::size_t(node.inputs[1])][k];
      if (node.kind == Kind::relu)
        for (double& value : y) value = std::max(value, 0.0);
      if (node.kind == Kind::batch_norm) {
        const auto weight = network.values(path + ".weight"), bias = network.values(path + ".bias");
        const auto mean = network.values(path + ".running_mean");
        const auto variance = network.values(path + ".running_var");
        for (std::size_t k = 0; k < y.size(); ++k) {
          const std::size_t c = k / node.out.pixels();
          y[k] =
              (y[k] - double(mean[c])) / std::sqrt(double(variance[c]) + 1e-5) * double(weight[c]) +
              double(bias[c]);
        }
      }
    }
  }
  return values.back();
}

template <class Options>
double error(const std::vector<float>& image, int batch, const Doubles* reference,
             Doubles* computed = nullptr) {
  Network<Features, Image, cpu, Options> network{max_batch(batch), seed(11)};
  if (computed) *computed = exact(network, image);
  const Doubles& truth = reference ? *reference : *computed;
  const auto y = network.predict(image);
  double errors = 0, squares = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    errors += (double(y[i]) - truth[i]) * (double(y[i]) - truth[i]);
    squares += truth[i] * truth[i];
  }
  return std::sqrt(errors / squares);
}

}  // namespace

TEST_CASE("features have the accuracy of the chosen algorithms", "[slow]") {
  const std::vector<float> image = random_floats(Image::shape.size());
  Doubles truth;
  const double balanced = error<Balanced>(image, 3, nullptr, &truth);
  const double few = error<Balanced>(image, 1, &truth);
  const double fastest = error<Fastest>(image, 3, &truth);
  const double accurate = error<DirectOnly>(image, 3, &truth);
  const double small = error<SmallWeights>(image, 3, &truth);
  std::printf(
      "relative L2 error of features: Balanced %.1e (one image %.1e), Fastest %.1e, "
      "DirectOnly %.1e, SmallWeights %.1e\n",
      balanced, few, fastest, accurate, small);
  CHECK(balanced <= 5e-6);
  CHECK(few <= 5e-6);
  CHECK(fastest <= 2e-5);
  CHECK(accurate <= 2e-6);
  CHECK(small <= 2e-6);
}

}  // namespace frostline::test::accuracy_test
