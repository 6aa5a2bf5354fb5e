"""Writes retrieval.safetensors: the metrics of small evaluations, computed plainly.

Case N has query [q, d] f32, gallery [g, d] f32, query_labels and gallery_labels [., 2] i64
(identity, camera), scores [q, g] f64, metrics [24] f64: CMC at 1 to 20, mAP, mINP, expected
rank-1 and mAP of a random order; counts [3] i64: queries measured, queries skipped, gallery
without junk.

chance.cases [k, 2] i64 (matches, items) and chance.expected [k] f64: the mean average
precision over every placement of the matches.
"""

import itertools
import pathlib

import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(77)
tensors = {}


def average_precision(relevant):
    hits = np.flatnonzero(relevant)
    return np.mean([np.mean(relevant[: hit + 1]) for hit in hits])


def chance_precision(matches, items):
    total = 0.0
    for k in range(1, items + 1):
        others = (matches - 1) * (k - 1) / (items - 1) if items > 1 else 0.0
        total += (others + 1) / k
    return total / items


def evaluate(scores, query_labels, gallery_labels):
    rows = []
    keep_known = gallery_labels[:, 0] != -1
    for score, (identity, camera) in zip(scores, query_labels):
        same_identity = gallery_labels[:, 0] == identity
        keep = keep_known & ~(same_identity & (gallery_labels[:, 1] == camera))
        order = np.argsort(-score[keep], kind="stable")
        relevant = same_identity[keep][order]
        matches, items = relevant.sum(), relevant.size
        if matches == 0:
            continue
        cmc = [float(relevant[:k].any()) for k in range(1, 21)]
        minp = matches / (np.flatnonzero(relevant)[-1] + 1)
        chance = [matches / items, chance_precision(int(matches), items)]
        rows.append(cmc + [average_precision(relevant), minp] + chance)
    counts = [len(rows), len(query_labels) - len(rows), keep_known.sum()]
    return np.mean(rows, axis=0), np.array(counts, dtype=np.int64)


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def labels(count, identities, cameras):
    pairs = [rng.integers(*identities, count), rng.integers(*cameras, count)]
    return np.stack(pairs, axis=1).astype(np.int64)


def embeddings(marks, dim, signal):
    centers = rng.normal(size=(64, dim))
    return centers[marks[:, 0] % 64] * signal + rng.normal(size=(len(marks), dim))


def eighths(x):
    """Values whose products and sums are exact in f32, so that equal scores are equal."""
    return (np.round(x * 2) / 8).astype(np.float32)


cases = []
for queries, gallery, dim, signal, low, cameras in [
    (20, 120, 33, 0.5, 1, 4),
    (30, 200, 64, 0.3, -1, 6),  # junk and distractors among the gallery
    (15, 150, 7, 0.2, -1, 2),
    (12, 9, 20, 0.5, 1, 3),  # fewer pictures than ranks, queries without a match
]:
    q, g = labels(queries, (1, 12), (1, cameras + 1)), labels(gallery, (low, 12), (1, cameras + 1))
    both = embeddings(np.concatenate([q, g]), dim, signal)
    cases.append((unit(both[:queries]), unit(both[queries:]), q, g))
# Coarse values: ties everywhere.
q, g = labels(25, (1, 9), (1, 4)), labels(180, (-1, 9), (1, 4))
both = eighths(embeddings(np.concatenate([q, g]), 3, 0.4))
cases.append((both[:25], both[25:], q, g))
# Every score equal: the order is the gallery's.
cases.append((np.ones((6, 4), np.float32), np.ones((40, 4), np.float32),
              labels(6, (1, 4), (1, 3)), labels(40, (0, 4), (1, 3))))
# One camera: all but the queries marked as from another one lose their matches.
q, g = labels(10, (1, 5), (1, 2)), labels(60, (1, 5), (1, 2))
q[:4, 1] = 2
both = embeddings(np.concatenate([q, g]), 16, 0.3)
cases.append((unit(both[:10]), unit(both[10:]), q, g))
# A perfect ranking.
g = labels(50, (1, 9), (2, 5))
q = np.stack([np.unique(g[:, 0]), np.ones(len(np.unique(g[:, 0])))], axis=1).astype(np.int64)
both = embeddings(np.concatenate([q, g]), 40, 5.0)
cases.append((unit(both[: len(q)]), unit(both[len(q) :]), q, g))

for number, (query, gallery, q, g) in enumerate(cases):
    scores = query.astype(np.float64) @ gallery.astype(np.float64).T
    # Different scores must differ enough for f32 to order them alike.
    gaps = np.diff(np.sort(scores, axis=1), axis=1)
    assert gaps[gaps > 1e-12].size == 0 or gaps[gaps > 1e-12].min() > 2e-7, number
    scores = np.round(scores, 12)
    metrics, counts = evaluate(scores, q, g)
    for name, value in [("query", query), ("gallery", gallery), ("query_labels", q),
                        ("gallery_labels", g), ("scores", scores), ("metrics", metrics),
                        ("counts", counts)]:
        tensors[f"{number}.{name}"] = np.ascontiguousarray(value)

chance = [(m, n) for n in range(1, 9) for m in range(1, n + 1)]
expected = []
for matches, items in chance:
    placements = itertools.combinations(range(items), matches)
    expected.append(np.mean([average_precision(np.isin(np.arange(items), p)) for p in placements]))
tensors["chance.cases"] = np.array(chance, dtype=np.int64)
tensors["chance.expected"] = np.array(expected)

save_file(tensors, pathlib.Path(__file__).with_name("retrieval.safetensors"))
