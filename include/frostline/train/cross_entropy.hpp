// SPDX-License-Identifier: MIT
// CrossEntropy: the loss of a classifier, of images or of their pixels.
#pragma once

namespace frostline {

/// The mean over samples (or pixels) of -log softmax(logits)[label].
/// Shapes: logits {classes, H, W}, one label a pixel; of a classifier, H = W = 1.
/// A label equal to ignore_index does not count; if none counts, the loss is 0, and so is its
/// gradient (PyTorch's loss is not a number then).
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
struct CrossEntropy {
  float label_smoothing = 0;
  int ignore_index = -100;
};

}  // namespace frostline
