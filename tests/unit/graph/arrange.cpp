// SPDX-License-Identifier: MIT
// Layouts and algorithms of the CPU backend, and what runs image by image: facts of the graph.
#include <frostline/frostline.hpp>

#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/relative_error.hpp"

namespace frostline::test::arrange_test {
namespace {

using Image = Input<3, 224, 224>;
using HeadOnly = ReplaceHead<Freeze<ResNet18<>>, ClassifierHead<512, 10>>;
using Segmenter = ReplaceHead<Freeze<ResNet18<>>, FcnHead<512, 21>>;

template <class Graph>
constexpr int reorders(const Graph& graph) {
  int count = 0;
  for (const Node& node : graph) count += node.kind == Kind::reorder;
  return count;
}
template <class Graph>
constexpr const Node& find(const Graph& graph, std::string_view path) {
  for (const Node& node : graph)
    if (std::string_view(node.path) == path) return node;
  throw "no such node";
}

/// Multiply-adds that the CPU backend executes for an image in a convolution.
constexpr std::int64_t executed(const Node& node) {
  const std::int64_t channels = std::int64_t(node.in.channels) * node.out.channels;
  if (node.pool != no_node) {
    const StemShape stem{node.in, {}};
    return std::int64_t(StemShape::products) * stem.tile_rows() * stem.tiles() * 4 * channels;
  }
  constexpr std::string_view winograd = "Winograd F(";
  if (!node.choice.name.starts_with(winograd)) return node.multiply_adds;
  const WinogradShape shape{BlockedMap{node.in}, BlockedMap{node.out},
                            node.choice.name[winograd.size()] - '0',
                            (node.in.height + node.out.height - 1) / node.out.height};
  const auto products = [&](const TileAxis& axis) {
    std::int64_t count = 0;
    for (int tile = 0; tile < axis.count(); ++tile)
      for (int point = 0; point < shape.points(); ++point)
        count += tile < axis.whole() || !shape.last_alone(point);
    return count;
  };
  return products(shape.vertical()) * products(shape.horizontal()) * channels;
}
template <class Model, class Options>
constexpr std::int64_t executed_of_convolutions() {
  std::int64_t sum = 0;
  for (const Node& node : compiled<Model, Image, cpu, Options>)
    if (node.kind == Kind::convolution) sum += executed(node);
  return sum;
}

struct Plain {
  static constexpr Tuning tuning{.convolutions = Convolutions::im2col};
};

// Only for NCHW, as a user's layer is.
struct Foreign : Layer {
  static constexpr Shape output(Shape in) { return in; }
};

}  // namespace
}  // namespace frostline::test::arrange_test

template <>
struct frostline::Kernel<frostline::cpu, frostline::test::arrange_test::Foreign> {
  template <class At>
  static void forward(const Call& call) {
    for_each_task(call.team, std::ptrdiff_t(At::in.size()) * call.batch,
                  [&](int i) { call.output[i] = 2 * call.inputs[0][i]; });
  }
  template <class At>
  static void input_gradient(const Call& call) {
    for_each_task(call.team, std::ptrdiff_t(At::in.size()) * call.batch, [&](int i) {
      detail::put<At::accumulates(0)>(call.input_gradients[0][i], 2 * call.output_gradient[i]);
    });
  }
};

