// SPDX-License-Identifier: MIT
// DeviceSpan: floats in a device's memory, which the host cannot index; SpanOf a backend.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>

namespace frostline {

/// Like std::span, but of a device's memory: the host can pass it on but cannot read it, so there
/// is nothing to index or to iterate with. Its address is for the backend's copies and kernels.
template <class T>
class DeviceSpan {
 public:
  constexpr DeviceSpan() = default;
  constexpr DeviceSpan(T* data, std::size_t size) : data_(data), size_(size) {}
  /// A span of constants from one of variables.
  template <class Variable>
  requires std::same_as<const Variable, T>
  constexpr DeviceSpan(DeviceSpan<Variable> other) : DeviceSpan(other.data(), other.size()) {}

  constexpr T* data() const { return data_; }
  constexpr std::size_t size() const { return size_; }
  constexpr std::size_t size_bytes() const { return size_ * sizeof(T); }
  constexpr bool empty() const { return size_ == 0; }

  /// Only an error message: the host would read another address than the device's.
  template <class Index>
  T& operator[](Index) const {
    static_assert(!std::same_as<Index, Index>,
                  "frostline: the host cannot index a device's memory; copy what you need, for "
                  "example with Network::values, or with the backend's copy_out");
    return *data_;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Numbers in a backend's memory: std::span where that is the host's memory, else DeviceSpan.
template <class Backend, class T>
using SpanOf = std::conditional_t<Backend::in_host_memory, std::span<T>, DeviceSpan<T>>;

}  // namespace frostline
