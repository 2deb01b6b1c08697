// SPDX-License-Identifier: MIT
// load_pretrained and load: a network's weights from files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "frostline/checkpoint/load_options.hpp"
#include "frostline/checkpoint/match.hpp"
#include "frostline/checkpoint/resize_positions.hpp"
#include "frostline/network/network.hpp"

namespace frostline::detail {

template <class Backend>
LoadReport load(ParameterStore<Backend>& network, std::span<const Path> replaced,
                const std::string& path, const LoadOptions& options, bool skip_new) {
  const std::vector<NamedTensor> tensors = network.tensors();
  Matching matching = match_file(path, tensors, replaced, options, skip_new);
  std::vector<float> floats;
  std::vector<std::int64_t> integers;
  for (const auto& [i, stored] : matching.pairs) {
    const NamedTensor& tensor = tensors[i];
    if (tensor.type == ElementType::i64) {
      integers.resize(tensor.size);
      stored.copy_to(std::span(integers));
      network.write(tensor, std::span<const std::int64_t>(integers));
    } else if (stored.extents != tensor.extents) {
      floats = resized_positions(stored, tensor);
      network.write(tensor, std::span<const float>(floats));
    } else {
      std::span<const float> values = stored.in_place();
      if (values.empty()) {
        floats.resize(tensor.size);
        stored.copy_to(std::span(floats));
        values = floats;
      } else if (network.borrow(tensor, {values.data(), matching.file})) {
        continue;
      }
      network.write(tensor, values);
    }
  }
  return std::move(matching.report);
}

template <class Net>
std::span<const Path> replaced_by_new_layers() {
  return {Net::graph().replaced, std::size_t(Net::graph().replaced_count)};
}

}  // namespace frostline::detail

namespace frostline {

/// Loads torchvision's or our own file (.pth, .safetensors) into all layers except a new head,
/// which stays as it is; the file's own head is skipped, whatever its name. As in PyTorch's strict
/// load_state_dict, element types are converted and counters of batches (num_batches_tracked) may
/// be missing. Three kinds of names are removed from keys: those that PyTorch's wrappers add
/// (`module`, `_orig_mod`), a segmentation model's `backbone`, and a prefix if everything fits
/// without it (`model.`, or the name of a checkpoint's dictionary, such as "net."); `options` name
/// others. A segmentation model's `aux_classifier` is skipped if the network has none. The position
/// embeddings of a file for images of another size are resized to the network's, by one way for all
/// models, timm's (bicubic, antialiased), and the report says so. Frozen
/// weights that kernels keep packed are not copied: they stay in the file, which
/// must not be written to while the network lives. It may be replaced by a new file, as `save`
/// does.
/// Throws: Error, with the network as it was, if the file cannot be read or does not fit; its text
/// names the missing, unexpected and mismatched keys (five of each kind if there are more than
/// ten).
template <class Net>
LoadReport load_pretrained(Net& network, const std::string& path, const LoadOptions& options = {}) {
  return detail::load(network.executor().store(), detail::replaced_by_new_layers<Net>(), path,
                      options, true);
}

/// Loads everything that `save` wrote, also a new head; position embeddings are resized, too.
/// Throws: as load_pretrained.
template <class Net>
LoadReport load(Net& network, const std::string& path, const LoadOptions& options = {}) {
  return detail::load(network.executor().store(), detail::replaced_by_new_layers<Net>(), path,
                      options, false);
}

}  // namespace frostline
