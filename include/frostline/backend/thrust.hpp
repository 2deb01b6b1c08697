// SPDX-License-Identifier: MIT
// The Thrust backend: includes only.
#pragma once

#include "frostline/backend/thrust/activations.hpp"
#include "frostline/backend/thrust/attention.hpp"
#include "frostline/backend/thrust/batch_norm2d.hpp"
#include "frostline/backend/thrust/clip_norm.hpp"
#include "frostline/backend/thrust/concat.hpp"
#include "frostline/backend/thrust/conv2d.hpp"
#include "frostline/backend/thrust/cross_entropy.hpp"
#include "frostline/backend/thrust/elementwise.hpp"
#include "frostline/backend/thrust/gate.hpp"
#include "frostline/backend/thrust/layer_norm2d.hpp"
#include "frostline/backend/thrust/layer_scale.hpp"
#include "frostline/backend/thrust/linear.hpp"
#include "frostline/backend/thrust/pooling.hpp"
#include "frostline/backend/thrust/tokens.hpp"
#include "frostline/backend/thrust/update.hpp"
#include "frostline/backend/thrust/upsample.hpp"
