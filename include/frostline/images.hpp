// SPDX-License-Identifier: MIT
// Pictures: reading and writing them, folders of them, label masks, transforms and data sets. A
// program that includes this links libjpeg-turbo and libpng (the CMake target frostline::images).
#pragma once

#include "frostline/data/image_data_set.hpp"
#include "frostline/data/image_folder.hpp"
#include "frostline/data/transform.hpp"
#include "frostline/io/images/image.hpp"
#include "frostline/io/images/read_label_mask.hpp"
