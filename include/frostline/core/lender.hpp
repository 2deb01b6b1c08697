// SPDX-License-Identifier: MIT
// Lender: memory that a network borrows for weights that it reads rarely.
#pragma once

#include <memory>

namespace frostline::detail {

/// The owner of read-only memory that a network borrows, such as a mapped file of weights.
class Lender {
 public:
  virtual ~Lender() = default;
  /// Throws: Error if the memory has changed since it was lent.
  virtual void require_unchanged() const = 0;
  /// A hint that the memory will not be read soon.
  virtual void rest() const = 0;
};

/// Numbers in a lender's memory.
struct Loan {
  const float* floats = nullptr;
  std::shared_ptr<const Lender> lender;
};

}  // namespace frostline::detail
