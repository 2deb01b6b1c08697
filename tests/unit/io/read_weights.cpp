// SPDX-License-Identifier: MIT
// Tests of recognising the formats of weights, and of paths that cannot be read.
#include <filesystem>
#include <frostline/io/weights/read_weights.hpp>
#include <string>

#include "files.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"

namespace frostline::test::read_weights_test {

namespace fl = frostline;
using files::contains;
using files::error_of;

namespace {

std::string refusal(const std::filesystem::path& path) {
  const std::string error = error_of([&] { fl::read_weights(path); });
  REQUIRE(contains(error, "cannot read '" + path.string() + "': "));
  return error;
}

}  // namespace

TEST_CASE("a file of weights is recognised by its content, with any name") {
  const files::TemporaryFolder folder;
  for (const std::string name : {"checkpoint.pth", "legacy_protocol4.pth", "legacy.pth", "zip.pth",
                                 "reference.safetensors"}) {
    INFO(name);
    const auto path = folder.path / "weights.bin";
    std::filesystem::copy_file(files::golden(name), path,
                               std::filesystem::copy_options::overwrite_existing);
    REQUIRE(files::floats_of(fl::read_weights(path), "weight")[5] == 5.0f);
  }
}

TEST_CASE("a safetensors file whose length begins like a pickle is not taken for one") {
  const files::TemporaryFolder folder;
  std::string header = "{}";
  header.resize(0x280, ' ');
  const auto path = folder.write("pickle.pth", files::little_endian(std::uint64_t{0x280}) + header);
  REQUIRE(fl::read_weights(path).tensors.empty());
}

TEST_CASE("a file of no known format is refused with the formats") {
  const files::TemporaryFolder folder;
  const std::string error =
      refusal(folder.write("model.pth", "version https://git-lfs.github.com"));
  REQUIRE(contains(error, "PyTorch's zip form, PyTorch's form before 1.6, safetensors"));
  REQUIRE(contains(error, "it begins with 'version https://git-lfs.'"));
  REQUIRE(contains(refusal(folder.write("one", "x")), "supported formats"));
}

TEST_CASE("a path that is not a readable file is refused with the reason") {
  const files::TemporaryFolder folder;
  REQUIRE(contains(refusal(folder.path / "missing.pth"), "no such file"));
  REQUIRE(contains(refusal(folder.path / "missing" / "missing.pth"), "no such file"));
  REQUIRE(contains(refusal(folder.path), "it is a directory"));
  REQUIRE(contains(refusal(folder.write("empty.pth", "")), "it is empty"));
  REQUIRE(contains(refusal("/dev/null"), "it is not a regular file"));
  REQUIRE(contains(refusal(folder.write("file", "x") / "inner"), "no such file"));

  const auto secret = folder.write("secret.pth", "x");
  std::filesystem::permissions(secret, std::filesystem::perms::none);
  if (::geteuid() != 0) REQUIRE(contains(refusal(secret), "Permission denied"));
}

}  // namespace frostline::test::read_weights_test
