// SPDX-License-Identifier: MIT
// frostline as a contestant, on the CPU.
#include <frostline/backend/cpu.hpp>

#include "peers/frostline_steps.hpp"

int main(int argc, char** argv) { return contest::run_main(argc, argv, run<fl::cpu>); }