namespace frostline::test::arrange_test {

TEST_CASE("a ResNet needs no value in two layouts") {
  STATIC_REQUIRE(reorders(compiled<HeadOnly, Image, cpu>) == 0);
  STATIC_REQUIRE(reorders(compiled<ResNet18<>, Image, cpu>) == 0);
  STATIC_REQUIRE(reorders(compiled<Segmenter, Image, cpu>) == 0);
  STATIC_REQUIRE(find(compiled<HeadOnly, Image, cpu>, "layer1.0.conv1").choice.output ==
                 Layout::blocked);
  STATIC_REQUIRE(find(compiled<HeadOnly, Image, cpu>, "fc").choice.input == Layout::plain);
  // Without a backend every value is NCHW.
  STATIC_REQUIRE(find(compiled<HeadOnly, Image>, "layer1.0.conv1").choice.output == Layout::plain);
}

TEST_CASE("frozen convolutions take less than a third of the definition's products") {
  // Of 1,814 million multiply-adds; docs/benchmarks.md has this number.
  STATIC_REQUIRE(executed_of_convolutions<HeadOnly, DirectOnly>() == 1'813'561'344);
  STATIC_REQUIRE(executed_of_convolutions<HeadOnly, Balanced>() == 541'020'160);
  STATIC_REQUIRE(executed_of_convolutions<HeadOnly, Fastest>() < 460'000'000);
  STATIC_REQUIRE(executed_of_convolutions<HeadOnly, SmallWeights>() == 1'813'561'344);
  constexpr const auto& graph = compiled<HeadOnly, Image, cpu>;
  STATIC_REQUIRE(find(graph, "layer3.0.conv1").choice.name == "Winograd F(4x4)");
  STATIC_REQUIRE(find(graph, "layer3.0.downsample.0").choice.name == "direct");
  constexpr const auto& fastest = compiled<HeadOnly, Image, cpu, Fastest>;
  STATIC_REQUIRE(find(fastest, "layer2.0.conv2").choice.name == "Winograd F(7x7)");
  STATIC_REQUIRE(std::string_view(find(fastest, "layer4.0.conv2").choice.name).substr(0, 15) ==
                 "Winograd F(4x4)");
}

TEST_CASE("a layer that takes only NCHW gets it, and its neighbours get their own layouts") {
  using Conv = Conv2d<8, 8, 3, 1, 1>;
  using Mixed = Sequential<Conv, Foreign, Conv>;
  using In = Input<8, 9, 7>;
  STATIC_REQUIRE(reorders(compiled<Mixed, In, cpu>) == 4);  // to both layouts at both convolutions
  STATIC_REQUIRE(reorders(compiled<Sequential<Conv, Conv>, In, cpu>) == 2);  // input and output

  // The same function and the same gradients as a network whose convolutions also take NCHW.
  Network<Mixed, In> blocked{max_batch(3), seed(5)};
  Network<Mixed, In, cpu, Plain> columns{max_batch(3), seed(5)};
  STATIC_REQUIRE(reorders(compiled<Mixed, In, cpu, Plain>) == 0);
  std::vector<float> images(3 * In::shape.size());
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = float(i * 37 % 101) / 50 - 1;
  const auto run = [&](auto& network) {
    const std::span<const float> y = network.forward(images, true);
    std::vector<float> result(y.begin(), y.end());
    std::ranges::copy(y, network.output_gradient().begin());
    network.backward();
    result.insert(result.end(), network.gradients().begin(), network.gradients().end());
    return result;
  };
  REQUIRE(test::relative_error(run(blocked), run(columns)) < 1e-5);
}

TEST_CASE("frozen layers that are small enough run image by image") {
  constexpr const auto& steps = scheduled<HeadOnly, Image, cpu>;
  constexpr const auto& graph = compiled<HeadOnly, Image, cpu>;
  STATIC_REQUIRE(std::string_view(graph[steps[steps.per_image_steps].node].path) ==
                 "layer3.0.conv1");
  STATIC_REQUIRE(scheduled<ResNet18<>, Image, cpu>.per_image_steps == 0);
  using Drifting = Freeze<ResNet18<>, BatchStatistics>;
  // A batch norm reads all images.
  STATIC_REQUIRE(scheduled<Drifting, Image, cpu>.per_image_steps == 0);
  // Values inside the prefix take one sample per thread.
  constexpr const auto& plan = planned<HeadOnly, Image, cpu>;
  STATIC_REQUIRE(plan.activations[find(graph, "layer1.0.conv1").output].per_thread);
  STATIC_REQUIRE(!plan.activations[find(graph, "layer4.0.conv1").output].per_thread);
}

TEST_CASE("images one by one give the same results as a batch, with any number of threads") {
  using Model = ReplaceHead<Freeze<ResNet18<16>>, ClassifierHead<128, 10>>;
  using In = Input<3, 40, 56>;
  Network<Model, In> network{max_batch(7), seed(3)};
  std::vector<float> images(7 * In::shape.size());
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = float(i * 7919 % 1009) / 500 - 1;
  const auto all = network.predict(images);
  const std::vector<float> together(all.begin(), all.end());
  for (std::size_t n = 0; n < 7; ++n) {
    const auto one = network.predict(
        std::span<const float>(images).subspan(n * In::shape.size(), In::shape.size()));
    for (std::size_t k = 0; k < 10; ++k)
      REQUIRE(std::abs(one[k] - together[n * 10 + k]) < 1e-4f * (1 + std::abs(one[k])));
  }
}

}  // namespace frostline::test::arrange_test
