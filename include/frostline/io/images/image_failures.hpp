// SPDX-License-Identifier: MIT
// ImageFailures: errors of several pictures, collected from threads into one error.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <string>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

namespace frostline::detail {

/// The first failures of many, by the index of their sample, and the number of all.
class ImageFailures {
 public:
  /// Must be called in a catch block. It allocates nothing, since an allocation may have failed.
  void add(std::size_t index) {
    first_[kept()] = {index, std::current_exception()};
    ++count_;
    std::sort(first_.begin(), first_.begin() + std::ptrdiff_t(std::min(count_, most_ + 1)),
              [](const auto& left, const auto& right) { return left.index < right.index; });
  }

  /// Throws: the first exception itself, if it is the only one or not an Error; else an Error with
  /// the texts of the first few.
  void rethrow(std::size_t images) const {
    if (count_ == 0) return;
    std::string text = format_text("{} of the {} images cannot be read", count_, images);
    for (std::size_t i = 0; i < kept(); ++i) {
      try {
        std::rethrow_exception(first_[i].thrown);
      } catch (const Error& error) {
        if (count_ == 1) throw;
        text += format_text("{} {}", i == 0 ? ":" : ";", error.what());
      } catch (...) {
        if (i == 0) throw;
        text += format_text("; another kind of error at sample {}", first_[i].index);
      }
    }
    if (count_ > kept()) text += format_text("; and {} more", count_ - kept());
    throw Error(text);
  }

 private:
  struct Failure {
    std::size_t index = 0;
    std::exception_ptr thrown;
  };
  static constexpr std::size_t most_ = 5;
  std::size_t kept() const { return std::min(count_, most_); }

  std::size_t count_ = 0;
  std::array<Failure, most_ + 1> first_;  // sorted; the last is room for the next
};

}  // namespace frostline::detail
