// SPDX-License-Identifier: MIT
// A folder of images: the order of classes and samples, what is left out, and errors.
#include "frostline/io/image_folder.hpp"

#include <string>
#include <vector>

#include "image_golden.hpp"
#include "support/catch.hpp"

using frostline::ImageFolder;
using golden::contains;
using golden::error_of;

namespace {

std::vector<std::byte> a_png(std::uint8_t value) {
  return frostline::encode_png({1, 1, {value, value, value}});
}

}  // namespace

TEST_CASE("classes are sorted by name, and samples by folder and name as torchvision sorts them") {
  golden::TemporaryFolder folder;
  for (const char* name : {"zebra/b.png", "zebra/a/z.JPG", "zebra/a.jpeg", "ant/1.PNG", "ant/.png",
                           "ant/10.png", "Bee/x.png", "ant/notes.txt", "readme.png"})
    folder.write(name, a_png(0));
  std::filesystem::create_directory(folder.path / "zebra" / "folder.png");

  const ImageFolder images(folder.path);
  CHECK(images.classes == std::vector<std::string>{"Bee", "ant", "zebra"});
  REQUIRE(images.size() == 6);
  const std::vector<std::string> names = {"Bee/x.png",    "ant/1.PNG",   "ant/10.png",
                                          "zebra/a.jpeg", "zebra/b.png", "zebra/a/z.JPG"};
  const std::vector<int> labels = {0, 1, 1, 2, 2, 2};
  for (std::size_t i = 0; i < images.size(); ++i) {
    CHECK(images.samples[i].path == folder.path / names[i]);
    CHECK(images.samples[i].label == labels[i]);
  }
}

TEST_CASE("a folder that is missing, has no classes or an empty class is refused") {
  golden::TemporaryFolder folder;
  const auto reason = [](const std::filesystem::path& path) {
    const std::string error = error_of([&] { ImageFolder{path}; });
    CHECK(contains(error, path.string()));
    return error;
  };
  CHECK(contains(reason(folder.path / "missing"), "no folder"));
  CHECK(contains(reason(folder.path), "no class folders"));
  CHECK(contains(reason(folder.write("file.png", a_png(0))), "no folder"));
  folder.write("full/1.png", a_png(0));
  folder.write("papers/notes.txt", a_png(0));
  std::filesystem::create_directory(folder.path / "nothing");
  CHECK(contains(reason(folder.path), "for the classes nothing, papers"));
}

TEST_CASE("all images of a folder are read in the order of its samples") {
  golden::TemporaryFolder folder;
  for (std::uint8_t i = 0; i < 40; ++i)
    folder.write(i % 2 ? "odd/" + std::to_string(100 + i) + ".png"
                       : "even/" + std::to_string(100 + i) + ".png",
                 a_png(i));
  const auto images = frostline::read_images(ImageFolder(folder.path));
  REQUIRE(images.size() == 40);
  for (std::size_t i = 0; i < 40; ++i)
    CHECK(images[i].pixels[0] == (i < 20 ? 2 * i : 2 * (i - 20) + 1));
}

TEST_CASE("the first image that cannot be read is reported, whatever the threads do") {
  golden::TemporaryFolder folder;
  for (int i = 100; i < 140; ++i) folder.write("class/" + std::to_string(i) + ".png", a_png(0));
  for (const char* name : {"class/137.png", "class/112.png", "class/113.png"})
    folder.write(name, {});
  const ImageFolder images(folder.path);
  for (int repetition = 0; repetition < 20; ++repetition)
    CHECK(contains(error_of([&] { frostline::read_images(images); }), "112.png"));
}
