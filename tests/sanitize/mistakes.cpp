// SPDX-License-Identifier: MIT
// Mistakes that the sanitizers of the preset `sanitize` must find, one for each argument.
#include <cstdio>
#include <string_view>

namespace {

float* memory;  // what it held is lost when it is assigned again

void leak_in_a_team() {
#pragma omp parallel num_threads(3)
#pragma omp critical
  memory = new float[8];
  memory = nullptr;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view mistake = count > 1 ? arguments[1] : "none";
  if (mistake == "leak") leak_in_a_team();
  float* floats = mistake == "null" ? nullptr : new float[8];
  const volatile float* at = floats + (mistake == "none" ? 0 : 8);
  if (mistake == "overflow") std::printf("%g\n", double(*at));
  delete[] floats;
}
