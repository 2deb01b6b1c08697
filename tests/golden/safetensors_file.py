# SPDX-License-Identifier: MIT
"""Reads and writes safetensors files with numpy only.

A file is the length of a JSON header (8 bytes), the header, and the tensors' bytes one after another.
Source: https://github.com/huggingface/safetensors (format)
"""

import json

import numpy as np

TYPES = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8")}


def write(path, arrays):
    """Writes float32 and int64 arrays, the widest first, so that all are aligned."""
    names = {dtype: name for name, dtype in TYPES.items()}
    header, chunks, end = {}, [], 0
    for key in sorted(arrays, key=lambda k: (-arrays[k].dtype.itemsize, k)):
        array = np.asarray(arrays[key])
        chunks.append(array.tobytes())
        begin, end = end, end + len(chunks[-1])
        header[key] = {
            "dtype": names[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(chunks))


def read(path):
    """The arrays of a file, by key, in the order in which they are stored."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    header.pop("__metadata__", None)
    arrays = {}
    for key, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        array = np.frombuffer(data[begin:end], TYPES[entry["dtype"]])
        arrays[key] = array.reshape(entry["shape"]).copy()
    return arrays
