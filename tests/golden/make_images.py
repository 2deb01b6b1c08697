#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/images: small image files, and the results of Pillow and torchvision.

Run with Debian 12's Python, Pillow 9.4, torchvision 0.14 and jpegtran (libjpeg-turbo-progs).
images.txt says what is there:
    decode FILE WIDTH HEIGHT                                  its pixels are in FILE.rgb
    resize FILE WIDTH HEIGHT LEFT TOP RIGHT BOTTOM HASH       of the RGB bytes
    evaluate FILE RESIZE CROP RESULT HASH                     of the float32 bytes; RESULT may be -
    region FILE LEFT TOP WIDTH HEIGHT CROP MIRRORED HASH      of the float32 bytes
    draw SEED WIDTH HEIGHT LEFT TOP WIDTH HEIGHT MIRRORED     the bits are SplitMix64's
    refuse FILE WORD                                          the error's text has the word
    upright FILE WIDTH HEIGHT HASH                            of the RGB bytes of exif_transpose
    mask FILE WIDTH HEIGHT HASH                               of the class numbers, one byte each
    nearest FILE WIDTH HEIGHT LEFT TOP RIGHT BOTTOM HASH      of the numbers, or of the RGB bytes
    mask_evaluate FILE RESIZE CROP HASH                       of the numbers; 255 beside the mask
    mask_region FILE LEFT TOP WIDTH HEIGHT CROP MIRRORED HASH
    refuse_mask FILE WORD                                     the error's text has the word
