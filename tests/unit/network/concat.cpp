// SPDX-License-Identifier: MIT
// Concat on the CPU.
#include "frostline/frostline.hpp"
#include "support/catch.hpp"
#include "support/concat_cases.hpp"
#include "support/concat_copies.hpp"

namespace frostline::test {

TEST_CASE("channels are copied to their places and back, and nothing else is touched") {
  for (const int threads : {1, 3}) {
    concat::check_copies<cpu, Layout::plain>(threads);
    concat::check_copies<cpu, Layout::blocked>(threads);
  }
}
TEST_CASE("models that join branches train and predict as PyTorch's") {
  concat::check_all_training<cpu>();
}

}  // namespace frostline::test
