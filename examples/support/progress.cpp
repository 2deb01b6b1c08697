// SPDX-License-Identifier: MIT
// Draws a progress bar that fits the terminal's width.
#include "progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace examples {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool is_terminal() {
  return ::isatty(STDERR_FILENO) && environment("TERM") != "dumb" && environment("TERM") != "";
}

bool shows_unicode() {
  std::string_view locale = environment("LC_ALL");
  if (locale.empty()) locale = environment("LC_CTYPE");
  if (locale.empty()) locale = environment("LANG");
  return locale.ends_with("UTF-8") || locale.ends_with("utf8");
}

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const int columns = std::atoi(std::string(environment("COLUMNS")).c_str());
  return columns > 0 ? std::size_t(columns) : 80;
}

std::string duration(double seconds) {
  if (!(seconds < 360000)) return "long";
  const int whole = int(std::ceil(seconds));
  const int hours = whole / 3600, minutes = whole / 60 % 60;
  return hours ? fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60)
               : fmt::format("{}:{:02}", minutes, whole % 60);
}

std::string speed(double images_per_second) {
  return images_per_second < 100 ? fmt::format("{:.3g} images/s", images_per_second)
                                 : fmt::format("{:.0f} images/s", images_per_second);
}

std::string bar(double share, std::size_t columns) {
  constexpr std::array<std::string_view, 8> eighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const bool unicode = shows_unicode();
  const std::size_t filled = std::size_t(share * double(columns * 8));
  const std::string_view part = unicode ? eighths[filled % 8] : "";
  std::string text = "|";
  for (std::size_t i = 0; i < filled / 8; ++i) text += unicode ? "█" : "#";
  text += part;
  text.append(columns - filled / 8 - (part.empty() ? 0 : 1), ' ');
  return text + "|";
}

}  // namespace

Progress::Progress(std::string label, std::size_t total_images)
    : label_(std::move(label)), total_(total_images), terminal_(is_terminal()) {
  start_ = end_ = drawn_ = Clock::now();
  if (terminal_) draw();
}

Progress::~Progress() {
  if (!finished_ && terminal_) clear();
}

void Progress::show(std::size_t images, std::optional<double> mean_loss) {
  images_ = images;
  loss_ = mean_loss;
  const Clock::time_point now = Clock::now();
  if (!terminal_ || now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  draw();
}

void Progress::finish() {
  if (std::exchange(finished_, true)) return;
  end_ = Clock::now();
  if (terminal_) clear();
}

double Progress::seconds() const {
  return std::chrono::duration<double>((finished_ ? end_ : Clock::now()) - start_).count();
}

void Progress::draw() const {
  const double share = total_ ? std::min(1.0, double(images_) / double(total_)) : 1.0;
  const double rate = double(images_) / std::max(seconds(), 1e-6);
  const std::size_t columns = terminal_columns() - 1;
  std::array<std::string, 4> parts{fmt::format(" {:3.0f}%", std::floor(100 * share))};
  if (loss_) parts[1] = fmt::format("  loss {:.4f}", *loss_);
  if (images_) parts[2] = fmt::format("  {} left", duration(double(total_) * (1 - share) / rate));
  if (images_) parts[3] = "  " + speed(rate);

  // The most important parts come first; if there is room, a bar comes before the last one.
  const std::size_t short_bar = columns > 50 ? 13 : 0;
  std::string label = fmt::format("{:.{}}", label_, columns);
  std::string after;
  for (const std::string& part : parts) {
    if (label.size() + short_bar + after.size() + part.size() > columns) break;
    after += part;
  }
  const std::size_t used = label.size() + after.size() + 3;
  const std::size_t space = columns > used ? columns - used : 0;
  if (space >= 6) label += fmt::format(" {}", bar(share, std::min<std::size_t>(space, 40)));
  std::fputs(fmt::format("\r{}{}\x1b[K", label, after).c_str(), stderr);
}

void Progress::clear() const { std::fputs("\r\x1b[K", stderr); }

}  // namespace examples
