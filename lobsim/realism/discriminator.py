"""Can a classifier tell two days apart by their messages?  Area under its ROC curve: 0.5 it cannot, 1 it always can.

After the discriminator of LOB-Bench (Nagy et al. 2025).  The model is that of Dempster, Petitjean and Webb (ROCKET, 2020): convolutions with random kernels over windows of messages
(lobsim.realism.windows), of each the share of the window in which it is above a threshold and its maximum, and a ridge regression on those, its penalty chosen by leaving one window out.  Kernels that are drawn and not learnt need
neither a second framework nor a minute and cannot fail to converge; their authors found them as accurate as trained networks on series of this length (not compared here).

Two of three blocks of time are learnt from, the third is what it is asked about; a block is never split, so no window has a neighbour of its own time on the other side.  The interval draws whole blocks of both
days again, and windows within them.  The noise floor is the same question between even and odd blocks of the other day itself.

Invariant: the same days and seed give the same area.
Known limit: it sees 64 messages at once and nothing slower; what a larger model would learn it does not tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lobsim.realism.facts.measured import Context, NotMeasurable
from lobsim.realism.windows import FEATURES, MESSAGES, Windows, windows_of

LEVEL = 0.99
_TAPS = 7
_DILATIONS = (1, 2, 4, 8)
_KERNELS = 80
"""Kernels of each dilation."""
_MOST_CHANNELS = 4
_PENALTIES = np.logspace(0, 5, 11)
_CHUNK = 256
_DRAWS = 400
_TEST_EVERY = 3
_FEWEST_BLOCKS = 3
_FEWEST_TO_LEARN = 60
_FEWEST_TO_ASK = 30


@dataclass(frozen=True)
class Area:
    """Area under the ROC curve on windows that were not learnt from, and its interval.

    learnt, asked  windows of both days together
    """

    area: float
    low: float
    high: float
    learnt: int
    asked: int


@dataclass(frozen=True)
class Discrimination:
    """How well two days are told apart; floor: even and odd blocks of the other day, None where it is too short."""

    days: Area
    floor: Area | None

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        told = {"messages": MESSAGES, "level": LEVEL, **vars(self.days)}
        return told | {"floor": None if self.floor is None else vars(self.floor)}


def discriminate(ours: Context, theirs: Context, *, seed: int = 0) -> Discrimination:
    """Learn to tell two days apart.

    Raises NotMeasurable for days of levels or too few messages.
    """
    depths = [one.day.info.depth for one in (ours, theirs) if one.day.info.depth > 0]
    levels = min(depths, default=0)
    mine, other = windows_of(ours, levels, seed), windows_of(theirs, levels, seed)
    days = area_between(mine, other, seed=seed)
    even = other.block % 2 == 0
    halves = [Windows(half.features, half.block // 2) for half in (other.where(even), other.where(~even))]
    try:
        floor = area_between(*halves, seed=seed)
    except NotMeasurable:
        floor = None
    return Discrimination(days, floor)


def area_between(ours: Windows, theirs: Windows, *, seed: int) -> Area:
    """Learn on two of three blocks, ask about the third; raises NotMeasurable where there are too few windows."""
    count = min(len(ours.block), len(theirs.block))
    pair = [_evenly(one, count) for one in (ours, theirs)]
    asked = [one.block % _TEST_EVERY == _TEST_EVERY - 1 for one in pair]
    fewest = min(int(mask.sum()) for mask in asked), min(int((~mask).sum()) for mask in asked)
    blocks = min(len(np.unique(one.block[mask])) for one, mask in zip(pair, asked, strict=True))
    if blocks < _FEWEST_BLOCKS:
        raise NotMeasurable(
            f"one of the days has {blocks} blocks of time to be asked about, {_FEWEST_BLOCKS} are needed"
        )
    if fewest[0] < _FEWEST_TO_ASK or fewest[1] < _FEWEST_TO_LEARN:
        raise NotMeasurable(
            f"one of the days has {fewest[1]} windows of {MESSAGES} messages to learn from and {fewest[0]} to be asked about, "
            f"{_FEWEST_TO_LEARN} and {_FEWEST_TO_ASK} are needed"
        )
    learnt = [one.where(~mask) for one, mask in zip(pair, asked, strict=True)]
    kept = [one.where(mask) for one, mask in zip(pair, asked, strict=True)]
    score = _score(learnt, kept, np.random.default_rng((seed, 3)))
    label = _labels(kept) == 1
    weights = _block_weights([one.block for one in kept], np.random.default_rng((seed, 2)))
    draws = roc_area(score, label, weights)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws[np.isfinite(draws)], (tail, 1 - tail))
    area = float(roc_area(score, label, np.ones((1, len(score))))[0])
    return Area(area, float(low), float(high), sum(len(one.block) for one in learnt), len(label))


def _evenly(windows: Windows, count: int) -> Windows:
    """So many of them, evenly spread: neither day may win by being longer."""
    return windows.where(np.arange(count) * len(windows.block) // max(count, 1))


def _labels(pair: list[Windows]) -> np.ndarray:
    """1 for the first day's windows, 0 for the other's."""
    return np.concatenate([np.full(len(one.block), 1 - place, np.float32) for place, one in enumerate(pair)])


def _block_weights(blocks: list[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """float [draws, windows]: how often each window is there when each day's blocks are drawn again, and windows within them: few blocks alone would vary too little."""
    parts = []
    for block in blocks:
        names, place = np.unique(block, return_inverse=True)
        drawn = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=_DRAWS)
        parts.append(generator.poisson(drawn[:, place]))
    return np.concatenate(parts, axis=1).astype(float)


