"""Writes map.safetensors: principal axes as NumPy finds them, and t-SNE's probabilities,
divergence and gradient as scikit-learn has them.

plane.N has rows [n, d] f32, axes [2, d] f64 (the largest number of each by magnitude is
positive), points [n, 2] f64 and explained [2] f64.

tsne.N has rows [n, d] f32, perplexity [1] f64, joint [n, n] f64, layout [n, 2] f32,
divergence [1] f64 and gradient [n, 2] f64 at that layout.
"""

import pathlib

import numpy as np
from safetensors.numpy import save_file
from scipy.spatial.distance import pdist, squareform
from sklearn.manifold._t_sne import _joint_probabilities, _kl_divergence

rng = np.random.default_rng(83)
tensors = {}

planes = [
    rng.normal(size=(60, 10)) * np.linspace(2, 0.5, 10),
    rng.normal(size=(12, 40)) + 3,  # fewer rows than numbers
    rng.normal(size=(90, 16)),  # variances that hardly differ
]
for number, rows in enumerate(planes):
    rows = rows.astype(np.float32)
    centred = rows.astype(np.float64) - rows.astype(np.float64).mean(axis=0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2]
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.sign(axes[[0, 1], largest])[:, None]
    name = f"plane.{number}"
    tensors[f"{name}.rows"] = rows
    tensors[f"{name}.axes"] = axes
    tensors[f"{name}.points"] = centred @ axes.T
    tensors[f"{name}.explained"] = (values**2)[:2] / (values**2).sum()


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


centres = rng.normal(size=(3, 20))
sets = [
    (unit(np.repeat(centres, 15, axis=0) + 0.5 * rng.normal(size=(45, 20))), 10.0, 3.0),
    (unit(rng.normal(size=(37, 9))), 5.0, 0.01),  # as spread out as at the start
    (100 * rng.normal(size=(24, 3)), 6.0, 20.0),  # far from each other
]
for number, (rows, perplexity, spread) in enumerate(sets):
    rows = rows.astype(np.float32)
    count = len(rows)
    distances = squareform(pdist(rows.astype(np.float64), "sqeuclidean"))
    joint = _joint_probabilities(distances, perplexity, 0)
    layout = (spread * rng.normal(size=(count, 2))).astype(np.float32)
    divergence, gradient = _kl_divergence(
        layout.astype(np.float64).ravel(), joint, 1, count, 2
    )
    name = f"tsne.{number}"
    tensors[f"{name}.rows"] = rows
    tensors[f"{name}.perplexity"] = np.array([perplexity])
    tensors[f"{name}.joint"] = squareform(joint)
    tensors[f"{name}.layout"] = layout
    tensors[f"{name}.divergence"] = np.array([divergence])
    tensors[f"{name}.gradient"] = gradient.reshape(count, 2)
save_file(tensors, pathlib.Path(__file__).with_name("map.safetensors"))
