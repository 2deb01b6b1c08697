// SPDX-License-Identifier: MIT
// The types of number that a tensor in memory or in a file may hold.
#pragma once

#include <cstddef>
#include <string_view>

namespace frostline {

enum class ElementType { f16, bf16, f32, f64, u8, i8, i16, i32, i64, boolean };

}  // namespace frostline

namespace frostline::detail {

/// Units: bytes.
constexpr std::size_t size_of(ElementType type) {
  switch (type) {
    case ElementType::u8:
    case ElementType::i8:
    case ElementType::boolean: return 1;
    case ElementType::f16:
    case ElementType::bf16:
    case ElementType::i16: return 2;
    case ElementType::f32:
    case ElementType::i32: return 4;
    case ElementType::f64:
    case ElementType::i64: break;
  }
  return 8;
}

constexpr bool is_floating(ElementType type) {
  return type == ElementType::f16 || type == ElementType::bf16 || type == ElementType::f32 ||
         type == ElementType::f64;
}

/// The type's name as safetensors spells it: "F32", "BF16", "I64".
/// Source: https://github.com/huggingface/safetensors (format)
constexpr std::string_view name_of(ElementType type) {
  switch (type) {
    case ElementType::f16: return "F16";
    case ElementType::bf16: return "BF16";
    case ElementType::f32: return "F32";
    case ElementType::f64: return "F64";
    case ElementType::u8: return "U8";
    case ElementType::i8: return "I8";
    case ElementType::i16: return "I16";
    case ElementType::i32: return "I32";
    case ElementType::i64: return "I64";
    case ElementType::boolean: break;
  }
  return "BOOL";
}

}  // namespace frostline::detail
