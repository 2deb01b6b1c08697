// SPDX-License-Identifier: MIT
// Two files of one program that were compiled for different instruction sets.
#include <cmath>
#include <cstdio>
#include <vector>

std::vector<float> run_plain();
std::vector<float> run_native();

int main() {
  const std::vector<float> plain = run_plain(), native = run_native();
  double worst = 0;
  for (std::size_t i = 0; i + 1 < plain.size() && plain.size() == native.size(); ++i)
    worst = std::fmax(worst, std::abs(double(plain[i]) - double(native[i])));
  std::printf("floats in a vector: %g and %g; %zu results, the worst %.2g apart\n", plain.back(),
              native.back(), plain.size() - 1, worst);
  return plain.size() == native.size() && plain.size() > 30 && worst < 1e-4 &&
                 plain.back() != native.back()
             ? 0
             : 1;
}