Hashes are 64-bit FNV-1a.
"""

import io
import math
import pathlib
import random
import shutil
import struct
import subprocess
import zlib

import numpy as np
import torch
import torchvision.transforms as transforms
import torchvision.transforms.functional as functional
from PIL import Image, ImageOps

FOLDER = pathlib.Path(__file__).parent / "images"
WIDTH, HEIGHT = 37, 23
TO_FLOATS = transforms.Compose(
    [
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)
table = []


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def picture(width, height, seed):
    """A gradient with an edge and some noise."""
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    channels = np.stack([x * 255 / width, y * 255 / height, (x + y) * 7 % 256], axis=2)
    channels[(x - width / 3) ** 2 + (y - height / 2) ** 2 < height**2 / 9] = (250, 20, 60)
    channels += noise.integers(-20, 20, channels.shape)
    return np.clip(channels, 0, 255).astype(np.uint8)


def add(name, data, expected=None):
    (FOLDER / name).write_bytes(data)
    image = Image.open(io.BytesIO(data)).convert("RGB")
    (FOLDER / f"{name}.rgb").write_bytes(expected or image.tobytes())
    table.append(f"decode {name} {image.width} {image.height}")


def saved(array, mode, form, **options):
    out = io.BytesIO()
    Image.fromarray(array).convert(mode).save(out, form, **options)
    return out.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(samples, depth):
    """Rows of a PNG without filters; samples are height x width x channels."""
    rows = b""
    for row in samples if samples.size else []:
        values = [int(value) for value in row.ravel()]
        if depth == 16:
            data = struct.pack(f">{len(values)}H", *values)
        else:
            bits = "".join(f"{value:0{depth}b}" for value in values)
            bits += "0" * (-len(bits) % 8)
            data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
        rows += b"\0" + data
    return rows


def png(samples, depth, color, extra=b"", interlaced=False, size=None):
    adam7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)]
    adam7 += [(0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    passes = adam7 if interlaced else [(0, 0, 1, 1)]
    data = b"".join(packed(samples[y::dy, x::dx], depth) for x, y, dx, dy in passes)
    width, height = size or (samples.shape[1], samples.shape[0])
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    signature = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
    return signature + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def make_jpegs():
    colors = picture(WIDTH, HEIGHT, 1)
    for name, options in {
        "rgb_444": {"subsampling": 0, "quality": 90},
        "rgb_422": {"subsampling": 1, "quality": 85},
        "rgb_420": {"subsampling": 2, "quality": 75, "optimize": True},
        "progressive": {"progressive": True, "quality": 60},
    }.items():
        add(f"{name}.jpg", saved(colors, "RGB", "JPEG", **options))
    add("grey.jpg", saved(colors, "L", "JPEG"))
    plates = [picture(WIDTH, HEIGHT, 2 + i)[:, :, i % 3] for i in range(4)]
    inks = Image.merge("CMYK", [Image.fromarray(plate) for plate in plates])
    out = io.BytesIO()
    inks.save(out, "JPEG", quality=90)
    add("cmyk.jpg", out.getvalue())
    # The Adobe marker's last byte is the transform: 2 says YCCK, 0 says that three are RGB.
    adobe = out.getvalue().index(b"Adobe")
    add("ycck.jpg", out.getvalue()[: adobe + 11] + b"\2" + out.getvalue()[adobe + 12 :])
    plain = saved(colors, "RGB", "JPEG", subsampling=0)
    marker = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"
    add("adobe_rgb.jpg", plain[:2] + marker + plain[2:])
    orientation = Image.Exif()
    orientation[0x0112] = 6
    add("turned.jpg", saved(colors, "RGB", "JPEG", exif=orientation.tobytes()))
    add("trailing.jpg", plain + b"and more")
    # Pillow does not write these: restart markers, a scan for each channel, arithmetic coding.
    for name, options in {
        "restarts": ["-restart", "2B"],
        "separate_scans": ["-scans", "/dev/stdin"],
        "arithmetic": ["-arithmetic"],
    }.items():
        (FOLDER / "plain.tmp").write_bytes(plain)
        command = ["jpegtran", *options, FOLDER / "plain.tmp"]
        result = subprocess.run(command, input=b"0;1;2;", capture_output=True, check=True)
        add(f"{name}.jpg", result.stdout)
    (FOLDER / "plain.tmp").unlink()


def make_pngs():
    random_values = np.random.default_rng(7)
    colors = picture(WIDTH, HEIGHT, 5)

    def values(depth, channels, size=(13, 7)):
        return random_values.integers(0, 2**depth, (size[1], size[0], channels))

    add("rgb.png", saved(colors, "RGB", "PNG"))
    for depth in (1, 2, 4, 8, 16):
        add(f"grey{depth}.png", png(values(depth, 1), depth, 0))
        add(f"grey{depth}_interlaced.png", png(values(depth, 1), depth, 0, interlaced=True))
    add("grey16_dark.png", png(values(9, 1), 16, 0))
    add("grey8_key.png", png(values(8, 1), 8, 0, chunk(b"tRNS", b"\0\1")))
    add("rgb_key.png", png(values(1, 3), 8, 2, chunk(b"tRNS", b"\0\1\0\0\0\1")))
    for depth in (8, 16):
        add(f"grey_alpha{depth}.png", png(values(depth, 2), depth, 4))
        add(f"rgb_truecolor{depth}.png", png(values(depth, 3), depth, 2))
        add(f"rgba{depth}.png", png(values(depth, 4), depth, 6))
    add("rgba8_interlaced.png", png(values(8, 4), 8, 6, interlaced=True))
    add("rgb16_interlaced.png", png(values(16, 3, (3, 9)), 16, 2, interlaced=True))
    for depth in (1, 2, 4, 8):
        palette = chunk(b"PLTE", random_values.bytes(3 * 2**depth))
        alpha = chunk(b"tRNS", random_values.bytes(2**depth))
        add(f"palette{depth}.png", png(values(depth, 1), depth, 3, palette))
        add(f"palette{depth}_alpha.png", png(values(depth, 1), depth, 3, palette + alpha))
    steps = chunk(b"PLTE", bytes(range(48)))
    add("palette4_interlaced.png", png(values(4, 1), 4, 3, steps, interlaced=True))
    add("gamma.png", png(values(8, 3), 8, 2, chunk(b"gAMA", struct.pack(">I", 100000))))
    # Pillow 9.4 gives grey here, Pillow 10 and later black.
    short = chunk(b"PLTE", bytes((9, 8, 7, 6, 5, 4)))
    indices = np.array([[[0], [1], [2], [255]]])
    add("palette_short.png", png(indices, 8, 3, short), bytes((9, 8, 7, 6, 5, 4, *[0] * 6)))


def refuse(name, data, word):
    (FOLDER / name).write_bytes(data)
    table.append(f"refuse {name} {word}")


def make_refused():
    one = np.zeros((1, 1, 1), int)
    refuse("absurd.png", png(one, 1, 0, size=(2**31 - 1, 2**31 - 1)), "2147483647x2147483647")
    refuse("hollow.png", png(one, 8, 0, size=(13000, 13000)), "truncated")
    refuse("without_palette.png", png(one, 8, 3), "PLTE")
    refuse("picture.gif", saved(picture(4, 4, 0), "RGB", "GIF"), "neither")
    large = bytearray(saved(picture(16, 16, 0), "RGB", "JPEG"))
    frame = large.index(b"\xff\xc0")
    large[frame + 5 : frame + 9] = b"\xff\xdc\xff\xdc"
    refuse("absurd.jpg", bytes(large), "65500x65500")


def open_rgb(name):
    with Image.open(FOLDER / name) as image:
        return image.convert("RGB")


def make_resizes():
    choose = random.Random(3)
    sources = ["rgb.png", "rgb_444.jpg", "palette8.png", "wide.png", "tall.png"]
    (FOLDER / "wide.png").write_bytes(saved(picture(90, 11, 8), "RGB", "PNG"))
    (FOLDER / "tall.png").write_bytes(saved(picture(5, 64, 9), "RGB", "PNG"))
    for i in range(120):
        name = sources[i % len(sources)]
        image = open_rgb(name)
        w, h = image.size
        width = choose.choice([1, 2, w, choose.randint(1, 120)])
        size = (width, choose.choice([h, choose.randint(1, 90)]))
        box = (0, 0, w, h)
        if i % 2:
            left, top = choose.uniform(0, w - 1), choose.uniform(0, h - 1)
            box = (left, top, choose.uniform(left + 0.01, w), choose.uniform(top + 0.01, h))
            box = tuple(float(np.float32(side)) for side in box)
            if i % 3 == 0:
                box = (int(left), int(top), int(left) + 1, h)
        result = image.resize(size, Image.BILINEAR, box).tobytes()
        sides = " ".join(repr(float(side)) for side in box)
        table.append(f"resize {name} {size[0]} {size[1]} {sides} {fnv(result)}")


def make_transforms():
    cases = [("rgb.png", 256, 224), ("rgb_420.jpg", 16, 14), ("rgb.png", 23, 23)]
    cases += [("rgb.png", 23, 20)]
    cases += [("wide.png", 11, 8), ("wide.png", 12, 9), ("tall.png", 7, 5), ("tall.png", 10, 10)]
    cases += [("rgb.png", 10, 17), ("rgb.png", 8, 15), ("tall.png", 4, 9), ("wide.png", 3, 40)]
    cases += [("rgb_444.jpg", 31, crop) for crop in range(20, 31)]
    for name, resize, crop in cases:
        geometry = [transforms.Resize(resize), transforms.CenterCrop(crop)]
        floats = TO_FLOATS(transforms.Compose(geometry)(open_rgb(name))).numpy().tobytes()
        result = "-"
        if crop < 20 and name != "rgb_444.jpg":
            result = f"{name}_{resize}_{crop}.f32"
            (FOLDER / result).write_bytes(floats)
        table.append(f"evaluate {name} {resize} {crop} {result} {fnv(floats)}")
    choose = random.Random(5)
    for i in range(24):
        name = ["rgb.png", "rgb_420.jpg", "wide.png", "tall.png"][i % 4]
        image = open_rgb(name)
        width, height = choose.randint(1, image.width), choose.randint(1, image.height)
        left, top = choose.randint(0, image.width - width), choose.randint(0, image.height - height)
        crop, mirrored = choose.choice([1, 8, 15, 32]), i // 4 % 2
        square = functional.resized_crop(image, top, left, height, width, [crop, crop])
        square = functional.hflip(square) if mirrored else square
        floats = TO_FLOATS(square).numpy().tobytes()
        table.append(f"region {name} {left} {top} {width} {height} {crop} {mirrored} {fnv(floats)}")


def upright(name, data):
    (FOLDER / name).write_bytes(data)
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)).convert("RGB"))
    table.append(f"upright {name} {image.width} {image.height} {fnv(image.tobytes())}")


def exif(order, entries, count=None):
    """A TIFF header and one directory; entries are (tag, type, count, four bytes)."""
    mark = b"II" if order == "<" else b"MM"
    data = mark + struct.pack(order + "HI", 42, 8)
    data += struct.pack(order + "H", len(entries) if count is None else count)
    for tag, kind, number, value in entries:
        data += struct.pack(order + "HHI", tag, kind, number) + value
    return data


def make_orientations():
    colors = picture(11, 7, 11)
    jpeg = saved(colors, "RGB", "JPEG", quality=95, subsampling=0)
    whole_png = saved(colors, "RGB", "PNG")

    def with_app1(data):
        size = struct.pack(">H", len(data) + 8)
        return jpeg[:2] + b"\xff\xe1" + size + b"Exif\0\0" + data + jpeg[2:]

    def with_chunk(data, at_end=False):
        at = whole_png.index(b"IEND" if at_end else b"IDAT") - 4
        return whole_png[:at] + chunk(b"eXIf", data) + whole_png[at:]

    other = (0x0110, 2, 4, b"abc\0")
    for value in range(1, 9):
        order = "<" if value % 2 else ">"
        data = exif(order, [other, (0x0112, 3, 1, struct.pack(order + "HH", value, 0)), other])
        upright(f"orientation{value}.jpg", with_app1(data))
        upright(f"orientation{value}.png", with_chunk(data, at_end=value > 4))
    long_value = exif(">", [(0x0112, 4, 1, struct.pack(">I", 6))])
    upright("orientation_long.jpg", with_app1(long_value))
    turned = (0x0112, 3, 1, struct.pack("<HH", 6, 0))
    upright("orientation0.jpg", with_app1(exif("<", [(0x0112, 3, 1, b"\0\0\0\0")])))
    upright("orientation9.jpg", with_app1(exif("<", [(0x0112, 3, 1, b"\x09\0\0\0")])))
    upright("orientation_pair.jpg", with_app1(exif("<", [(0x0112, 3, 2, b"\6\0\3\0")])))
    upright("orientation_twice.jpg", with_app1(exif("<", [turned, (0x0112, 3, 1, b"\3\0\0\0")])))
    upright("orientation_cut.jpg", with_app1(exif("<", [other, turned], count=9)))
    upright("orientation_none.jpg", with_app1(exif("<", [other])))
    second = with_app1(exif("<", [other]))[2:]
    upright("two_exifs.jpg", with_app1(exif("<", [turned])).replace(jpeg[2:], second))


def mask(name, data):
    (FOLDER / name).write_bytes(data)
    image = Image.open(io.BytesIO(data))
    assert image.mode in ("P", "L", "1")
    numbers = np.array(image).astype(np.uint8)
    table.append(f"mask {name} {image.width} {image.height} {fnv(numbers.tobytes())}")
    return numbers


def make_masks():
    random_values = np.random.default_rng(13)
    size = (23, 37, 1)
    for depth in (1, 2, 4, 8):
        numbers = random_values.integers(0, 2**depth, size)
        colors = chunk(b"PLTE", random_values.bytes(3 * 2**depth))
        name = f"mask_palette{depth}.png"
        assert (mask(name, png(numbers, depth, 3, colors)) == numbers[:, :, 0]).all()
        alpha = chunk(b"tRNS", random_values.bytes(2**depth))
        interlaced = png(numbers, depth, 3, colors + alpha, interlaced=True)
        mask(f"mask_palette{depth}_alpha.png", interlaced)
    for depth in (1, 8):
        numbers = random_values.integers(0, 2**depth, size)
        assert (mask(f"mask_grey{depth}.png", png(numbers, depth, 0)) == numbers[:, :, 0]).all()
    # Pillow scales grey of two and four bits to 0 ... 255; a class number is what is stored.
    for depth in (2, 4):
        numbers = random_values.integers(0, 2**depth, size)
        name = f"mask_grey{depth}.png"
        scaled = mask(name, png(numbers, depth, 0))
        assert (scaled == numbers[:, :, 0] * (255 // (2**depth - 1))).all()
        table[-1] = f"mask {name} 37 23 {fnv(numbers.astype(np.uint8).tobytes())}"
    # Pillow's mode "I", which holds the values as they are.
    numbers = random_values.integers(0, 256, size)
    name = "mask_grey16.png"
    (FOLDER / name).write_bytes(png(numbers, 16, 0))
    assert (np.array(Image.open(FOLDER / name)) == numbers[:, :, 0]).all()
    table.append(f"mask {name} 37 23 {fnv(numbers.astype(np.uint8).tobytes())}")
    for name, word in {
        "rgb.png": "colours",
        "rgb_key.png": "colours",
        "grey_alpha8.png": "alpha",
        "rgba8.png": "alpha",
        "grey16.png": "255",
        "grey.jpg": "JPEG",
        "hollow.png": "truncated",
        "picture.gif": "PNG",
    }.items():
        table.append(f"refuse_mask {name} {word}")


def make_nearest():
    choose = random.Random(17)
    names = ["mask_palette8.png", "mask_grey8.png", "rgb.png", "wide.png", "tall.png"]
    for i in range(100):
        name = names[i % len(names)]
        image = Image.open(FOLDER / name)
        w, h = image.size
        width = choose.choice([1, 2, w, choose.randint(1, 400)])
        size = (width, choose.choice([h, choose.randint(1, 200)]))
        box = (0, 0, w, h)
        if i % 2:
            left, top = choose.uniform(0, w - 1), choose.uniform(0, h - 1)
            box = (left, top, choose.uniform(left + 0.01, w), choose.uniform(top + 0.01, h))
            box = tuple(float(np.float32(side)) for side in box)
        result = np.array(image.resize(size, Image.NEAREST, box)).tobytes()
        sides = " ".join(repr(float(side)) for side in box)
        table.append(f"nearest {name} {size[0]} {size[1]} {sides} {fnv(result)}")


def make_mask_transforms():
    nearest = transforms.InterpolationMode.NEAREST
    name = "mask_palette8.png"
    image = Image.open(FOLDER / name)
    numbers = Image.fromarray(np.array(image))
    inside = Image.fromarray(np.ones((image.height, image.width), np.uint8))
    sizes = [(23, 23), (23, 20), (16, 14), (10, 17), (8, 15), (256, 224), (31, 24), (5, 60)]
    for resize, crop in sizes:
        geometry = [transforms.Resize(resize, nearest), transforms.CenterCrop(crop)]
        geometry = transforms.Compose(geometry)
        result = np.where(np.array(geometry(inside)) == 1, np.array(geometry(numbers)), 255)
        result = fnv(result.astype(np.uint8).tobytes())
        table.append(f"mask_evaluate {name} {resize} {crop} {result}")
    choose = random.Random(19)
    for i in range(24):
        width, height = choose.randint(1, image.width), choose.randint(1, image.height)
        left, top = choose.randint(0, image.width - width), choose.randint(0, image.height - height)
        crop, mirrored = choose.choice([1, 8, 15, 32]), i % 2
        square = functional.resized_crop(numbers, top, left, height, width, [crop, crop], nearest)
        square = functional.hflip(square) if mirrored else square
        result = fnv(np.array(square).tobytes())
        region = f"{left} {top} {width} {height} {crop} {mirrored}"
        table.append(f"mask_region {name} {region} {result}")


class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def bits(self):
        mask = 0xFFFFFFFFFFFFFFFF
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = (self.state ^ self.state >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        return z ^ z >> 31

    def uniform(self, low, high):
        return low + (high - low) * ((self.bits() >> 11) * 2.0**-53)

    def below(self, count):
        return int(self.uniform(0, count))


class Draws:
    """Stands in for torch where torchvision's own RandomResizedCrop draws."""

    def __init__(self, generator):
        self.generator = generator
        self.tensor = lambda data: torch.tensor(data, dtype=torch.float64)
        self.log, self.exp = torch.log, torch.exp

    def empty(self, _):
        draws = self

        class Empty:
            def uniform_(self, low, high):
                value = draws.generator.uniform(float(low), float(high))
                return torch.tensor(value, dtype=torch.float64)

        return Empty()

    def randint(self, _, high, size):
        return torch.tensor(self.generator.below(high))


def make_draws():
    own = transforms.RandomResizedCrop.get_params.__globals__
    sizes = [(500, 375), (224, 224), (37, 23), (3, 3), (1, 1), (1000, 10), (10, 1000), (5, 4)]
    for seed in range(32):
        width, height = sizes[seed % len(sizes)]
        generator = SplitMix64(seed)
        torch_module, own["torch"] = own["torch"], Draws(generator)
        image = Image.new("RGB", (width, height))
        ratio = [3 / 4, 4 / 3]
        top, left, h, w = transforms.RandomResizedCrop.get_params(image, [0.08, 1.0], ratio)
        own["torch"] = torch_module
        mirrored = generator.bits() >> 63
        table.append(f"draw {seed} {width} {height} {left} {top} {w} {h} {mirrored}")


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    make_jpegs()
    make_pngs()
    make_refused()
    make_resizes()
    make_transforms()
    make_draws()
    make_orientations()
    make_masks()
    make_nearest()
    make_mask_transforms()
    (FOLDER / "images.txt").write_text("\n".join(table) + "\n")
