// SPDX-License-Identifier: MIT
// Fits a pretrained network, one of support/models.hpp, to the classes of a folder of pictures.
#include <cstdio>
#include <frostline/frostline.hpp>

#include "support/finetune_models.hpp"

// In finetune_thrust.cpp, if Thrust was found: CUDA, or a host's threads.
#ifdef FROSTLINE_WITH_THRUST
void finetune_by_thrust(const examples::FinetuningOptions& options);
const std::vector<std::string> backends{"cpu", "thrust"};
#else
void finetune_by_thrust(const examples::FinetuningOptions&) {}
const std::vector<std::string> backends{"cpu"};
#endif

int main(int argc, char** argv) {
  std::string backend = "cpu";
  const examples::FinetuningOptions options =
      examples::parse_finetuning(argc, argv, model_name, side, backend, backends);
  try {
    if (backend == "cpu")
      run_recipe<fl::cpu>(options);
    else
      finetune_by_thrust(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
