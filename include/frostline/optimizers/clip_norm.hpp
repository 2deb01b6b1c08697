// SPDX-License-Identifier: MIT
// ClipNorm: limits the norm of all gradients.
#pragma once

#include <cmath>
#include <string>

#include "frostline/core/device.hpp"
#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

namespace frostline {

/// Multiplies all gradients by min(1, max_norm / (norm + 1e-6)), where norm is the 2-norm of all
/// gradients as one vector. A norm that is not finite is an error (PyTorch's error_if_nonfinite).
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
struct ClipNorm {
  float max_norm = 1;

  /// Throws: Error unless max_norm is finite and above 0.
  void check() const {
    if (!(max_norm > 0 && std::isfinite(max_norm)))
      throw Error(detail::format_text(
          "frostline: ClipNorm requires a norm that is finite and above 0, got {}", max_norm));
  }
  FROSTLINE_DEVICE float factor(double norm) const {
    const double factor = double(max_norm) / (norm + 1e-6);
    return factor < 1 ? float(factor) : 1.0f;
  }
  /// The text of the error if the guard, which is the norm, is not finite.
  std::string explain(double norm) const {
    return detail::format_text("the norm of the gradients is {}",
                               std::isnan(norm) ? "not a number" : "infinite");
  }
};

}  // namespace frostline
