// SPDX-License-Identifier: MIT
// All kernels of the CPU backend.
#pragma once

#include "frostline/backend/cpu/activations.hpp"
#include "frostline/backend/cpu/attention.hpp"
#include "frostline/backend/cpu/batch_norm2d.hpp"
#include "frostline/backend/cpu/clip_norm.hpp"
#include "frostline/backend/cpu/concat.hpp"
#include "frostline/backend/cpu/conv2d.hpp"
#include "frostline/backend/cpu/cross_entropy.hpp"
#include "frostline/backend/cpu/elementwise.hpp"
#include "frostline/backend/cpu/gate.hpp"
#include "frostline/backend/cpu/layer_norm2d.hpp"
#include "frostline/backend/cpu/layer_scale.hpp"
#include "frostline/backend/cpu/linear.hpp"
#include "frostline/backend/cpu/pooling.hpp"
#include "frostline/backend/cpu/reorder.hpp"
#include "frostline/backend/cpu/tokens.hpp"
#include "frostline/backend/cpu/update.hpp"
#include "frostline/backend/cpu/upsample.hpp"
