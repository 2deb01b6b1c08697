# SPDX-License-Identifier: MIT
# Writes golden/weights/: small files by PyTorch 1.13 and the safetensors package. The values are
# formulas that tests/unit/io/ repeats. Debian: apt-get install python3-torch, and
# pip install --no-deps --target DIR safetensors; PYTHONPATH=DIR /usr/bin/python3 this-file
import argparse
import collections
import datetime
import enum
import fractions
import functools
import io
import pathlib
import pickle
import types
import zipfile

import numpy
import torch
from safetensors.torch import save_file

folder = pathlib.Path(__file__).parent / "weights"
folder.mkdir(exist_ok=True)
inf, nan = float("inf"), float("nan")


def small_state():
    return collections.OrderedDict(
        weight=torch.arange(6.0).reshape(2, 3), num_batches_tracked=torch.tensor(7)
    )


base = torch.arange(20.0).reshape(4, 5)
state = collections.OrderedDict(
    weight=torch.arange(24.0).reshape(2, 3, 4),
    half=torch.arange(12).reshape(3, 4).div(8).half(),
    special_half=torch.tensor([2.0**-24, 2.0**-14, -inf, inf, nan, -0.0, 65504.0]).half(),
    special_brain=torch.tensor([2.0**-133, -inf, inf, nan, -0.0, 3.140625]).bfloat16(),
    double=torch.arange(5).double() / 8,
    num_batches_tracked=torch.tensor(7),
    u8=torch.tensor([0, 1, 255], dtype=torch.uint8),
    i8=torch.tensor([-128, 127], dtype=torch.int8),
    i16=torch.tensor([-(2**15), 2**15 - 1], dtype=torch.int16),
    i32=torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
    i64=torch.tensor([-(2**63), 2**63 - 1]),
    boolean=torch.tensor([True, False, True]),
    base=base,
    transposed=base.t(),
    column=base[:, 1],
    block=base[1:3, 2:4],
    steps=base.flatten()[3::4],
    expanded=torch.arange(3.0).reshape(3, 1).expand(3, 4),
    channels_last=torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
    empty=torch.zeros(0, 3),
    parameter=torch.nn.Parameter(torch.arange(6.0).reshape(2, 3)),
)
state._metadata = collections.OrderedDict({"": {"version": 1}})  # as in Module.state_dict()
torch.save(state, folder / "zip.pth")
torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)

module = torch.nn.Linear(3, 2)
optimizer = torch.optim.Adam(module.parameters())
module(torch.ones(1, 3)).sum().backward()
optimizer.step()
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [30, 60])
checkpoint = {
    "epoch": 3,
    "best": 0.5,
    "classes": ("cat", "dog"),
    "large": 2**70,
    "nothing": None,
    "raw": b"\0\xff",
    "device": torch.device("cpu"),
    "size": torch.Size([1, 2]),
    "type": torch.float32,
    "state_dict": small_state(),
    "optimizer": optimizer.state_dict(),
    "scheduler": scheduler.state_dict(),
}
torch.save(checkpoint, folder / "checkpoint.pth")
torch.save({"model_state_dict": small_state()}, folder / "model_state_dict.pth")
torch.save({"model": small_state()}, folder / "model.pth")
torch.save(checkpoint, folder / "protocol4.pth", pickle_protocol=4)
torch.save(
    small_state(),
    folder / "legacy_protocol4.pth",
    pickle_protocol=4,
    _use_new_zipfile_serialization=False,
)
torch.save(module, folder / "module.pth")

save_file(
    {
        "weight": torch.arange(6.0).reshape(2, 3),
        "half": torch.arange(3).half() / 8,
        "special_brain": state["special_brain"],
        "num_batches_tracked": torch.tensor(7),
        "boolean": torch.tensor([True, False, True]),
        "empty": torch.zeros(0, 3),
    },
    folder / "reference.safetensors",
    metadata={"format": "pt"},
)

# Values that other tools and newer versions store with the weights, or around them. `numpy` and
# others are as their own pickling writes them; the weights must be found without any of them.
class Colour(enum.Enum):
    red = 1


class Options(dict):
    pass


class Plain:
    def __init__(self):
        self.depth = 18


