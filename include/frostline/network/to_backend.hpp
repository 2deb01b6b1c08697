// SPDX-License-Identifier: MIT
// to: copies a network with its weights to another backend.
#pragma once

#include "frostline/network/network.hpp"

namespace frostline {

/// The same model on another backend, with copies of all parameters and buffers:
/// `auto on_gpu = to<thrust_backend>(network)`. Its random numbers start from the seed `first`.
/// Throws: Error, as Network's constructor, or if the weights' file has changed.
template <class Backend, class Model, class In, class From, class Options>
Network<Model, In, Backend, Options> to(const Network<Model, In, From, Options>& network,
                                        detail::Seed first = {0},
                                        typename Backend::Context context = {}) {
  using To = Network<Model, In, Backend, Options>;
  const detail::MaxBatch batch = max_batch(network.max_batch());
  To result = [&] {
    if constexpr (To::bound > 0)
      return To{batch, classes(network.executor().classes()), first, std::move(context)};
    else
      return To{batch, first, std::move(context)};
  }();
  std::vector<float> floats;
  std::vector<std::int64_t> integers;
  const auto copy = [&](const NamedTensor& tensor, auto& numbers) {
    numbers.resize(tensor.size);
    network.read(tensor, std::span(numbers));
    // By its key: backends number the nodes of a model differently.
    result.write(result.tensor(tensor.key), std::span(std::as_const(numbers)));
  };
  for (const NamedTensor& tensor : network.tensors())
    tensor.type == ElementType::i64 ? copy(tensor, integers) : copy(tensor, floats);
  return result;
}

}  // namespace frostline
