// SPDX-License-Identifier: MIT
// The CPU backend's templates that are the same in every program: frostline::compiled has them.
#pragma once

#include <span>
#include <string>

#include "frostline/backend/cpu.hpp"
#include "frostline/checkpoint/load.hpp"
#include "frostline/losses/cross_entropy.hpp"
#include "frostline/network/executor.hpp"
#include "frostline/network/not_finite.hpp"
#include "frostline/optimizers/adamw.hpp"
#include "frostline/optimizers/sgd.hpp"
#include "frostline/train/training_loop.hpp"

// src/cpu_*.cpp define the instances; a program with FROSTLINE_KERNELS_COMPILED declares them.
#if defined(FROSTLINE_COMPILES_KERNELS)
#define FROSTLINE_INSTANCE template
#elif defined(FROSTLINE_KERNELS_COMPILED)
#define FROSTLINE_INSTANCE extern template
#endif
#ifdef FROSTLINE_INSTANCE
#define FROSTLINE_FUNCTION(...) FROSTLINE_INSTANCE decltype(__VA_ARGS__) __VA_ARGS__;

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

// The tiles that are chosen without settings, and F(2x2) and F(7x7).
FROSTLINE_FUNCTION(winograd_forward<2, 1>)
FROSTLINE_FUNCTION(winograd_forward<2, 2>)
FROSTLINE_FUNCTION(winograd_forward<4, 1>)
FROSTLINE_FUNCTION(winograd_forward<4, 2>)
FROSTLINE_FUNCTION(winograd_forward<7, 1>)
FROSTLINE_FUNCTION(winograd_pack<2, 1, double>)
FROSTLINE_FUNCTION(winograd_pack<2, 2, double>)
FROSTLINE_FUNCTION(winograd_pack<4, 1, double>)
FROSTLINE_FUNCTION(winograd_pack<4, 2, double>)
FROSTLINE_FUNCTION(winograd_pack<7, 1, double>)
FROSTLINE_FUNCTION(winograd_pack<2, 1, float>)
FROSTLINE_FUNCTION(winograd_pack<2, 2, float>)
FROSTLINE_FUNCTION(winograd_pack<4, 1, float>)
FROSTLINE_FUNCTION(winograd_pack<4, 2, float>)
FROSTLINE_FUNCTION(winograd_weight_gradient<2>)
FROSTLINE_FUNCTION(winograd_weight_gradient<4>)
FROSTLINE_FUNCTION(scattered_tile<1>)
FROSTLINE_FUNCTION(scattered_tile<2>)

}  // namespace FROSTLINE_CPU

FROSTLINE_INSTANCE class ParameterStore<cpu>;
FROSTLINE_INSTANCE class Arena<cpu>;
FROSTLINE_INSTANCE class Executor<cpu>;
FROSTLINE_INSTANCE class NotFinite<cpu>;
FROSTLINE_INSTANCE class TrainingLoop<cpu, CrossEntropy, Sgd>;
FROSTLINE_INSTANCE class TrainingLoop<cpu, CrossEntropy, AdamW>;
FROSTLINE_INSTANCE LoadReport load<cpu>(ParameterStore<cpu>&, std::span<const Path>,
                                        const std::string&, const LoadOptions&, bool);

}  // namespace frostline::detail

#undef FROSTLINE_FUNCTION
#undef FROSTLINE_INSTANCE
#endif
