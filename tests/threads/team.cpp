// SPDX-License-Identifier: MIT
// A team whose threads read what others wrote after a barrier, or, with an argument, without
// one: threads/check.sh expects a report of the race then.
#include <cstdio>
#include <frostline/backend/cpu/parallel.hpp>

namespace fl = frostline;

int main(int argc, char**) {
  constexpr int count = 1000;
  int squares[count], reversed[count];
  for (int round = 0; round < 100; ++round) {
    for (int& square : squares) square = round;
    fl::detail::run_team(4, [&](const fl::Team& team) {
      fl::for_each_task(team, count, [&](int i) { squares[i] += i * i; });
      if (argc == 1) team.sync();
      fl::for_each_task(team, count, [&](int i) { reversed[i] = squares[count - 1 - i]; });
    });
    for (int i = 0; i < count; ++i) {
      const int j = count - 1 - i;
      if (argc == 1 && reversed[i] != round + j * j) return std::puts("wrong"), 1;
    }
  }
}
