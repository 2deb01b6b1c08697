// SPDX-License-Identifier: MIT
// What every program that reads or writes weights shares, compiled once: frostline::compiled.
#include "frostline/checkpoint/load_options_body.hpp"
#include "frostline/checkpoint/match_body.hpp"
#include "frostline/checkpoint/save_body.hpp"
#include "frostline/core/format_body.hpp"
#include "frostline/core/memory_room_body.hpp"
#include "frostline/io/weights/read_weights_body.hpp"
#include "frostline/io/weights/state_dict_body.hpp"
#include "frostline/io/weights/write_safetensors_body.hpp"
#include "frostline/program/named_tensor_body.hpp"
#include "frostline/program/summary_body.hpp"
#include "frostline/train/feature_cache_body.hpp"
#include "frostline/train/feature_store_body.hpp"
