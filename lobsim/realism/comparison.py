"""One day beside another: distances of scores, response curves, and how the distance grows along the day.

After LOB-Bench (Nagy et al. 2025, arXiv 2502.09172), with what it leaves open mended: sweeps over several prices are one market order, an inter-arrival
time of zero is an atom, lifetimes that were not seen to their end count, and intervals come from drawing whole sequences.
Its discriminator: lobsim.realism.discriminator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lobsim.realism.distances import Distance, bin_edges, centred_interval, distance
from lobsim.realism.facts.measured import Context, NotMeasurable
from lobsim.realism.intervals import Resampler
from lobsim.realism.responses import EVENTS, LAGS, curves, response_sums
from lobsim.realism.scores import CONDITIONALS, SCORES, Conditional, Sample

LEVEL = 0.99
DRIFT_SCORES = ("spread", "imbalance", "log_inter_arrival_ms", "ask_size", "bid_size")
_DRIFT_WINDOWS = 24
_DRIFT_MESSAGES = 100
_FEWEST = 200
SUMMARIES = ("mean", "median", "iqm")


@dataclass(frozen=True)
class ScoreDistance:
    """Distances of one score.

    distance  None where it cannot be measured; why is in note
    floor     the same between the even and the odd sequences of the other day: total variation, Wasserstein-1
    """

    name: str
    distance: Distance | None
    floor: tuple[float, float] | None = None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain numbers and text."""
        if self.distance is None:
            return {"name": self.name, "total_variation": None, "wasserstein": None, "note": self.note}
        found = self.distance
        return {
            "name": self.name,
            "total_variation": found.total_variation,
            "total_variation_interval": centred_interval(found.total_variation, found.total_variation_draws, LEVEL),
            "wasserstein": found.wasserstein,
            "wasserstein_interval": centred_interval(found.wasserstein, found.wasserstein_draws, LEVEL),
            "floor": self.floor,
            "note": self.note,
        }


@dataclass(frozen=True)
class Drift:
    """Total variation to the whole other day, averaged over DRIFT_SCORES, window by window.

    messages  in a window
    ours      float [windows]
    floor     float [windows]: the same of windows of the other day itself
    """

    messages: int
    ours: np.ndarray
    floor: np.ndarray


@dataclass(frozen=True)
class Responses:
    """Six curves of both days.

    ours, theirs  float [events, lags]: ticks
    gaps          float [events]: absolute differences summed over lags; gap is their mean
    """

    ours: np.ndarray
    theirs: np.ndarray
    gaps: np.ndarray
    gap: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """Everything two days say about each other; None where it cannot be measured, and why in notes."""

    scores: list[ScoreDistance]
    conditionals: list[ScoreDistance]
    summary: dict[str, dict[str, Any]]
    drift: Drift | None
    responses: Responses | None
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        """Plain numbers and text."""
        drift, responses = self.drift, self.responses
        return {
            "scores": [score.as_json() for score in self.scores],
            "conditionals": [score.as_json() for score in self.conditionals],
            "summary": self.summary,
            "drift": drift and {"messages": drift.messages, "ours": drift.ours.tolist(), "floor": drift.floor.tolist()},
            "responses": responses
            and {
                "lags": LAGS.tolist(),
                "curves": {
                    event: {"ours": _plain(responses.ours[place]), "theirs": _plain(responses.theirs[place])}
                    for place, event in enumerate(EVENTS)
                },
                "score": responses.gap,
                "interval": responses.interval,
            },
            "notes": self.notes,
        }


def compare(ours: Context, theirs: Context) -> Comparison:
    """Hold a day against another one."""
    draws = (
        Resampler(ours.resampler.blocks, seed=ours.seed).weights,
        Resampler(theirs.resampler.blocks, seed=theirs.seed + 1).weights,
    )
    samples: dict[str, tuple[Sample, Sample]] = {}
    scores = []
    for score in SCORES:
        try:
            pair = score.take(ours), score.take(theirs)
            scores.append(_score_distance(score.name, pair, score.discrete, draws))
            samples[score.name] = pair
        except NotMeasurable as reason:
            scores.append(ScoreDistance(score.name, None, note=f"not measurable, because {reason}"))
    conditionals = [_conditional(conditional, ours, theirs, draws) for conditional in CONDITIONALS]
    notes = []
    try:
        responses = _responses(ours, theirs, draws)
    except NotMeasurable as reason:
        responses = None
        notes.append(f"response curves are not measurable, because {reason}")
    drift = _drift({name: pair for name, pair in samples.items() if name in DRIFT_SCORES})
    if drift is None:
        notes.append(f"drift is not measurable, because the days are shorter than {2 * _DRIFT_MESSAGES} messages")
    return Comparison(scores, conditionals, _summary(scores), drift, responses, notes)


def _need(pair: tuple[Sample, Sample]) -> None:
    fewest = min(len(sample.values) for sample in pair)
    if fewest < _FEWEST:
        raise NotMeasurable(f"one of the days has {fewest} of them, {_FEWEST} are needed")


def _score_distance(
    name: str, pair: tuple[Sample, Sample], discrete: bool, draws: tuple[np.ndarray, np.ndarray]
) -> ScoreDistance:
    """One score of both days, and of the other day's two halves."""
    _need(pair)
    found = distance(*pair, discrete, *draws)
    odd = pair[1].sequence % 2 == 1
    halves = pair[1].where(odd), pair[1].where(~odd)
    floor = None
    if min(len(half.values) for half in halves) >= _FEWEST // 2:
        once = np.ones((1, draws[1].shape[1]))
        between = distance(*halves, discrete, once, once)
        floor = (between.total_variation, between.wasserstein)
    return ScoreDistance(name, found, floor)


