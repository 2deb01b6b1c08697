// SPDX-License-Identifier: MIT
// finetune's models with Thrust: on CUDA if nvcc compiles this file, else on a host's threads.
#include <frostline/thrust.hpp>

#include "support/finetune_models.hpp"

void finetune_by_thrust(const examples::FinetuningOptions& options) {
  run_recipe<fl::thrust_backend>(options);
}
