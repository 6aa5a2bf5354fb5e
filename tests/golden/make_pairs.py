"""Writes pairs.safetensors: CLIP's symmetric contrastive loss and its gradients, by NumPy alone.

Written from the definition, in f64 from values that are exact in f32:

images [6, 8], captions [6, 8]: L2-normalised rows; row i of one belongs to row i of the other
scale [1]: what similarities are multiplied by
logits [6, 6], loss [1]
grad.images, grad.captions, grad.scale: gradients of the loss, by its derivative on paper and
    checked below by differences
"""

import pathlib

import numpy as np
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
COUNT, WIDTH = 6, 8


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def forward(images, captions, scale):
    logits = scale * images @ captions.T
    # Every image looks for its caption, and every caption for its image.
    found = [-np.log(np.diag(softmax(logits, axis))).mean() for axis in (1, 0)]
    return logits, sum(found) / 2


def backward(images, captions, scale):
    logits, _ = forward(images, captions, scale)
    own = np.eye(COUNT)
    slope = (softmax(logits, 1) - own + softmax(logits, 0) - own) / (2 * COUNT)
    return {
        "images": scale * slope @ captions,
        "captions": scale * slope.T @ images,
        "scale": np.array([(slope * (images @ captions.T)).sum()]),
    }


def check(inputs, gradients):
    for name, gradient in gradients.items():
        for index in np.ndindex(gradient.shape):
            moved = {key: value.copy() for key, value in inputs.items()}
            ends = []
            for step in (1e-6, -1e-6):
                moved[name][index] = inputs[name][index] + step
                ends.append(forward(**moved)[1].item())
            assert abs((ends[0] - ends[1]) / 2e-6 - gradient[index]) < 1e-7, (name, index)


def main():
    rng = np.random.default_rng(17)

    def rows():
        x = rng.standard_normal((COUNT, WIDTH))
        return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32).astype(np.float64)

    inputs = {"images": rows(), "captions": rows(), "scale": np.array([7.5])}
    logits, loss = forward(**inputs)
    gradients = backward(**inputs)
    check(inputs, gradients)
    tensors = {**inputs, "logits": logits, "loss": np.array([loss])}
    tensors |= {f"grad.{name}": value for name, value in gradients.items()}
    save_file({k: v.astype(np.float32) for k, v in tensors.items()}, HERE / "pairs.safetensors")


main()
