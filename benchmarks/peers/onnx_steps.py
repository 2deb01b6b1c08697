# SPDX-License-Identifier: MIT
"""ONNX Runtime as a contestant: inference with the model that peers/prepare.py exported."""

import numpy as np
import onnxruntime

import contest


def main():
    option = contest.options()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = option.threads, 1
    session = onnxruntime.InferenceSession(option.model, settings, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    images = np.empty((option.images, *contest.IMAGE), np.float32)
    labels = np.empty(option.images, np.int32)
    step = lambda: session.run(None, {name: images})[0].flatten().tolist()
    contest.run(option, step, images, labels)


main()
