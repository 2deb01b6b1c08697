// SPDX-License-Identifier: MIT
// What a pickle of weights may say: its opcodes, and the Python names that it may mention.
#pragma once

#include <string_view>

namespace frostline::detail {

// clang-format off
/// All names that a pickle may mention. Even these are only recorded, never called.
constexpr std::string_view pickle_globals[] = {
    "collections.OrderedDict",    "collections.Counter",
    "__builtin__.set",            "builtins.set",
    "_codecs.encode",             "torch.device",
    "torch.Size",                 "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch.FloatStorage",         "torch.HalfStorage",
    "torch.BFloat16Storage",      "torch.DoubleStorage",
    "torch.LongStorage",          "torch.IntStorage",
    "torch.ShortStorage",         "torch.CharStorage",
    "torch.ByteStorage",          "torch.BoolStorage",
    "torch.UntypedStorage",       "torch.storage.UntypedStorage",
    "torch.storage.TypedStorage", "torch.storage._TypedStorage",
    "torch.float32",              "torch.float16",
    "torch.bfloat16",             "torch.float64",
    "torch.int64",                "torch.int32",
    "torch.int16",                "torch.int8",
    "torch.uint8",                "torch.bool"};

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
  reduce = 'R', build = 'b', new_object = 0x81, new_object_ex = 0x92, bin_persistent = 'Q'
};
// clang-format on

}  // namespace frostline::detail
