"""Zero intelligence from a recording: the estimators of Farmer, Patelli, Zovko (2005).

alpha  lots of new limit orders per second, tick and side, where the central 98 % of them are placed (ticks from the opposite best)
mu     lots taken per second and side
delta  cancels per second and resting order, of the orders placed there; of level data cancelled lots per second and resting lot
sigma  mean size of those orders

The window of the model is as wide as makes all placements come at the rate alpha.  The law of the spread that Smith, Farmer, Gillemot and Krishnamurthy (2003) give,
(mu / alpha) (0.28 + 1.86 (sigma delta / mu)^(3/4)), is reported beside the measured one, and used in no fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lobsim.calibration.flow.estimates import Estimate, Fitted, rates
from lobsim.calibration.flow.events import ARRIVAL, TAKE
from lobsim.calibration.flow.recording import Recording
from lobsim.errors import DataError
from lobsim.realism.prepare import SECOND_NS
from lobsim.types import NEVER, Side

CENTRAL = (0.01, 0.99)
_MOST_LEVELS = 500
_MOST_WARMUP_S = 3600


def fit_zero_intelligence(recordings: Sequence[Recording], *, central: tuple[float, float] = CENTRAL) -> Fitted:
    """Fit the flow to one or several days.

    central  quantiles of the distance between which placements are counted

    Raises DataError where no limit order arrives behind the opposite best.
    """
    low, high = placements(recordings, central)
    near = [(each.distance >= low) & (each.distance <= high) for each in recordings]
    come = [(each.events.what == ARRIVAL) & there for each, there in zip(recordings, near, strict=True)]
    seconds = [2 * each.seconds for each in recordings]
    width = high - low + 1
    alpha = rates(
        [each.count(chosen, each.events.size_lots) for each, chosen in zip(recordings, come, strict=True)],
        [time * width for time in seconds],
        events=[each.count(chosen) for each, chosen in zip(recordings, come, strict=True)],
    ).estimates(["alpha"], "lots per second, tick and side")[0]
    mu = _taken(recordings, seconds)
    delta = _deaths(recordings, low, high)
    sizes = np.concatenate([each.events.size_lots[chosen] for each, chosen in zip(recordings, come, strict=True)])
    sigma = Estimate("sigma", float(sizes.mean()), float(sizes.std() / np.sqrt(len(sizes))), "lots", len(sizes))
    every = sum(float((each.events.size_lots * _behind(each)).sum()) for each in recordings)
    time_s = sum(float(part.sum()) for part in seconds)
    window = max(round(every / time_s / alpha.value), 1)
    lots = max(round(sigma.value), 1)
    spread = _law(recordings, alpha.value, mu.value, delta.value, lots)
    family = {
        "family": "zero_intelligence",
        "alpha": alpha.value,
        "mu": mu.value,
        "delta": delta.value,
        "sigma": lots,
        "window": window,
    }
    count = sum(int(_behind(each).sum()) for each in recordings)
    return Fitted(
        family,
        _opening(alpha.value, delta.value, lots, window, spread["spread_ticks"]),
        int(min(max(5 / max(delta.value, 1e-9), 10), _MOST_WARMUP_S)),
        [alpha, mu, delta, sigma, Estimate("window", window, float("nan"), "ticks")],
        {"limit orders outside the central placements": f"{1 - sum(int(c.sum()) for c in come) / count:.1%}"},
        [
            f"Placements are counted {low:,} to {high:,} ticks from the opposite best price.",
            _claim(alpha.value, mu.value),
        ],
        spread,
    )


def _behind(recording: Recording) -> np.ndarray:
    """bool [events]: a limit order that does not reach the other side."""
    return (recording.events.what == ARRIVAL) & (recording.distance >= 1)


def placements(recordings: Sequence[Recording], central: tuple[float, float]) -> tuple[int, int]:
    """Between which distances from the opposite best the central share of limit orders is placed."""
    distances = np.concatenate([each.distance[_behind(each)] for each in recordings])
    if not len(distances):
        raise DataError("no limit order arrives while the book has two sides", file=recordings[0].day.info.source)
    low, high = np.quantile(distances, central, method="inverted_cdf")
    return int(low), int(high)


def _taken(recordings: Sequence[Recording], seconds: list[np.ndarray]) -> Estimate:
    takes = [each.events.what == TAKE for each in recordings]
    return rates(
        [each.count(chosen, each.events.size_lots) for each, chosen in zip(recordings, takes, strict=True)],
        seconds,
        events=[each.count(chosen) for each, chosen in zip(recordings, takes, strict=True)],
    ).estimates(["mu"], "lots per second and side")[0]


def _deaths(recordings: Sequence[Recording], low: int, high: int) -> Estimate:
    """Cancels over the time for which what can be cancelled rested."""
    counted = [_lives(each, low, high) if each.day.by_orders else _lots(each) for each in recordings]
    cancels, rested, number = zip(*counted, strict=True)
    return rates(cancels, rested, events=number).estimates(["delta"], "per second and order")[0]


def _lives(recording: Recording, low: int, high: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cancels, order-seconds and cancels again, by block, of the orders placed between two distances."""
    day, lives = recording.day, recording.day.lives
    assert lives is not None
    before = day.before.at(lives.row)
    buys = day.side[lives.row] == Side.BUY
    price = day.price_ticks[lives.row]
    away = np.where(buys, before.ask_ticks - price, price - before.bid_ticks)
    placed = before.valid & (away >= low) & (away <= high)
    rows = len(day.ts_ns)
    ends = np.where(lives.ended, np.searchsorted(day.ts_ns, np.where(lives.ended, lives.end_ns, 0)), rows)
    steps = np.bincount(lives.row[placed], minlength=rows + 1) - np.bincount(ends[placed], minlength=rows + 1)
    rested = recording.sum_time(np.ones(rows, bool), np.cumsum(steps)[:rows])
    dead = placed & lives.cancelled & (lives.end_ns != NEVER)
    row = ends[dead]
    counted = _within(recording, row)
    cancels = np.bincount(recording.row_block[row[counted]], minlength=recording.blocks).astype(float)
    return cancels, rested, cancels


