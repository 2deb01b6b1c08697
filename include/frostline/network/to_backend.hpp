// SPDX-License-Identifier: MIT
// to: a network on another backend, with its weights.
#pragma once

#include "frostline/network/network.hpp"
#include "frostline/network/split_network.hpp"

namespace frostline {

namespace detail {
template <class To, class From>
To moved(const From& network, Seed first, typename To::backend::Context context) {
  To result{max_batch(network.max_batch()), first, std::move(context)};
  std::vector<float> floats;
  std::vector<std::int64_t> integers;
  const auto copy = [&](const NamedTensor& tensor, auto& numbers) {
    numbers.resize(tensor.size);
    network.read(tensor, std::span(numbers));
    result.write(tensor, std::span(std::as_const(numbers)));
  };
  for (const NamedTensor& tensor : network.tensors())
    tensor.type == ElementType::i64 ? copy(tensor, integers) : copy(tensor, floats);
  return result;
}
}  // namespace detail

/// The same model on another backend, with copies of all parameters and buffers:
/// `auto on_gpu = to<thrust_backend>(network)`. Random numbers begin anew with `first`.
/// Throws: Error, as Network's constructor, or if the weights' file has changed.
template <class Backend, class Model, class In, class From, class Options>
Network<Model, In, Backend, Options> to(const Network<Model, In, From, Options>& network,
                                        Seed first = {0}, typename Backend::Context context = {}) {
  return detail::moved<Network<Model, In, Backend, Options>>(network, first, std::move(context));
}
template <class Backend, class Model, class In, class From, class Options>
SplitNetwork<Model, In, Backend, Options> to(const SplitNetwork<Model, In, From, Options>& network,
                                             Seed first = {0},
                                             typename Backend::Context context = {}) {
  return detail::moved<SplitNetwork<Model, In, Backend, Options>>(network, first,
                                                                  std::move(context));
}

}  // namespace frostline
