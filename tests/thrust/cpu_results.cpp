// SPDX-License-Identifier: MIT
// The CPU backend's results, for comparison.
#include "frostline/backend/cpu.hpp"
#include "thrust/results.hpp"

namespace frostline::test {

Results cpu_layer_results(std::uint64_t seed) {
  Results results;
  append_all<cpu>(results, seed, LayerCases{});
  return results;
}
Results cpu_network_results(std::uint64_t seed) { return network_results<cpu>(seed); }
Results cpu_image_results(std::uint64_t seed) { return image_results<cpu>(seed); }

}  // namespace frostline::test
