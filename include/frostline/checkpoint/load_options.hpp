// SPDX-License-Identifier: MIT
// LoadOptions: how a file's keys become a network's; LoadReport: what was loaded.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace frostline {

/// How a file's keys become a network's. A name is one or more whole parts of a key between dots:
/// "layer4.1" is a name in "layer4.1.conv1.weight". A dot at its end is allowed. A rename applies
/// to a key of the file without wrappers' names, or to what follows a prefix, given or found.
struct LoadOptions {
  std::string prefix{};  // only keys that begin with this name are read, without it: "encoder_q"
  std::map<std::string, std::string, std::less<>> rename{};  // of first names: {{"head", "fc"}}
  std::vector<std::string> ignore{};  // keys that contain such a name are skipped: {"ema"}
};

/// The network's keys that were loaded, and the file's keys that were not used.
struct LoadReport {
  std::vector<std::string> loaded;
  std::vector<std::string> left_new;  // keys of a new head, which keep their initial values
  std::vector<std::string> ignored;   // the file's keys of other parts, or that are not tensors
  std::vector<std::string> resized;   // of `loaded`, and how: "pos_embed from 37x37 to 16x16"
  std::string prefix{};               // was removed from the file's keys: "model."

  /// "loaded 100 tensors; new and left as initialised: fc.weight, fc.bias".
  std::string text() const;
};

}  // namespace frostline

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/checkpoint/load_options_body.hpp"
#endif
