// SPDX-License-Identifier: MIT
// A positive control: for inputs with one beginning it reads a byte after the end of a file, which
// the fuzzer must find.
#include "memory_file.hpp"
// The line above comes first.
#include <cstddef>
#include <cstdint>
#include <frostline/core/error.hpp>
#include <frostline/io/files/mapped_file.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::MemoryFile file;
  file.assign(data, size);
  try {
    const frostline::detail::MappedFile mapped(file.path);
    const auto bytes = mapped.bytes();
    if (size < 2 || bytes[0] != std::byte{'P'} || bytes[1] != std::byte{'K'}) return 0;
    const volatile std::byte after = *(bytes.data() + bytes.size());
    static_cast<void>(after);
  } catch (const frostline::Error&) {
  }
  return 0;
}
