"""Recall and speed of faiss on the embeddings of `trainer bench index --write FOLDER`.

    python faiss_index.py FOLDER --width 512 [--lists 4096] [--hnsw]

Needs numpy and faiss-cpu. Builds use all cores, queries come one at a time on one core.
Inverted lists with 4-bit product codes (256 bits a row) scanned by SIMD, whose best 4,000 are
compared again as they are in f16, and inverted lists of 8-bit scalars; --hnsw adds a graph of the
usual parameters, which takes long to build. Prints a JSON list.
"""

import argparse
import json
import pathlib
import statistics
import time

import faiss
import numpy as np

options = argparse.ArgumentParser()
options.add_argument("folder", type=pathlib.Path)
options.add_argument("--width", type=int, required=True)
options.add_argument("--lists", type=int, default=4096)
options.add_argument("--hnsw", action="store_true")
options = options.parse_args()

rows = np.memmap(options.folder / "rows.f32", "<f4", "r").reshape(-1, options.width)
queries = np.fromfile(options.folder / "queries.f32", "<f4").reshape(-1, options.width)
nearest = np.fromfile(options.folder / "nearest.u32", "<u4").reshape(len(queries), -1)
figures = []


def measure(name, index, built):
    times, hits = [], 0
    for query, near in zip(queries, nearest):
        started = time.perf_counter()
        found = index.search(query[None], len(near))[1][0]
        times.append(1e3 * (time.perf_counter() - started))
        hits += len(np.intersect1d(found, near))
    figures.append({"how": name, "recall": hits / nearest.size, "build_seconds": built,
                    "median": statistics.median(times)})


def build(description):
    index = faiss.index_factory(options.width, description, faiss.METRIC_INNER_PRODUCT)
    started = time.perf_counter()
    if not index.is_trained:
        step = max(1, len(rows) // (40 * options.lists))
        index.train(np.ascontiguousarray(rows[::step]))
    for start in range(0, len(rows), 65536):
        index.add(np.ascontiguousarray(rows[start : start + 65536]))
    return index, time.perf_counter() - started


probes = [probe for probe in (64, 256, 1024, 4096) if probe <= options.lists]
threads = faiss.omp_get_max_threads()
for description in (f"IVF{options.lists},PQ{options.width // 8}x4fs,Refine(SQfp16)",
                    f"IVF{options.lists},SQ8"):
    faiss.omp_set_num_threads(threads)
    index, built = build(description)
    faiss.omp_set_num_threads(1)
    refined = description.endswith(")")
    for probe in probes:
        lists = index.base_index if refined else index
        faiss.ParameterSpace().set_index_parameter(lists, "nprobe", probe)
        if refined:
            index.k_factor = 400
        measure(f"{description} nprobe {probe}", index, built)
if options.hnsw:
    faiss.omp_set_num_threads(threads)
    index, built = build("HNSW32,SQfp16")
    faiss.omp_set_num_threads(1)
    for ef in (64, 256, 1024):
        faiss.ParameterSpace().set_index_parameter(index, "efSearch", ef)
        measure(f"HNSW32,SQfp16 efSearch {ef}", index, built)
print(json.dumps(figures))
