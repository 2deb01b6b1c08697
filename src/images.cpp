// SPDX-License-Identifier: MIT
// What every program that reads pictures shares, compiled once: frostline::compiled.
#include "frostline/data/image_folder_body.hpp"
#include "frostline/io/images/image_body.hpp"
#include "frostline/io/images/read_label_mask_body.hpp"
