// SPDX-License-Identifier: MIT
// The opcodes of Python's pickles, protocols 0 to 5.
#pragma once

namespace frostline::detail {

// clang-format off
/// Source: https://github.com/python/cpython/blob/main/Lib/pickletools.py
enum class Opcode : unsigned char {
  proto = 0x80, frame = 0x95, stop = '.',
  mark = '(', pop = '0', pop_mark = '1', dup = '2',
  none = 'N', new_true = 0x88, new_false = 0x89,
  bin_int = 'J', bin_int1 = 'K', bin_int2 = 'M', long1 = 0x8a, long4 = 0x8b, bin_float = 'G',
  short_bin_string = 'U', bin_string = 'T',
  short_bin_unicode = 0x8c, bin_unicode = 'X', bin_unicode8 = 0x8d,
  short_bin_bytes = 'C', bin_bytes = 'B', bin_bytes8 = 0x8e, byte_array8 = 0x96,
  empty_list = ']', append = 'a', appends = 'e', list = 'l',
  empty_tuple = ')', tuple = 't', tuple1 = 0x85, tuple2 = 0x86, tuple3 = 0x87,
  empty_dict = '}', set_item = 's', set_items = 'u', dict = 'd',
  empty_set = 0x8f, add_items = 0x90, frozen_set = 0x91,
  bin_get = 'h', long_bin_get = 'j', bin_put = 'q', long_bin_put = 'r', memoize = 0x94,
  global = 'c', stack_global = 0x93,
  reduce = 'R', build = 'b', new_object = 0x81, new_object_ex = 0x92,
  instance = 'i', object = 'o', bin_persistent = 'Q', persistent = 'P',
  int_line = 'I', long_line = 'L', float_line = 'F', string_line = 'S', unicode_line = 'V',
  get_line = 'g', put_line = 'p',
  extension1 = 0x82, extension2 = 0x83, extension4 = 0x84,
  next_buffer = 0x97, read_only_buffer = 0x98
};
// clang-format on

}  // namespace frostline::detail
