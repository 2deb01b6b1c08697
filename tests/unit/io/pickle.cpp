// SPDX-License-Identifier: MIT
// Tests of the pickle reader: values, and refusals without running any code.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <frostline/io/weights/pytorch.hpp>
#include <limits>
#include <span>
#include <string>

#include "files.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"

namespace frostline::test::pickle_test {

namespace fl = frostline;
using files::contains;
using files::error_of;
using Kind = fl::detail::PickleValue::Kind;

namespace {

fl::detail::Pickle parse(const std::string& bytes) {
  return fl::detail::read_pickle(std::as_bytes(std::span(bytes)), "some.pth");
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
  const fl::detail::Pickle pickle = parse(
      "](K\x01K\x02"
      "e}K\x03K\x04s\x86.");
  REQUIRE(pickle.top().kind == Kind::tuple);
  const fl::detail::PickleValue& list = pickle[pickle.top().items[0]];
  const fl::detail::PickleValue& dictionary = pickle[pickle.top().items[1]];
  REQUIRE(list.kind == Kind::list);
  REQUIRE(pickle[list.items[1]].integer == 2);
  REQUIRE(dictionary.kind == Kind::dictionary);
  REQUIRE(pickle[dictionary.items[1]].integer == 4);
  REQUIRE(pickle.length == 15);
}

TEST_CASE("an OrderedDict is a dictionary, also Python 2's of pairs, and stays one through BUILD") {
  const std::string call = "ccollections\nOrderedDict\n";
  REQUIRE(parse(call + ")R}b.").top().kind == Kind::dictionary);
  const fl::detail::Pickle pickle = parse(call +
                                          "]](K\x01K\x02"
                                          "ea\x85R.");
  REQUIRE(pickle.top().kind == Kind::dictionary);
  REQUIRE(pickle[pickle.top().items[1]].integer == 2);
  REQUIRE(contains(refusal(call + "]](K\x01"
                                  "ea\x85R."),
                   "not made of pairs"));
}

TEST_CASE("a global is recorded by its name and its call is not made") {
  const fl::detail::Pickle pickle = parse("ctorch\nSize\n)R.");
  REQUIRE(pickle.top().kind == Kind::call);
  REQUIRE(pickle[pickle.top().items[0]].text == "torch.Size");
  REQUIRE(pickle[pickle.top().items[1]].kind == Kind::tuple);
  REQUIRE(pickle.top().items[2] == fl::detail::PickleValue::no_state);
  REQUIRE(contains(refusal("K\x01)R."), "calls what is not a function"));
}

TEST_CASE("an attack is recorded, and no code of it is run") {
  const files::TemporaryFolder folder;
  const auto proof = folder.path / "it_was_run";
  const std::string touch = files::pickle::text("touch " + proof.string());
  for (const std::string global : {"os\nsystem", "posix\nsystem", "__builtin__\neval",
                                   "builtins\nexec", "torch\nload", "subprocess\nPopen"}) {
    std::string name = global;
    name[name.find('\n')] = '.';
    for (const std::string& attack :
         {"c" + global + "\n" + touch + "\x85R.", "(i" + global + "\n.",
          "(c" + global + "\n" + touch + "o.", "c" + global + "\n" + touch + "\x85\x81.",
          "c" + global + "\n" + touch + "\x85}\x92."}) {
      const fl::detail::Pickle pickle = parse("\x80\x02" + attack);
      REQUIRE(pickle.top().kind == Kind::call);
      REQUIRE(pickle[pickle.top().items[0]].text == name);
    }
  }
  const fl::detail::Pickle stacked =
      parse("X\x02" + std::string(3, '\0') + "osX\x06" + std::string(3, '\0') + "system\x93.");
  REQUIRE(stacked.top().text == "os.system");
  REQUIRE(!std::filesystem::exists(proof));
  REQUIRE(std::system(("touch " + proof.string()).c_str()) == 0);
  REQUIRE(std::filesystem::exists(proof));  // the proof would have been seen
}

TEST_CASE("an object keeps its state, and the entries with which it is filled") {
  const fl::detail::Pickle pickle = parse(
      "cargparse\nNamespace\n)\x81}b(K\x01K\x02uK\x03"
      "a.");
  const fl::detail::PickleValue& object = pickle.top();
  REQUIRE(object.kind == Kind::call);
  REQUIRE(pickle[object.items[2]].kind == Kind::dictionary);
  REQUIRE(object.entries().size() == 2);
  REQUIRE(pickle[object.entries()[1]].integer == 2);
  REQUIRE(contains(refusal("ca\nb\n)R(K\x01u."), "key without a value"));
}

TEST_CASE("pickles of protocol 0 are read") {
  REQUIRE(parse("I00\n.").top().kind == Kind::boolean);
  REQUIRE(parse("I01\n.").top().integer == 1);
  REQUIRE(parse("I-12\n.").top().integer == -12);
  REQUIRE(parse("L34L\n.").top().integer == 34);
  REQUIRE(parse("L01L\n.").top().kind == Kind::integer);
  REQUIRE(parse("L-9223372036854775808L\n.").top().integer ==
          std::numeric_limits<std::int64_t>::min());
  REQUIRE(parse("L9223372036854775808L\n.").top().kind == Kind::big_integer);
  REQUIRE(parse("F-1.5e3\n.").top().real == -1500);
  REQUIRE(std::isinf(parse("Finf\n.").top().real));
  REQUIRE(parse("S'it\\'s \\x41\\n'\n.").top().text == "it's A\n");
  REQUIRE(parse("S\"a\"\n.").top().text == "a");
  REQUIRE(parse("Vsch\xf6n \\u20ac \\U0001f600 \\n\n.").top().text ==
          "sch\xc3\xb6n \xe2\x82\xac \xf0\x9f\x98\x80 \\n");
  const fl::detail::Pickle pickle = parse("(lp0\nI5\nap1\ng0\n\x86.");
  REQUIRE(pickle[pickle.top().items[0]].kind == Kind::list);
  REQUIRE(pickle.top().items[0] == pickle.top().items[1]);
  REQUIRE(parse("P12\n.").top().kind == Kind::persistent);
  for (const char* damage :
       {"Ix\n.", "I\n.", "L5LL\n.", "F1,5\n.", "S'a\n.", "S'\n.", "Sabc\n.", "S'\\q'\n.",
        "S'\\x4'\n.", "V\\u12\n.", "V\\uzzzz\n.", "V\\U00110000\n.", "gx\n.", "g-1\n.", "I5"})
    REQUIRE(!refusal(damage).empty());
}

TEST_CASE("Python's own pickles of every protocol give the same values") {
  for (int protocol = 0; protocol <= 5; ++protocol) {
    INFO("protocol " << protocol);
    const std::string content =
        files::content_of(files::golden("values" + std::to_string(protocol) + ".pickle"));
    const fl::detail::Pickle pickle = parse(content);
    const fl::detail::PickleValue& all = pickle.top();
    REQUIRE(pickle.length == content.size());
    REQUIRE(all.items.size() == 14);
    const auto of = [&](const std::string& key) {
      for (std::size_t i = 0; i < all.items.size(); i += 2)
        if (pickle[all.items[i]].text == key) return pickle[all.items[i + 1]];
      FAIL("no " << key);
      return fl::detail::PickleValue{};
    };
    const auto item = [&](const std::string& key, std::size_t i) -> const fl::detail::PickleValue& {
      return pickle[of(key).items[i]];
    };
    const std::int64_t integers[] = {
        0, 1, 255, 256, 65536, -1, 2147483648, std::numeric_limits<std::int64_t>::min()};
    for (std::size_t i = 0; i < std::size(integers); ++i) {
      REQUIRE(item("integers", i).kind == Kind::integer);
      REQUIRE(item("integers", i).integer == integers[i]);
    }
    REQUIRE(item("integers", 8).kind == Kind::big_integer);
    REQUIRE(item("integers", 9).kind == Kind::big_integer);
    REQUIRE(item("reals", 1).real == -1.5);
    REQUIRE(item("reals", 2).real == 1e300);
    REQUIRE(std::isinf(item("reals", 3).real));
    const std::string_view texts[] = {"", "plain", "sch\xc3\xb6n \xe2\x82\xac \xf0\x9f\x98\x80",
                                      "two\nlines \\ 'quoted'"};
    for (std::size_t i = 0; i < std::size(texts); ++i) REQUIRE(item("texts", i).text == texts[i]);
    REQUIRE(item("booleans", 0).kind == Kind::boolean);
    REQUIRE(item("booleans", 0).integer == 1);
    REQUIRE(item("booleans", 2).kind == Kind::none);
    for (std::size_t i = 0; i < 5; ++i) {
      REQUIRE(item("tuples", i).kind == Kind::tuple);
      REQUIRE(item("tuples", i).items.size() == i);
    }
    REQUIRE(item("objects", 0).kind == Kind::call);
    REQUIRE(item("objects", 1).items[2] != fl::detail::PickleValue::no_state);
    REQUIRE(item("objects", 2).entries().size() == (protocol < 2 ? 0 : 2));
  }
}

TEST_CASE("a pickle that needs data outside of the file is refused") {
  REQUIRE(contains(refusal("\x82\x01."), "registry"));
  REQUIRE(contains(refusal("\x97."), "buffers that are not in the file"));
}

TEST_CASE("a terminal's control characters do not reach a message") {
  REQUIRE(refusal("cos\n" + std::string(100000, 'x') + "\n.").size() < 500);
  const std::string twice = "cos\x1b[2J\nsystem\n)R";
  const files::TemporaryFolder folder;
  const auto path = folder.write("some.pth", files::pytorch_zip(twice, {}));
  REQUIRE(contains(error_of([&] { fl::detail::read_pytorch(path); }), "'os?[2J.system'"));
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
  REQUIRE(contains(refusal("\xff"), "0xff, which is no opcode"));
  REQUIRE(contains(refusal("NNN\xff"), "at byte 4"));
  REQUIRE(contains(refusal("i"), "cut short"));
  REQUIRE(contains(refusal("(o."), "no class"));
  REQUIRE(contains(refusal("ia\nb\n."), "mark is missing"));
}

TEST_CASE("deep, cyclic and endless pickles are harmless") {
  const fl::detail::Pickle cyclic = parse(
      "]q\x01h\x01"
      "a.");
  REQUIRE(cyclic.top().items[0] == cyclic.root);
  const fl::detail::Pickle own_key = parse("}q\x01h\x01h\x01s.");
  REQUIRE(own_key.top().items[0] == own_key.root);
  REQUIRE(parse("N" + std::string(300000, '\x85') + ".").top().kind == Kind::tuple);
  REQUIRE(contains(refusal(std::string(300000, '(') + "."), "stack has run empty"));
  REQUIRE(
      contains(refusal("N" + std::string(std::size_t{1} << 22, '2') + "."), "more than 4194304"));

  // An OrderedDict of 1000 pairs, made again and again.
  std::string doubling = "ccollections\nOrderedDict\nq\x01](";
  for (int i = 0; i < 1000; ++i) doubling += "NN\x86";
  doubling +=
      "e\x85q\x02"
      "0";
  for (int i = 0; i < 5000; ++i) doubling += "h\x01h\x02R";
  REQUIRE(contains(refusal(doubling + "."), "more than 4194304"));

  // A long name, made again and again of texts that are in the file once.
  std::string naming = files::pickle::text(std::string(900, 'x')) + "q\x01";
  for (int i = 0; i < 5000; ++i) naming += "h\x01h\x01\x93";
  REQUIRE(contains(refusal(naming + "."), "endless name"));
  naming.replace(1, 4, files::little_endian(std::uint32_t{490}));
  naming.erase(5, 410);
  REQUIRE(contains(refusal(naming + "."), "more than 4194304"));
}

}  // namespace frostline::test::pickle_test