def _conditional(
    conditional: Conditional, ours: Context, theirs: Context, draws: tuple[np.ndarray, np.ndarray]
) -> ScoreDistance:
    """Distance within each group, weighted by the pooled share of the group; groups that one day lacks are left out."""
    (our_sample, our_given), (their_sample, their_given) = conditional.take(ours), conditional.take(theirs)
    pooled = np.concatenate([our_given, their_given])
    edges = np.unique(
        np.quantile(pooled, np.arange(1, 10) / 10) if conditional.by_decile else pooled[np.isfinite(pooled)]
    )
    our_group, their_group = np.searchsorted(edges, our_given), np.searchsorted(edges, their_given)
    parts, weights, left_out = [], [], 0
    for group in range(len(edges) + 1):
        pair = our_sample.where(our_group == group), their_sample.where(their_group == group)
        count = sum(len(sample.values) for sample in pair)
        if min(len(sample.values) for sample in pair) < _FEWEST // 10:
            left_out += count
            continue
        parts.append(distance(*pair, conditional.discrete, *draws))
        weights.append(count)
    if not parts:
        return ScoreDistance(conditional.name, None, note="not measurable, because the two days share no group")
    share = np.array(weights) / sum(weights)
    combined = Distance(*(sum(w * part[place] for w, part in zip(share, parts, strict=True)) for place in range(4)))  # pyright: ignore[reportArgumentType]
    missing = left_out / (left_out + sum(weights))
    return ScoreDistance(
        conditional.name, combined, note=f"{missing:.0%} in groups that one day lacks" if left_out else ""
    )


def _iqm(values: np.ndarray) -> np.ndarray:
    """Mean of the middle half along the first axis."""
    ordered = np.sort(values, axis=0)
    cut = len(ordered) // 4
    return ordered[cut : len(ordered) - cut].mean(axis=0)


def _summary(scores: Sequence[ScoreDistance]) -> dict[str, dict[str, Any]]:
    """Mean, median and mean of the middle half over the scores, for both distances."""
    found = [score.distance for score in scores if score.distance is not None]
    summary: dict[str, dict[str, Any]] = {}
    if not found:
        return summary
    statistics = (lambda v: v.mean(axis=0), lambda v: np.median(v, axis=0), _iqm)
    for name, place in (("total_variation", 0), ("wasserstein", 1)):
        values = np.array([one[place] for one in found])
        draws = np.array([one[place + 2] for one in found])
        summary[name] = {"scores": len(found)}
        for word, statistic in zip(SUMMARIES, statistics, strict=True):
            value = float(statistic(values))
            summary[name][word] = value
            summary[name][f"{word}_interval"] = centred_interval(value, statistic(draws), LEVEL)
    return summary


def _drift(samples: dict[str, tuple[Sample, Sample]]) -> Drift | None:
    """Windows of equally many messages along our day, and along the other one, each against the whole other day."""
    if not samples:
        return None
    shortest = min(len(sample.values) for pair in samples.values() for sample in pair)
    messages = max(shortest // _DRIFT_WINDOWS, _DRIFT_MESSAGES)
    if shortest < 2 * messages:
        return None
    ours, floor = [], []
    for name, (mine, other) in samples.items():
        pooled = np.concatenate([sample.values[~sample.atom] for sample in (mine, other)])
        edges = bin_edges(pooled, name == "spread")
        ours.append(_windows(mine, other, edges, messages))
        floor.append(_windows(other, other, edges, messages))
    return Drift(messages, _mean_of(ours), _mean_of(floor))


def _windows(sample: Sample, whole: Sample, edges: np.ndarray, messages: int) -> np.ndarray:
    """Total variation of each window of a sample to a whole sample, float [windows]; the window itself is not taken out of the whole."""
    bins = len(edges) + 2
    places = [np.where(one.atom, bins - 1, np.searchsorted(edges, one.values, side="right")) for one in (sample, whole)]
    count = len(sample.values) // messages
    number = np.repeat(np.arange(count), messages)
    counts = np.bincount(number * bins + places[0][: count * messages], minlength=count * bins).reshape(count, bins)
    law = np.bincount(places[1], minlength=bins) / len(places[1])
    return 0.5 * np.abs(counts / messages - law).sum(axis=1)


def _mean_of(curves_of_scores: Sequence[np.ndarray]) -> np.ndarray:
    """Mean over scores, as far as all of them go."""
    length = min(map(len, curves_of_scores))
    return np.mean([curve[:length] for curve in curves_of_scores], axis=0)


def _responses(ours: Context, theirs: Context, draws: tuple[np.ndarray, np.ndarray]) -> Responses:
    """The curves of both days and how far they are apart."""
    sums = response_sums(ours), response_sums(theirs)
    mine, other = (curves(one.sum(axis=0)) for one in sums)
    gaps = np.abs(mine - other).sum(axis=-1)
    drawn = [curves(np.tensordot(weights, one, axes=1)) for weights, one in zip(draws, sums, strict=True)]
    gap = float(np.nanmean(gaps))
    drawn_gaps = np.nanmean(np.abs(drawn[0] - drawn[1]).sum(axis=-1), axis=-1)
    return Responses(mine, other, gaps, gap, centred_interval(gap, drawn_gaps, LEVEL))


def _plain(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
