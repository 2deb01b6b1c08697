// SPDX-License-Identifier: MIT
// Sgd: stochastic gradient descent with momentum.
#pragma once

namespace frostline {

/// g += weight_decay * p; b = momentum * b + g; p -= learning_rate * (nesterov ? g + momentum * b
/// : b). The first step sets b to g.
/// Source: https://pytorch.org/docs/stable/generated/torch.optim.SGD.html
struct Sgd {
  float learning_rate = 1e-3f;
  float momentum = 0;
  float weight_decay = 0;
  bool nesterov = false;
};

}  // namespace frostline
