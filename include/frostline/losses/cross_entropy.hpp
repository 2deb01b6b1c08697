// SPDX-License-Identifier: MIT
// CrossEntropy: the loss of a classifier of images or pixels.
#pragma once

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

namespace frostline {

/// The mean over samples (or pixels) of -log softmax(logits)[label].
/// Shapes: logits {classes, H, W}, one label per pixel; H = W = 1 for a classifier of images.
/// Labels equal to ignore_index are ignored; if all are, the loss and its gradient are 0 (PyTorch's
/// loss then is NaN).
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
struct CrossEntropy {
  float label_smoothing = 0;
  int ignore_index = -100;

  /// Throws: Error if the smoothing is not from 0 to 1.
  void check() const {
    if (!(label_smoothing >= 0 && label_smoothing <= 1))
      throw Error(detail::format_text(
          "frostline: CrossEntropy requires a label smoothing from 0 to 1, got {}",
          label_smoothing));
  }
};

}  // namespace frostline
