// SPDX-License-Identifier: MIT
// LoadOptions: how a file's keys become a network's; LoadReport: what loading did.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace frostline {

/// How a file's keys become a network's. A name here is one or more whole parts of a key, between
/// dots: "layer4.1" is a name in "layer4.1.conv1.weight". A dot at its end does no harm. A rename
/// is of a key as it is in the file but for wrappers' names, or after a prefix, named or found.
struct LoadOptions {
  std::string prefix{};  // only keys that begin with this name are read, without it: "encoder_q"
  std::map<std::string, std::string, std::less<>> rename{};  // first names: {{"head", "fc"}}
  std::vector<std::string> ignore{};  // keys with such a name anywhere are passed over: {"ema"}
};

/// What loading did, by the network's keys, and which of the file's keys it had no use for.
struct LoadReport {
  std::vector<std::string> loaded;
  std::vector<std::string> left_new;  // of a head that ReplaceHead put in: as initialised
  std::vector<std::string> ignored;   // in the file: of another head, of other parts, no tensors
  std::string prefix{};               // that was taken off the file's keys: "model."

  /// "loaded 100 tensors; new and left as initialised: fc.weight, fc.bias".
  std::string text() const;
};

}  // namespace frostline

// Compiled once by frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/checkpoint/load_options_body.hpp"
#endif
