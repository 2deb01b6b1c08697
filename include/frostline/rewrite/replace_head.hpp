// SPDX-License-Identifier: MIT
// ReplaceHead: a model with another head.
#pragma once

#include "frostline/rewrite/backbone.hpp"

namespace frostline::detail {

/// A layer that replaces another and is not in a pretrained file.
template <class NewLayer, class OldLayer>
struct New {
  using model = NewLayer;
  using replaced = OldLayer;
};

}  // namespace frostline::detail

namespace frostline {

/// The model with a new head, which trains: rules on the model apply only to its backbone.
/// `load_pretrained` skips a new head and says so; `load` of a checkpoint loads everything.
template <class Model, class HeadLayer>
struct ReplaceHead {
  using model = Module<typename detail::SplitHead<Model>::backbone,
                       Head<detail::New<HeadLayer, typename detail::SplitHead<Model>::head>>>;
};

}  // namespace frostline
