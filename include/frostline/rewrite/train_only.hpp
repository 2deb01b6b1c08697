// SPDX-License-Identifier: MIT
// TrainOnly: a model of which only its biases or only its norms train.
#pragma once

#include "frostline/rewrite/frozen.hpp"

namespace frostline {

/// What TrainOnly trains: every parameter called bias, those of batch norms too.
/// Source: Ben Zaken et al. 2022, BitFit, arXiv:2106.10199; Cai et al. 2020, TinyTL,
/// arXiv:2007.11622
struct Biases {};
/// What TrainOnly trains: weight and bias of every batch norm.
/// Source: Frankle et al. 2021, "Training BatchNorm and Only BatchNorm", arXiv:2003.00152
struct Norms {};

template <class Trained>
inline constexpr Part part_of = Part::all;
template <>
inline constexpr Part part_of<Biases> = Part::biases;
template <>
inline constexpr Part part_of<Norms> = Part::norms;

/// The model with nothing but this part training: `TrainOnly<Model, Biases>`,
/// `TrainOnly<Model, Norms>`. All else is frozen as by Freeze, with the same options. Norms also
/// use batch statistics, as layers that Unfreeze names do; with Biases batch norms use running
/// ones, and the batch's with the option BatchStatistics. A new head trains as a whole if
/// ReplaceHead is outside, and only this part of it if TrainOnly is. A model without such
/// parameters is a compile error.
template <class Model, class Trained, class... Options>
struct TrainOnly : Frozen<Model, Options...> {
  static_assert(part_of<Trained> != Part::all,
                "frostline: TrainOnly requires a part that it knows: Biases or Norms");
  static constexpr Clause clauses[]{
      Frozen<Model, Options...>::clauses[0],
      {.part = part_of<Trained>, .treatment = {.trains = true, .statistics = Statistics::batch}}};
};

}  // namespace frostline
