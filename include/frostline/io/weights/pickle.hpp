// SPDX-License-Identifier: MIT
// Reads Python pickles, as torch.save writes them, into plain values without running any code.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/io/files/unreadable.hpp"
#include "frostline/io/weights/pickle_opcodes.hpp"
#include "frostline/io/weights/pickle_text.hpp"
#include "frostline/io/weights/pickle_value.hpp"

namespace frostline::detail {

class PickleMachine {
 public:
  PickleMachine(std::span<const std::byte> bytes, std::string_view file)
      : bytes_(bytes), file_(file) {}

  Pickle run() && {
    while (step(number<Opcode>())) {
    }
    pickle_.length = position_;
    return std::move(pickle_);
  }

 private:
  using Kind = PickleValue::Kind;
  using Index = PickleValue::Index;

  // Far more than a network needs, far less than memory.
  static constexpr std::size_t max_work = std::size_t{1} << 22;

  bool step(Opcode opcode) {
    spend(1);
    switch (opcode) {
      case Opcode::proto:
        if (number<std::uint8_t>() > 5) fail("its pickle protocol is newer than 5");
        break;
      case Opcode::frame: number<std::uint64_t>(); break;
      case Opcode::stop: pickle_.root = pop(); return false;

      case Opcode::mark: marks_.push_back(stack_.size()); break;
      case Opcode::pop:
        if (!marks_.empty() && marks_.back() == stack_.size())
          marks_.pop_back();
        else
          pop();
        break;
      case Opcode::pop_mark: pop_to_mark(); break;
      case Opcode::dup: stack_.push_back(top()); break;

      case Opcode::none: push({.kind = Kind::none}); break;
      case Opcode::new_true: push({.kind = Kind::boolean, .integer = 1}); break;
      case Opcode::new_false: push({.kind = Kind::boolean, .integer = 0}); break;
      case Opcode::bin_int: push_integer(number<std::int32_t>()); break;
      case Opcode::bin_int1: push_integer(number<std::uint8_t>()); break;
      case Opcode::bin_int2: push_integer(number<std::uint16_t>()); break;
      case Opcode::long1: push_long(number<std::uint8_t>()); break;
      case Opcode::long4: push_long(number<std::uint32_t>()); break;
      case Opcode::bin_float: push_real(); break;
      case Opcode::int_line:
      case Opcode::long_line: push_integer_line(line(), opcode == Opcode::int_line); break;
      case Opcode::float_line: push({.kind = Kind::real, .real = parsed<double>(line())}); break;

      case Opcode::short_bin_string:
      case Opcode::short_bin_unicode: push_text(Kind::text, number<std::uint8_t>()); break;
      case Opcode::bin_string:
      case Opcode::bin_unicode: push_text(Kind::text, number<std::uint32_t>()); break;
      case Opcode::bin_unicode8: push_text(Kind::text, number<std::uint64_t>()); break;
      case Opcode::short_bin_bytes: push_text(Kind::bytes, number<std::uint8_t>()); break;
      case Opcode::bin_bytes: push_text(Kind::bytes, number<std::uint32_t>()); break;
      case Opcode::bin_bytes8:
      case Opcode::byte_array8: push_text(Kind::bytes, number<std::uint64_t>()); break;
      case Opcode::string_line: push_decoded(from_repr(line())); break;
      case Opcode::unicode_line: push_decoded(from_raw_unicode(line())); break;

      case Opcode::empty_set:
      case Opcode::empty_list: push({.kind = Kind::list}); break;
      case Opcode::list: push({.kind = Kind::list, .items = pop_to_mark()}); break;
      case Opcode::append: extend(Kind::list, pop(1)); break;
      case Opcode::add_items:
      case Opcode::appends: extend(Kind::list, pop_to_mark()); break;

      case Opcode::empty_tuple: push({.kind = Kind::tuple}); break;
      case Opcode::tuple1: push({.kind = Kind::tuple, .items = pop(1)}); break;
      case Opcode::tuple2: push({.kind = Kind::tuple, .items = pop(2)}); break;
      case Opcode::tuple3: push({.kind = Kind::tuple, .items = pop(3)}); break;
      case Opcode::frozen_set:
      case Opcode::tuple: push({.kind = Kind::tuple, .items = pop_to_mark()}); break;

      case Opcode::empty_dict: push({.kind = Kind::dictionary}); break;
      case Opcode::dict: push_dictionary(pop_to_mark()); break;
      case Opcode::set_item: extend(Kind::dictionary, pop(2)); break;
      case Opcode::set_items: extend(Kind::dictionary, pop_to_mark()); break;

      case Opcode::bin_get: get(number<std::uint8_t>()); break;
      case Opcode::long_bin_get: get(number<std::uint32_t>()); break;
      case Opcode::bin_put: memo_[number<std::uint8_t>()] = top(); break;
      case Opcode::long_bin_put: memo_[number<std::uint32_t>()] = top(); break;
      case Opcode::memoize: memo_[static_cast<Index>(memo_.size())] = top(); break;
      case Opcode::get_line: get(parsed<Index>(line())); break;
      case Opcode::put_line: memo_[parsed<Index>(line())] = top(); break;

      case Opcode::global: {
        const std::string_view module = line();
        push_global(module, line());
        break;
      }
      case Opcode::stack_global: {
        const std::vector<Index> names = pop(2);
        push_global(text_of(names[0]), text_of(names[1]));
        break;
      }
      case Opcode::new_object:
      case Opcode::reduce: {
        const std::vector<Index> both = pop(2);
        push_call(both[0], both[1]);
        break;
      }
      case Opcode::new_object_ex: {
        pop();  // what it names by keyword
        const std::vector<Index> both = pop(2);
        push_call(both[0], both[1]);
        break;
      }
      case Opcode::instance: {
        const std::string_view module = line();
        push_global(module, line());
        const Index function = pop();
        push({.kind = Kind::tuple, .items = pop_to_mark()});
        push_call(function, pop());
        break;
      }
      case Opcode::object: {
        std::vector<Index> items = pop_to_mark();
        if (items.empty()) fail("an object has no class");
        const Index function = items.front();
        items.erase(items.begin());
        push({.kind = Kind::tuple, .items = std::move(items)});
        push_call(function, pop());
        break;
      }
      case Opcode::build: {
        const Index state = pop();
        if (PickleValue& object = pickle_.values[top()]; object.kind == Kind::call)
          object.items[2] = state;
        break;
      }
      case Opcode::bin_persistent: push({.kind = Kind::persistent, .items = pop(1)}); break;
      case Opcode::persistent: {
        push({.kind = Kind::text, .text = line()});
        push({.kind = Kind::persistent, .items = pop(1)});
        break;
      }
      case Opcode::extension1:
      case Opcode::extension2:
      case Opcode::extension4: fail("it needs a registry of Python's that no file holds");
      case Opcode::next_buffer:
      case Opcode::read_only_buffer: fail("it needs buffers that are not in the file");
      default:
        fail(format_text("it holds {:#04x}, which is no opcode of Python's",
                         static_cast<unsigned>(opcode)));
    }
    return true;
  }

