// SPDX-License-Identifier: MIT
// Tests of the pickle machine: what it reads, and what it refuses without running anything.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <frostline/io/pickle.hpp>
#include <span>
#include <string>

#include "files.hpp"
#include "support/catch.hpp"

namespace fl = frostline;
using files::contains;
using files::error_of;
using Kind = fl::PickleValue::Kind;

namespace {

fl::Pickle parse(const std::string& bytes) {
  return fl::read_pickle(std::as_bytes(std::span(bytes)), "some.pth");
}

std::string refusal(const std::string& bytes) {
  const std::string error = error_of([&] { parse(bytes); });
  INFO(error);
  if (!error.empty()) REQUIRE(contains(error, "cannot read 'some.pth': "));
  return error;
}

std::string bytes(std::initializer_list<int> values) {
  std::string result;
  for (const int value : values) result += static_cast<char>(value);
  return result;
}

}  // namespace

TEST_CASE("a pickle's plain values are read") {
  REQUIRE(parse("N.").top().kind == Kind::none);
  REQUIRE(parse("\x88.").top().integer == 1);
  REQUIRE(parse("K\xff.").top().integer == 255);
  REQUIRE(parse("M\xff\xff.").top().integer == 65535);
  REQUIRE(parse("J\xff\xff\xff\xff.").top().integer == -1);
  REQUIRE(parse(bytes({0x8a, 0, '.'})).top().integer == 0);
  REQUIRE(parse("\x8a\x01\xff.").top().integer == -1);
  REQUIRE(parse(bytes({0x8a, 2, 0xff, 0x00, '.'})).top().integer == 255);
  REQUIRE(parse(bytes({0x8b, 1, 0, 0, 0, 0x80, '.'})).top().integer == -128);
  REQUIRE(parse("\x8a\x09"
                "123456789.")
              .top()
              .kind == Kind::big_integer);
  REQUIRE(parse(bytes({'G', 0xbf, 0xf8, 0, 0, 0, 0, 0, 0, '.'})).top().real == -1.5);
  const std::string text = "X" + files::little_endian(3) + "abc.";
  REQUIRE(parse(text).top().text == "abc");
  REQUIRE(parse("U\x03"
                "abc.")
              .top()
              .text == "abc");
  REQUIRE(parse("C\x03"
                "abc.")
              .top()
              .kind == Kind::bytes);
}

TEST_CASE("a pickle's containers are read") {
  const fl::Pickle pickle = parse(
      "](K\x01K\x02"
      "e}K\x03K\x04s\x86.");
  REQUIRE(pickle.top().kind == Kind::tuple);
  const fl::PickleValue& list = pickle[pickle.top().items[0]];
  const fl::PickleValue& dictionary = pickle[pickle.top().items[1]];
  REQUIRE(list.kind == Kind::list);
  REQUIRE(pickle[list.items[1]].integer == 2);
  REQUIRE(dictionary.kind == Kind::dictionary);
  REQUIRE(pickle[dictionary.items[1]].integer == 4);
  REQUIRE(pickle.length == 15);
}

TEST_CASE("an OrderedDict is a dictionary, Python 2's of pairs too, and keeps it through BUILD") {
  const std::string call = "ccollections\nOrderedDict\n";
  REQUIRE(parse(call + ")R}b.").top().kind == Kind::dictionary);
  const fl::Pickle pickle = parse(call +
                                  "]](K\x01K\x02"
                                  "ea\x85R.");
  REQUIRE(pickle.top().kind == Kind::dictionary);
  REQUIRE(pickle[pickle.top().items[1]].integer == 2);
  REQUIRE(contains(refusal(call + "]](K\x01"
                                  "ea\x85R."),
                   "not made of pairs"));
}

TEST_CASE("an allowed global is recorded and not called") {
  const fl::Pickle pickle = parse("ctorch\nSize\n)R.");
  REQUIRE(pickle.top().kind == Kind::call);
  REQUIRE(pickle[pickle.top().items[0]].text == "torch.Size");
  REQUIRE(contains(refusal("K\x01)R."), "calls what is not a function"));
}