def others():
    plain = Plain()
    plain.self = plain
    return {
        "args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("out/x")),
        "best": numpy.float64(0.5),
        "curve": numpy.arange(6).reshape(2, 3),
        "metric": functools.partial(max, key=len),
        "time": datetime.datetime(2026, 11, 28),
        "delta": datetime.timedelta(1),
        "colour": Colour.red,
        "options": Options(lr=1, nested=Options(a=[1, 2])),
        "default": collections.defaultdict(list, a=[1]),
        "counter": collections.Counter("aab"),
        "queue": collections.deque([1, 2], 3),
        "plain": plain,
        "complex": 1 + 2j,
        "bytes": bytearray(b"ab"),
        "set": {1, 2},
        "frozen": frozenset([1]),
        "function": torch.nn.functional.relu,
        "simple": types.SimpleNamespace(a=1),
        "fraction": fractions.Fraction(1, 3),
        "range": range(3),
        "generator": torch.get_rng_state(),
        "complex_tensor": torch.zeros(2, dtype=torch.complex64),
        "sparse": torch.eye(2).to_sparse(),
        "quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8),
        "large": -(2**70),
        "nan": float("nan"),
    }


def with_others():
    return {**others(), "state_dict": small_state()}


# The same values in the state_dict itself, and as attributes of its tensors.
def strange_state():
    tagged = torch.arange(6.0).reshape(2, 3)
    tagged.tag = "an attribute"
    return {**small_state(), "weight": tagged, "parameter": torch.nn.Parameter(tagged), **others()}


torch.save(with_others(), folder / "others.pth")
torch.save(with_others(), folder / "others_protocol5.pth", pickle_protocol=5)
torch.save(with_others(), folder / "others_legacy.pth", _use_new_zipfile_serialization=False)
torch.save(strange_state(), folder / "strange.pth")
torch.save(collections.defaultdict(int, **small_state()), folder / "defaultdict.pth")
torch.save(Options(state_dict=Options(small_state())), folder / "options.pth")
torch.save(module, folder / "module_legacy.pth", _use_new_zipfile_serialization=False)
torch.save({"model": module, "epoch": 3}, folder / "module_inside.pth")
torch.jit.script(module).save(str(folder / "scripted.pt"))

# Plain pickles of every protocol, without tensors; the test has the expected values.
for protocol in range(6):
    value = {
        "integers": [0, 1, 255, 256, 65536, -1, 2**31, -(2**63), 2**63, 2**100],
        "reals": [0.0, -1.5, 1e300, float("inf")],
        "texts": ["", "plain", "sch\xf6n \u20ac \U0001f600", "two\nlines \\ 'quoted'"],
        "bytes": [b"", b"\0\xff"],
        "booleans": [True, False, None],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "objects": [Colour.red, argparse.Namespace(a=1), Options(b=2), {1}, frozenset([2])],
    }
    (folder / f"values{protocol}.pickle").write_bytes(pickle.dumps(value, protocol))

# The zip form compressed by zipfile, as written by tools that unpack a file and pack it again.
plain = io.BytesIO()
torch.save(small_state(), plain)
with zipfile.ZipFile(plain) as source, zipfile.ZipFile(
    folder / "deflated.pth", "w", zipfile.ZIP_DEFLATED
) as target:
    for name in source.namelist():
        target.writestr(zipfile.ZipInfo(name, (2026, 11, 28, 0, 0, 0)), source.read(name),
                        zipfile.ZIP_DEFLATED)



# One network, as different tools write its state_dict.
network = torch.nn.Sequential(
    collections.OrderedDict(conv=torch.nn.Conv2d(3, 4, 3), bn=torch.nn.BatchNorm2d(4))
)
network.conv.weight.data = torch.arange(108.0).reshape(4, 3, 3, 3) / 8
network.bn.running_var.data = torch.arange(1.0, 5.0)
network.bn.num_batches_tracked.fill_(5)
network.conv.bias.data.zero_()
plain = network.state_dict()
counter = "bn.num_batches_tracked"
torch.save({k: v.float() for k, v in plain.items()}, folder / "float_counter.pth")
torch.save({**plain, counter: plain[counter].reshape(1)}, folder / "vector_counter.pth")
# Version 1.13 has no torch.compile, whose module names its own `_orig_mod`.
compiled = torch.nn.Module()
compiled._orig_mod = torch.nn.DataParallel(network)
torch.save(compiled.state_dict(), folder / "compiled.pth")
torch.save(torch.optim.swa_utils.AveragedModel(network).state_dict(), folder / "averaged.pth")
# As Lightning's Trainer and thop's profile write them.
lightning = torch.nn.Module()
lightning.model = network
torch.save(
    {
        "epoch": 1,
        "state_dict": lightning.state_dict(),
        "hyper_parameters": argparse.Namespace(lr=0.1),
        "callbacks": {"ModelCheckpoint": {"best": numpy.float32(1)}},
    },
    folder / "lightning.pth",
)
for part in network.modules():
    part.register_buffer("total_ops", torch.zeros(1, dtype=torch.float64))
    part.register_buffer("total_params", torch.zeros(1, dtype=torch.float64))
torch.save(network.state_dict(), folder / "profiled.pth")
