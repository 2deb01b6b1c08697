// SPDX-License-Identifier: MIT
// FROSTLINE_BODY, before the bodies of functions that are the same in every program.
#pragma once

// X.hpp declares them and X_body.hpp has their bodies. A program that uses only the headers gets
// these at the end of X.hpp; one that links the CMake target frostline::compiled, which defines
// FROSTLINE_COMPILED, gets them from that library, whose sources are src/*.cpp.
#ifdef FROSTLINE_COMPILED
#define FROSTLINE_BODY
#else
#define FROSTLINE_BODY inline
#endif
