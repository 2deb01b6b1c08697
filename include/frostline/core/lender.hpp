// SPDX-License-Identifier: MIT
// Lender: somebody else's memory, in which a network may leave weights that it reads rarely.
#pragma once

#include <memory>

namespace frostline {

/// The owner of read-only memory that a network borrows, such as a mapped file of weights.
class Lender {
 public:
  virtual ~Lender() = default;
  /// Throws: Error if the memory no longer holds what it was lent with.
  virtual void require_unchanged() const = 0;
  /// A hint: nobody will read it soon.
  virtual void rest() const = 0;
};

/// Numbers in a lender's memory.
struct Loan {
  const float* floats = nullptr;
  std::shared_ptr<const Lender> lender;
};

}  // namespace frostline
