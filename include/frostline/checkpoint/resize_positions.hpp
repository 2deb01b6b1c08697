// SPDX-License-Identifier: MIT
// Position embeddings of a file for images of another size than the network's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "frostline/io/weights/state_dict.hpp"
#include "frostline/program/named_tensor.hpp"

namespace frostline::detail {

/// The side n of the square grid of places if the extents are {1, 1 + n * n, D}, the embeddings of
/// the class token and of n x n places; else 0. A grid has at most 256 x 256 places.
int grid_side(std::span<const std::int64_t> extents);

/// Why embeddings of these extents cannot become the network's, or an empty text: both must have
/// a grid_side and as many channels.
std::string resizing_error(std::span<const std::int64_t> stored, const NamedTensor& wanted);

/// The stored embeddings for the network's number of places: the class token's as it is, the grid
/// of the others resampled by an antialiasing bicubic filter, as timm's resample_abs_pos_embed does
/// by PyTorch's interpolate(mode="bicubic", antialias=True, align_corners=False). Shapes: {1, 1 + n
/// * n, D} to {1, 1 + m * m, D}, which resizing_error has allowed. Source:
/// timm/layers/pos_embed.py, https://github.com/huggingface/pytorch-image-models. It is not
/// torchvision's interpolate_embeddings, which does not antialias and aligns corners, nor the
/// DINOv2 repository's own, which does not antialias either and moves the grid by a tenth.
std::vector<float> resized_positions(const StoredTensor& stored, const NamedTensor& wanted);

}  // namespace frostline::detail

// Compiled once in frostline::compiled, or here.
#ifndef FROSTLINE_COMPILED
#include "frostline/checkpoint/resize_positions_body.hpp"
#endif
