"""Queue-reactive model from a recording: rates by queue and its size (Huang, Lehalle, Rosenbaum 2015, section 2.2), laws of sizes, and how prices move.

*Rates.*  A queue's size is counted in its average event size, rounded up.  The likelihood of a rate that depends on that size n is greatest at events / time at n.  Both sides count together.
Sizes that are seldom seen share the events and the time of their neighbours.  A queue that is hardly ever the best of its side takes its market orders from the one before it.

*Unit.*  Where half of all events are within a tenth of the mean, the median is the unit: an order of the usual size is then one unit and not a little more than one.

*Moves.*  theta is the share of emptied first queues whose price the other side takes over.  theta_reinit cannot be seen; it is the one with which the model, simulated, moves its mid as far in ten
minutes (a twentieth of a shorter recording) as the recording does.  Neither touches the kurtosis, memory of signs, response or order flow by which a calibration is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lobsim.calibration.flow.estimates import Estimate, Fitted, rates
from lobsim.calibration.flow.events import ARRIVAL, CANCEL, TAKE
from lobsim.calibration.flow.queues import QueueView, queue_view
from lobsim.calibration.flow.recording import Recording
from lobsim.calibration.flow.sizes import size_law
from lobsim.errors import DataError
from lobsim.realism.prepare import SECOND_NS
from lobsim.types import Side

QUEUES = 3
MOST = 60
PUBLISHED_REINIT = 0.85
_NARROWEST = 0.2
_SELDOM = 0.002
_ENOUGH = 25
_UNBOUNDED = 2**31
WITH_NEIGHBOURS = "per second, neighbours too"
_KINDS = (("entering", ARRIVAL), ("dying", CANCEL), ("taking", TAKE))


def fit_queue_reactive(recordings: Sequence[Recording], *, queues: int = QUEUES) -> Fitted:
    """Fit rates, sizes and theta to one or several days; theta_reinit is the published 0.85 (`lobsim.calibration.flow.moves` fits it).

    queues  how many a side

    Raises DataError for a market whose spread is seldom one or two ticks: the model is of large ticks.
    """
    views = [queue_view(each) for each in recordings]
    share = _narrow_share(views)
    if share < _NARROWEST:
        raise DataError(
            f"the spread is one or two ticks for {share:.1%} of the time, the queue-reactive model needs {_NARROWEST:.0%}",
            file=recordings[0].day.info.source,
            hint="take --model hawkes12, cst or zi for a stock with small ticks",
        )
    places = [view.place() for view in views]
    units = [_unit(views, places, i) for i in range(queues)]
    states = [[_states(view, i, units[i]) for i in range(queues)] for view in views]
    most = _most(views, states)
    theta = _theta(views)
    tables, estimates = [], []
    for i in range(queues):
        table, found = _queue(views, places, states, i, units[i], most)
        tables.append(table)
        estimates += found
    bins = _bins(views, states)
    for i, table in enumerate(tables):
        _add_sizes(table, views, places, states, i, bins)
        if i > 1:
            table |= {name: tables[i - 1][name] for name in ("taking", "taking_sizes")}
    family: dict[str, Any] = {
        "family": "queue_reactive",
        "most": most,
        "theta": theta.value,
        "theta_reinit": PUBLISHED_REINIT,
        "bins": [*bins, _UNBOUNDED],
        "queues": tables,
    }
    far = sum(int((view.event_usable & ((place < 0) | (place >= queues))).sum()) for view, place in zip(views, places, strict=True))  # fmt: skip
    total = sum(len(each.events.row) for each in recordings)
    known = sum(int(view.event_usable.sum()) for view in views)
    return Fitted(
        family,
        {},
        60,
        [theta, *estimates],
        {
            "time with a wider spread": f"{1 - share:.1%}",
            "events beyond the queues": f"{far / total:.1%}",
            "events without a known reference": f"{1 - known / total:.1%}",
        },
        [],
        {"most_units": float(most)},
    )


def _narrow_share(views: list[QueueView]) -> float:
    known = sum(float(view.recording.usable_ns[view.usable].sum()) for view in views)
    return known / max(sum(float(view.recording.usable_ns.sum()) for view in views), 1.0)


def _unit(views: list[QueueView], places: list[np.ndarray], i: int) -> int:
    """Average event size at the i-th queue, lots."""
    sizes = [
        view.recording.events.size_lots[view.event_usable & (place == i)]
        for view, place in zip(views, places, strict=True)
    ]
    size = np.concatenate(sizes)
    if not len(size):
        raise DataError(f"nothing happens at queue {i + 1} of either side", file=views[0].recording.day.info.source)
    mean, median = float(size.mean()), float(np.median(size))
    return max(round(median if abs(mean - median) <= 0.1 * median else mean), 1)


def _states(view: QueueView, i: int, unit: int) -> np.ndarray:
    """int64 [2, rows]: units in the i-th queue of either side after each row."""
    rows = np.arange(len(view.lower))
    return np.stack([-(-view.lots(side, i, rows) // unit) for side in (int(Side.BUY), int(Side.SELL))])


def _most(views: list[QueueView], states: list[list[np.ndarray]]) -> int:
    """Units that hardly any queue exceeds."""
    time = np.concatenate([np.tile(view.time_ns, 2) for view in views for _ in states[0]])
    units = np.concatenate([state.ravel() for each in states for state in each])
    order = np.argsort(units)
    reached = np.cumsum(time[order]) / max(time.sum(), 1)
    return int(np.clip(units[order][min(np.searchsorted(reached, 1 - _SELDOM), len(order) - 1)], 2, MOST))


def _queue(
    views: list[QueueView], places: list[np.ndarray], states: list[list[np.ndarray]], i: int, unit: int, most: int
) -> tuple[dict[str, Any], list[Estimate]]:  # fmt: skip
    """Tables of one queue, and their estimates."""
    table: dict[str, Any] = {"unit": unit}
    estimates = [Estimate(f"unit {i + 1}", unit, float("nan"), "lots")]
    for name, what in _KINDS:
        counts, times = [], []
        for view, place, state in zip(views, places, states, strict=True):
            capped = np.minimum(state[i], most)
            counts.append(_counts(view, place, capped, i, what, most))
            times.append(_times(view, capped, i, what, most))
        counts, times, alone = _shared(counts, times)
        found = rates(counts, times)
        values = found.value
        if what == CANCEL:
            values = np.append(0.0, values[1:])
        if what == TAKE:
            values = np.append(values[1], values[1:])
        table[name] = values.tolist()
        first = 0 if what == ARRIVAL else 1
        named = found.estimates([f"{name} {i + 1} at {n}" for n in range(most + 1)], "per second")
        named = [each if own else replace(each, unit=WITH_NEIGHBOURS) for each, own in zip(named, alone, strict=True)]
        estimates += [each for each in named[first:] if each.count > 0]
    return table, estimates


def _counts(view: QueueView, place: np.ndarray, state: np.ndarray, i: int, what: int, most: int) -> np.ndarray:
    """float [blocks, most + 1]: events of a kind at the i-th queue, by the units in it before."""
    events = view.recording.events
    chosen = view.event_usable & (place == i) & (events.what == what)
    before = view.recording.day.instant[events.row[chosen]] - 1
    units = state[events.side[chosen], before]
    blocks = view.recording.blocks
    cell = view.recording.event_block[chosen] * (most + 1) + units
    return np.bincount(cell, minlength=blocks * (most + 1)).reshape(blocks, most + 1).astype(float)


def _times(view: QueueView, state: np.ndarray, i: int, what: int, most: int) -> np.ndarray:
    """float [blocks, most + 1]: seconds either side's queue had so many units; of takers only while it was the best."""
    blocks = view.recording.blocks
    total = np.zeros(blocks * (most + 1))
    after = view.recording.day.after
    rows = np.arange(len(view.lower))
    for side, best in ((int(Side.BUY), after.bid_ticks), (int(Side.SELL), after.ask_ticks)):
        time = view.time_ns / SECOND_NS
        if what == TAKE:
            time = np.where(best == view.price(side, i, rows), time, 0.0)
        total += np.bincount(view.recording.row_block * (most + 1) + state[side], time, blocks * (most + 1))
    return total.reshape(blocks, most + 1)


