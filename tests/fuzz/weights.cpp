// SPDX-License-Identifier: MIT
// Fuzzes the reading of weight files of every format: each tensor is copied out as floats and as
// integers. Only frostline::Error may be thrown.
#include "memory_file.hpp"
// The line above comes first.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <frostline/core/error.hpp>
#include <frostline/io/weights/read_weights.hpp>
#include <span>
#include <vector>

namespace {

// With strides of 0 an input may declare any number of elements in one byte: more than these
// are not copied.
constexpr std::size_t most_elements = 1 << 18;

void copy_out(const frostline::StateDict& state) {
  std::size_t left = most_elements;
  for (const auto& [key, tensor] : state.tensors) {
    const std::size_t size = tensor.size();
    if (size > left) continue;
    left -= size;
    std::vector<float> floats(size);
    tensor.copy_to(floats);
    const std::span<const float> in_place = tensor.in_place();
    if (!in_place.empty() && in_place.size() != size) std::abort();
    try {
      std::vector<std::int64_t> integers(size);
      tensor.copy_to(integers);
    } catch (const frostline::Error&) {
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::MemoryFile file;
  file.assign(data, size);
  try {
    copy_out(frostline::read_weights(file.path));
  } catch (const frostline::Error&) {
  }
  return 0;
}
