// SPDX-License-Identifier: MIT
// frostline as a contestant with Thrust: on CUDA where nvcc compiles this, else on a host's
// threads.
#include <frostline/backend/thrust.hpp>

#include "peers/frostline_steps.hpp"

int main(int argc, char** argv) { return contest::run_main(argc, argv, run<fl::thrust_backend>); }
