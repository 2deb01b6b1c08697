// SPDX-License-Identifier: MIT
// frostline as a contestant with Thrust: on CUDA if nvcc compiles this file, else on a host's
// threads.
#include <frostline/backend/thrust.hpp>

#include "peers/frostline_steps.hpp"

int main(int argc, char** argv) { return contest::run_main(argc, argv, run<fl::thrust_backend>); }
