"""ONNX Runtime's embeddings of crops beside the trainer's.

    python check.py MODEL.onnx CROPS EMBEDDINGS.safetensors BOUND

EMBEDDINGS is what `trainer extract` wrote of CROPS. The crops are read, resized and
normalised by what the ONNX file says, in batches of 1 and 3. Fails if a number differs by
more than BOUND, or if the crops' embeddings are so alike that nothing is compared.
"""

import json
import pathlib
import sys

import numpy as np
import onnxruntime
from PIL import Image
from safetensors.numpy import load_file


def main(model, crops, embeddings, bound):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (given,), (made,) = session.get_inputs(), session.get_outputs()
    as_input = json.loads(session.get_modelmeta().custom_metadata_map["preprocess"])
    sides = as_input["height"], as_input["width"]
    filter = Image.Resampling[as_input["resize"].upper()]

    expected = load_file(embeddings)["embeddings"]
    assert (given.name, given.type, given.shape) == ("images", "tensor(float)", ["batch", 3, *sides])
    assert (made.name, made.type) == ("embeddings", "tensor(float)")
    assert made.shape == ["batch", expected.shape[1]]

    def read(path):
        pixels = np.asarray(Image.open(path).convert("RGB").resize(sides[::-1], filter))
        normal = (pixels / 255 - as_input["mean"]) / as_input["std"]
        return normal.transpose(2, 0, 1).astype(np.float32)

    images = np.stack([read(path) for path in sorted(pathlib.Path(crops).iterdir())])
    assert len(images) == len(expected) == 4
    found = np.concatenate([session.run(None, {"images": images[part]})[0]
                            for part in (slice(0, 1), slice(1, 4))])
    difference = np.abs(found - expected).max()
    cosine = (found * expected).sum(1).min()
    alike = (expected @ expected.T)[np.triu_indices(len(expected), 1)].max()
    print(f"{model}: difference at most {difference:.1e} (bound {bound:.0e}), "
          f"cosine at least {cosine:.7f}, of two crops at most {alike:.3f}")
    assert alike < 0.98, "the crops are too alike for a comparison"
    assert difference <= bound
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-5


main(*sys.argv[1:4], float(sys.argv[4]))
