// SPDX-License-Identifier: MIT
// Position embeddings of a file for images of another size: resized as timm resizes them, and said,
// or refused; and the keys of ViT-S/14's files.
#include "frostline/checkpoint/resize_positions.hpp"

#include "frostline/backend/cpu.hpp"
#include "frostline/checkpoint/load.hpp"
#include "frostline/checkpoint/save.hpp"
#include "frostline/models/vit_s_14.hpp"
#include "frostline/rewrite/frozen.hpp"
#include "frostline/rewrite/replace_head.hpp"
#include "support/catch.hpp"
#include "support/golden_layer.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"
#include "support/snapshot.hpp"
#include "unit/io/files.hpp"

namespace frostline::test::resize_positions_test {
namespace {

using Strings = std::vector<std::string>;

/// A network for images of Side x Side patches of one pixel.
template <int Side, int Channels = 6>
using Tokens =
    Module<Named<"conv", Conv2d<3, Channels, 1>>, ClassToken<Channels>,
           detail::PatchPositions<Channels, 1 + Side * Side>, ClassTokenHead<Channels, 4>>;
template <int Side, int Channels = 6>
using Net = Network<Tokens<Side, Channels>, Input<3, Side, Side>>;

/// The file of a network, but with other position embeddings. Returns its path.
template <class N>
std::string write_with(const files::TemporaryFolder& folder, const N& network,
                       std::vector<std::int64_t> extents, const std::vector<float>& positions,
                       ElementType type = ElementType::f32) {
  std::vector<std::vector<float>> floats;
  std::vector<TensorToWrite> tensors;
  floats.reserve(N::tensors().size());
  for (const NamedTensor& tensor : N::tensors()) {
    if (tensor.is_positions) {
      tensors.push_back({tensor.key, extents, type, std::span<const float>(positions)});
      continue;
    }
    floats.push_back(network.values(tensor.key));
    tensors.push_back(
        {tensor.key, tensor.extents, ElementType::f32, std::span<const float>(floats.back())});
  }
  const auto path = folder.path / "positions.safetensors";
  write_safetensors(path, tensors);
  return path;
}

template <int From, int To>
void check_golden() {
  const files::TemporaryFolder folder;
  const std::string from = std::to_string(From) + "x" + std::to_string(From),
                    to = std::to_string(To) + "x" + std::to_string(To);
  Net<To> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  const auto positions = floats("positions." + from);
  const auto path = write_with(folder, source, {1, 1 + From * From, 6}, positions);
  const LoadReport report = load_pretrained(network, path);
  const std::vector<float> resized = network.values("pos_embedding");
  compare("positions." + from + " to " + to, resized);
  CHECK(std::equal(positions.begin(), positions.begin() + 6, resized.begin()));
  CHECK(report.resized == Strings{"pos_embedding from " + from + " to " + to});
  CHECK(report.text() == "loaded 6 tensors; resized: pos_embedding from " + from + " to " + to);
  CHECK(network.values("conv.weight") == source.values("conv.weight"));
}

TEST_CASE("position embeddings of another grid are resized as timm resizes them, and it is said") {
  check_golden<5, 3>();
  check_golden<3, 7>();
  check_golden<16, 2>();
  check_golden<1, 4>();
}

TEST_CASE("position embeddings of the same grid are loaded bit for bit") {
  const files::TemporaryFolder folder;
  Net<3> source{max_batch(1), seed(1)}, network{max_batch(1), seed(2)};
  save(source, folder.path / "same.safetensors");
  const LoadReport report = load(network, folder.path / "same.safetensors");
  CHECK(report.resized.empty());
  CHECK(snapshot(network) == snapshot(source));
}

TEST_CASE("load resizes, too, also halves and the embeddings of a frozen network") {
  const files::TemporaryFolder folder;
  Network<Freeze<Tokens<3>>, Input<3, 3, 3>> network{max_batch(1), seed(2)};
  const auto positions = floats("positions.5x5");
  const auto path = write_with(folder, network, {1, 26, 6}, positions, ElementType::f16);
  CHECK(load(network, path).resized == Strings{"pos_embedding from 5x5 to 3x3"});
  const auto values = network.values("pos_embedding"), exact = floats("positions.5x5 to 3x3");
  REQUIRE(values.size() == exact.size());
  for (std::size_t i = 0; i < exact.size(); ++i) CHECK(std::abs(values[i] - exact[i]) < 3e-3f);
  CHECK(values != exact);
  const std::vector<float> image = random_floats(27);
  const auto span = network.predict(image);
  CHECK(std::all_of(span.begin(), span.end(), [](float z) { return std::isfinite(z); }));
}

TEST_CASE("position embeddings that are of no grid, or of other channels, are refused") {
  const files::TemporaryFolder folder;
  Net<3> network{max_batch(1), seed(2)};
  const auto before = snapshot(network);
  const auto refused = [&](std::vector<std::int64_t> extents, std::string_view words) {
    std::int64_t size = 1;
    for (const std::int64_t extent : extents) size *= extent;
    const auto path = write_with(folder, network, extents, std::vector<float>(std::size_t(size)));
    const std::string message = error_of([&] { load_pretrained(network, path); });
    CAPTURE(message);
    CHECK(message.find("mismatched 'pos_embedding': the file has " + detail::to_text(extents) +
                       ", the network [1, 10, 6]; " + std::string(words)) != std::string::npos);
    CHECK(snapshot(network) == before);
  };
  const char* no_grid = "the file's embeddings cannot be resized, since they are not";
  refused({1, 25, 6}, no_grid);  // 5x5 places without a class token
  refused({1, 27, 6}, no_grid);  // with two tokens
  refused({1, 1, 6}, no_grid);
  refused({2, 5, 6}, no_grid);
  refused({1, 1 + 257 * 257, 6}, no_grid);
  refused({1, 26, 7}, "only the number of places can be resized");
  refused({26, 6}, "only the number of places can be resized");

  using Other = Module<Named<"conv", Conv2d<3, 6, 1>>, ClassToken<6>, detail::PatchPositions<6, 7>,
                       ClassTokenHead<6, 4>>;
  Network<Other, Input<3, 2, 3>> wide{max_batch(1), seed(2)};
  const auto path = write_with(folder, wide, {1, 26, 6}, floats("positions.5x5"));
  REQUIRE_ERROR(load(wide, path), "the network's embeddings cannot be resized");
}

TEST_CASE("only tensors of positions are resized") {
  const files::TemporaryFolder folder;
  using Plain = Module<Named<"conv", Conv2d<3, 6, 1>>, ClassTokenHead<6, 4>>;
  Network<Plain, Input<3, 1, 1>> network{max_batch(1), seed(2)};
  std::vector<TensorToWrite> tensors;
  const std::vector<float> values(100);
  for (const NamedTensor& tensor : network.tensors()) {
    CHECK_FALSE(tensor.is_positions);
    auto extents = tensor.extents;
    if (tensor.key == "head.weight") extents[0] = 5;
    std::size_t size = 1;
    for (const std::int64_t extent : extents) size *= std::size_t(extent);
    tensors.push_back({tensor.key, extents, ElementType::f32, std::span(values).first(size)});
  }
  write_safetensors(folder.path / "head.safetensors", tensors);
  const std::string message = error_of([&] { load(network, folder.path / "head.safetensors"); });
  CAPTURE(message);
  CHECK(message.ends_with("mismatched 'head.weight': the file has [5, 6], the network [4, 6]"));
}

TEST_CASE("embeddings of a sequence of any other kind are not resized") {
  const files::TemporaryFolder folder;
  using Sequence = Module<PositionEmbedding<6, 10>, ClassTokenHead<6, 4>>;
  Network<Sequence, Input<6, 1, 10>> network{max_batch(1), seed(2)};
  std::vector<TensorToWrite> tensors;
  const std::vector<float> values(102);
  for (const NamedTensor& tensor : network.tensors()) {
    CHECK_FALSE(tensor.is_positions);
    const bool longer = tensor.key == "pos_embedding";
    tensors.push_back({tensor.key, longer ? std::vector<std::int64_t>{1, 17, 6} : tensor.extents,
                       ElementType::f32, std::span(values).first(longer ? 102 : tensor.size)});
  }
  write_safetensors(folder.path / "sequence.safetensors", tensors);
  REQUIRE_ERROR(load(network, folder.path / "sequence.safetensors"), "mismatched");
}

using SmallHead = ClassTokenHead<64, 5>;
template <class Model, int Size>
using Vit = Network<Model, Input<3, Size, Size>>;

TEST_CASE("ViT-S/14 has timm's keys, and loads DINOv2's files for larger images") {
  Vit<ViTS14<64, SmallHead, 70>, 70> source{max_batch(1), seed(1)};
  Strings keys{"patch_embed.proj.weight", "patch_embed.proj.bias", "cls_token", "pos_embed"};
  for (int block = 0; block < 12; ++block)
    for (const char* name :
         {"norm1.weight", "norm1.bias", "attn.qkv.weight", "attn.qkv.bias", "attn.proj.weight",
          "attn.proj.bias", "ls1.gamma", "norm2.weight", "norm2.bias", "mlp.fc1.weight",
          "mlp.fc1.bias", "mlp.fc2.weight", "mlp.fc2.bias", "ls2.gamma"})
      keys.push_back("blocks." + std::to_string(block) + "." + name);
  for (const char* name : {"norm.weight", "norm.bias", "head.weight", "head.bias"})
    keys.push_back(name);
  Strings found;
  for (const NamedTensor& tensor : source.tensors()) found.push_back(tensor.key);
  CHECK(found == keys);
  CHECK(source.tensor("blocks.3.ls2.gamma").extents == std::vector<std::int64_t>{64});
  CHECK(source.values("blocks.3.ls2.gamma") == std::vector<float>(64, 1e-5f));
  CHECK(source.tensor("blocks.11.attn.qkv.weight").extents == std::vector<std::int64_t>{192, 64});
  CHECK(source.tensor("cls_token").extents == std::vector<std::int64_t>{1, 1, 64});
  CHECK(source.tensor("pos_embed").extents == std::vector<std::int64_t>{1, 26, 64});

  // DINOv2's own files have no head, and a token that only pretraining reads.
  const files::TemporaryFolder folder;
  std::vector<std::vector<float>> floats;
  std::vector<TensorToWrite> tensors;
  floats.reserve(keys.size());
  for (const NamedTensor& tensor : source.tensors()) {
    if (tensor.key.starts_with("head.")) continue;
    floats.push_back(source.values(tensor.key));
    tensors.push_back(
        {tensor.key, tensor.extents, ElementType::f32, std::span<const float>(floats.back())});
  }
  const std::vector<float> mask(64, 0.5f);
  tensors.push_back({"mask_token", {1, 64}, ElementType::f32, std::span(mask)});
  const auto path = folder.path / "dinov2.safetensors";
  write_safetensors(path, tensors);
  using Pretrained = ViTS14<64, SmallHead, 28>;
  Vit<ReplaceHead<Freeze<Pretrained>, ClassTokenHead<64, 3>>, 28> network{max_batch(1), seed(2)};
  CHECK(load_pretrained(network, path).text() ==
        "loaded 174 tensors; resized: pos_embed from 5x5 to 2x2; new and left as initialised: "
        "head.weight, head.bias; in the file, but not used: mask_token");
  CHECK(network.values("blocks.11.attn.qkv.weight") == source.values("blocks.11.attn.qkv.weight"));
  tensors.push_back({"register_tokens", {1, 1, 64}, ElementType::f32, std::span(mask)});
  const auto with_registers = folder.path / "registers.safetensors";
  write_safetensors(with_registers, tensors);
  REQUIRE_ERROR(load_pretrained(network, with_registers),
                "unexpected 'register_tokens' [1, 1, 64]");
  Vit<Pretrained, 28> whole{max_batch(1), seed(2)};
  REQUIRE_ERROR(load_pretrained(whole, path), "unexpected 'mask_token' [1, 64]");
}

}  // namespace
}  // namespace frostline::test::resize_positions_test