def _shared(counts: list[np.ndarray], times: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Sizes with few events take those of neighbours in, until there are enough; an empty queue never shares.

    Returns counts, times, and bool [most + 1]: sizes that stand alone.
    """
    total = np.sum([count.sum(axis=0) for count in counts], axis=0)
    last = len(total) - 1
    new_counts, new_times = [count.copy() for count in counts], [time.copy() for time in times]
    alone = np.ones(last + 1, bool)
    for n in range(1, last + 1):
        low = high = n
        while total[low : high + 1].sum() < _ENOUGH and (low > 1 or high < last):
            low, high = max(low - 1, 1), min(high + 1, last)
        alone[n] = low == high
        for old, new in ((counts, new_counts), (times, new_times)):
            for place, part in enumerate(old):
                new[place][:, n] = part[:, low : high + 1].sum(axis=1)
    return new_counts, new_times, alone


def _theta(views: list[QueueView]) -> Estimate:
    """How often the price of an emptied first queue goes over to the other side."""
    followed, ended = [], []
    for view in views:
        gaps, recording = view.gaps, view.recording
        time = recording.day.ts_ns[gaps.first]
        inside = (time >= recording.window.start_ns) & (time <= recording.window.end_ns)
        told = inside & (gaps.emptied >= 0) & (gaps.filled >= 0)
        block = recording.row_block[gaps.first[told]]
        ended.append(np.bincount(block, minlength=recording.blocks).astype(float))
        over = gaps.filled[told] != gaps.emptied[told]
        followed.append(np.bincount(block, over, recording.blocks))
    if not sum(float(part.sum()) for part in ended):
        return Estimate("theta", 0.7, float("nan"), "share, published: no first queue is emptied", 0)
    found = rates(followed, ended)
    return found.estimates(["theta"], "share of emptied first queues")[0]


def _bins(views: list[QueueView], states: list[list[np.ndarray]]) -> list[int]:
    """Terciles of the first queue's size over time, in units: upper ends of all bins but the last."""
    time = np.concatenate([np.tile(view.time_ns, 2) for view in views])
    units = np.concatenate([state[0].ravel() for state in states])
    order = np.argsort(units)
    reached = np.cumsum(time[order]) / max(time.sum(), 1)
    ends = {int(units[order][np.searchsorted(reached, share)]) for share in (1 / 3, 2 / 3)}
    return sorted(end for end in ends if end >= 1)


def _add_sizes(
    table: dict[str, Any], views: list[QueueView], places: list[np.ndarray], states: list[list[np.ndarray]], i: int, bins: list[int]
) -> None:  # fmt: skip
    """Laws of sizes of one queue, by bin of its size.

    changes: table
    """
    edges = np.array([*bins, _UNBOUNDED])
    for name, what in _KINDS:
        sizes, bin_of = [], []
        for view, place, state in zip(views, places, states, strict=True):
            events = view.recording.events
            chosen = view.event_usable & (place == i) & (events.what == what)
            before = view.recording.day.instant[events.row[chosen]] - 1
            sizes.append(events.size_lots[chosen])
            bin_of.append(np.searchsorted(edges, state[i][events.side[chosen], before]))
        size, where = np.concatenate(sizes), np.concatenate(bin_of)
        whole = size if len(size) else np.array([table["unit"]])
        laws = [size[where == place] for place in range(len(edges))]
        table[f"{name}_sizes"] = [size_law(law if len(law) >= _ENOUGH else whole) for law in laws]
