// SPDX-License-Identifier: MIT
// The command line and the report of a contestant in C++; peers/contest.py is the same in Python.
#pragma once

#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace contest {

constexpr std::size_t image_size = 3 * 224 * 224;

struct Options {
  std::string row, variant, weights, data;
  int batch = 1, threads = 1;
  int images = 1;  // per step: the batch, or the whole data set of ten epochs
  int steps = 1, warmup = 1;
  double start = 0;  // CLOCK_MONOTONIC when the process was started
};

/// The input of a step. Shapes: images (N, 3, 224, 224), labels (N).
struct Batch {
  std::vector<float> images;
  std::vector<int> labels;
};

inline Options parse(int argc, char** argv) {
  std::map<std::string, std::string> values;
  for (int i = 1; i + 1 < argc; i += 2) values[argv[i]] = argv[i + 1];
  Options options;
  for (auto [name, text] : {std::pair{"--row", &options.row},
                            {"--variant", &options.variant},
                            {"--weights", &options.weights},
                            {"--data", &options.data}})
    *text = values[name];
  for (auto [name, number] : {std::pair{"--batch", &options.batch},
                              {"--threads", &options.threads},
                              {"--images", &options.images},
                              {"--steps", &options.steps},
                              {"--warmup", &options.warmup}})
    if (values.count(name)) *number = std::stoi(values[name]);
  options.start = std::stod(values.at("--start"));
  return options;
}

/// The largest resident memory so far. Units: MB, of 10^6 bytes.
inline double peak_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (double kib = 0; word == "VmHWM:" && status >> kib) return kib * 1024 / 1e6;
  return 0;
}

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Prints numbers as a JSON array.
template <class Number>
void print(const std::vector<Number>& numbers) {
  for (std::size_t i = 0; i < numbers.size(); ++i)
    std::printf(i == 0 ? "[%.9g" : ", %.9g", double(numbers[i]));
  std::printf("]");
}

/// Calls step(batch) once to warm up and then `steps` times, on fresh batches, which are read
/// before the clock starts. It returns the numbers that are compared: the loss, the logits, or the
/// epochs' losses. Prints one line of JSON.
template <class Step>
void run(const Options& options, Step step) {
  const double loaded_mb = peak_mb();
  Batch batch{std::vector<float>(std::size_t(options.images) * image_size),
              std::vector<int>(std::size_t(options.images))};
  std::ifstream pixels(options.data + "/images.f32", std::ios::binary);
  std::ifstream classes(options.data + "/labels.i32", std::ios::binary);
  std::vector<double> seconds;
  std::vector<std::vector<float>> results;
  double first = 0;
  for (int i = 0; i < options.warmup + options.steps; ++i) {
    pixels.read(reinterpret_cast<char*>(batch.images.data()),
                std::streamsize(batch.images.size() * sizeof(float)));
    classes.read(reinterpret_cast<char*>(batch.labels.data()),
                 std::streamsize(batch.labels.size() * sizeof(int)));
    if (!pixels || !classes)
      throw std::runtime_error(options.data + " holds too few images for the steps");
    const double begin = now();
    results.push_back(step(batch));
    const double end = now();
    if (i == 0) first = end - options.start;
    if (i >= options.warmup) seconds.push_back(end - begin);
  }
  std::printf("{\"seconds\": ");
  print(seconds);
  for (std::size_t i = 0; i < results.size(); ++i) {
    std::printf(i == 0 ? ", \"results\": [" : ", ");
    print(results[i]);
  }
  std::printf("], \"first\": %.6f, \"loaded_mb\": %.1f, \"peak_mb\": %.1f}\n", first, loaded_mb,
              peak_mb());
}

/// The body of main: prints an exception and returns 1.
template <class Body>
int run_main(int argc, char** argv, Body body) {
  try {
    body(parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace contest
