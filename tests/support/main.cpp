// SPDX-License-Identifier: MIT
// The tests' main, for a Catch2 without one.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
