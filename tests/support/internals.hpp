// SPDX-License-Identifier: MIT
// Tests of internals write their names as frostline itself does.
#pragma once

namespace frostline::detail {}
namespace frostline::test {
using namespace frostline::detail;
}
