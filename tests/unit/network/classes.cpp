// SPDX-License-Identifier: MIT
// AtMost: a network made for a bound and given a number of classes equals one made for that number.
#include "frostline/backend/cpu.hpp"
#include "frostline/program/summary.hpp"
#include "support/bounded.hpp"
#include "support/internals.hpp"
#include "unit/io/files.hpp"

namespace frostline::test::classes_test {
namespace {

template <template <class> class Model, template <auto> class Head, int Bound, int Number>
void compare(float most = 0) {
  compare_bounded<cpu, Model, Head, Bound, Number>(most);
}
template <class Model>
using Net = Network<Model, BoundedImage>;
template <int Bound>
using Late = Net<HeadAlone<Classifier<AtMost<Bound>>>>;
template <int Number>
using Early = Net<HeadAlone<Classifier<Number>>>;

// A fact that depends on the number needs a network; for a constant number it does not.
template <class Net>
concept knows_before = requires {
  Net::parameter_count();
  Net::trainable_count();
  Net::tensors();
  Net::tensor("fc.weight");
  requires std::integral_constant<int, Net::output_shape.channels>::value >
  0;
};
static_assert(knows_before<Early<37>> && !knows_before<Late<37>>);
static_assert(Late<37>::bound == 37 && Early<37>::bound == 0);
static_assert(Late<37>::arena_bytes(32, 2) == Early<37>::arena_bytes(32, 2));

// A second output would need as many classes.
using First = Named<"first", Conv2d<4, 4, 1>>;
template <class Layer>
using Main = Named<"main", Sequential<Layer, Upsample<12>>>;
using Branch = Auxiliary<"first", Named<"branch", Sequential<Conv2d<4, 8, 1>, Upsample<12>>>>;
template <class... Layers>
constexpr Problem::Kind kind = traced<Module<Layers...>, Input<4, 6, 6>>.problem.kind;
static_assert(kind<First, Branch, Main<Conv2d<4, 8, 1>>> == Problem::nothing);
static_assert(kind<First, Branch, Main<Bounded<Conv2d<4, 8, 1>>>> == Problem::not_bounded);
static_assert(kind<First, Main<Bounded<Conv2d<4, 8, 1>>>, Branch> == Problem::not_bounded);

}  // namespace

TEST_CASE("a classifier for AtMost<N> classes equals one for the given number") {
  SECTION("the head trains") { compare<HeadAlone, Classifier, 100, 37>(); }
  SECTION("one class") { compare<HeadAlone, Classifier, 100, 1>(); }
  SECTION("all classes") { compare<HeadAlone, Classifier, 100, 100>(); }
  SECTION("layer4 and the head train") { compare<Layer4, Classifier, 1000, 37>(); }
  SECTION("all trains") { compare<AllOf, Classifier, 50, 7>(); }
  SECTION("nothing trains") { compare<NothingTrains, Classifier, 100, 37>(); }
  SECTION("the head is frozen") { compare<FrozenHead, Classifier, 100, 37>(); }
  SECTION("biases train") { compare<BiasesAlone, Classifier, 100, 37>(); }
}

TEST_CASE("a dense head for AtMost<N> classes equals one for the given number") {
  SECTION("the head trains") { compare<HeadAlone, Dense, 21, 5>(other_order); }
  SECTION("several blocks of channels are no class's") {
    compare<HeadAlone, Dense, 70, 18>(other_order);
  }
  SECTION("all trains") { compare<AllOf, Dense, 40, 3>(other_order); }
  SECTION("nothing trains") { compare<NothingTrains, Dense, 21, 5>(other_order); }
  SECTION("the head is frozen") { compare<FrozenHead, Dense, 21, 5>(other_order); }
}

TEST_CASE("a network for AtMost<N> classes trains from cached features") {
  Late<100> late{max_batch(5), classes(37), seed(3)};
  Early<37> early{max_batch(5), seed(3)};
  const std::vector<float> images = random_floats(7 * BoundedImage::shape.size());
  const std::vector<int> labels = random_labels(7, 37);
  FeatureCache one{late, 7}, other{early, 7};
  one.append(images, labels);
  other.append(images, labels);
  Trainer by_late{late, CrossEntropy{}, Sgd{.learning_rate = 0.1f, .momentum = 0.9f}};
  Trainer by_early{early, CrossEntropy{}, Sgd{.learning_rate = 0.1f, .momentum = 0.9f}};
  const std::vector<std::size_t> indices{6, 0, 3, 2};
  for (int step = 0; step < 3; ++step)
    REQUIRE(by_late.step(one.gather(indices)) == by_early.step(other.gather(indices)));
  REQUIRE(snapshot(late) == snapshot(early));

  // If nothing trains, the features are the outputs.
  Net<NothingTrains<Classifier<AtMost<100>>>> fixed{max_batch(5), classes(37)};
  FeatureCache outputs{fixed, 7};
  CHECK(outputs.shape() == Shape{37, 1, 1});
  outputs.append(images);
  const std::vector<std::size_t> fourth{3};
  const auto cached = outputs.gather(fourth).features;
  const auto image = std::span(images).subspan(3 * BoundedImage::shape.size());
  require_near(cached, fixed.predict(image.first(BoundedImage::shape.size())), 1e-6f);
}

TEST_CASE("files fit a bound with the same number of classes, and no other number") {
  const files::TemporaryFolder folder;
  Late<100> late{max_batch(1), classes(37), seed(1)};
  Early<37> early{max_batch(1), seed(2)};
  save(late, folder.path / "late.safetensors");
  REQUIRE(load(early, folder.path / "late.safetensors").loaded.size() == late.tensors().size());
  REQUIRE(snapshot(early) == snapshot(late));
  early.initialise(seed(4));
  save(early, folder.path / "early.safetensors");
  load(late, folder.path / "early.safetensors");
  REQUIRE(snapshot(early) == snapshot(late));
  REQUIRE(bytes_of(folder.path / "early.safetensors") == saved_bytes_of(late));

  Early<10> ten{max_batch(1)};
  save(ten, folder.path / "ten.safetensors");
  const auto before = snapshot(late);
  REQUIRE_ERROR(load(late, folder.path / "ten.safetensors"),
                "mismatched 'fc.weight': the file has [10, 32], the network [37, 32]");
  REQUIRE(snapshot(late) == before);
  // The other way round too, and from one number under a bound to another.
  Late<100> eleven{max_batch(1), classes(11)};
  REQUIRE_ERROR(load(eleven, folder.path / "late.safetensors"),
                "mismatched 'fc.bias': the file has [37], the network [11]");
  REQUIRE_ERROR(load(ten, folder.path / "late.safetensors"),
                "mismatched 'fc.weight': the file has [37, 32], the network [10, 32]");

  // A pretrained file's own head of a thousand classes is skipped.
  Net<Pretrained> pretrained{max_batch(1), seed(5)};
  save(pretrained, folder.path / "pretrained.safetensors");
  const LoadReport report = load_pretrained(late, folder.path / "pretrained.safetensors");
  CHECK(report.left_new == std::vector<std::string>{"fc.weight", "fc.bias"});
  CHECK(late.values("fc.weight") == before.at("fc.weight"));
  CHECK(late.values("layer4.1.conv2.weight") == pretrained.values("layer4.1.conv2.weight"));
}

TEST_CASE("a frozen dense head for AtMost<N> classes is loaded and saved") {
  const files::TemporaryFolder folder;
  Net<NothingTrains<Dense<AtMost<40>>>> late{max_batch(2), classes(3), seed(1)};
  Net<NothingTrains<Dense<3>>> early{max_batch(2), seed(2)};
  save(early, folder.path / "early.safetensors");
  load(late, folder.path / "early.safetensors");
  REQUIRE(saved_bytes_of(late) == saved_bytes_of(early));
  const std::vector<float> images = random_floats(2 * BoundedImage::shape.size());
  require_near(late.predict(images), early.predict(images), other_order);
}

TEST_CASE("a number of classes outside of the bound is an error") {
  const std::string words = "classes requires a number from 1 to 100, since the head is made for";
  for (const int number : {0, -1, 101, 1'000'000}) {
    INFO(number);
    REQUIRE_ERROR(Late<100>(max_batch(5), classes(number)), words);
    REQUIRE_ERROR(Late<100>(max_batch(5), classes(number)), format_text("got {}", number));
    // Before any memory is allocated.
    REQUIRE_ERROR(Late<100>(max_batch(2'000'000'000), classes(number)), words);
  }
}

TEST_CASE("the summary of a network for AtMost<N> classes shows the given number") {
  Late<100> late{max_batch(5), classes(37)};
  CHECK(late.tensor("fc.weight").extents == std::vector<std::int64_t>{37, 32});
  CHECK(late.trainable_count() == 37 * 33);
  const std::string table = summary(late), wanted = summary(Early<37>{max_batch(5)});
  const auto of_fc = [](const std::string& text) { return text.substr(text.find("\nfc "), 100); };
  CHECK(of_fc(table) == of_fc(wanted));
  const auto of_totals = [](const std::string& text) {
    return text.substr(text.find("\nparameters "), 110);
  };
  CHECK(of_totals(table) == of_totals(wanted));
  REQUIRE_ERROR(late.write(late.tensor("fc.bias"), std::span<const float>(std::vector<float>(100))),
                "'fc.bias' holds 37 numbers");
}

}  // namespace frostline::test::classes_test
