// SPDX-License-Identifier: MIT
// The tests' main, where Catch2 does not bring one.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