  [[noreturn]] void fail(const std::string& reason) const {
    throw Error(
        format_text("cannot read '{}': its pickle is damaged or not torch.save's: {} "
                    "(at byte {} of the pickle)",
                    file_, reason, position_));
  }

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - position_) fail("it is cut short");
    const auto* const first = reinterpret_cast<const char*>(bytes_.data()) + position_;
    position_ += static_cast<std::size_t>(count);
    return {first, static_cast<std::size_t>(count)};
  }

  template <class Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + position_,
                                bytes_.size() - position_);
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) fail("it is cut short");
    return take(end + 1).substr(0, end);
  }

  void spend(std::size_t work) {
    if (work > max_work - work_) fail(format_text("it has more than {} steps", max_work));
    work_ += work;
  }

  void push(PickleValue value) {
    stack_.push_back(static_cast<Index>(pickle_.values.size()));
    pickle_.values.push_back(std::move(value));
  }
  void push_integer(std::int64_t value) { push({.kind = Kind::integer, .integer = value}); }
  void push_text(Kind kind, std::uint64_t size) { push({.kind = kind, .text = take(size)}); }

  // Stores a text; its letters count as steps, so that their number is limited.
  std::string_view own(std::string text) {
    spend(text.size() + 8);
    pickle_.texts.push_back(std::make_unique<const std::string>(std::move(text)));
    return *pickle_.texts.back();
  }
  void push_decoded(std::optional<std::string> text) {
    if (!text) fail("a text has a damaged escape");
    push({.kind = Kind::text, .text = own(*std::move(text))});
  }

  template <class Number>
  Number parsed(std::string_view digits) const {
    Number number{};
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, number);
    if (stop != end || error != std::errc{}) fail("a number has wrong digits");
    return number;
  }

  void push_integer_line(std::string_view digits, bool may_be_boolean) {
    if (may_be_boolean && (digits == "00" || digits == "01"))
      return push({.kind = Kind::boolean, .integer = digits[1] - '0'});
    if (digits.ends_with('L')) digits.remove_suffix(1);
    std::int64_t value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (stop != end || error == std::errc::invalid_argument) fail("a number has wrong digits");
    if (error == std::errc{}) return push_integer(value);
    push({.kind = Kind::big_integer, .text = digits});
  }

  void push_long(std::uint32_t size) {
    const std::string_view digits = take(size);
    if (size > 8) return push({.kind = Kind::big_integer, .text = digits});
    const bool negative = size > 0 && (static_cast<unsigned char>(digits.back()) & 0x80u) != 0;
    std::int64_t value = negative ? -1 : 0;
    if (size > 0) std::memcpy(&value, digits.data(), size);
    push_integer(value);
  }

  void push_real() {
    char bytes[8];
    const std::string_view big_endian = take(8);
    std::reverse_copy(big_endian.begin(), big_endian.end(), bytes);
    PickleValue value{.kind = Kind::real};
    std::memcpy(&value.real, bytes, 8);
    push(std::move(value));
  }

  void push_dictionary(std::vector<Index> items) {
    if (items.size() % 2 != 0) fail("a dictionary has a key without a value");
    push({.kind = Kind::dictionary, .items = std::move(items)});
  }

  void push_global(std::string_view module, std::string_view name) {
    constexpr std::size_t longest = 1000;
    if (module.size() + name.size() > longest) fail("a global has an endless name");
    push({.kind = Kind::global, .text = own(format_text("{}.{}", module, name))});
  }

  void push_call(Index function, Index arguments) {
    const PickleValue& called = pickle_.values[function];
    if (called.kind != Kind::global && called.kind != Kind::call && called.kind != Kind::persistent)
      fail("it calls what is not a function");
    if (called.kind == Kind::global && called.text == "collections.OrderedDict")
      return push_ordered_dict(arguments);
    push({.kind = Kind::call, .items = {function, arguments, PickleValue::no_state}});
  }

  // OrderedDict(), or Python 2's OrderedDict([[key, value], ...]).
  void push_ordered_dict(Index arguments) {
    std::vector<Index> items;
    if (!pickle_.values[arguments].items.empty()) {
      const PickleValue& pairs = pickle_.values[pickle_.values[arguments].items[0]];
      spend(pairs.items.size());
      for (const Index pair : pairs.items) {
        const std::vector<Index>& both = pickle_.values[pair].items;
        if (both.size() != 2) fail("an OrderedDict is not made of pairs");
        items.insert(items.end(), both.begin(), both.end());
      }
    }
    push_dictionary(std::move(items));
  }

  Index top() const {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("its stack has run empty");
    return stack_.back();
  }

  Index pop() {
    const Index index = top();
    stack_.pop_back();
    return index;
  }

  std::vector<Index> pop(std::size_t count) {
    std::vector<Index> items(count);
    while (count-- > 0) items[count] = pop();
    return items;
  }

  std::vector<Index> pop_to_mark() {
    if (marks_.empty()) fail("a mark is missing");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Index> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }

  void extend(Kind kind, const std::vector<Index>& items) {
    PickleValue& target = pickle_.values[top()];
    if (target.kind != kind && target.kind != Kind::call)
      fail("it fills what is not a list or dictionary");
    if (target.kind == Kind::call && kind == Kind::list) return;  // an object's, of no interest
    if (kind == Kind::dictionary && items.size() % 2 != 0)
      fail("a dictionary has a key without a value");
    target.items.insert(target.items.end(), items.begin(), items.end());
  }

  void get(Index index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) fail(format_text("it refers to value {}, which it lacks", index));
    stack_.push_back(found->second);
  }

  std::string_view text_of(Index index) const {
    const PickleValue& value = pickle_.values[index];
    if (value.kind != Kind::text) fail("a global's name is not text");
    return value.text;
  }

  std::span<const std::byte> bytes_;
  std::string_view file_;
  std::size_t position_ = 0;
  std::size_t work_ = 0;
  Pickle pickle_;
  std::vector<Index> stack_;
  std::vector<std::size_t> marks_;
  std::map<Index, Index> memo_;
};

/// Reads the pickle at the beginning of `bytes`; its texts are views into `bytes`. No name in it is
/// looked up or called. `file` is the name for messages.
/// Throws: Error if it is damaged, has more than four million steps, or needs what is not in the
/// file.
inline Pickle read_pickle(std::span<const std::byte> bytes, std::string_view file) {
  return PickleMachine(bytes, file).run();
}

}  // namespace frostline::detail
