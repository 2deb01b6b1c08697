// SPDX-License-Identifier: MIT
// Pictures in C++17, for peers whose headers do not compile as C++20.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace peer {

/// Pictures ready for a network. Shapes: images (batch, 3, side, side), labels (batch).
struct Batch {
  std::vector<float> images;
  std::vector<std::int64_t> labels;
};

/// The pictures of a folder with a subfolder per class.
class Pictures {
 public:
  Pictures(const std::string& folder, int classes);
  ~Pictures();

  std::size_t size() const;
  std::vector<std::size_t> shuffled(std::uint64_t seed, int epoch) const;
  Batch batch(const std::vector<std::size_t>& indices, int side) const;
  Batch batch_at_random(const std::vector<std::size_t>& indices, int side, double smallest_crop,
                        std::uint64_t seed, int epoch) const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}  // namespace peer
