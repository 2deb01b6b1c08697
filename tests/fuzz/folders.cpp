// SPDX-License-Identifier: MIT
// Fuzzes data sets of images: an input describes a tree of folders, files and links, which is
// created, listed and read. Only frostline::Error may be thrown.
//
// Each line of an input creates something in the current folder, which is at first the data set's:
//   /name         a folder, and goes into it      .              goes up
//   +name         a picture                       =name content  a file of this content
//   @name target  a symbolic link                 !name          a fifo
// A byte 1 in a name stands for a newline. Nothing is created outside, and no link leads there.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <frostline/core/error.hpp>
#include <frostline/data/image_folder.hpp>
#include <frostline/io/images/image.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int most_lines = 64, deepest = 12;

std::filesystem::path new_folder() {
  std::string name = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
  name += "/frostline_fuzz_XXXXXX";
  if (!::mkdtemp(name.data())) std::abort();
  return name;
}

bool is_name(std::string_view text) {
  return !text.empty() && text != "." && text != ".." && text.find('/') == text.npos &&
         text.find('\0') == text.npos;
}

/// Whether a link in a folder of this depth stays inside: its ".." come first and are not too many.
bool stays_inside(std::string_view target, int depth) {
  if (target.empty() || target.front() == '/') return false;
  while (target.substr(0, 2) == ".." && (target.size() == 2 || target[2] == '/')) {
    if (depth-- == 0) return false;
    target.remove_prefix(target.size() == 2 ? 2 : 3);
  }
  return target.find("..") == target.npos && target.find("//") == target.npos &&
         !target.starts_with('/') && target.find('\0') == target.npos;
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return;  // the name exists or is too long
  if (::write(file, content.data(), content.size()) < 0) std::abort();
  ::close(file);
}

/// Creates the tree that the input describes.
void make_tree(std::filesystem::path folder, std::string_view input) {
  static const std::vector<std::byte> picture = frostline::encode_png({1, 1, {1, 2, 3}});
  int depth = 0;
  for (int line = 0; line < most_lines && !input.empty(); ++line) {
    const std::size_t end = std::min(input.find('\n'), input.size());
    std::string text(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
    if (text == "." && depth > 0) {
      folder = folder.parent_path();
      --depth;
    }
    if (text.size() < 2) continue;
    const char kind = text[0];
    const std::size_t space = kind == '=' || kind == '@' ? text.find(' ') : text.npos;
    std::string name = text.substr(1, space == text.npos ? space : space - 1);
    const std::string rest = space == text.npos ? "" : text.substr(space + 1);
    for (char& letter : name)
      if (letter == 1) letter = '\n';
    if (!is_name(name)) continue;
    const std::filesystem::path path = folder / name;
    switch (kind) {
      case '/':
        if (depth < deepest && ::mkdir(path.c_str(), 0700) == 0) {
          folder = path;
          ++depth;
        }
        break;
      case '+':
        write_file(path, {reinterpret_cast<const char*>(picture.data()), picture.size()});
        break;
      case '=': write_file(path, rest); break;
      case '@':
        if (stays_inside(rest, depth) && ::symlink(rest.c_str(), path.c_str()) != 0) continue;
        break;
      case '!':
        if (::mkfifo(path.c_str(), 0600) != 0) continue;
        break;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path root = new_folder();
  make_tree(root, {reinterpret_cast<const char*>(data), size});
  try {
    const frostline::ImageFolder folder(root);
    frostline::read_images(folder);
  } catch (const frostline::Error&) {
  }
  try {
    frostline::open_train_and_val(root);
  } catch (const frostline::Error&) {
  }
  std::filesystem::remove_all(root);
  return 0;
}
