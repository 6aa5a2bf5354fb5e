"""Seconds of the customary evaluation and re-ranking of re-identification code, in NumPy.

    python numpy_evaluation.py FOLDER --dim 512 [--rerank] [--rows 1000]

FOLDER is what `trainer bench eval --write FOLDER` wrote. The evaluation sorts the whole gallery
for every query (numpy.argsort of the distance matrix), then walks through the queries. It works
on --rows queries at a time, as the matrices of a large test set do not fit into memory; that
does not make it slower. Re-ranking is the published k-reciprocal procedure on dense matrices,
with the partial sort that its faster variants use.
"""

import argparse
import json
import pathlib
import time

import numpy as np

options = argparse.ArgumentParser()
options.add_argument("folder", type=pathlib.Path)
options.add_argument("--dim", type=int, required=True)
options.add_argument("--rows", type=int, default=1000)
options.add_argument("--rerank", action="store_true")
options = options.parse_args()


def load(name):
    features = np.fromfile(options.folder / f"{name}.f32", "<f4").reshape(-1, options.dim)
    labels = np.fromfile(options.folder / f"{name}.i32", "<i4").reshape(-1, 2)
    return features, labels[:, 0], labels[:, 1]


def blocks(count):
    return [slice(start, start + options.rows) for start in range(0, count, options.rows)]


def measure(distances, q_ids, q_cams, g_ids, g_cams):
    """Rank-1 hits and average precisions of some queries."""
    order = np.argsort(distances, axis=1)
    right = (g_ids[order] == q_ids[:, None]).astype(np.int32)
    first, precisions = [], []
    for query in range(len(distances)):
        row = order[query]
        aside = (g_ids[row] == q_ids[query]) & (g_cams[row] == q_cams[query])
        relevant = right[query][~aside]
        if not relevant.any():
            continue
        hits = relevant.cumsum()
        first.append(relevant[0])
        precision = hits / (np.arange(len(hits)) + 1.0)
        precisions.append((precision * relevant).sum() / relevant.sum())
    return first, precisions


def rerank(query, gallery, k1=20, k2=6, weight=0.3):
    features = np.concatenate([query, gallery])
    total, split = len(features), len(query)
    distances = 2 - 2 * (features @ features.T)
    distances /= distances.max(axis=1, keepdims=True)
    order = np.argpartition(distances, range(1, k1 + 1), axis=1)[:, : k1 + 1]
    half = int(np.around(k1 / 2))
    encoded = np.zeros((total, total), np.float32)

    def reciprocal(image, k):
        forward = order[image, : k + 1]
        return forward[np.where(order[forward, : k + 1] == image)[0]]

    for image in range(total):
        own = expanded = reciprocal(image, k1)
        for candidate in own:
            theirs = reciprocal(candidate, half)
            if len(np.intersect1d(theirs, own)) > 2 / 3 * len(theirs):
                expanded = np.append(expanded, theirs)
        expanded = np.unique(expanded)
        weights = np.exp(-distances[image, expanded])
        encoded[image, expanded] = weights / weights.sum()
    distances = distances[:split]
    mean = np.zeros_like(encoded)
    for image in range(total):
        mean[image] = encoded[order[image, :k2]].mean(axis=0)
    encoded = mean
    inverse = [np.where(encoded[:, column] != 0)[0] for column in range(total)]
    jaccard = np.zeros_like(distances)
    for image in range(split):
        shared = np.zeros(total, np.float32)
        for column in np.where(encoded[image] != 0)[0]:
            others = inverse[column]
            shared[others] += np.minimum(encoded[image, column], encoded[others, column])
        jaccard[image] = 1 - shared / (2 - shared)
    return ((1 - weight) * jaccard + weight * distances)[:, split:]


query, q_ids, q_cams = load("query")
gallery, g_ids, g_cams = load("gallery")
product, first, precisions = 0.0, [], []
out = np.empty((min(options.rows, len(query)), len(gallery)), np.float32)
np.matmul(query[: len(out)], gallery.T, out=out)
started = time.perf_counter()
for block in blocks(len(query)):
    rows = query[block]
    before = time.perf_counter()
    np.matmul(rows, gallery.T, out=out[: len(rows)])
    product += time.perf_counter() - before
    found = measure(1 - out[: len(rows)], q_ids[block], q_cams[block], g_ids, g_cams)
    first += found[0]
    precisions += found[1]
figures = {"product": product, "evaluate": time.perf_counter() - started,
           "map": np.mean(precisions), "rank1": np.mean(first)}
if options.rerank:
    started = time.perf_counter()
    final = rerank(query, gallery)
    precisions = []
    for block in blocks(len(query)):
        precisions += measure(final[block], q_ids[block], q_cams[block], g_ids, g_cams)[1]
    figures |= {"rerank": time.perf_counter() - started, "reranked_map": np.mean(precisions)}
print(json.dumps({name: float(value) for name, value in figures.items()}))
