// SPDX-License-Identifier: MIT
// predict_all: a network's outputs for a whole data set.
#pragma once

#include <span>
#include <vector>

#include "frostline/data/loader.hpp"

namespace frostline {

/// Calls see(index, outputs) for each sample in order, in evaluation mode. The outputs (logits of a
/// classifier) are valid during the call. Shapes: outputs (output_shape).
/// Throws: what reading a sample throws, and Error if the samples do not fit the network.
template <class Net, class See>
void predict_all(Net& network, const detail::DataView& data, See see,
                 const LoaderOptions& options = {}) {
  const Shape in = data.facts().image;
  if (in != Net::input_shape)
    throw Error(
        detail::format_text("frostline: predict_all got samples of {}x{}x{} for a network of "
                            "{}x{}x{}",
                            in.channels, in.height, in.width, Net::input_shape.channels,
                            Net::input_shape.height, Net::input_shape.width));
  const std::size_t each = network.output_shape.size();
  std::size_t index = 0;
  Loader loader(data, detail::in_order(data.facts().size), std::size_t(network.max_batch()), {},
                options);
  while (const auto batch = loader.next()) {
    const std::span<const float> outputs = network.predict(batch->images);
    for (std::size_t n = 0; n * each < outputs.size(); ++n)
      see(index++, outputs.subspan(n * each, each));
  }
}

/// All outputs. Shapes: (samples, output_shape).
template <class Net>
std::vector<float> predict_all(Net& network, const detail::DataView& data) {
  std::vector<float> all;
  predict_all(network, data, [&](std::size_t, std::span<const float> outputs) {
    all.insert(all.end(), outputs.begin(), outputs.end());
  });
  return all;
}

}  // namespace frostline
