// SPDX-License-Identifier: MIT
// Images against Pillow's pixels, and against files that are cut, damaged or not images.
#include "frostline/io/images/image.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "frostline/io/images/read_label_mask.hpp"
#include "frostline/io/images/resize.hpp"
#include "image_golden.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/random.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FROSTLINE_SANITIZED_MEMORY 1
#elif defined(__has_feature)
#define FROSTLINE_SANITIZED_MEMORY \
  (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define FROSTLINE_SANITIZED_MEMORY 0
#endif

namespace frostline::test::image_test {

using frostline::Image;
using golden::contains;
using golden::error_of;

namespace {

std::vector<std::string> sources() {
  std::vector<std::string> names;
  for (auto& line : golden::lines("decode")) line >> names.emplace_back();
  return names;
}

constexpr std::byte sof2[] = {std::byte{0xff}, std::byte{0xc2}};  // a progressive frame

/// While it lives, the process has a lower limit of a resource.
template <int Resource>
struct LessOf {
  rlimit before{};

  explicit LessOf(rlim_t limit) {
    ::getrlimit(Resource, &before);
    rlimit less = before;
    less.rlim_cur = std::min(before.rlim_cur, limit);
    ::setrlimit(Resource, &less);
  }
  LessOf(const LessOf&) = delete;
  LessOf& operator=(const LessOf&) = delete;
  ~LessOf() { ::setrlimit(Resource, &before); }
};

/// The bytes of the process's address space.
[[maybe_unused]] std::size_t address_space() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

Image small_image() { return {2, 2, {0, 1, 2, 3, 4, 5, 253, 254, 255, 6, 7, 8}}; }

}  // namespace

TEST_CASE("every kind of JPEG and PNG has Pillow's pixels") {
  auto lines = golden::lines("decode");
  REQUIRE(lines.size() == 46);
  for (auto& line : lines) {
    std::string name;
    Image wanted;
    line >> name >> wanted.width >> wanted.height;
    wanted.pixels = golden::pixels_of(golden::folder() / (name + ".rgb"));
    const Image image = frostline::read_image(golden::folder() / name);
    INFO(name);
    CHECK(image.width == wanted.width);
    CHECK(image.height == wanted.height);
    CHECK(image.pixels == wanted.pixels);
  }
}

TEST_CASE("an image cut anywhere is an error or has all of its pixels") {
  for (const std::string& name : sources()) {
    const auto bytes = golden::bytes_of(golden::folder() / name);
    const Image whole = frostline::decode_image(bytes, name);
    std::size_t errors = 0;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // A copy of exactly this size, so that AddressSanitizer sees a read after the end.
      const std::vector<std::byte> part(bytes.begin(),
                                        bytes.begin() + static_cast<std::ptrdiff_t>(size));
      Image image;
      const std::string error = error_of([&] { image = frostline::decode_image(part, name); });
      INFO(name << " cut to " << size << " of " << bytes.size() << " bytes: " << error);
      if (error.empty()) {
        REQUIRE(image == whole);
      } else {
        REQUIRE(contains(error, name));
        ++errors;
      }
    }
    CHECK(errors + 32 > bytes.size());
  }
}

TEST_CASE(
    "a JPEG that lacks only its end marker is complete, and one that lacks more is an error") {
  for (const std::string& name : sources()) {
    if (!contains(name, ".jpg") || name == "trailing.jpg") continue;
    const auto bytes = golden::bytes_of(golden::folder() / name);
    const Image whole = frostline::decode_image(bytes, name);
    std::size_t images = 0;
    for (std::size_t size = 4; size < bytes.size(); ++size)
      for (const std::size_t zeros : {0u, 1u, 2u, 8u, 200u}) {
        std::vector<std::byte> part(bytes.begin(),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(size));
        part.resize(size + zeros);
        Image image;
        const std::string error = error_of([&] { image = frostline::decode_image(part, name); });
        INFO(name << " cut to " << size << " of " << bytes.size() << " bytes and " << zeros
                  << " zeros: " << error);
        if (error.empty()) REQUIRE(image == whole);
        if (error.empty()) ++images;
        // The decoder of arithmetic coding does not report missing data.
        if (size + 2 == bytes.size() && name != "arithmetic.jpg") REQUIRE(error.empty());
      }
    INFO(name);
    if (name == "arithmetic.jpg") CHECK(images == 0);
    if (name != "arithmetic.jpg") CHECK(images >= 5);
  }
}

TEST_CASE("upright pictures equal those of Pillow's exif_transpose, for any EXIF data") {
  auto lines = golden::lines("upright");
  REQUIRE(lines.size() == 24);
  for (auto& line : lines) {
    std::string name, wanted;
    int width = 0;
    int height = 0;
    line >> name >> width >> height >> wanted;
    const auto path = golden::folder() / name;
    const Image image =
        frostline::read_image(path, {.orientation = frostline::Orientation::upright});
    INFO(name);
    CHECK(image.width == width);
    CHECK(image.height == height);
    CHECK(golden::hash(std::as_bytes(std::span(image.pixels))) == wanted);
    const Image stored = frostline::read_image(path);
    CHECK(stored.width == 11);
    CHECK(stored.height == 7);
  }
}

TEST_CASE("hostile EXIF data only turn a picture or leave it as it is stored") {
  const auto sides = [](const Image& image) { return image.width * image.height; };
  for (const char* name : {"orientation6.jpg", "orientation6.png", "orientation3.png"}) {
    const auto bytes = golden::bytes_of(golden::folder() / name);
    const bool is_jpeg = contains(name, ".jpg");
    const std::string_view word = is_jpeg ? "Exif" : "eXIf";
    const auto mark = std::search(bytes.begin(), bytes.end(), word.begin(), word.end(),
                                  [](std::byte left, char right) { return char(left) == right; });
    REQUIRE(mark != bytes.end());
    const auto at = static_cast<std::size_t>(mark - bytes.begin()) + (is_jpeg ? 6 : 4);
    for (int repetition = 0; repetition < 3000; ++repetition) {
      auto damaged = bytes;
      for (auto changes = 1 + frostline::test::random_engine()() % 4; changes > 0; --changes)
        damaged[at + frostline::test::random_engine()() % 44] =
            std::byte(frostline::test::random_engine()() % 256);
      try {
        const Image image = frostline::decode_image(
            damaged, name, {.orientation = frostline::Orientation::upright});
        REQUIRE(sides(image) == 77);
      } catch (const frostline::Error& error) {
        REQUIRE(contains(error.what(), name));
      }
    }
  }
}

TEST_CASE("a picture of more pixels than are allowed is refused before memory is taken for it") {
  for (const char* name : {"rgb.png", "rgb_420.jpg", "progressive.jpg", "grey.jpg"}) {
    const auto path = golden::folder() / name;
    CHECK(frostline::read_image(path, {.most_pixels = 37 * 23}).width == 37);
    const std::string error =
        error_of([&] { frostline::read_image(path, {.most_pixels = 37 * 23 - 1}); });
    INFO(error);
    CHECK(contains(error, name));
    CHECK(contains(error, "37x23"));
    CHECK(contains(error, "1 to 850 pixels"));
  }
}

TEST_CASE("a JPEG too small for the pixels that it declares is refused without decoding") {
  auto bytes = golden::bytes_of(golden::folder() / "progressive.jpg");
  const auto frame = std::search(bytes.begin(), bytes.end(), std::begin(sof2), std::end(sof2));
  REQUIRE(frame != bytes.end());
  for (const int at : {5, 7}) frame[at] = std::byte{0x1c};  // about 7,200 on each side
  const std::string error = error_of([&] { frostline::decode_image(bytes, "tiny"); });
  CHECK(contains(error, "too small for its pixels"));
}

TEST_CASE("a picture of another format is recognised by its content, with any name") {
  using namespace std::string_literals;
  const auto errors = [](const std::string& content) {
    const auto bytes = std::as_bytes(std::span(content));
    return std::pair(error_of([&] { frostline::decode_image(bytes, "a.jpg"); }),
                     error_of([&] { frostline::decode_label_mask(bytes, "a.png"); }));
  };
  for (const auto& [content, wanted] : {std::pair{"RIFF\x24\0\0\0WEBPVP8 "s, "a WebP"},
                                        {"\0\0\0\x18"
                                         "ftypheic\0\0"s,
                                         "a HEIC"},
                                        {"\0\0\0\x18"
                                         "ftypmif1\0\0"s,
                                         "a HEIF"},
                                        {"\0\0\0\x1c"
                                         "ftypavif\0\0"s,
                                         "an AVIF"},
                                        {"GIF89a\1\0\1\0"s, "a GIF"},
                                        {"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0"s, "a BMP"},
                                        {"II*\0\x08\0\0\0"s, "a TIFF"},
                                        {"MM\0*\0\0\0\x08"s, "a TIFF"}}) {
    const auto [image, mask] = errors(content);
    INFO(image << " " << mask);
    CHECK(contains(image, "it is "s + wanted + "; convert it to JPEG or PNG"));
    CHECK(contains(mask, "it is "s + wanted + "; convert it to PNG"));
  }
  for (const char* content : {"<!DOCTYPE html>", "\xef\xbb\xbf\r\n <svg/>", "<"}) {
    const auto [image, mask] = errors(content);
    CHECK(contains(image, "it begins with '<', as a web page"));
    CHECK(contains(mask, "it begins with '<', as a web page"));
  }
  for (const std::string& content :
       {"a"s, "RIFF"s, "RIFF\x24\0\0\0WAVEfmt "s,
        "\0\0\0\x18"
        "ftyp"s,
        "\0\0\0\x18"
        "ftypisom"s,
        "BM"s, "BMs are not BMPs"s, "\xef\xbb\xbf"s, "   "s, "version https://git-lfs"s}) {
    const auto [image, mask] = errors(content);
    CHECK(image.ends_with("it is neither a JPEG nor a PNG"));
    CHECK(mask.ends_with("it is not a PNG"));
  }
}

TEST_CASE("pixels that exceed the available memory are refused before any is written") {
  const std::size_t available = detail::available_memory();
  const std::size_t bytes = available > SIZE_MAX / 4 ? SIZE_MAX / 2 : 2 * available;
  const auto refused = [&](std::size_t size, std::size_t count, auto allocate) {
    const std::string error = error_of([&] { allocate(count); });
    INFO(error);
    CHECK(contains(error, "all takes " + std::to_string(count * size) + " bytes of memory, and "));
    CHECK(contains(error, " are available; a smaller one needs less"));
  };
  refused(1, bytes, [](std::size_t count) { detail::allocate(count, "all"); });
  refused(8, bytes / 8, [](std::size_t count) { detail::allocate<std::uint64_t>(count, "all"); });
  CHECK(detail::allocate(std::uint64_t{20} << 20, "some").size() == 20 << 20);
}

TEST_CASE("pixels for which there is no memory are an error that says how many bytes they take") {
  CHECK(contains(error_of([] { detail::allocate(~std::uint64_t{0}, "all"); }),
                 "all takes 18446744073709551615 bytes"));
#if FROSTLINE_SANITIZED_MEMORY
  std::printf("without a limit of memory: a sanitizer reserves more, and ends the program\n");
#else
  auto jpeg = golden::bytes_of(golden::folder() / "absurd.jpg");
  jpeg.resize(jpeg.size() + 13'000'000);  // enough for its pixels, for all that is known
  std::string decoded, resized;
  {
    const LessOf<RLIMIT_AS> a_quarter_gigabyte_more(address_space() + (std::size_t{1} << 28));
    decoded = error_of(
        [&] { frostline::decode_image(jpeg, "large.jpg", {.most_pixels = ~std::uint64_t{0}}); });
    resized = error_of([] { frostline::resize(small_image(), 1 << 28, 1); });
  }
  CHECK(contains(decoded, "'large.jpg' of 65500x65500 pixels takes 12870750000 bytes"));
  CHECK(contains(resized, "resizing an image takes"));
#endif
}

TEST_CASE("damaged bytes give an image or an error, never a crash") {
  const unsigned seed = std::random_device{}();
  std::printf("damaged images: seed %u\n", seed);
  std::mt19937 generator(seed);
  std::size_t images = 0;
  std::size_t errors = 0;
  for (const std::string& name : sources()) {
    const auto bytes = golden::bytes_of(golden::folder() / name);
    for (int repetition = 0; repetition < 100; ++repetition) {
      auto damaged = bytes;
      for (auto flips = 1 + generator() % 4; flips > 0; --flips)
        damaged[generator() % damaged.size()] ^= std::byte(1u << generator() % 8);
      INFO(name << ", seed " << seed << ", repetition " << repetition);
      try {
        const Image image = frostline::decode_image(damaged, name);
        REQUIRE(image.pixels.size() ==
                3 * static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height));
        ++images;
      } catch (const frostline::Error& error) {
        REQUIRE(contains(error.what(), name));
        ++errors;
      }
    }
  }
  CHECK(images > 0);
  CHECK(errors > 0);
}

