// SPDX-License-Identifier: MIT
// FeatureStore: rows of numbers in memory or in a mapped file, as floats of 32 or 16 bits.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "frostline/core/element_type.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/core/shape.hpp"

namespace frostline {

/// Where and in which type features are stored.
struct CacheOptions {
  ElementType type = ElementType::f32;               // or f16: half the bytes, rounded to 11 bits
  std::size_t memory_budget = std::size_t(2) << 30;  // bytes; larger caches use a file
  std::string file{};  // always use this file; empty: a temporary one if one is needed
  bool keep = false;   // keep the full file: safetensors with the tensor "features"
};

}  // namespace frostline

namespace frostline::detail {

class ScratchFile;

/// The samples of a data set as rows of one size, which are appended once and read in any order.
class FeatureStore {
 public:
  /// Throws: Error if the capacity is 0, the type is neither f32 nor f16, `keep` is set without
  /// `file`, or there is too little memory; and as ScratchFile.
  FeatureStore(Shape shape, std::size_t capacity, const CacheOptions& options);
  FeatureStore(const FeatureStore&) = delete;
  FeatureStore& operator=(const FeatureStore&) = delete;
  ~FeatureStore();

  Shape shape() const { return shape_; }
  std::size_t capacity() const { return capacity_; }
  std::size_t size() const { return size_; }  // samples so far
  /// Drops the samples from number `size` on.
  void shrink(std::size_t size) { size_ = std::min(size, size_); }
  ElementType type() const { return type_; }
  std::size_t bytes() const { return capacity_ * row_bytes(); }
  bool in_file() const { return file_ != nullptr; }

  /// Adds samples. Shapes: (samples, shape). Throws: Error, with nothing added, if there are too
  /// many, or a number is not finite or does not fit F16.
  void append(std::span<const float> features);
  /// If `keep` is set, gives the file its name. Throws: Error if that fails; the samples stay.
  void keep();

  /// Copies samples out. Shapes: out (indices, shape). Throws: Error if there is no such sample.
  void gather(std::span<const std::size_t> indices, float* out) const {
    for (const std::size_t index : indices)
      if (index >= size_)
        throw Error(format_text("frostline: the feature cache holds {} samples, but no sample {}",
                                size_, index));
    for (const std::size_t index : indices) {
      const std::byte* const row = rows_ + index * row_bytes();
      if (type_ == ElementType::f32)
        std::memcpy(out, row, row_bytes());
      else
        widen(reinterpret_cast<const std::uint16_t*>(row), out);
      out += shape_.size();
    }
  }

 private:
  std::size_t row_bytes() const { return shape_.size() * size_of(type_); }
  // Exact for all numbers that append accepts, also subnormal ones; the loop has no branch.
  void widen(const std::uint16_t* halves, float* out) const {
    for (std::size_t i = 0, count = shape_.size(); i < count; ++i) {
      const std::uint32_t half = halves[i];
      out[i] = std::bit_cast<float>((half & 0x8000u) << 16 | (half & 0x7fffu) << 13) * 0x1p112f;
    }
  }
  // The header of a safetensors file with one tensor; it ends at a multiple of 64 bytes.
  std::string header() const;

  Shape shape_;
  std::size_t capacity_, size_ = 0;
  ElementType type_;
  bool keep_;
  std::byte* rows_ = nullptr;
  std::unique_ptr<std::byte[]> memory_;
  std::unique_ptr<ScratchFile> file_;
};

}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/train/feature_store_body.hpp"
#endif
