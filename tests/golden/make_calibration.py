"""Writes calibration.safetensors: Platt's map as scikit-learn fits it.

Case N has scores [n] f32, right [n] f32 (0 or 1) and map [2] f64: slope and offset of
1 / (1 + exp(-(slope * score + offset))), which scikit-learn finds with the same smoothed
targets by another method (its own minimiser of the logistic loss).
"""

import pathlib

import numpy as np
from safetensors.numpy import save_file
from sklearn.calibration import _sigmoid_calibration

rng = np.random.default_rng(79)
tensors = {}
cases = [
    (400, 0.3, 0.10, 0.30),  # a usual list
    (5000, 0.02, 0.12, 0.15),  # few right ones, much in common
    (40, 0.5, 0.02, 0.60),  # parted altogether
    (60, 0.9, 0.2, 0.05),  # hardly parted
]
for number, (count, share, spread, gap) in enumerate(cases):
    right = rng.random(count) < share
    scores = (0.3 + gap * right + spread * rng.normal(size=count)).astype(np.float32)
    # Its signs are the other way around.
    slope, offset = _sigmoid_calibration(scores.astype(np.float64), right.astype(np.float64))
    tensors[f"{number}.scores"] = scores
    tensors[f"{number}.right"] = right.astype(np.float32)
    tensors[f"{number}.map"] = np.array([-slope, -offset])
save_file(tensors, pathlib.Path(__file__).with_name("calibration.safetensors"))
