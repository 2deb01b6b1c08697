// SPDX-License-Identifier: MIT
// The body of read_weights.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "frostline/core/body.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/files/mapped_file.hpp"
#include "frostline/io/files/unreadable.hpp"
#include "frostline/io/weights/pytorch.hpp"
#include "frostline/io/weights/read_weights.hpp"
#include "frostline/io/weights/safetensors.hpp"
#include "frostline/io/weights/state_dict.hpp"

namespace frostline {

FROSTLINE_BODY StateDict read_weights(const std::string& path) {
  const auto file = std::make_shared<const detail::MappedFile>(path);
  const std::span<const std::byte> bytes = file->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  // No zip archive or pickle of torch.save has a brace there, where safetensors' JSON begins.
  if (text.size() > 8 && text[8] == '{') return detail::read_safetensors(file);
  if (text.starts_with("PK\3\4") || text.starts_with('\x80')) return detail::read_pytorch(file);
  throw detail::unreadable(
      file->name(),
      detail::format_text("it is none of the supported formats: PyTorch's zip form, PyTorch's "
                          "form before 1.6, safetensors; it begins with '{}'",
                          detail::printable(text.substr(0, 24))));
}

}  // namespace frostline
