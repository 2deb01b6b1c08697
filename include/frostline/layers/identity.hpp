// SPDX-License-Identifier: MIT
// Identity: nothing at all; no node of the graph.
#pragma once

namespace frostline {

/// Gives what it gets. Source: https://pytorch.org/docs/stable/generated/torch.nn.Identity.html
struct Identity {};

}  // namespace frostline
