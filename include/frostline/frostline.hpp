// SPDX-License-Identifier: MIT
// Everything for the CPU, but for images (frostline/images.hpp) and the loop over epochs, which
// takes longer to compile (frostline/train/fit.hpp).
#pragma once

#include "frostline/backend/cpu.hpp"
#include "frostline/checkpoint/load.hpp"
#include "frostline/checkpoint/save.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/models/squeeze_excitation.hpp"
#include "frostline/network/network.hpp"
#include "frostline/network/to_backend.hpp"
#include "frostline/program/summary.hpp"
#include "frostline/rewrite/fixed_statistics.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "frostline/rewrite/train_only.hpp"
#include "frostline/rewrite/unfreeze.hpp"
#include "frostline/train/cpu_instances.hpp"
#include "frostline/train/feature_cache.hpp"
#include "frostline/train/learning_rate.hpp"
#include "frostline/train/trainer.hpp"
