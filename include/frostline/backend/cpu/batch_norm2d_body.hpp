// SPDX-License-Identifier: MIT
// The bodies of backend/cpu/batch_norm2d.hpp.
#pragma once

#include "frostline/backend/cpu/batch_norm2d.hpp"

namespace frostline::detail {
inline namespace FROSTLINE_CPU {

FROSTLINE_COMPILED_ONCE void batch_norm_forward(Shape shape, const Call& call,
                                                NormConstants constants, bool by_batch,
                                                bool saves) {
  for_each_block(call, BlockedMap{shape}, [&](const BlockOfBatch& block) {
    const BlockScale by = by_batch ? BlockScale::by_batch(block, call, constants, saves)
                                   : BlockScale::running(block, call, constants.epsilon);
    const Vector scale = load(by.scale.of), shift = load(by.shift.of);
    block.for_each_row(true, [&, large = is_large(block)](std::ptrdiff_t at) {
      scale_row(call.inputs[0] + at, shape.width, scale, shift, large, call.output + at);
    });
    finish_streaming();
    block.zero_borders(call.output);
  });
  if (by_batch && call.team.thread == 0) ++*reinterpret_cast<std::int64_t*>(call.buffers[2]);
}

FROSTLINE_COMPILED_ONCE void batch_norm_parameter_gradient(Shape shape, const Call& call,
                                                           float epsilon, bool by_batch) {
  for_each_block(call, BlockedMap{shape}, [&](const BlockOfBatch& block) {
    const BlockNormal normal =
        by_batch ? BlockNormal::by_batch(block, call) : BlockNormal::running(block, call, epsilon);
    put_parameter_gradients(block, call, gradient_sums(block, call, normal));
  });
}

}  // namespace FROSTLINE_CPU
}  // namespace frostline::detail