def roc_area(score: np.ndarray, label: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Probability that a window of the first day scores above one of the other, half for ties; float [draws].

    score    float [windows];  label  bool [windows]: of the first day
    weights  float [draws, windows]
    """
    order = np.argsort(score, kind="stable")
    _, place = np.unique(score[order], return_inverse=True)
    firsts = np.flatnonzero(np.diff(place, prepend=-1))
    weighted = weights[:, order]
    ours = np.add.reduceat(weighted * label[order], firsts, axis=1)
    theirs = np.add.reduceat(weighted * ~label[order], firsts, axis=1)
    below = np.cumsum(theirs, axis=1) - theirs / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return (ours * below).sum(axis=1) / (ours.sum(axis=1) * theirs.sum(axis=1))


class _Kernels(NamedTuple):
    """Random kernels of one dilation.

    weights     float32 [features * taps, kernels];  thresholds  float32 [kernels]
    """

    dilation: int
    weights: np.ndarray
    thresholds: np.ndarray


def _draw_kernels(windows: np.ndarray, generator: np.random.Generator) -> list[_Kernels]:
    """Kernels over one to _MOST_CHANNELS features each, weights normal around 0; thresholds from what they give on some of the windows."""
    drawn = []
    some = windows[generator.choice(len(windows), min(len(windows), _CHUNK), replace=False)]
    for dilation in _DILATIONS:
        weights = generator.normal(size=(len(FEATURES), _TAPS, _KERNELS))
        weights -= weights.mean(axis=1, keepdims=True) * (generator.random(_KERNELS) < 0.5)
        count = generator.integers(1, _MOST_CHANNELS + 1, _KERNELS)
        rank = generator.random((len(FEATURES), _KERNELS)).argsort(axis=0).argsort(axis=0)
        weights *= (rank < count)[:, None, :]
        flat = weights.reshape(-1, _KERNELS).astype(np.float32)
        given = _convolved(some, dilation, flat).reshape(-1, _KERNELS)
        at = (generator.random(_KERNELS) * len(given)).astype(int)
        drawn.append(_Kernels(dilation, flat, np.sort(given, axis=0)[at, np.arange(_KERNELS)]))
    return drawn


def _convolved(windows: np.ndarray, dilation: int, weights: np.ndarray) -> np.ndarray:
    """float32 [windows, places, kernels]: kernels over windows, float32 [windows, features, messages]."""
    places = MESSAGES - dilation * (_TAPS - 1)
    taps = [windows[:, :, tap * dilation : tap * dilation + places] for tap in range(_TAPS)]
    columns = np.stack(taps, axis=2).reshape(len(windows), -1, places).transpose(0, 2, 1)
    return np.ascontiguousarray(columns).reshape(-1, columns.shape[2]).dot(weights).reshape(len(windows), places, -1)


def _told(windows: np.ndarray, kernels: list[_Kernels]) -> np.ndarray:
    """float [windows, 2 * kernels]: the share of each window above the threshold of a kernel, and the kernel's maximum."""
    parts = []
    for first in range(0, len(windows), _CHUNK):
        row = []
        for one in kernels:
            given = _convolved(windows[first : first + _CHUNK], one.dilation, one.weights)
            row += [(given > one.thresholds).mean(axis=1), given.max(axis=1)]
        parts.append(np.concatenate(row, axis=1))
    return np.concatenate(parts).astype(float)


def _score(learnt: list[Windows], asked: list[Windows], generator: np.random.Generator) -> np.ndarray:
    """Learn from some windows of both days; what is asked about gets a score, float [windows], higher for the first day."""
    features = np.concatenate([one.features for one in learnt])
    centre = features.mean(axis=(0, 2), keepdims=True)
    scale = features.std(axis=(0, 2), keepdims=True) + np.float32(1e-6)
    features = (features - centre) / scale
    kernels = _draw_kernels(features, generator)
    told = _told(features, kernels)
    mean, deviation = told.mean(axis=0), told.std(axis=0) + 1e-9
    weights, offset = ridge((told - mean) / deviation, 2.0 * _labels(learnt) - 1)
    ask = (np.concatenate([one.features for one in asked]) - centre) / scale
    return (_told(ask, kernels) - mean) / deviation @ weights + offset


def ridge(inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, float]:
    """Ridge regression with the penalty that foretells a left-out row best: weights, offset.

    inputs  float [rows, columns], columns of mean 0;  targets  float [rows]
    """
    offset = float(targets.mean())
    left, singular, right = np.linalg.svd(inputs, full_matrices=False)
    projected = left.T @ (targets - offset)
    best: tuple[float, np.ndarray] | None = None
    for penalty in _PENALTIES:
        shrunk = singular**2 / (singular**2 + penalty)
        leverage = np.minimum((left**2) @ shrunk + 1 / len(targets), 1 - 1e-6)
        error = float(np.mean(((targets - offset - left @ (shrunk * projected)) / (1 - leverage)) ** 2))
        if best is None or error < best[0]:
            best = error, right.T @ (singular / (singular**2 + penalty) * projected)
    assert best is not None
    return best[1], offset
