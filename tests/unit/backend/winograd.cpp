// SPDX-License-Identifier: MIT
// Winograd's convolutions against the definition, in double.
#include "frostline/backend/cpu/winograd.hpp"
#include "frostline/backend/cpu/winograd_pack.hpp"
#include "frostline/backend/cpu/winograd_stem.hpp"

#include <cmath>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/random.hpp"

namespace frostline::test::winograd_test {
namespace {

constexpr float untouched = 12345;

/// Floats that begin at a cache line.
struct Floats {
  struct alignas(64) Line {
    float floats[16];
  };
  explicit Floats(std::ptrdiff_t count, float value = 0)
      : size(count), lines(std::size_t(count + 15) / 16) {
    std::fill_n(data(), 16 * lines.size(), value);
  }
  float* data() { return reinterpret_cast<float*>(lines.data()); }
  std::ptrdiff_t size;
  std::vector<Line> lines;
};

template <class Body>
void run_team(int threads, Body body) {
  Barrier barrier;
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t)
    others.emplace_back([&, t] { body(Team{t, threads, &barrier}); });
  body(Team{0, threads, &barrier});
  for (std::thread& other : others) other.join();
}

int any(int low, int high) { return low + int(random_engine()() % std::uint64_t(high - low + 1)); }

struct Case {
  int inputs, outputs, height, width, batch, threads;
  bool shifted, added, relu;
};

template <int M, int Stride>
void check(const Case& c, double tolerance) {
  CAPTURE(M, Stride, c.inputs, c.outputs, c.height, c.width, c.batch, c.threads, c.shifted, c.added,
          c.relu);
  const WinogradShape shape{
      BlockedMap{{c.inputs, c.height, c.width}},
      BlockedMap{{c.outputs, divide_up(c.height, Stride), divide_up(c.width, Stride)}}, M, Stride};
  const std::vector<float> weights = random_floats(std::size_t(c.inputs * c.outputs * 9));
  Floats in(c.batch * shape.in.sample()), out(c.batch * shape.out.sample(), untouched);
  Floats shift(shape.out.blocks() * lanes);
  for (int k = 0; k < c.outputs; ++k) shift.data()[k] = uniform();
  const auto place = [](const BlockedMap& map, int n, int k, int y, int x) {
    return n * map.sample() + map.at(k / lanes, y, x) + k % lanes;
  };
  const auto each = [&](const BlockedMap& map, int channels, auto body) {
    for (int n = 0; n < c.batch; ++n)
      for (int k = 0; k < channels; ++k)
        for (int y = 0; y < map.shape.height; ++y)
          for (int x = 0; x < map.shape.width; ++x) body(place(map, n, k, y, x), n, k, y, x);
  };
  each(shape.in, c.inputs, [&](std::ptrdiff_t at, auto...) { in.data()[at] = uniform(); });
  if (c.added)  // the output itself, padded channels zero
    each(shape.out, shape.out.blocks() * lanes, [&](std::ptrdiff_t at, int, int k, auto...) {
      out.data()[at] = k < c.outputs ? uniform() : 0.0f;
    });
  Floats before = out;

  const float poison = std::nanf("");
  Floats packed(shape.packed_floats(), poison), shared(shape.shared_scratch_floats(), poison);
  std::vector<Floats> own(std::size_t(c.threads), Floats(shape.thread_scratch_floats(), poison));
  run_team(c.threads, [&](const Team& team) {
    winograd_pack<M, Stride>(team, shape, WeightView::of(weights.data(), c.outputs, c.inputs, 3),
                             packed.data());
    team.sync();
    winograd_forward<M, Stride>(team, shape, c.batch, in.data(), packed.data(),
                                {.shift = c.shifted ? shift.data() : nullptr,
                                 .added = c.added ? out.data() : nullptr,
                                 .rectifier = c.relu ? Rectifier::relu : Rectifier::none},
                                out.data(), shared.data(), own[std::size_t(team.thread)].data());
  });

  double error = 0, norm = 0;
  each(shape.out, c.outputs, [&](std::ptrdiff_t at, int n, int k, int y, int x) {
    double sum = 0;
    for (int i = 0; i < c.inputs; ++i)
      for (int ky = 0; ky < 3; ++ky)
        for (int kx = 0; kx < 3; ++kx) {
          const int in_y = Stride * y + ky - 1, in_x = Stride * x + kx - 1;
          if (in_y >= 0 && in_y < c.height && in_x >= 0 && in_x < c.width)
            sum += double(weights[std::size_t(((k * c.inputs + i) * 3 + ky) * 3 + kx)]) *
                   double(in.data()[place(shape.in, n, i, in_y, in_x)]);
        }
    norm += sum * sum;
    if (c.shifted) sum += double(shift.data()[k]);
    if (c.added) sum += double(before.data()[at]);
    if (c.relu) sum = std::max(sum, 0.0);
    error += (sum - double(out.data()[at])) * (sum - double(out.data()[at]));
    out.data()[at] = before.data()[at];
  });
  CHECK(std::sqrt(error) < tolerance * std::sqrt(norm));

  int strays = 0;  // padded channels are zero, everything else is as it was
  each(shape.out, shape.out.blocks() * lanes, [&](std::ptrdiff_t at, int, int k, auto...) {
    if (k < c.outputs) return;
    strays += out.data()[at] != 0;
    out.data()[at] = before.data()[at];
  });
  for (std::ptrdiff_t i = 0; i < out.size; ++i) strays += out.data()[i] != before.data()[i];
  CHECK(strays == 0);
}

template <int M, int Stride = 1>
void check_some(double tolerance) {
  for (const int threads : {1, 3}) {
    for (int i = 0; i < 10; ++i)
      check<M, Stride>({any(1, 40), any(1, 40), any(Stride + 1, 20), any(1, 20), any(1, 3), threads,
                        any(0, 1) == 1, any(0, 1) == 1, any(0, 1) == 1},
                       tolerance);
    check<M, Stride>({3, 5, 1, 1, 1, threads, true, false, true}, tolerance);
    check<M, Stride>({16, 24, 37, 53, 2, threads, true, true, true}, tolerance);
    check<M, Stride>({520, 24, 11, 10, 3, threads, true, true, false},
                     tolerance);  // not depth first
  }
}

void check_stem(Shape image, int outputs, int batch, int threads) {
  CAPTURE(image.channels, image.height, image.width, outputs, batch, threads);
  const StemShape shape{image, BlockedMap{StemShape::pooled(outputs, image)}};
  const std::vector<float> weights = random_floats(std::size_t(outputs * image.channels * 49));
  const std::vector<float> images = random_floats(std::size_t(batch) * image.size());
  const float poison = std::nanf("");
  Floats out(batch * shape.out.sample(), untouched), shift(shape.out.blocks() * lanes);
  Floats packed(shape.packed_floats(), poison);
  std::vector<Floats> own(std::size_t(threads), Floats(shape.thread_scratch_floats(), poison));
  // Not near zero, so that an image of one pixel has no sum that cancels.
  for (int k = 0; k < outputs; ++k) shift.data()[k] = 1.5f + 0.5f * uniform();
  run_team(threads, [&](const Team& team) {
    stem_pack(team, shape, WeightView::of(weights.data(), outputs, image.channels, 7),
              packed.data());
    team.sync();
    stem_forward(team, shape, batch, images.data(), packed.data(), shift.data(), out.data(),
                 own[std::size_t(team.thread)].data());
  });

  const int rows = (image.height + 1) / 2, columns = (image.width + 1) / 2;
  const auto convolution = [&](int n, int k, int y, int x) {
    double sum = double(shift.data()[k]);
    for (int c = 0; c < image.channels; ++c)
      for (int dy = 0; dy < 7; ++dy)
        for (int dx = 0; dx < 7; ++dx) {
          const int iy = 2 * y + dy - 3, ix = 2 * x + dx - 3;
          if (iy < 0 || iy >= image.height || ix < 0 || ix >= image.width) continue;
          sum += double(weights[std::size_t(((k * image.channels + c) * 7 + dy) * 7 + dx)]) *
                 double(images[std::size_t(
                     ((n * image.channels + c) * image.height + iy) * image.width + ix)]);
        }
    return std::max(sum, 0.0);
  };
  double error = 0, norm = 0;
  int strays = 0;
  for (int n = 0; n < batch; ++n)
    for (int k = 0; k < shape.out.blocks() * lanes; ++k)
      for (int y = 0; y < shape.out.shape.height; ++y)
        for (int x = 0; x < shape.out.shape.width; ++x) {
          float& got =
              out.data()[n * shape.out.sample() + shape.out.at(k / lanes, y, x) + k % lanes];
          double wanted = 0;
          for (int cy = std::max(0, 2 * y - 1); cy < std::min(rows, 2 * y + 2) && k < outputs; ++cy)
            for (int cx = std::max(0, 2 * x - 1); cx < std::min(columns, 2 * x + 2); ++cx)
              wanted = std::max(wanted, convolution(n, k, cy, cx));
          error += (double(got) - wanted) * (double(got) - wanted);
          norm += wanted * wanted;
          strays += k >= outputs && got != 0;
          got = untouched;
        }
  CHECK(std::sqrt(error) <= 5e-6 * std::sqrt(norm));
  for (std::ptrdiff_t i = 0; i < out.size; ++i) strays += out.data()[i] != untouched;
  CHECK(strays == 0);
}

}  // namespace

TEST_CASE("Winograd's convolutions agree with the definition and touch nothing else", "[slow]") {
  check_some<2>(2e-6);
  check_some<4>(5e-6);
  check_some<5>(1e-5);
  check_some<7>(1e-4);
}

TEST_CASE("Winograd's convolutions of stride 2 agree with the definition and touch nothing else",
          "[slow]") {
  check_some<2, 2>(2e-6);
  check_some<3, 2>(2e-6);
  check_some<4, 2>(3e-6);
}

TEST_CASE("the stem agrees with convolution, ReLU and pooling of any image") {
  for (const int threads : {1, 3}) {
    for (int i = 0; i < 12; ++i)
      check_stem({any(1, 4), any(1, 40), any(1, 40)}, any(1, 20), any(1, 3), threads);
    check_stem({3, 1, 1}, 3, 1, threads);
    check_stem({3, 33, 47}, 17, 2, threads);
  }
}

}  // namespace frostline::test::winograd_test