def _within(recording: Recording, row: np.ndarray) -> np.ndarray:
    """bool [n]: rows of the window before which the book had two sides."""
    time, window = recording.day.ts_ns[row], recording.window
    return (time >= window.start_ns) & (time <= window.end_ns) & recording.day.before.valid[row]


def _lots(recording: Recording) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same in lots, of every level that the feed shows."""
    cancels = (recording.events.what != ARRIVAL) & (recording.events.what != TAKE)
    clock = np.concatenate([[0], np.cumsum(recording.usable_ns)]) / SECOND_NS
    edges = np.flatnonzero(np.append(True, np.diff(recording.row_block) != 0))
    rested = np.zeros(recording.blocks)
    for side in (int(Side.BUY), int(Side.SELL)):
        _, first, until, size = recording.levels.spans(side, edges)
        rested += np.bincount(recording.row_block[first], size * (clock[until] - clock[first]), recording.blocks)
    return recording.count(cancels, recording.events.size_lots), rested, recording.count(cancels)


def mean_spread(recordings: Sequence[Recording]) -> float:
    """Ticks, weighted by time."""
    total = sum(float((np.nan_to_num(each.day.after.spread) * each.usable_ns).sum()) for each in recordings)
    return total / sum(float(each.usable_ns.sum()) for each in recordings)


def _law(recordings: Sequence[Recording], alpha: float, mu: float, delta: float, sigma: int) -> dict[str, float]:
    granularity = sigma * delta / mu
    return {
        "granularity": granularity,
        "price_scale_ticks": mu / alpha,
        "tick_to_price_scale": alpha / mu,
        "spread_ticks": mean_spread(recordings),
        "spread_of_the_law_ticks": mu / alpha * (0.28 + 1.86 * granularity**0.75),
    }


def _claim(alpha: float, mu: float) -> str:
    ratio = alpha / mu
    if ratio < 0.5:
        return f"A tick is {ratio:.2g} of the price scale mu / alpha."
    return (
        f"A tick is {ratio:.2g} of the price scale mu / alpha: the laws of this model are claimed for small ticks only."
    )


def _opening(alpha: float, delta: float, sigma: int, window: int, spread_ticks: float) -> dict[str, int]:
    """A book about as dense as the model's far from the touch, alpha / delta lots a tick."""
    density = alpha / max(delta, alpha / 1e6)
    step = max(round(sigma / density), 1)
    return {
        "levels": int(min(max(window // step, 1), _MOST_LEVELS)),
        "lots": max(round(density * step), 1),
        "step": step,
        "distance": max(round(spread_ticks / 2), 1),
    }
