// SPDX-License-Identifier: MIT
// Everything for the CPU, but for images: those are in frostline/io/image_folder.hpp and beside it.
#pragma once

#include "frostline/backend/cpu.hpp"
#include "frostline/graph/summary.hpp"
#include "frostline/io/load.hpp"
#include "frostline/io/save.hpp"
#include "frostline/model/freeze.hpp"
#include "frostline/model/replace_head.hpp"
#include "frostline/model/unfreeze.hpp"
#include "frostline/models/resnet.hpp"
#include "frostline/network.hpp"
#include "frostline/split_network.hpp"
#include "frostline/to_backend.hpp"
#include "frostline/train/feature_cache.hpp"
#include "frostline/train/learning_rate.hpp"
#include "frostline/train/trainer.hpp"
