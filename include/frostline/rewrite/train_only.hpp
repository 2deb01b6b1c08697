// SPDX-License-Identifier: MIT
// TrainOnly: a model in which only the biases or only the norms train.
#pragma once

#include "frostline/rewrite/frozen.hpp"

namespace frostline {

/// Every parameter whose name is bias or ends in _bias, also those of batch norms.
/// Source: Ben Zaken et al. 2022, BitFit, arXiv:2106.10199; Cai et al. 2020, TinyTL,
/// arXiv:2007.11622
struct Biases {};
/// The weight and bias of every batch norm.
/// Source: Frankle et al. 2021, "Training BatchNorm and Only BatchNorm", arXiv:2003.00152
struct Norms {};

}  // namespace frostline

namespace frostline::detail {

template <class Trained>
inline constexpr Part part_of = Part::all;
template <>
inline constexpr Part part_of<Biases> = Part::biases;
template <>
inline constexpr Part part_of<Norms> = Part::norms;

}  // namespace frostline::detail

namespace frostline {

/// The model in which only this part trains: `TrainOnly<Model, Biases>`, `TrainOnly<Model, Norms>`.
/// The rest is frozen as by Freeze, with the same options. With Norms, batch norms use batch
/// statistics, as layers do that Unfreeze names; with Biases they use running ones, or those of the
/// batch with the option BatchStatistics. In ReplaceHead<TrainOnly<...>, ...> the whole new head
/// trains; in TrainOnly<ReplaceHead<...>, ...> only this part of it. A model without such
/// parameters is a compile error.
template <class Model, class Trained, class... Options>
struct TrainOnly : Frozen<Model, Options...> {
  static_assert(detail::part_of<Trained> != detail::Part::all,
                "frostline: TrainOnly requires the part Biases or Norms");
  static constexpr detail::Clause clauses[]{
      Frozen<Model, Options...>::clauses[0],
      {.part = detail::part_of<Trained>,
       .treatment = {.trains = true, .statistics = Statistics::batch}}};
};

}  // namespace frostline
