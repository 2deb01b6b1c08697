// SPDX-License-Identifier: MIT
// Includes Catch2, version 3 or 2, whichever the distribution has.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
