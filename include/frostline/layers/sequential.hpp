// SPDX-License-Identifier: MIT
// Sequential and Module: layers one after another.
#pragma once

namespace frostline {

/// Layers one after another. As in PyTorch, a layer without a name is named by its position:
/// `Sequential<Linear<8, 4>, ReLU, Linear<4, 2>>` owns `0.weight`, `0.bias`, `2.weight`, `2.bias`.
/// Source: https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html
template <class... Layers>
struct Sequential {};

/// Layers one after another, as the attributes of a PyTorch module of your own: each is `Named`,
/// and what is not adds nothing to the path.
template <class... Layers>
struct Module {};

}  // namespace frostline
