// SPDX-License-Identifier: MIT
// Concat with Thrust.
#include "frostline/thrust.hpp"
#include "support/catch.hpp"
#include "support/concat_cases.hpp"
#include "support/concat_copies.hpp"

namespace frostline::test::concat_test {

TEST_CASE("channels are copied to their places and back with Thrust") {
  concat::check_copies<thrust_backend, Layout::plain>(1);
}
TEST_CASE("models that join branches train and predict with Thrust as PyTorch's") {
  concat::check_all_training<thrust_backend>();
}

}  // namespace frostline::test::concat_test
