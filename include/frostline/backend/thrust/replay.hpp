// SPDX-License-Identifier: MIT
// Replay: a step's kernels, recorded as a CUDA graph once they have run.
#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include "frostline/backend/thrust/context.hpp"

namespace frostline::detail::device {
inline namespace FROSTLINE_THRUST_SYSTEM {

#if FROSTLINE_CUDA

/// Queues the same kernels in every step. The first step queues them one by one, the second records
/// them, and later steps queue the recording: one launch instead of a hundred. CUDA's default
/// stream cannot be recorded; in it, each step is queued as the first. Source:
/// https://docs.nvidia.com/cuda/cuda-programming-guide/04-special-topics/cuda-graphs.html
class Replay {
 public:
  Replay() = default;
  Replay(Replay&&) = default;
  Replay& operator=(Replay&&) = default;

  /// Calls `queue`, or queues its recording for this batch; the key of a batch that begins with
  /// features is the negative of its size. The kernels must read values that differ between steps
  /// from the device's memory. Throws: Error.
  template <class Queue>
  void run(const Context& context, int batch, Queue queue) {
    const cudaStream_t stream = context.stream();
    if (stream == nullptr || stream == cudaStreamLegacy) return queue();
    Recording* recording = nullptr;
    for (Recording& one : recordings_)
      if (one.batch == batch) recording = &one;
    if (!recording) {
      queue();
      recordings_.push_back({batch, nullptr});
      return;
    }
    if (!recording->graph) recording->graph.reset(record(stream, queue));
    require(cudaGraphLaunch(recording->graph.get(), stream), "cudaGraphLaunch");
  }
  /// Forgets all recordings, after the memory that they read and write has moved.
  void forget() { recordings_.clear(); }

 private:
  template <class Queue>
  static cudaGraphExec_t record(cudaStream_t stream, Queue queue) {
    Capture capture(stream);
    queue();
    const Graph graph(capture.end());
    cudaGraphExec_t executable = nullptr;
    require(cudaGraphInstantiate(&executable, graph.get(), 0), "cudaGraphInstantiate");
    return executable;
  }
  struct Destroy {
    void operator()(cudaGraph_t graph) const { cudaGraphDestroy(graph); }
    void operator()(cudaGraphExec_t graph) const { cudaGraphExecDestroy(graph); }
  };
  using Graph = std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, Destroy>;
  using Executable = std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, Destroy>;

  /// A stream records as long as an object of this type exists.
  class Capture {
   public:
    explicit Capture(cudaStream_t stream) : stream_(stream) {
      require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
              "cudaStreamBeginCapture");
    }
    Capture(const Capture&) = delete;
    ~Capture() {
      if (!stream_) return;  // after an error, the unfinished recording is dropped
      cudaGraph_t graph = nullptr;
      cudaStreamEndCapture(stream_, &graph);
      if (graph) cudaGraphDestroy(graph);
    }
    cudaGraph_t end() {
      cudaGraph_t graph = nullptr;
      require(cudaStreamEndCapture(std::exchange(stream_, nullptr), &graph),
              "cudaStreamEndCapture");
      return graph;
    }

   private:
    cudaStream_t stream_;
  };

  struct Recording {
    int batch;
    Executable graph;  // null: not yet
  };
  std::vector<Recording> recordings_;
};

#else

/// On a host, recordings would gain nothing: it always calls `queue`.
struct Replay {
  template <class Queue>
  void run(const Context&, int, Queue queue) {
    queue();
  }
  void forget() {}
};

#endif

}  // namespace FROSTLINE_THRUST_SYSTEM
}  // namespace frostline::detail::device
