// SPDX-License-Identifier: MIT
// Names of classes: which names are refused, and how two lists of names differ.
#pragma once

#include <jansson.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"

namespace frostline::detail {

/// The name in printable ASCII: every other byte as \xNN.
inline std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name)
    text += c >= ' ' && c <= '~' ? std::string(1, c)
                                 : format_text("\\x{:02x}", static_cast<unsigned char>(c));
  return text;
}

/// Throws: Error for a name that is not UTF-8, which no report or JSON file could contain, or that
/// has a control character, such as a newline, which would shift the names in a list.
inline void check_class_name(std::string_view name, std::string_view folder) {
  json_t* text = json_stringn(name.data(), name.size());
  json_decref(text);
  if (!text)
    throw Error(format_text("the class folder '{}' in '{}' has a name that is not UTF-8; rename it",
                            escaped(name), folder));
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    const auto next = static_cast<unsigned char>(i + 1 < name.size() ? name[i + 1] : 0xff);
    if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && next < 0xa0))
      throw Error(
          format_text("the class folder '{}' in '{}' has a control character in its name; rename "
                      "it",
                      escaped(name), folder));
  }
}

/// "'a', 'b'": at most ten names and the number of the others.
inline std::string list_of_names(std::span<const std::string> names) {
  constexpr std::size_t most = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i)
    text += (i > 0 ? ", '" : "'") + names[i] + "'";
  if (names.size() > most) text += format_text(" and {} more", names.size() - most);
  return text;
}

/// The characters of a UTF-8 name without combining accents (U+0300 to U+036F), ASCII letters in
/// lower case.
struct Letters {
  std::vector<std::string> letters;
  bool has_accents = false;

  explicit Letters(std::string_view name) {
    for (std::size_t at = 0; at < name.size();) {
      std::size_t end = at + 1;
      while (end < name.size() && (name[end] & 0xc0) == 0x80) ++end;
      std::string letter(name.substr(at, end - at));
      if (letter[0] >= 'A' && letter[0] <= 'Z') letter[0] = char(letter[0] - 'A' + 'a');
      const bool is_accent = letter >= "\xcc\x80" && letter <= "\xcd\xaf";
      if (is_accent) has_accents = true;
      if (!is_accent) letters.push_back(letter);
      at = end;
    }
  }
};

/// Why two different names may mean the same class; empty if they do not look alike.
inline std::string likeness(const std::string& wanted, const std::string& found) {
  const Letters left(wanted), right(found);
  const bool has_accents = left.has_accents || right.has_accents;
  if (!has_accents && left.letters == right.letters)
    return format_text("'{}' and '{}' differ only in the case of letters", wanted, found);
  const auto may_be_same = [](const std::string& a, const std::string& b) {
    return a == b || a.size() > 1 || b.size() > 1;
  };
  if (!has_accents || !std::equal(left.letters.begin(), left.letters.end(), right.letters.begin(),
                                  right.letters.end(), may_be_same))
    return "";
  return format_text(
      "'{}' and '{}' differ only in bytes that are not ASCII, perhaps as Unicode "
      "normal forms of one name: {} and {}",
      wanted, found, escaped(wanted), escaped(found));
}

/// "the class 'a'" or "the classes 'a', 'b'".
inline std::string list_of_classes(std::span<const std::string> names) {
  return (names.size() == 1 ? "the class " : "the classes ") + list_of_names(names);
}

/// Says how a folder's classes differ from the wanted ones, which are those of the folder `origin`
/// if it is not empty, and what to do.
inline std::string difference_text(const std::vector<std::string>& missing,
                                   const std::vector<std::string>& unexpected,
                                   std::string_view folder, std::string_view origin) {
  const std::string missing_from =
      origin.empty() ? " of those wanted" : format_text(" of '{}'", origin);
  const std::string not_in =
      origin.empty() ? "the list of those wanted lacks" : format_text("'{}' lacks", origin);
  std::string text = format_text("the folder '{}'", folder);
  if (!missing.empty()) text += format_text(" lacks {}{}", list_of_classes(missing), missing_from);
  if (!missing.empty() && !unexpected.empty()) text += " and";
  if (!unexpected.empty())
    text += format_text(" has {} that {}", list_of_classes(unexpected), not_in);
  constexpr std::size_t most_compared = 100, most_hints = 10;  // hints need not be complete
  std::size_t hints = 0;
  for (std::size_t i = 0; i < std::min(missing.size(), most_compared); ++i)
    for (std::size_t j = 0; j < std::min(unexpected.size(), most_compared); ++j) {
      const std::string hint = likeness(missing[i], unexpected[j]);
      if (!hint.empty() && ++hints <= most_hints) text += "; " + hint;
    }
  if (missing.size() == 1 && unexpected.size() == 1)
    return text + format_text("; if they are one class, rename the folder '{}' to '{}'",
                              unexpected[0], missing[0]);
  if (!missing.empty() && !unexpected.empty())
    return text + "; rename the folders of those that are one class";
  return text + "; the classes must be the same: rename, add or remove folders";
}

/// Compares two lists of names, in any order; the wanted ones are those of the folder `origin`, if
/// it is named. Throws: Error that lists the names which are in only one list, or names one that is
/// wanted twice.
inline void require_classes(std::vector<std::string> wanted, std::vector<std::string> found,
                            std::string_view folder, std::string_view origin = "") {
  std::sort(wanted.begin(), wanted.end());
  std::sort(found.begin(), found.end());
  if (const auto twice = std::adjacent_find(wanted.begin(), wanted.end()); twice != wanted.end())
    throw Error(format_text("the classes that are wanted of the folder '{}' repeat the name '{}'",
                            folder, *twice));
  std::vector<std::string> missing, unexpected;
  std::set_difference(wanted.begin(), wanted.end(), found.begin(), found.end(),
                      std::back_inserter(missing));
  std::set_difference(found.begin(), found.end(), wanted.begin(), wanted.end(),
                      std::back_inserter(unexpected));
  if (!missing.empty() || !unexpected.empty())
    throw Error(difference_text(missing, unexpected, folder, origin));
}

}  // namespace frostline::detail
