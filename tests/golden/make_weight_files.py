# SPDX-License-Identifier: MIT
# Writes golden/weights/: small files by PyTorch 1.13 and the safetensors package. The values are
# formulas that tests/unit/io/ repeats. Debian: apt-get install python3-torch, and
# pip install --no-deps --target DIR safetensors; PYTHONPATH=DIR /usr/bin/python3 this-file
import collections
import pathlib

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
state._metadata = collections.OrderedDict({"": {"version": 1}})  # as Module.state_dict() has it
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