TEST_CASE("another global is refused by name and nothing of it is run") {
  const files::TemporaryFolder folder;
  const auto proof = folder.path / "it_was_run";
  for (const std::string global : {"os\nsystem", "posix\nsystem", "__builtin__\neval",
                                   "builtins\nexec", "torch\nload", "subprocess\nPopen"}) {
    const std::string attack =
        "\x80\x02"
        "c" +
        global + "\n" + files::pickle::text("touch " + proof.string()) + "\x85R.";
    std::string name = global;
    name[name.find('\n')] = '.';
    REQUIRE(contains(refusal(attack), "names the Python global '" + name + "'"));
    REQUIRE(contains(refusal(attack), "nothing of it was run"));
  }
  REQUIRE(contains(
      refusal("X\x02" + std::string(3, '\0') + "osX\x06" + std::string(3, '\0') + "system\x93."),
      "'os.system'"));
  REQUIRE(!std::filesystem::exists(proof));
  REQUIRE(std::system(("touch " + proof.string()).c_str()) == 0);
  REQUIRE(std::filesystem::exists(proof));  // the proof would have been seen
}

TEST_CASE("a terminal's control characters do not reach a message") {
  REQUIRE(contains(refusal("cos\x1b[2J\nsystem\n."), "os?[2J.system"));
  REQUIRE(refusal("cos\n" + std::string(100000, 'x') + "\n.").size() < 500);
}

TEST_CASE("a pickled module is refused with what to save instead") {
  REQUIRE(contains(refusal("ctorch.nn.modules.linear\nLinear\n."),
                   "a whole pickled module (torch.nn.modules.linear.Linear)"));
  REQUIRE(contains(refusal("ctorchvision.models.resnet\nResNet\n."), "save model.state_dict()"));
  REQUIRE(contains(refusal("c__main__\nNet\n."), "save model.state_dict()"));
}

TEST_CASE("damage to a pickle is refused") {
  REQUIRE(contains(refusal(""), "cut short"));
  REQUIRE(contains(refusal("K"), "cut short"));
  REQUIRE(contains(refusal("K\x01"), "cut short"));
  REQUIRE(contains(refusal("ctorch\nSi"), "cut short"));
  REQUIRE(contains(refusal("X\xff\xff\xff\xff"
                           "abc."),
                   "cut short"));
  REQUIRE(contains(refusal("\x8d" + std::string(8, '\xff') + "abc."), "cut short"));
  REQUIRE(contains(refusal("\x8b\xff\xff\xff\xff"
                           "abc."),
                   "cut short"));
  REQUIRE(contains(refusal("."), "stack has run empty"));
  REQUIRE(contains(refusal("K\x01\x86."), "stack has run empty"));
  REQUIRE(contains(refusal("K\x01(\x85."), "stack has run empty"));
  REQUIRE(contains(refusal("K\x01(."), "stack has run empty"));
  REQUIRE(contains(refusal("q\x01."), "stack has run empty"));
  REQUIRE(contains(refusal("N0b."), "stack has run empty"));
  REQUIRE(contains(refusal("K\x01t."), "mark is missing"));
  REQUIRE(contains(refusal("h\x07."), "refers to value 7"));
  REQUIRE(contains(refusal("j\xff\xff\xff\xff."), "refers to value 4294967295"));
  REQUIRE(contains(refusal("K\x01K\x02"
                           "a."),
                   "fills what is not"));
  REQUIRE(contains(refusal("K\x01K\x02K\x03s."), "fills what is not"));
  REQUIRE(contains(refusal("}(K\x01u."), "key without a value"));
  REQUIRE(contains(refusal("(K\x01"
                           "d."),
                   "key without a value"));
  REQUIRE(contains(refusal("K\x01K\x02\x93."), "name is not text"));
  REQUIRE(contains(refusal("\x80\x09N."), "newer than 5"));
  REQUIRE(contains(refusal("i"), "opcode 0x69"));
  REQUIRE(contains(refusal("NNNi"), "at byte 4"));
}

TEST_CASE("deep, cyclic and boundless pickles do no harm") {
  const fl::Pickle cyclic = parse(
      "]q\x01h\x01"
      "a.");
  REQUIRE(cyclic.top().items[0] == cyclic.root);
  const fl::Pickle own_key = parse("}q\x01h\x01h\x01s.");
  REQUIRE(own_key.top().items[0] == own_key.root);
  REQUIRE(parse("N" + std::string(300000, '\x85') + ".").top().kind == Kind::tuple);
  REQUIRE(contains(refusal(std::string(300000, '(') + "."), "stack has run empty"));
  REQUIRE(
      contains(refusal("N" + std::string(std::size_t{1} << 22, '2') + "."), "more than 4194304"));

  // An OrderedDict of 1000 pairs, asked for again and again.
  std::string doubling = "ccollections\nOrderedDict\nq\x01](";
  for (int i = 0; i < 1000; ++i) doubling += "NN\x86";
  doubling +=
      "e\x85q\x02"
      "0";
  for (int i = 0; i < 5000; ++i) doubling += "h\x01h\x02R";
  REQUIRE(contains(refusal(doubling + "."), "more than 4194304"));
}
