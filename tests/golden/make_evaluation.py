"""Writes evaluation.safetensors: ROC points, measures by camera, re-ranking, query expansion,
normalisation by camera.

All are computed plainly: whole matrices, sorted. Case N has query [q, d] and gallery [g, d]
f32, L2-normalised, query_labels and gallery_labels [., 2] i64 (identity, camera), and

- roc.fpr [k], roc.tpr [k], roc.threshold [k] f64;
- cameras [c, 5] f64: query camera, gallery camera, queries, Rank-1, mAP;
- rerank.M.settings [3] f64 (k1, k2, lambda), rerank.M.distances [q, g] f64: k-reciprocal
  re-ranking as published, in dense matrices;
- normalized.query [q, d] and normalized.gallery [g, d] f64: without their cameras' means and
  deviations among the gallery, which count as if 16 images more had been seen: of a camera
  ones as the whole gallery has, of the gallery ones of mean 0 and variance 1/d;
- expanded.K [q, d] f64 for K in 1, 5: the query averaged with its K nearest gallery images.
"""

import pathlib

import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(78)
tensors = {}


def counts(label, gallery_labels):
    same_identity = gallery_labels[:, 0] == label[0]
    return (gallery_labels[:, 0] != -1) & ~(same_identity & (gallery_labels[:, 1] == label[1]))


def roc(scores, q, g, rates):
    true, false = [], []
    for row, label in zip(scores, q):
        keep = counts(label, g)
        right = g[:, 0] == label[0]
        true += list(row[keep & right])
        false += list(row[keep & ~right])
    true, false = np.array(true), np.sort(false)[::-1]
    thresholds = []
    for rate in rates:
        allowed = int(np.floor(rate * len(false)))
        thresholds.append(false[allowed] if allowed < len(false) else -np.inf)
    return [np.mean(true > t) for t in thresholds], thresholds


def precision(relevant):
    places = np.flatnonzero(relevant) + 1
    return np.mean(np.arange(1, len(places) + 1) / places)


def by_camera(scores, q, g):
    pairs = {}
    for row, label in zip(scores, q):
        for camera in np.unique(g[:, 1]):
            keep = counts(label, g) & (g[:, 1] == camera)
            order = np.argsort(-row[keep], kind="stable")
            relevant = (g[keep, 0] == label[0])[order]
            if relevant.any():
                pairs.setdefault((label[1], camera), []).append((relevant[0], precision(relevant)))
    rows = [[*pair, len(found), *np.mean(found, axis=0)] for pair, found in sorted(pairs.items())]
    return np.array(rows, dtype=np.float64)


def reranked(query, gallery, k1, k2, weight):
    """The published procedure on squared Euclidean distances."""
    features = np.concatenate([query, gallery]).astype(np.float64)
    distances = 2 - 2 * features @ features.T
    distances = distances / distances.max(axis=1, keepdims=True)
    order = np.argsort(distances, axis=1, kind="stable")
    total = len(features)

    def reciprocal(image, k):
        forward = order[image, : k + 1]
        return [other for other in forward if image in order[other, : k + 1]]

    encoded = np.zeros((total, total))
    for image in range(total):
        own = set(reciprocal(image, k1))
        expanded = set(own)
        for candidate in own:
            theirs = set(reciprocal(candidate, int(np.around(k1 / 2))))
            if len(theirs & own) > 2 / 3 * len(theirs):
                expanded |= theirs
        members = sorted(expanded)
        weights = np.exp(-distances[image, members])
        encoded[image, members] = weights / weights.sum()
    if k2 != 1:
        encoded = np.stack([encoded[order[image, :k2]].mean(axis=0) for image in range(total)])
    split = len(query)
    shared = np.minimum(encoded[:split, None], encoded[None, split:]).sum(axis=2)
    jaccard = 1 - shared / (2 - shared)
    return (1 - weight) * jaccard + weight * distances[:split, split:]


def expanded(query, gallery, k):
    nearest = np.argsort(-(query @ gallery.T), axis=1, kind="stable")[:, :k]
    mean = query + gallery[nearest].sum(axis=1)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def normalized(query, gallery, q, g):
    def moments(rows, mean, variance):
        total = len(rows) + 16
        mean = (rows.sum(axis=0) + 16 * mean) / total
        return mean, (((rows - mean) ** 2).sum(axis=0) + 16 * variance) / total

    width = gallery.shape[1]
    everywhere = moments(gallery, np.zeros(width), np.full(width, 1 / width))
    found = []
    for rows, labels in [(query, q), (gallery, g)]:
        standard = []
        for row, camera in zip(rows, labels[:, 1]):
            mean, variance = moments(gallery[g[:, 1] == camera], *everywhere)
            standard.append((row - mean) / np.sqrt(variance))
        found.append(np.array(standard) / np.linalg.norm(standard, axis=1, keepdims=True))
    return found


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def case(number, q, g, dim, signal):
    both = np.concatenate([q, g])
    centers = rng.normal(size=(64, dim))
    features = unit(centers[both[:, 0] % 64] * signal + rng.normal(size=(len(both), dim)))
    query, gallery = features[: len(q)], features[len(q) :]
    scores = query.astype(np.float64) @ gallery.astype(np.float64).T
    all_scores = np.sort(features.astype(np.float64) @ features.astype(np.float64).T, axis=1)
    # No two scores that f32 might order otherwise.
    assert np.diff(np.sort(scores, axis=None)).min() > 0 and np.diff(all_scores).min() > 3e-7
    rates = [0.0, 1e-3, 1e-2, 0.1, 0.5, 1.0]
    tpr, thresholds = roc(scores, q, g, rates)
    found = {"query": query, "gallery": gallery, "query_labels": q, "gallery_labels": g,
             "roc.fpr": np.array(rates), "roc.tpr": np.array(tpr),
             "roc.threshold": np.array(thresholds), "cameras": by_camera(scores, q, g)}
    # An odd k1 whose half NumPy rounds to the even number, no averaging, all of either distance,
    # more neighbours than there are images.
    for index, settings in enumerate([(20, 6, 0.3), (5, 1, 0.0), (7, 3, 1.0), (4, 8, 0.5), (500, 2, 0.3)]):
        found[f"rerank.{index}.settings"] = np.array(settings, dtype=np.float64)
        found[f"rerank.{index}.distances"] = reranked(query, gallery, *settings)
    wide = [query.astype(np.float64), gallery.astype(np.float64)]
    found["normalized.query"], found["normalized.gallery"] = normalized(*wide, q, g)
    for k in (1, 5):
        found[f"expanded.{k}"] = expanded(*wide, k)
    for name, value in found.items():
        tensors[f"{number}.{name}"] = np.ascontiguousarray(value)


def labels(count, low, identities, cameras):
    pairs = [rng.integers(low, identities, count), rng.integers(1, cameras + 1, count)]
    return np.stack(pairs, axis=1).astype(np.int64)


case(0, labels(15, 1, 12, 4), labels(120, -1, 12, 4), 24, 0.6)
case(1, labels(8, 1, 5, 3), labels(60, 0, 8, 3), 16, 1.5)
case(2, labels(3, 1, 3, 2), labels(9, 1, 3, 2), 8, 0.3)
save_file(tensors, pathlib.Path(__file__).with_name("evaluation.safetensors"))
