# SPDX-License-Identifier: MIT
"""OpenVINO as a contestant: inference in float32 with the model that peers/prepare.py exported."""

import numpy as np
import openvino

import contest


def main():
    option = contest.options()
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": option.threads,
    }
    model = openvino.Core().compile_model(option.model, "CPU", settings)
    request = model.create_infer_request()
    images = np.empty((option.images, *contest.IMAGE), np.float32)
    labels = np.empty(option.images, np.int32)
    step = lambda: request.infer([images], share_inputs=True)[0].flatten().tolist()
    contest.run(option, step, images, labels)


main()
