"""Laws of sizes as presets have them, out of the sizes of a recording."""

from __future__ import annotations

from typing import Any

import numpy as np

_KEPT = 30
_GROUPS = 50
_POINTS = 8
_ROUND = 0.02
"""A size has a weight of its own where at least so much of all events has it."""


def size_law(size_lots: np.ndarray) -> dict[str, Any]:
    """Sizes and how often each: the frequent ones as they are, the others in groups of equal number, each by its mean.

    size_lots  int64 [n], n >= 1
    """
    lots, counts = np.unique(size_lots, return_counts=True)
    if len(lots) > _KEPT + _GROUPS:
        order = np.argsort(-counts, kind="stable")
        common, rest = np.sort(order[:_KEPT]), np.sort(order[_KEPT:])
        others = np.repeat(lots[rest], counts[rest])
        groups = np.array_split(others, _GROUPS)
        merged: dict[int, int] = dict(zip(lots[common].tolist(), counts[common].tolist(), strict=True))
        for group in groups:
            mean = round(float(group.mean()))
            merged[mean] = merged.get(mean, 0) + len(group)
        lots, counts = np.array(sorted(merged)), np.array([merged[size] for size in sorted(merged)])
    return {"lots": lots.tolist(), "weights": (counts / counts.sum()).tolist()}


def mixed_sizes(size_lots: np.ndarray) -> dict[str, Any]:
    """A geometric law and points: sizes that are frequent by themselves, and 1 / (mean of the others).

    size_lots  int64 [n], n >= 1
    """
    lots, counts = np.unique(size_lots, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_POINTS]
    points = np.sort(order[counts[order] >= _ROUND * len(size_lots)])
    share = counts[points] / len(size_lots)
    others = np.delete(np.arange(len(lots)), points)
    left = int(counts[others].sum())
    if left == 0:
        return {"p": 0.5, "lots": lots[points].tolist(), "weights": (share * 1e6).tolist()}
    mean = float((lots[others] * counts[others]).sum() / left)
    rest = left / len(size_lots)
    return {
        "p": float(np.clip(1 / mean, 1e-9, 0.999)),
        "lots": lots[points].tolist(),
        "weights": (share / rest).tolist(),
    }
