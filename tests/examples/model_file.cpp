// SPDX-License-Identifier: MIT
// A file's metadata: what they say about its network, and what is wrong with them.
#include "support/model_file.hpp"

#include <algorithm>

#include "frostline/core/error.hpp"
#include "support/catch.hpp"

namespace examples::model_file_test {
namespace {

using Metadata = std::map<std::string, std::string, std::less<>>;

const ModelFacts otherwise{"resnet18"};

ModelFacts facts_of(const Metadata& metadata) {
  return model_facts({{}, metadata, nullptr}, otherwise);
}

std::string error_of(const Metadata& metadata) {
  try {
    facts_of(metadata);
  } catch (const frostline::Error& error) {
    return error.what();
  }
  return "no error";
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

frostline::StateDict with_layer(const std::string& key, std::vector<std::int64_t> extents) {
  frostline::StateDict file;
  file.tensors[key].extents = std::move(extents);
  return file;
}

TEST_CASE("a file without metadata is as the program says") {
  const ModelFacts facts = facts_of({{"format", "pt"}});
  CHECK(facts.model == "resnet18");
  CHECK(facts.transform.resize == 256);
  CHECK(facts.transform.crop == 224);
  CHECK(facts.classes.empty());
}

TEST_CASE("what is written is read again") {
  ModelFacts facts{"efficientnet_lite1", {.resize = 274, .crop = 240}, {"a b", "ü", "c"}};
  facts.transform.normalization = {{0.1f, 0.25f, 1.0f / 3}, {0.5f, 1e-3f, 2}};
  const std::map<std::string, std::string> written = metadata_of(facts);
  const ModelFacts read = facts_of({written.begin(), written.end()});
  CHECK(read.model == facts.model);
  CHECK(read.classes == facts.classes);
  CHECK(read.transform.resize == 274);
  CHECK(read.transform.crop == 240);
  const auto &now = read.transform.normalization, &before = facts.transform.normalization;
  CHECK(std::equal(now.mean, now.mean + 3, before.mean));
  CHECK(std::equal(now.deviation, now.deviation + 3, before.deviation));
}

TEST_CASE("a size without a resize is both, and does not change the normalisation") {
  const ModelFacts facts = facts_of({{"model", "efficientnet_lite0"}, {"size", "160"}});
  CHECK(facts.transform.resize == 160);
  CHECK(facts.transform.crop == 160);
  CHECK(facts.transform.normalization.mean[0] == 0.485f);
  CHECK(facts_of({{"mean", "0.5 0.4  0.3"}, {"std", "1 1 0.25"}}).transform.normalization.mean[2] ==
        0.3f);
}

TEST_CASE("metadata of another form are errors that name the key and the text") {
  for (const std::string text : {"", "224px", "two", "0", "-3", "1e3", "99999999999", " 224"}) {
    const std::string error = error_of({{"size", text}});
    CAPTURE(text, error);
    CHECK(has(error, "\"size\" are '" + text + "', not a whole number"));
  }
  CHECK(has(error_of({{"size", "224"}, {"resize", "x"}}), "\"resize\" are 'x'"));
  CHECK(has(error_of({{"resize", "256"}}), "without a \"size\""));
  for (const std::string text : {"", "0.5 0.5", "0.5 0.5 0.5 0.5", "0.5 0.5 half", "0.5,0.5,0.5"}) {
    const std::string error = error_of({{"mean", text}, {"std", "1 1 1"}});
    CAPTURE(text, error);
    CHECK(has(error, "\"mean\" are '" + text + "', not three numbers"));
    CHECK(has(error_of({{"mean", "0 0 0"}, {"std", text}}), "\"std\" are '" + text + "'"));
  }
  CHECK(has(error_of({{"mean", "0 0 0"}}), "only one of \"mean\" and \"std\""));
  CHECK(has(error_of({{"std", "1 1 1"}}), "only one of \"mean\" and \"std\""));
  CHECK(has(error_of({{"mean", "0 0 0"}, {"std", "1 0 1"}}), "positive deviations"));
  CHECK(has(error_of({{"mean", "0 nan 0"}, {"std", "1 1 1"}}), "finite means"));
  CHECK(has(error_of({{"classes", ""}}), "a name a line"));
  CHECK(has(error_of({{"classes", "cat\n\ndog"}}), "a line is empty"));
  CHECK(error_of({{"size", std::string(1000, '9')}}).size() < 200);
}

TEST_CASE("the linear layer says the number of outputs, which the names must fit") {
  const ModelFacts unnamed{"resnet18"}, two{"resnet18", {}, {"cat", "dog"}};
  for (const std::string key :
       {"fc.weight", "_fc.weight", "module.fc.weight", "a.b._fc.weight", "classifier.1.weight",
        "module.classifier.2.weight", "heads.head.weight", "head.weight"}) {
    CHECK(outputs_of(with_layer(key, {37, 512}), unnamed) == 37);
    CHECK(outputs_of(with_layer(key, {2, 512}), two) == 2);
    CHECK_THROWS_AS(outputs_of(with_layer(key, {37, 512}), two), frostline::Error);
  }
  for (const std::string key : {"fc.bias", "xfc.weight", "weight", "fc.weight.1", "fc", "2.weight",
                                "classifier.0.weight", "xclassifier.2.weight", "xhead.weight", ""})
    CHECK(outputs_of(with_layer(key, {37, 512}), two) == std::nullopt);
  CHECK(outputs_of(with_layer("fc.weight", {37, 512, 1, 1}), two) == std::nullopt);
}

}  // namespace
}  // namespace examples::model_file_test
