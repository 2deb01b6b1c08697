// SPDX-License-Identifier: MIT
// A folder of images: the order of classes and samples, skipped files, and errors.
#include "frostline/data/image_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

#include "frostline/io/images/resize.hpp"
#include "image_golden.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"

namespace frostline::test::image_folder_test {

using frostline::ImageFolder;
using golden::contains;
using golden::error_of;

namespace {

std::vector<std::byte> a_png(std::uint8_t value) {
  return frostline::encode_png({1, 1, {value, value, value}});
}

namespace fs = std::filesystem;

/// The counts of skipped files, as "reason count" for each reason.
std::string skipped_of(const ImageFolder& images) {
  std::string text;
  for (const auto& [reason, count] : images.skipped)
    text += (text.empty() ? "" : ", ") + reason + " " + std::to_string(count);
  return text;
}

/// train/ with the classes of `train`, val/ with those of `val`, a picture in each.
void write_classes(golden::TemporaryFolder& folder, const std::vector<std::string>& train,
                   const std::vector<std::string>& val) {
  for (const std::string& name : train) folder.write("train/" + name + "/1.png", a_png(0));
  for (const std::string& name : val) folder.write("val/" + name + "/1.png", a_png(0));
}

std::string error_of_both(const golden::TemporaryFolder& folder) {
  return error_of([&] { frostline::open_train_and_val(folder.path); });
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
  CHECK(contains(reason(folder.path), "for the classes 'nothing', 'papers'"));
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

TEST_CASE("the first image that cannot be read is reported, with any number of threads") {
  golden::TemporaryFolder folder;
  for (int i = 100; i < 140; ++i) folder.write("class/" + std::to_string(i) + ".png", a_png(0));
  for (const char* name : {"class/137.png", "class/112.png", "class/113.png"})
    folder.write(name, {});
  const ImageFolder images(folder.path);
  for (int repetition = 0; repetition < 20; ++repetition)
    CHECK(contains(error_of([&] { frostline::read_images(images); }), "112.png"));
}

TEST_CASE("train and val are opened with one numbering of the classes") {
  golden::TemporaryFolder folder;
  write_classes(folder, {"ant", "bee", "cat"}, {"cat", "ant", "bee"});
  const auto [train, val] = frostline::open_train_and_val(folder.path);
  CHECK(train.classes == std::vector<std::string>{"ant", "bee", "cat"});
  CHECK(val.classes == train.classes);
  CHECK(val.samples[2].label == 2);

  const ImageFolder turned(folder.path / "val", {"cat", "bee", "ant"});
  CHECK(turned.classes == std::vector<std::string>{"cat", "bee", "ant"});
  REQUIRE(turned.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(turned.samples[i].label == int(i));
    CHECK(turned.samples[i].path == folder.path / "val" / turned.classes[i] / "1.png");
  }
  CHECK(contains(error_of([&] {
                   ImageFolder(folder.path / "val", {"cat", "bee", "ant", "ant"});
                 }),
                 "repeat the name 'ant'"));
}

TEST_CASE("classes that differ between train and val are listed by name") {
  golden::TemporaryFolder folder;
  write_classes(folder, {"ant", "bee", "cat"}, {"ant", "bee", "dog"});
  const std::string error = error_of_both(folder);
  INFO(error);
  const std::string train = "'" + (folder.path / "train").string() + "'";
  const std::string val = "'" + (folder.path / "val").string() + "'";
  CHECK(contains(error, val + " lacks the class 'cat' of " + train));
  CHECK(contains(error, "has the class 'dog' that " + train + " lacks"));
  CHECK(contains(error, "rename the folder 'dog' to 'cat'"));
  CHECK(!contains(error, "bee"));

  golden::TemporaryFolder fewer;
  write_classes(fewer, {"ant", "bee", "cat"}, {"ant"});
  CHECK(contains(error_of_both(fewer), "lacks the classes 'bee', 'cat' of '"));
  CHECK(contains(error_of_both(fewer), "rename, add or remove folders"));
  CHECK(!contains(error_of_both(fewer), " has "));

  golden::TemporaryFolder more;
  for (int i = 100; i < 125; ++i) more.write("val/" + std::to_string(i) + "/1.png", a_png(0));
  write_classes(more, {"ant"}, {"ant"});
  CHECK(contains(error_of_both(more), "'109' and 15 more that '"));
  CHECK(!contains(error_of_both(more), "lacks the"));

  golden::TemporaryFolder several;
  write_classes(several, {"ant", "bee", "cat"}, {"Ant", "Bee", "cat"});
  CHECK(contains(error_of_both(several), "lacks the classes 'ant', 'bee' of '"));
  CHECK(contains(error_of_both(several), "has the classes 'Ant', 'Bee' that '"));
  CHECK(contains(error_of_both(several), "rename the folders of those that are one class"));

  const std::string unnamed = error_of([&] { ImageFolder(folder.path / "val", {"ant", "bee"}); });
  INFO(unnamed);
  CHECK(contains(unnamed, val + " has the class 'dog' that the list of those wanted lacks"));
  CHECK(contains(error_of([&] {
                   ImageFolder(folder.path / "val", {"ant", "bee", "cat", "dog"});
                 }),
                 val + " lacks the class 'cat' of those wanted"));
  CHECK(!contains(error_of_both(more), "'110'"));
}

TEST_CASE("classes that differ only in case or in Unicode normal form are reported") {
  golden::TemporaryFolder cases;
  write_classes(cases, {"ant", "bee"}, {"Ant", "bee"});
  CHECK(contains(error_of_both(cases), "'ant' and 'Ant' differ only in the case of letters"));

  const std::string composed = "caf\xc3\xa9", decomposed = "cafe\xcc\x81";
  golden::TemporaryFolder forms;
  write_classes(forms, {composed, "bee"}, {decomposed, "bee"});
  CHECK(
      contains(error_of_both(forms), "normal forms of one name: caf\\xc3\\xa9 and cafe\\xcc\\x81"));

  golden::TemporaryFolder unlike;
  write_classes(unlike, {"\xe6\x97\xa5\xe6\x9c\xac", "bee"}, {"\xe4\xb8\xad\xe5\x9b\xbd", "bee"});
  CHECK(contains(error_of_both(unlike), "lacks the class"));
  CHECK(!contains(error_of_both(unlike), "differ only"));
}

TEST_CASE("a class whose name is not UTF-8 or has a control character is refused") {
  for (const auto& [name, printed] : {std::pair<std::string, std::string>{"caf\xe9", "caf\\xe9"},
                                      {"over\xc0\xaflong", "over\\xc0\\xaflong"},
                                      {"two\nlines", "two\\x0alines"},
                                      {"bell\x07", "bell\\x07"},
                                      {"next\xc2\x85line", "next\\xc2\\x85line"}}) {
    golden::TemporaryFolder folder;
    folder.write(name + "/1.png", a_png(0));
    const std::string error = error_of([&] { ImageFolder{folder.path}; });
    INFO(error);
    CHECK(contains(error, "'" + printed + "'"));
  }
  golden::TemporaryFolder folder;
  folder.write("caf\xc3\xa9 \xf0\x9f\x90\xa6\xc2\xa0/1.png", a_png(0));
  CHECK(ImageFolder{folder.path}.size() == 1);
}

TEST_CASE("skipped files are counted by reason and reported in one line") {
  golden::TemporaryFolder folder;
  folder.write("ant/1.png", a_png(0));
  CHECK(ImageFolder(folder.path).skipped_text().empty());
  for (const char* name : {"ant/2.webp", "ant/3.WebP", "ant/4.bmp", "ant/in/5.tif", "ant/6.gif",
                           "ant/.DS_Store", "ant/Thumbs.db", "ant/notes.txt", "ant/a.json",
                           "ant/no_extension", "readme.md", "7.png", ".DS_Store"})
    folder.write(name, a_png(0));
  REQUIRE(::mkfifo((folder.path / "ant" / "pipe.png").c_str(), 0600) == 0);
  const ImageFolder images(folder.path);
  CHECK(images.size() == 1);
  CHECK(skipped_of(images) ==
        ".bmp 1, .gif 1, .tif 1, .webp 2, devices, pipes and sockets 1, files beside the class "
        "folders 2, files that are no pictures 3, hidden files 3");
  const std::string text = images.skipped_text();
  INFO(text);
  CHECK(contains(text, folder.path.string()));
  CHECK(contains(text, ".webp (2)"));
  CHECK(!contains(text, "\n"));

  folder.write("bee/1.webp", a_png(0));
  CHECK(contains(error_of([&] { ImageFolder{folder.path}; }), ".webp (3)"));
}

TEST_CASE("hidden files and folders are skipped and counted, with any contents") {
  golden::TemporaryFolder folder;
  folder.write("ant/x.jpg", a_png(0));
  for (const char* name : {"ant/._x.jpg", "ant/in/.y.png", "ant/.in/z.png", "ant/.in/in/z.png",
                           ".ipynb_checkpoints/1.png", "._ant.jpg"})
    folder.write(name, {});
  fs::create_symlink("../ant", folder.path / "ant" / ".up");
  fs::create_symlink("ant", folder.path / ".also");
  const ImageFolder images(folder.path);
  CHECK(images.classes == std::vector<std::string>{"ant"});
  CHECK(frostline::read_images(images).size() == 1);
  CHECK(skipped_of(images) == "hidden files 3, hidden folders 4");

  golden::TemporaryFolder hidden;
  hidden.write(".ant/1.png", a_png(0));
  CHECK(contains(error_of([&] { ImageFolder{hidden.path}; }), "hidden folders (1)"));
  hidden.write(".ant/bee/1.png", a_png(0));  // the data set's own name may begin with a dot
  CHECK(ImageFolder(hidden.path / ".ant").size() == 1);
}

TEST_CASE("a link to a folder that contains it changes nothing") {
  golden::TemporaryFolder folder;
  for (const char* name : {"birds/1.png", "birds/in/2.png", "cats/3.png"})
    folder.write(name, a_png(0));
  const std::size_t before = ImageFolder(folder.path).size();
  CHECK(before == 3);
  fs::create_symlink("..", folder.path / "birds" / "up");
  fs::create_symlink(".", folder.path / "birds" / "here");
  fs::create_symlink("../..", folder.path / "birds" / "in" / "far_up");
  fs::create_symlink("/", folder.path / "cats" / "all");
  fs::create_symlink("itself", folder.path / "cats" / "itself");
  fs::create_symlink("..", folder.path / "above");
  const ImageFolder images(folder.path);
  CHECK(images.size() == before);
  CHECK(images.classes == std::vector<std::string>{"birds", "cats"});
  CHECK(images.skipped.at("links to a folder that holds them") == 5);
}

TEST_CASE("links among the folders of a class repeat no picture") {
  golden::TemporaryFolder folder;
  for (const char* name : {"c/a/1.png", "c/a/2.png", "c/b/3.png", "c/b/4.png", "d/x/5.png"})
    folder.write(name, a_png(0));
  fs::create_symlink("../b", folder.path / "c" / "a" / "b");
  fs::create_symlink("../a", folder.path / "c" / "b" / "a");
  fs::create_symlink("x", folder.path / "d" / "first");  // real folders come first
  const ImageFolder images(folder.path);
  REQUIRE(images.size() == 5);
  const std::vector<std::string> names = {"c/a/1.png", "c/a/2.png", "c/b/3.png", "c/b/4.png",
                                          "d/x/5.png"};
  for (std::size_t i = 0; i < 5; ++i) CHECK(images.samples[i].path == folder.path / names[i]);
  CHECK(skipped_of(images) == "folders that are read already 3");
}

TEST_CASE("the first of several links to one folder is taken, in each class") {
  golden::TemporaryFolder folder, elsewhere;
  for (const char* name : {"photos/1.png", "photos/more/2.png"}) elsewhere.write(name, a_png(0));
  for (const char* name : {"c", "d"}) {
    fs::create_directory(folder.path / name);
    for (const char* link : {"z", "m", "b"})
      fs::create_symlink(elsewhere.path / "photos", folder.path / name / link);
    fs::create_symlink(elsewhere.path / "photos" / "more", folder.path / name / "a");
  }
  const ImageFolder images(folder.path);
  REQUIRE(images.size() == 4);
  const std::vector<std::string> names = {"c/a/2.png", "c/b/1.png", "d/a/2.png", "d/b/1.png"};
  for (std::size_t i = 0; i < 4; ++i) CHECK(images.samples[i].path == folder.path / names[i]);
  CHECK(skipped_of(images) == "folders that are read already 6");
}

TEST_CASE("folders that are all linked to each other are read once each") {
  golden::TemporaryFolder folder;
  constexpr int count = 40;  // a search along every path would not end
  for (int i = 0; i < count; ++i) {
    const std::string name = "c/" + std::to_string(i);
    folder.write(name + "/1.png", a_png(0));
    for (int j = 0; j < count; ++j)
      if (j != i)
        fs::create_symlink("../" + std::to_string(j),
                           folder.path / name / ("to_" + std::to_string(j)));
  }
  const ImageFolder images(folder.path);
  CHECK(images.size() == count);
  CHECK(images.skipped.at("folders that are read already") == count * (count - 1));
}

TEST_CASE("other links to folders and files are followed, and a link to nothing is an error") {
  golden::TemporaryFolder folder, elsewhere;
  elsewhere.write("photos/1.png", a_png(1));
  elsewhere.write("photos/more/2.png", a_png(2));
  elsewhere.write("3.png", a_png(3));
  fs::create_symlink(elsewhere.path, elsewhere.path / "photos" / "back");  // to a real parent
  fs::create_directory(folder.path / "ant");
  fs::create_symlink(elsewhere.path / "photos", folder.path / "ant" / "linked");
  fs::create_symlink(elsewhere.path / "3.png", folder.path / "ant" / "x.png");
  fs::create_symlink(elsewhere.path / "photos", folder.path / "bee");
  const ImageFolder images(folder.path);
  CHECK(images.classes == std::vector<std::string>{"ant", "bee"});
  CHECK(images.size() == 5);
  CHECK(skipped_of(images) == "links to a folder that holds them 2");
  CHECK(frostline::read_images(images).size() == 5);

  fs::create_symlink(elsewhere.path / "gone.png", folder.path / "ant" / "y.png");
  CHECK(contains(error_of([&] { frostline::read_images(ImageFolder(folder.path)); }), "y.png"));
}

TEST_CASE("a folder that may not be read is an error that names it") {
  golden::TemporaryFolder folder;
  folder.write("ant/1.png", a_png(0));
  folder.write("ant/locked/2.png", a_png(0));
  folder.write("ant/closed/3.png", a_png(0));
  const bool is_root = ::geteuid() == 0;  // root may read everything
  fs::permissions(folder.path, fs::perms::all);
  for (const auto& [name, permissions] :
       {std::pair<const char*, fs::perms>{"locked", fs::perms::none},
        {"closed", fs::perms::owner_read | fs::perms::others_read}}) {
    fs::permissions(folder.path / "ant" / name, permissions);
    if (is_root) REQUIRE(::seteuid(65534) == 0);
    const std::string error = error_of([&] { ImageFolder{folder.path}; });
    if (is_root) REQUIRE(::seteuid(0) == 0);
    INFO(error);
    CHECK(contains(error, name));
    fs::permissions(folder.path / "ant" / name, fs::perms::all);
  }
}

TEST_CASE("each image of a folder is passed on once, with its index") {
  golden::TemporaryFolder folder;
  for (int i = 0; i < 40; ++i)
    folder.write("class/" + std::to_string(100 + i) + ".png",
                 frostline::encode_png(
                     {20, 10 + i % 2,
                      std::vector<std::uint8_t>(std::size_t(600 + i % 2 * 60), std::uint8_t(i))}));
  const ImageFolder images(folder.path);
  std::vector<frostline::Image> small(images.size());
  std::atomic<int> calls = 0;
  frostline::for_each_image(images, [&](std::size_t i, frostline::Image&& image) {
    small[i] = frostline::shrink(std::move(image), 5);
    ++calls;
  });
  CHECK(calls == 40);
  for (std::size_t i = 0; i < 40; ++i) {
    CHECK(small[i].height == 5);
    CHECK(small[i].width == (i % 2 ? 9 : 10));
    CHECK(small[i].pixels[0] == i);
  }
  CHECK(contains(error_of([&] {
                   frostline::for_each_image(images, [](std::size_t, frostline::Image&&) {},
                                             {.most_pixels = 219});
                 }),
                 "101.png"));
}

TEST_CASE(
    "the first five failures are told, with the number of all, and others thrown as they are") {
  golden::TemporaryFolder folder;
  for (int i = 100; i < 140; ++i) folder.write("class/" + std::to_string(i) + ".png", a_png(0));
  const ImageFolder images(folder.path);
  for (const char* name : {"class/137.png", "class/112.png", "class/113.png"})
    folder.write(name, {});
  for (int repetition = 0; repetition < 20; ++repetition) {
    std::atomic<int> calls = 0;
    const std::string error = error_of([&] {
      frostline::for_each_image(images, [&](std::size_t, frostline::Image&&) { ++calls; });
    });
    INFO(error);
    CHECK(contains(error, "3 of the 40 images cannot be read: "));
    CHECK(error.find("112.png") < error.find("113.png"));
    CHECK(error.find("113.png") < error.find("137.png"));
    CHECK(contains(error, "137.png"));
    CHECK(!contains(error, "more"));
    CHECK(calls == 37);
  }
  for (int i = 120; i < 130; ++i) folder.write("class/" + std::to_string(i) + ".png", {});
  for (int repetition = 0; repetition < 20; ++repetition) {
    const std::string error = error_of([&] { frostline::read_images(images); });
    INFO(error);
    CHECK(contains(error, "13 of the 40 images cannot be read: "));
    for (const char* name : {"112.png", "113.png", "120.png", "121.png", "122.png"})
      CHECK(contains(error, name));
    CHECK(!contains(error, "123.png"));
    CHECK(contains(error, "; and 8 more"));
  }
  CHECK(contains(error_of([&] {
                   frostline::for_each_image(images, [](std::size_t i, frostline::Image&&) {
                     if (i == 15) throw std::out_of_range("mine");
                   });
                 }),
                 "; another kind of error at sample 15"));
  CHECK_THROWS_AS(
      frostline::for_each_image(
          images, [](std::size_t, frostline::Image&&) { throw std::out_of_range("mine"); }),
      std::out_of_range);
}

}  // namespace frostline::test::image_folder_test
