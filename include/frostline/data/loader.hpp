// SPDX-License-Identifier: MIT
// Loader: reads batches of a data set ahead, with threads of its own.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "frostline/data/data_set.hpp"
#include "frostline/data/shuffle.hpp"

namespace frostline {

struct LoaderOptions {
  int threads = 0;  // reading threads; 0: one for each processor
  int ahead = 2;    // number of batches that are read ahead; memory grows with it
};

/// Reads samples in a given order, batch by batch; the last batch may be smaller:
///
///     const Draws draws{.seed = 1, .epoch = epoch};
///     Loader loader{data, shuffled(data.facts().size, draws), 32, draws};
///     while (const auto batch = loader.next()) trainer.step(batch->images, batch->labels);
///
/// The result does not depend on the number of threads. A Loader can be destroyed at any time; its
/// destructor waits for the samples that are being read. The data set must outlive it.
class Loader {
 public:
  /// Throws: Error if the options make no sense or a sample is not in the data set.
  Loader(detail::DataView data, std::vector<std::size_t> order, std::size_t batch,
         const Draws& draws = {}, const LoaderOptions& options = {})
      : data_(std::move(data)), order_(std::move(order)), batch_(batch), draws_(draws) {
    if (batch < 1 || options.threads < 0 || options.ahead < 1)
      throw Error(detail::format_text(
          "frostline: Loader requires batches of at least one sample, threads and at least one "
          "batch ahead, got batches of {}, {} threads and {} ahead",
          batch, options.threads, options.ahead));
    for (const std::size_t index : order_)
      if (index >= data_.facts().size)
        throw Error(detail::format_text("frostline: Loader got the sample {} of a data set of {}",
                                        index, data_.facts().size));
    slots_.resize(std::size_t(options.ahead) + 1);  // one is in use
    for (std::size_t b = 0; b < slots_.size(); ++b) begin(b);
    const auto wanted =
        std::size_t(options.threads ? options.threads : int(std::thread::hardware_concurrency()));
    const std::size_t threads = std::min(std::max<std::size_t>(wanted, 1), order_.size());
    for (std::size_t t = 0; t < threads; ++t)
      threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }

  /// The next batch, valid until the next call; nullopt after the last.
  /// Throws: what reading its first sample that failed has thrown.
  std::optional<detail::ImageBatch> next() {
    std::unique_lock lock(mutex_);
    if (given_ > 0 && given_ - 1 == released_) begin(released_++ + slots_.size());
    room_.notify_all();
    const std::size_t samples = samples_in(given_);
    if (samples == 0) return std::nullopt;
    Slot& slot = slots_[given_ % slots_.size()];
    ready_.wait(lock, [&] { return slot.unread == 0; });
    if (slot.failure) std::rethrow_exception(slot.failure);
    ++given_;
    return detail::ImageBatch{slot.images, slot.labels};
  }

 private:
  struct Slot {
    std::vector<float> images;
    std::vector<int> labels;
    std::size_t unread = 0;    // samples
    std::size_t position = 0;  // of the first sample that failed
    std::exception_ptr failure;
  };

  std::size_t samples_in(std::size_t b) const {
    return std::min(batch_, order_.size() - std::min(order_.size(), b * batch_));
  }
  /// Makes a slot ready for batch b.
  void begin(std::size_t b) {
    Slot& slot = slots_[b % slots_.size()];
    slot.unread = samples_in(b);
    slot.images.resize(slot.unread * data_.facts().image.size());
    slot.labels.resize(slot.unread * data_.facts().labels);
  }
  std::exception_ptr read(std::size_t position, Slot& slot) const {
    const std::size_t n = position % batch_, floats = data_.facts().image.size();
    try {
      data_.read(order_[position], draws_.of_sample(order_[position]),
                 std::span(slot.images).subspan(n * floats, floats),
                 std::span(slot.labels).subspan(n * data_.facts().labels, data_.facts().labels));
    } catch (...) {
      return std::current_exception();
    }
    return nullptr;
  }
  void work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (next_ < order_.size()) {
      const auto has_room = [&] {
        return next_ == order_.size() || next_ / batch_ < released_ + slots_.size();
      };
      if (!room_.wait(lock, stop, has_room) || stop.stop_requested() || next_ == order_.size())
        return;
      const std::size_t position = next_++;
      Slot& slot = slots_[position / batch_ % slots_.size()];
      lock.unlock();
      std::exception_ptr failure = read(position, slot);
      lock.lock();
      if (failure && (!slot.failure || position < slot.position)) {
        slot.failure = std::move(failure);
        slot.position = position;
      }
      if (--slot.unread == 0) ready_.notify_one();
    }
  }

  detail::DataView data_;
  std::vector<std::size_t> order_;
  std::size_t batch_;
  Draws draws_;
  std::mutex mutex_;
  std::condition_variable_any room_;
  std::condition_variable ready_;
  std::vector<Slot> slots_;            // batch b is in slot b % slots
  std::size_t next_ = 0;               // position in the order of the next sample to read
  std::size_t given_ = 0;              // batches that `next` has returned
  std::size_t released_ = 0;           // batches whose slots are free again
  std::vector<std::jthread> threads_;  // last, so that they end before the members that they use
};

}  // namespace frostline
