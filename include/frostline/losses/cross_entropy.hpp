// SPDX-License-Identifier: MIT
// CrossEntropy: the loss of a classifier, of images or of their pixels.
#pragma once

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

namespace frostline {

/// The mean over samples (or pixels) of -log softmax(logits)[label].
/// Shapes: logits {classes, H, W}, one label a pixel; of a classifier, H = W = 1.
/// A label equal to ignore_index does not count; if none counts, the loss is 0, and so is its
/// gradient (PyTorch's loss is not a number then).
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
struct CrossEntropy {
  float label_smoothing = 0;
  int ignore_index = -100;

  /// Throws: Error if the smoothing is not from 0 to 1.
  void check() const {
    if (!(label_smoothing >= 0 && label_smoothing <= 1))
      throw Error(
          format_text("frostline: CrossEntropy requires a label smoothing from 0 to 1, got {}",
                      label_smoothing));
  }
};

}  // namespace frostline
