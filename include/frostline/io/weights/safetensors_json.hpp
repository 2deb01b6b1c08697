// SPDX-License-Identifier: MIT
// The header of a safetensors file, which is JSON.
#pragma once

#include <jansson.h>

#include <cstdint>
#include <memory>

namespace frostline::detail {

struct JsonRelease {
  void operator()(json_t* json) const { json_decref(json); }
};
using Json = std::unique_ptr<json_t, JsonRelease>;

constexpr std::uint64_t max_safetensors_header = 100'000'000;

}  // namespace frostline::detail
