// SPDX-License-Identifier: MIT
// Concat on the CPU: training, branches written in place, and everything that knows graphs.
#include "frostline/frostline.hpp"
#include "support/catch.hpp"
#include "support/concat_cases.hpp"
#include "support/concat_copies.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "unit/io/files.hpp"

namespace frostline::test::concat_test {
namespace {

using concat::Dense;
using concat::Inception;
using concat::Picture;
using concat::Unit;

template <class Model>
using Net = Network<Model, Picture>;
constexpr std::size_t floats = Picture::shape.size();

std::vector<float> copy(std::span<const float> numbers) { return {numbers.begin(), numbers.end()}; }

/// Gives a network the weights of another, by key.
template <class From, class To>
void give(const From& from, To& to) {
  for (const auto& [key, values] : snapshot(from))
    to.write(to.tensor(key), std::span<const float>(values));
}
template <class First, class Second>
void check_equal_predictions(First& one, Second& other) {
  const auto images = random_floats(5 * floats);
  for (const std::size_t count : {5u, 2u, 1u}) {
    const auto expected = copy(one.predict(std::span(images).first(count * floats)));
    const auto found = other.predict(std::span(images).first(count * floats));
    REQUIRE(relative_error(found, expected) < 2e-5);
  }
}

/// Branches that are in place, of a model in a network.
template <class Model>
constexpr int in_place = [] {
  constexpr const auto& graph = compiled<Model, Picture, cpu>;
  int count = 0;
  for (int i = 1; i < graph.size; ++i)
    count += graph[i].kind == Kind::concat && is_in_place(graph, planned<Model, Picture, cpu>, i);
  return count;
}();
/// Channels in whole blocks of any instruction set: values inside values.
using Wide = Module<
    Named<"stem", Unit<3, 16, 3>>, Named<"one", Concat<Identity, Named<"layer", Unit<16, 32, 3>>>>,
    Named<"two", Concat<Named<"layer", concat::DenseLayer<48, 16>>, Identity, Identity>>,
    Named<"three", Concat<Identity, Concat<Unit<112, 16>, Unit<112, 3>>>>, ClassifierHead<131, 5>>;
static_assert(in_place<Freeze<Wide>> == 8);  // all but the second Identity
static_assert(in_place<Wide> == 0);          // whole batches
static_assert(in_place<Freeze<Inception>> == (lanes == 4 ? 3 : lanes == 8 ? 3 : 1));

}  // namespace

TEST_CASE("channels are copied to their places and back, and nothing else is touched") {
  for (const int threads : {1, 3}) {
    concat::check_copies<cpu, Layout::plain>(threads);
    concat::check_copies<cpu, Layout::blocked>(threads);
  }
}
TEST_CASE("models that join branches train and predict as PyTorch's") {
  concat::check_all_training<cpu>();
}

TEST_CASE("branches written in place are the values that copies give") {
  Net<Wide> copied{max_batch(5), seed(random_engine()())};
  const auto check = [&]<class Model>(Model) {
    Net<Model> placed{max_batch(5)};
    give(copied, placed);
    check_equal_predictions(copied, placed);
    return summary(placed);
  };
  const std::string text = check(Freeze<Wide>{});
  REQUIRE(text.find("channels 16 to 47, in place") != text.npos);
  REQUIRE(text.find("channels 64 to 111, copied") != text.npos);
  // Which branches are copied depends on the backend.
  const std::string general = summary<Freeze<Wide>, Net<Wide>::input>();
  REQUIRE(general.find("channels 16 to 47") != general.npos);
  REQUIRE((general.find("in place") == general.npos && general.find("copied") == general.npos));
  // Where a later layer reads a branch of whole batches, it is copied.
  check(Unfreeze<Freeze<Wide>, "one.layer">{});
  check(Unfreeze<Freeze<Wide>, "two.layer.2">{});
  check(Unfreeze<Freeze<Wide>, "three">{});
}

TEST_CASE("what convolutions add, and values in NCHW, may be in place too") {
  // The residual that the convolution adds is a part of the value that it writes another part of.
  using Sum = Concat<Identity, Residual<Sequential<Conv2d<16, 16, 3, 1, 1>>>>;
  using Mixed =
      Module<Named<"stem", Unit<3, 16, 3>>, Named<"sum", Sum>,
             Residual<Sequential<Concat<Unit<32, 16>, Unit<32, 48, 3>>, Conv2d<64, 32, 1>>>,
             ClassifierHead<32, 5>>;
  static_assert(in_place<Freeze<Mixed>> == 4);
  // Places that are no multiple of a vector: grouped and large convolutions, pooling, Linear.
  using Features = Concat<Sequential<GlobalAveragePool, Linear<13, 5>>,
                          Sequential<GlobalAveragePool, Linear<13, 6>, ReLU>, GlobalAveragePool>;
  using Planes =
      Module<Named<"stem", Conv2d<3, 6, 5, 1, 2>>,
             Named<"planes",
                   Concat<Conv2d<6, 5, 5, 1, 2>, Conv2d<6, 2, 3, 1, 2, 2, 2>, MaxPool2d<3, 1, 1>>>,
             Named<"features", Features>, Named<"fc", Linear<24, 5>>>;
  static_assert(in_place<Freeze<Planes>> == 6);
  const auto check = [&]<class Model>(Model) {
    Net<Model> copied{max_batch(5), seed(random_engine()())};
    Net<Freeze<Model>> placed{max_batch(5)};
    give(copied, placed);
    check_equal_predictions(copied, placed);
  };
  check(Mixed{});
  check(Planes{});
}

TEST_CASE("features end at or before a Concat, and steps from them are steps from images") {
  const auto images = random_floats(5 * floats);
  const auto labels = random_labels(5, 5);
  const auto check = [&]<class Model>(Model, Shape features) {
    REQUIRE(Net<Model>::feature_shape == features);
    const std::uint64_t start = random_engine()();
    Net<Model> one{max_batch(5), seed(start)}, other{max_batch(5), seed(start)};
    Trainer by_image{one, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
    Trainer by_feature{other, CrossEntropy{}, Sgd{.learning_rate = 0.1f}};
    const auto kept = copy(other.features(images));
    for (int step = 0; step < 3; ++step)
      REQUIRE(by_image.step(images, labels) == by_feature.step(FeatureBatch{kept, labels}));
    REQUIRE(snapshot(one) == snapshot(other));
  };
  // After the last join and the pooling; between joins; inside the first, where its input is in
  // the joined value but read later; after a stem alone.
  check(Unfreeze<Freeze<Wide>, "fc">{}, {131, 1, 1});
  check(Unfreeze<Freeze<Wide>, "three", "fc">{}, {112, 9, 7});
  check(Unfreeze<Freeze<Wide>, "one.layer", "fc">{}, {16, 9, 7});
  check(Unfreeze<Freeze<Inception>, "block.branch2.0">{}, {4, 9, 7});
}

TEST_CASE("a frozen branch beside one that trains keeps its bytes, and changes no gradient") {
  // Batch norms would use other statistics in the two.
  using Model =
      Module<Named<"stem", Sequential<Conv2d<3, 6, 3, 1, 1>, ReLU>>,
             Named<"block", Concat<Named<"a", Sequential<Conv2d<6, 9, 1>, ReLU>>, Identity,
                                   Named<"b", Sequential<Conv2d<6, 7, 3, 1, 1>, ReLU>>>>,
             ClassifierHead<22, 5>>;
  using Part = Unfreeze<Freeze<Model>, "block.b">;
  using Stem = Unfreeze<Freeze<Model>, "stem", "block.a">;
  const std::uint64_t start = random_engine()();
  Net<Model> all{max_batch(5), seed(start)};
  Net<Part> part{max_batch(5), seed(start)};
  Net<Stem> stem{max_batch(5), seed(start)};
  give(all, part);
  give(all, stem);
  const auto before = snapshot(all);
  const auto images = random_floats(5 * floats);
  const auto labels = random_labels(5, 5);
  const auto step = [&](auto& network) {  // as long as the gradient
    Trainer trainer{network, CrossEntropy{}, Sgd{.learning_rate = 1}};
    trainer.step(images, labels);
  };
  step(all);
  step(part);
  step(stem);
  const auto check = [&](const auto& network, std::string_view trains, std::string_view too) {
    for (const auto& [key, values] : snapshot(network)) {
      INFO(key);
      if (key.starts_with(trains) || key.starts_with(too))
        REQUIRE(relative_error(values, all.values(key)) < 1e-6);
      else
        REQUIRE(values == before.at(key));
      REQUIRE(all.values(key) != before.at(key));
    }
  };
  check(part, "block.b.", "block.b.");
  check(stem, "stem.", "block.a.");
}

TEST_CASE("outputs may be of a branch and of a Concat") {
  using Branches = Concat<Named<"a", Conv2d<3, 8, 3, 1, 1>>, Named<"b", Conv2d<3, 5, 1>>>;
  using Model =
      Module<Named<"block", Branches>, ClassifierHead<13, 4>,
             Auxiliary<"block.a", Named<"of_a", Sequential<GlobalAveragePool, Linear<8, 4>>>>,
             Auxiliary<"block", Named<"of_all", Sequential<GlobalAveragePool, Linear<13, 4>>>>>;
  Net<Model> network{max_batch(3), seed(random_engine()())};
  static_assert(Net<Model>::output_count == 3);
  const auto images = random_floats(3 * floats);
  network.forward(images, true);
  const auto first = copy(network.output(0));
  auto weights = network.values("fc.weight"), biases = network.values("fc.bias");
  // With one head's weights, the output of all is the main one.
  network.write(network.tensor("of_all.1.weight"), std::span<const float>(weights));
  network.write(network.tensor("of_all.1.bias"), std::span<const float>(biases));
  network.forward(images, true);
  REQUIRE(copy(network.output(2)) == first);
  // With zeros for b's channels, so is the output of a.
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (i % 13 >= 8) weights[i] = 0;
  std::vector<float> of_a;
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (i % 13 < 8) of_a.push_back(weights[i]);
  network.write(network.tensor("fc.weight"), std::span<const float>(weights));
  network.write(network.tensor("of_a.1.weight"), std::span<const float>(of_a));
  network.write(network.tensor("of_a.1.bias"), std::span<const float>(biases));
  network.forward(images, true);
  REQUIRE(relative_error(network.output(1), network.output(0)) < 1e-6);
  // Gradients of three outputs add.
  const auto gradients = [&](float main, float a, float all) {
    network.forward(images, true);
    std::ranges::fill(network.output_gradient(0), main);
    std::ranges::fill(network.output_gradient(1), a);
    std::ranges::fill(network.output_gradient(2), all);
    network.backward();
    return copy(network.gradients());
  };
  auto sum = gradients(1, 0, 0);
  for (const auto& more : {gradients(0, 1, 0), gradients(0, 0, 1)})
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += more[i];
  REQUIRE(relative_error(gradients(1, 1, 1), sum) < 1e-5);
}

TEST_CASE("a network's output may be a Concat, of which one branch trains") {
  using Model =
      Module<Named<"block",
                   Concat<Named<"a", Conv2d<3, 2, 1>>, Named<"b", Frozen<Conv2d<3, 3, 3, 1, 1>>>>>>;
  Net<Model> network{max_batch(2), seed(random_engine()())};
  const auto images = random_floats(2 * floats);  // which the backward reads too
  network.forward(images, true);
  REQUIRE(network.output_gradient().size() == 2 * 5 * Picture::shape.pixels());
  const auto slopes = random_floats(network.output_gradient().size());
  std::ranges::copy(slopes, network.output_gradient().begin());
  network.backward();
  double sums[2]{};
  for (std::size_t i = 0; i < slopes.size(); ++i)
    if (const std::size_t channel = i / Picture::shape.pixels() % 5; channel < 2)
      sums[channel] += double(slopes[i]);
  const auto gradients = copy(network.gradients());
  for (const double sum : sums)  // the bias's gradients
    REQUIRE(std::ranges::any_of(gradients, [&](float g) { return std::abs(g - sum) < 1e-4; }));
}

TEST_CASE("weights of branches are saved, loaded and borrowed by their keys") {
  const files::TemporaryFolder folder;
  Net<Wide> network{max_batch(5), seed(random_engine()())};
  save(network, folder.path / "wide.safetensors");
  Net<Wide> again{max_batch(5)};
  Net<Freeze<Wide>> frozen{max_batch(5)};  // reads what it packs from the file
  load(again, folder.path / "wide.safetensors");
  load(frozen, folder.path / "wide.safetensors");
  REQUIRE(snapshot(again) == snapshot(network));
  REQUIRE(snapshot(frozen) == snapshot(network));
  REQUIRE(again.tensor("three.1.1.0.weight").key == "three.1.1.0.weight");
  check_equal_predictions(again, frozen);
}

TEST_CASE("a number of classes may be given late after a Concat") {
  using Branches = Concat<Identity, Named<"b", Conv2d<3, 5, 3, 1, 1>>>;
  Net<Module<Named<"block", Branches>, ClassifierHead<8, AtMost<9>>>> late{max_batch(5), classes(4),
                                                                           seed(random_engine()())};
  Net<Module<Named<"block", Branches>, ClassifierHead<8, 4>>> early{max_batch(5)};
  give(late, early);
  check_equal_predictions(early, late);
}

TEST_CASE("a branch that is not finite is named, not what joins it") {
  Net<Inception> network{max_batch(3), seed(random_engine()())};
  Net<Unfreeze<Freeze<Wide>, "fc">> frozen{max_batch(3), seed(random_engine()())};
  const auto images = random_floats(3 * floats);
  const auto labels = random_labels(3, 5);
  const auto check = [&](auto& tested, const std::string& layer) {
    Trainer trainer{tested, CrossEntropy{}, Sgd{.learning_rate = 0.01f}};
    trainer.step(images, labels);
    auto weights = tested.values(layer + ".weight");
    weights[3] = std::numeric_limits<float>::quiet_NaN();
    tested.write(tested.tensor(layer + ".weight"), std::span<const float>(weights));
    REQUIRE_ERROR(trainer.step(images, labels), "'" + layer + "'");
    REQUIRE_ERROR(trainer.step(images, labels), "'" + layer + "'");
  };
  check(network, "block.branch3.1");
  check(frozen, "three.1.0.0");
}

}  // namespace frostline::test::concat_test
