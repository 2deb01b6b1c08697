# SPDX-License-Identifier: MIT
"""ncnn as a contestant: inference of one image in float32, with peers/prepare.py's model."""

import ncnn
import numpy as np

import contest


def main():
    option = contest.options()
    net = ncnn.Net()
    net.opt.num_threads = option.threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    if net.load_param(option.model) != 0 or net.load_model(option.model[:-5] + "bin") != 0:
        raise SystemExit(f"ncnn cannot read {option.model}")
    images = np.empty((option.images, *contest.IMAGE), np.float32)
    labels = np.empty(option.images, np.int32)

    def step():
        with net.create_extractor() as extractor:
            extractor.input("in0", ncnn.Mat(images[0]))
            failed, logits = extractor.extract("out0")
            if failed:
                raise SystemExit("ncnn cannot compute the network")
            return np.array(logits).flatten().tolist()

    contest.run(option, step, images, labels)


main()
