"""Cont-Stoikov-Talreja from a recording: the estimators of the paper (2010, section 3), for either side.

lambda(i) = N_l(i) / T, mu = N_m / T * S_m / S_l, theta(i) = N_c(i) / (T Q(i)) * S_c / S_l, where i is the distance from the opposite best, N counts limit orders, market orders and
cancels, S are their mean sizes and Q(i) is the mean quantity at distance i in units of S_l, an integral over time and no sample.  Counts of both sides are added and T is twice the time.

k i^-alpha is fitted to lambda by least squares.  Distances with few orders take their lambda from it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import curve_fit

from lobsim.calibration.flow.estimates import Estimate, Fitted, Rates, rates
from lobsim.calibration.flow.events import ARRIVAL, CANCEL, TAKE
from lobsim.calibration.flow.recording import Recording, lots_time
from lobsim.calibration.flow.zero_intelligence import mean_spread, placements

SHARE = 0.98
"""The tables reach as far as this share of the limit orders."""
LONGEST = 100
FEW = 10
"""Orders below which lambda is that of the power law."""


def fit_cont_stoikov_talreja(recordings: Sequence[Recording]) -> Fitted:
    """Fit the flow to one or several days.  Raises DataError where no limit order arrives."""
    count = min(placements(recordings, (0.0, SHARE))[1], LONGEST)
    sizes = {what: _mean_size(recordings, what) for what in (ARRIVAL, CANCEL, TAKE)}
    unit = sizes[ARRIVAL]
    time = [2 * each.seconds for each in recordings]
    entering = rates([by_distance(each, ARRIVAL, count) for each in recordings], [part[:, None] for part in time])  # fmt: skip
    taken = [each.count(each.events.what == TAKE) for each in recordings]
    mu = _scaled(rates(taken, time), sizes[TAKE] / unit)
    rested = [lots_time(each, count) / unit for each in recordings]
    dying = _scaled(rates([by_distance(each, CANCEL, count) for each in recordings], rested), sizes[CANCEL] / unit)
    k, alpha = power_law(entering.value)
    power = k.value * np.arange(1, count + 1) ** -alpha.value
    table = np.where(entering.count >= FEW, entering.value, power)
    estimates = [
        *entering.estimates([f"lambda({i})" for i in range(1, count + 1)], "orders per second and side"),
        *dying.estimates([f"theta({i})" for i in range(1, count + 1)], "per second and order"),
        *mu.estimates(["mu"], "market orders of S_l per second and side"),
        k,
        alpha,
        *(
            Estimate(name, sizes[what], float("nan"), "lots, mean")
            for name, what in (("S_l", ARRIVAL), ("S_m", TAKE), ("S_c", CANCEL))
        ),
    ]
    family = {
        "family": "cont_stoikov_talreja",
        "entering": table.tolist(),
        "dying": dying.value.tolist(),
        "mu": float(mu.value[0]),
        "size": max(round(unit), 1),
        "reach": int(min(max(3 * count, 30), 1000)),
    }
    filled = int((entering.count < FEW).sum())
    return Fitted(
        family,
        _opening(rested, time, mean_spread(recordings)),
        int(min(max(10 / max(float(np.median(dying.value)), 1e-9), 60), 3600)),
        estimates,
        {"limit orders outside the tables": f"{_outside(recordings, count):.1%}"},
        [f"{filled} of {count} distances have fewer than {FEW} orders and take k i^-alpha."] if filled else [],
        {"mean_size_lots": unit, "distances": float(count)},
    )


def by_distance(recording: Recording, what: int, count: int) -> np.ndarray:
    """float [blocks, count]: events of a kind at 1, 2, ... ticks from the opposite best."""
    chosen = (recording.events.what == what) & (recording.distance >= 1) & (recording.distance <= count)
    place = recording.event_block[chosen] * count + recording.distance[chosen] - 1
    return np.bincount(place, minlength=recording.blocks * count).reshape(recording.blocks, count).astype(float)


def power_law(table: np.ndarray) -> tuple[Estimate, Estimate]:
    """k and alpha of k i^-alpha by least squares, with the errors of that fit; a table of one entry is flat.

    table  float [n]: rates at distances 1 to n
    """
    away = np.arange(1, len(table) + 1, dtype=float)
    if len(table) < 2:
        return Estimate("k", float(table[0]), float("nan"), ""), Estimate("alpha", 0.0, float("nan"), "")
    scale = float(table.max()) or 1.0
    found, covariance = curve_fit(
        lambda i, k, alpha: k * i**-alpha, away, table / scale, p0=(table[0] / scale, 0.5), maxfev=10_000
    )
    errors = np.sqrt(np.diag(covariance)) if len(table) > 2 else [float("nan")] * 2
    return (
        Estimate("k", float(found[0]) * scale, float(errors[0]) * scale, "of k i^-alpha"),
        Estimate("alpha", float(found[1]), float(errors[1]), "of k i^-alpha"),
    )


def _scaled(found: Rates, factor: float) -> Rates:
    return Rates(found.value * factor, found.error * factor, found.count)


def _mean_size(recordings: Sequence[Recording], what: int) -> float:
    """Mean lots of one kind of event, 1 where there is none."""
    sizes = np.concatenate([each.events.size_lots[each.events.what == what] for each in recordings])
    return float(sizes.mean()) if len(sizes) else 1.0


def _outside(recordings: Sequence[Recording], count: int) -> float:
    distances = np.concatenate([each.distance[each.events.what == ARRIVAL] for each in recordings])
    return float(((distances < 1) | (distances > count)).mean())


def _opening(rested: list[np.ndarray], time: list[np.ndarray], spread_ticks: float) -> dict[str, int]:
    """As many orders a level as there are in the mean where most rest."""
    depth = np.concatenate(rested).sum(axis=0) / sum(float(part.sum()) for part in time)
    return {
        "levels": int(min(max(len(depth), 5), 200)),
        "orders": int(min(max(round(float(np.max(depth))), 1), 50)),
        "distance": max(round(spread_ticks / 2), 1),
    }