TEST_CASE("an image that cannot be read is refused with its name and the reason") {
  auto lines = golden::lines("refuse");
  REQUIRE(lines.size() == 5);
  for (auto& line : lines) {
    std::string name;
    std::string word;
    line >> name >> word;
    const std::string error = error_of([&] { frostline::read_image(golden::folder() / name); });
    INFO(error);
    CHECK(contains(error, name));
    CHECK(contains(error, word));
  }

  golden::TemporaryFolder folder;
  const auto reason = [](const std::filesystem::path& path) {
    const std::string error = error_of([&] { frostline::read_image(path); });
    CHECK(contains(error, path.string()));
    return error;
  };
  CHECK(contains(reason(folder.path / "missing.jpg"), "no such file"));
  CHECK(contains(reason(folder.path), "directory"));
  CHECK(contains(reason(folder.write("empty.png", {})), "empty"));
  const auto jpeg = golden::bytes_of(golden::folder() / "rgb_420.jpg");
  const auto half = std::span(jpeg).first(jpeg.size() / 2);
  CHECK(contains(reason(folder.write("half.jpg", half)), "truncated"));
}

TEST_CASE("an image is read back from PNG bytes and from a PNG file") {
  const Image image = small_image();
  CHECK(frostline::decode_image(frostline::encode_png(image), "encoded") == image);
  golden::TemporaryFolder folder;
  frostline::write_png(folder.path / "image.png", image);
  CHECK(frostline::read_image(folder.path / "image.png") == image);
  const std::string error =
      error_of([&] { frostline::write_png(folder.path / "missing" / "image.png", image); });
  CHECK(contains(error, "missing"));
}

TEST_CASE("a PNG that cannot be written completely leaves the old file") {
  golden::TemporaryFolder folder;
  const auto path = folder.path / "image.png";
  frostline::write_png(path, small_image());
  const Image large = frostline::read_image(golden::folder() / "rgb.png");
  std::string error;
  {
    const LessOf<RLIMIT_FSIZE> bytes(1000);
    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    error = error_of([&] { frostline::write_png(path, large); });
    std::signal(SIGXFSZ, before);
  }
  CHECK(contains(error, path.string()));
  CHECK(frostline::read_image(path) == small_image());
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
  frostline::write_png(path, large);
  CHECK(frostline::read_image(path) == large);
}

TEST_CASE("an image whose size and pixels disagree is not written") {
  CHECK_THROWS_AS(frostline::encode_png({}), frostline::Error);
  CHECK_THROWS_AS(frostline::encode_png({-1, -1, {0, 0, 0}}), frostline::Error);
  Image image = small_image();
  image.pixels.pop_back();
  CHECK(contains(error_of([&] { frostline::encode_png(image); }), "2x2 pixels has 11 bytes"));
}

}  // namespace frostline::test::image_test
