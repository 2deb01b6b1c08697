// SPDX-License-Identifier: MIT
// Writes result.json with jansson.
#include "result_json.hpp"

#include <fmt/format.h>
#include <jansson.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <type_traits>

#include "frostline/core/error.hpp"
#include "frostline/io/files/file_in_progress.hpp"

namespace examples {
namespace {

struct Release {
  void operator()(json_t* json) const { json_decref(json); }
  void operator()(char* text) const { std::free(text); }
};

json_t* number(double value) { return std::isfinite(value) ? json_real(value) : json_null(); }

json_t* seed_number(std::uint64_t seed) {
  constexpr json_int_t largest = std::numeric_limits<json_int_t>::max();
  return seed <= std::uint64_t(largest) ? json_integer(json_int_t(seed))
                                        : json_string(std::to_string(seed).c_str());
}

template <class T>
json_t* by_epoch(const std::vector<EpochResult>& epochs, T EpochResult::*member) {
  json_t* array = json_array();
  for (const EpochResult& epoch : epochs)
    if constexpr (std::is_integral_v<T>)
      json_array_append_new(array, json_integer(epoch.*member));
    else
      json_array_append_new(array, number(epoch.*member));
  return array;
}

}  // namespace

void write_result(const std::filesystem::path& path, const Result& result) {
  const std::unique_ptr<json_t, Release> root(json_object());
  const auto set = [&](const char* key, json_t* value) {
    if (json_object_set_new(root.get(), key, value) != 0)
      throw frostline::Error(
          fmt::format("cannot write '{}': its {} is not UTF-8 text", path.string(), key));
  };
  const auto text = [](const std::string& value) {
    return json_stringn(value.data(), value.size());
  };
  double best = std::numeric_limits<double>::quiet_NaN(), last = best;
  for (const EpochResult& epoch : result.epochs) {
    last = epoch.validation_accuracy;
    best = std::fmax(best, last);
  }
  set("mode", text(result.mode));
  set("recipe", text(result.recipe));
  set("model", text(result.model));
  set("weights", text(result.weights));
  set("regularization",
      number(result.regularization.value_or(std::numeric_limits<double>::quiet_NaN())));
  set("seconds", number(result.seconds));
  set("seed", seed_number(result.seed));
  set("classes", json_array());
  for (const std::string& name : result.classes)
    if (json_array_append_new(json_object_get(root.get(), "classes"), text(name)) != 0)
      throw frostline::Error(fmt::format("cannot write '{}': the class name '{}' is not UTF-8 text",
                                         path.string(), name));
  set("evaluated", text(result.averaged ? "averaged weights" : "last weights"));
  set("best_validation_accuracy", number(best));
  set("final_validation_accuracy", number(last));
  set("epoch", by_epoch(result.epochs, &EpochResult::epoch));
  set("training_loss", by_epoch(result.epochs, &EpochResult::training_loss));
  set("validation_loss", by_epoch(result.epochs, &EpochResult::validation_loss));
  set("validation_accuracy", by_epoch(result.epochs, &EpochResult::validation_accuracy));
  set("images_per_second", by_epoch(result.epochs, &EpochResult::images_per_second));

  const std::unique_ptr<char, Release> dump(json_dumps(root.get(), JSON_INDENT(2)));
  if (!dump) throw frostline::Error(fmt::format("cannot write '{}'", path.string()));
  const std::string json = std::string(dump.get()) + '\n';
  frostline::FileInProgress file(path);
  file.write(json.data(), json.size());
  file.finish();
}

}  // namespace examples
