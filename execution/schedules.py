"""Target curves: how much of a parent order should be done by when.

TWAP, VWAP and Almgren-Chriss are curves known before the first trade; percentage of volume follows the tape and
is a formula for the next child instead (`pov_child`).  Turning a curve into orders is the algorithms' work.

Invariants
----------
* A `Schedule` starts at 0, never falls, and ends at exactly the parent's size; every number is a whole lot.
* Pure functions: the same arguments give the same curve.  Jitter takes a seed.
* Times are exchange time, ns UTC; sizes are lots.

Sources: Almgren and Chriss (2000), "Optimal execution of portfolio transactions", for the trajectory and its cost;
the rest is common desk practice.

Known limits: a curve is fixed once made (no re-scaling by today's volume), and a volume profile is one curve, so
averaging earlier days is the caller's choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import asinh, inf, isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from execution.parent import Parent
from lobsim.errors import ConfigError

NS_PER_SECOND = 1_000_000_000

Curve = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""Share of the order that should be done by each of the times given (ns): 0 at the start, 1 at the end."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """A target curve cut into slices: ``cumulative_lots[k]`` should be done by ``times_ns[k]``.

    Slice ``k`` lasts from ``times_ns[k]`` (included) to ``times_ns[k + 1]`` (excluded).

    Raises ConfigError, on construction, for arrays of unequal length, fewer than two edges, times that do not
    rise, or a curve that does not start at 0 or that falls.
    """

    times_ns: NDArray[np.int64]
    """edges of the slices, shape (slices + 1,), strictly rising, first the parent's start, last its end"""
    cumulative_lots: NDArray[np.int64]
    """lots that should be done by each edge, shape (slices + 1,), first 0, last the parent's size"""

    def __post_init__(self) -> None:
        if self.times_ns.shape != self.cumulative_lots.shape or self.times_ns.ndim != 1 or len(self.times_ns) < 2:
            raise ConfigError("times and targets must be of one length, at least 2", where="schedule")
        if np.any(np.diff(self.times_ns) <= 0):
            raise ConfigError("times must rise", where="schedule", hint="use fewer slices or a longer window")
        if self.cumulative_lots[0] != 0 or np.any(np.diff(self.cumulative_lots) < 0):
            raise ConfigError("targets must start at 0 and never fall", where="schedule")

    @property
    def size_lots(self) -> int:
        """The whole quantity, lots."""
        return int(self.cumulative_lots[-1])

    @property
    def slice_lots(self) -> NDArray[np.int64]:
        """Quantity of each slice, lots, shape (slices,)."""
        return np.diff(self.cumulative_lots)

    def target(self, t_ns: int) -> int:
        """Lots that should be done by the END of the slice that holds t_ns; 0 before the start, all from the end on.

        A step at the start of every slice: an algorithm woken there gets what it has to do within the slice, as
        ``target - done - working``.
        """
        edge = int(np.searchsorted(self.times_ns, t_ns, side="right"))
        return int(self.cumulative_lots[min(edge, len(self.times_ns) - 1)]) if edge > 0 else 0

    def even_target(self, t_ns: int) -> float:
        """Lots done by t_ns if every slice were traded evenly: straight lines between the edges (for pictures)."""
        since_start = self.times_ns - self.times_ns[0]
        return float(np.interp(t_ns - int(self.times_ns[0]), since_start, self.cumulative_lots))


def slice_edges(parent: Parent, slices: int) -> NDArray[np.int64]:
    """Edges of `slices` equal slices of the parent's window, ns, shape (slices + 1,), to the nanosecond below."""
    if slices < 1 or slices > parent.duration_ns:
        raise ConfigError(
            f"slices is {slices}, 1 to {parent.duration_ns} (one a nanosecond) is allowed", where="schedule"
        )
    whole, rest = divmod(parent.duration_ns, slices)
    index = np.arange(slices + 1, dtype=np.int64)
    return parent.start_ns + whole * index + (rest * index) // slices


def cumulative_sizes(curve: Curve, times_ns: NDArray[np.int64], size_lots: int) -> NDArray[np.int64]:
    """Whole lots due by each edge: the curve times the size, rounded to the nearest lot (a half goes up).

    The cumulative curve is rounded, not the slices: no edge is ever more than half a lot off, and the slices add
    up to the size exactly, because the first edge is set to 0 and the last to the size.
    """
    lots = np.floor(curve(times_ns) * size_lots + 0.5).astype(np.int64)
    lots = np.maximum.accumulate(np.clip(lots, 0, size_lots))
    lots[0], lots[-1] = 0, size_lots
    return lots


def slice_sizes(curve: Curve, times_ns: NDArray[np.int64], size_lots: int) -> NDArray[np.int64]:
    """Lots of each slice between the edges `times_ns`, shape (slices,); they add up to size_lots exactly."""
    return np.diff(cumulative_sizes(curve, times_ns, size_lots))


# --------------------------------------------------------------------------------------------- TWAP


def twap_curve(parent: Parent, slices: int, jitter: float = 0.0, seed: int = 0) -> Schedule:
    """Even in time: ``X_t = X (t - t_0) / (T - t_0)``.

    jitter  moves every inner edge by up to this share of a slice, earlier or later (0.2 is common), so that
            others cannot read the clock; the quantity moves with the edge.  0 to below 0.5.
    seed    of the jitter
    """
    if not 0 <= jitter < 0.5:
        raise ConfigError(f"jitter is {jitter}, 0 to below 0.5 is allowed", where="schedule")
    edges = slice_edges(parent, slices)
    if jitter:
        reach_ns = int(jitter * (parent.duration_ns // slices))
        edges[1:-1] += np.random.default_rng(seed).integers(-reach_ns, reach_ns, size=slices - 1, endpoint=True)
    return Schedule(edges, cumulative_sizes(_even(parent), edges, parent.size_lots))


def _even(parent: Parent) -> Curve:
    return lambda times_ns: (times_ns - parent.start_ns) / parent.duration_ns


# --------------------------------------------------------------------------------------------- VWAP


@dataclass(frozen=True, eq=False)
class VolumeProfile:
    """How a session's volume accrues: cumulative share of volume against share of the session gone by.

    Straight lines between the edges; before the open the share is 0, after the close 1.  In shares of the
    session, not hours of the day, so that neither summer time nor the calendar shifts it.

    Raises ConfigError, on construction, unless both arrays run from 0 to 1, edges strictly rising and shares
    never falling.
    """

    edges: NDArray[np.float64]
    """share of the session gone by at each edge, shape (bins + 1,)"""
    shares: NDArray[np.float64]
    """share of the session's volume done by each edge, shape (bins + 1,)"""

    def __post_init__(self) -> None:
        if self.edges.shape != self.shares.shape or self.edges.ndim != 1 or len(self.edges) < 2:
            raise ConfigError("edges and shares must be of one length, at least 2", where="volume profile")
        runs = [(values[0], values[-1]) == (0.0, 1.0) for values in (self.edges, self.shares)]
        if not all(runs) or not np.all(np.diff(self.edges) > 0) or not np.all(np.diff(self.shares) >= 0):
            raise ConfigError("edges and shares must rise from 0 to 1", where="volume profile")

    def share_done(self, session_share: ArrayLike) -> NDArray[np.float64]:
        """Share of the session's volume done when `session_share` of its time is gone."""
        return np.interp(np.asarray(session_share, dtype=np.float64), self.edges, self.shares)


def u_shape(a: float = 0.6, b: float = 1.2, bins: int = 78) -> VolumeProfile:
    """The U of a trading day without data: density ``a + b (2u - 1)^2`` over the session share u, normalised.

    The integral is exact at the edges of the `bins` (78: five minutes of a session of six and a half hours).
    """
    if a < 0 or b < 0 or a + b <= 0 or bins < 1:
        raise ConfigError(f"a is {a}, b {b} and bins {bins}: neither a nor b below 0, one of them above, a bin or more",
                          where="volume profile")  # fmt: skip
    u = np.linspace(0.0, 1.0, bins + 1)
    shares = (a * u + b * ((2 * u - 1) ** 3 + 1) / 6) / (a + b / 3)
    shares[0], shares[-1] = 0.0, 1.0
    return VolumeProfile(u, shares)


def profile_from_trades(
    ts_ns: ArrayLike, sizes: ArrayLike, session_open_ns: int, session_close_ns: int, bins: int = 78
) -> VolumeProfile:
    """The profile of an earlier day from its prints (auctions left out by the caller).

    ts_ns   times of the prints, ns, shape (prints,); those outside open..close are not counted
    sizes   their sizes in any unit, shape (prints,)
    bins    equal parts of the session

    Raises ConfigError if no volume falls into the session.
    """
    _check_session(session_open_ns, session_close_ns)
    since_open = np.asarray(ts_ns, dtype=np.int64) - session_open_ns
    length_ns = session_close_ns - session_open_ns
    weights = np.asarray(sizes, dtype=np.float64)
    inside = (since_open >= 0) & (since_open <= length_ns)
    edges = np.linspace(0.0, 1.0, bins + 1)
    volume, _ = np.histogram(since_open[inside] / length_ns, bins=edges, weights=weights[inside])
    if not volume.sum() > 0:
        raise ConfigError(
            "no prints between open and close", where="volume profile", hint="check the day and the times"
        )
    shares = np.concatenate(([0.0], np.cumsum(volume) / volume.sum()))
    shares[-1] = 1.0
    return VolumeProfile(edges, shares)


def vwap_curve(
    parent: Parent, profile: VolumeProfile, slices: int, *, session_open_ns: int, session_close_ns: int
) -> Schedule:
    """Even in expected volume: ``X_t = X (U(t) - U(t_0)) / (U(T) - U(t_0))``, U the cumulative volume share.

    session_open_ns, session_close_ns   the session of the parent's day, ns UTC, over which the profile is laid

    Raises ConfigError if the profile expects no volume between the parent's start and end.
    """
    _check_session(session_open_ns, session_close_ns)

    def volume_share(times_ns: ArrayLike) -> NDArray[np.float64]:
        since_open = np.asarray(times_ns, dtype=np.int64) - session_open_ns
        return profile.share_done(since_open / (session_close_ns - session_open_ns))

    first, last = volume_share([parent.start_ns, parent.end_ns])
    if not last > first:
        raise ConfigError("the profile expects no volume between the parent's start and end", where="volume profile",
                          hint="check the session's open and close")  # fmt: skip
    edges = slice_edges(parent, slices)
    lots = cumulative_sizes(lambda times_ns: (volume_share(times_ns) - first) / (last - first), edges, parent.size_lots)
    return Schedule(edges, lots)


def _check_session(open_ns: int, close_ns: int) -> None:
    if close_ns <= open_ns:
        raise ConfigError(f"session close {close_ns} is not after its open {open_ns}", where="volume profile")


# ------------------------------------------------------------------------------------ Almgren-Chriss


@dataclass(frozen=True, kw_only=True)
class ImpactModel:
    """What Almgren and Chriss assume of the market.  One unit of size, price and time throughout.

    Raises ConfigError, on construction, for a number that is negative or not finite.
    """

    sigma: float
    """volatility: price per square root of time"""
    eta: float
    """temporary impact: price per (size per time) of trading speed"""
    gamma: float = 0.0
    """permanent impact: price per size traded"""
    epsilon: float = 0.0
    """fixed cost: price, half the spread plus fees"""
    risk_aversion: float = 0.0
    """lambda: what a unit of variance is worth, per money; 0 gives TWAP"""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (isfinite(value) and value >= 0):
                raise ConfigError(f"{name} is {value}, a finite number from 0 is needed", where="impact model")


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The optimal discrete trajectory, and what it costs in the model's own terms."""

    kappa: float
    """urgency, per time; 1/kappa is the time in which the holdings fall to 1/e"""
    times: NDArray[np.float64]
    """shape (slices + 1,), 0 to the horizon"""
    holdings: NDArray[np.float64]
    """size still to trade at each time, shape (slices + 1,), total to 0"""
    trades: NDArray[np.float64]
    """size traded in each slice, shape (slices,)"""
    expected_cost: float
    """money, on top of size x price at the start"""
    variance: float
    """of the cost, money squared"""


def almgren_chriss(total: float, horizon: float, slices: int, model: ImpactModel) -> Trajectory:
    """Least ``E + lambda Var`` of selling (or buying) `total` within `horizon` in equal slices.

    With ``tau = horizon / slices`` and ``eta~ = eta - gamma tau / 2``: ``kappa = (1/tau) acosh(1 + lambda sigma^2
    tau^2 / (2 eta~))``, written as ``(2/tau) asinh(...)`` because that keeps its digits for small lambda; holdings
    as in `share_left`; ``E = gamma X^2 / 2 + epsilon X + (eta~/tau) sum n_j^2``; ``Var = sigma^2 tau sum x_j^2``, j
    from 1.  Almgren and Chriss (2000), equations 13 to 20, as sums instead of their closed forms.

    Raises ConfigError unless ``eta~ > 0``: otherwise trading faster would be free.
    """
    if not (total > 0 and horizon > 0 and slices >= 1):
        raise ConfigError(
            f"total is {total}, horizon {horizon} and slices {slices}: all must be above 0", where="Almgren-Chriss"
        )
    tau = horizon / slices
    eta = model.eta - model.gamma * tau / 2
    if not eta > 0:
        raise ConfigError(
            "eta must exceed gamma * tau / 2", where="Almgren-Chriss", hint="raise eta or use more slices"
        )
    kappa = 2 / tau * asinh(model.sigma * tau / 2 * (model.risk_aversion / eta) ** 0.5)
    times = np.linspace(0.0, horizon, slices + 1)
    holdings = total * share_left(times / horizon, kappa * horizon)
    trades = -np.diff(holdings)
    expected = model.gamma * total**2 / 2 + model.epsilon * total + eta / tau * float(trades @ trades)
    variance = model.sigma**2 * tau * float(holdings[1:] @ holdings[1:])
    return Trajectory(kappa, times, holdings, trades, expected, variance)


def share_left(time_share: NDArray[np.float64], urgency: float) -> NDArray[np.float64]:
    """Share still to trade: ``sinh(kappa (T - t)) / sinh(kappa T)``, with ``u = t/T`` and urgency ``kappa T``.

    Written as ``exp(-kT u) (1 - exp(-2 kT (1-u))) / (1 - exp(-2 kT))``: sinh itself overflows from kappa T = 710
    on.  Urgency 0 is the straight line.
    """
    if urgency == 0:
        return 1.0 - time_share
    return np.exp(-urgency * time_share) * np.expm1(-2 * urgency * (1 - time_share)) / np.expm1(-2 * urgency)


def ac_curve(parent: Parent, slices: int, urgency: float | ImpactModel) -> Schedule:
    """Almgren-Chriss as a target curve: early at first, ever slower; the same shape for buys and sells.

    urgency   ``kappa T`` without unit (0: TWAP; 1: mild; 3: most of it in the first third), or an `ImpactModel` in
              lots and seconds, from which `almgren_chriss` takes kappa
    """
    if isinstance(urgency, ImpactModel):
        seconds = parent.duration_ns / NS_PER_SECOND
        urgency = almgren_chriss(parent.size_lots, seconds, slices, urgency).kappa * seconds
    if not 0 <= urgency < inf:
        raise ConfigError(f"urgency is {urgency}, a finite number from 0 is needed", where="Almgren-Chriss")
    kappa_t, even = float(urgency), _even(parent)
    edges = slice_edges(parent, slices)
    return Schedule(
        edges, cumulative_sizes(lambda times: 1 - share_left(even(times), kappa_t), edges, parent.size_lots)
    )


# ---------------------------------------------------------------------------------------------- POV


def pov_child(rate: float, others_volume: int, executed: int, working: int, remaining: int | None = None) -> int:
    """Lots to send now so that own volume is `rate` of ALL volume: ``rate/(1-rate) V_others - X_e - working``.

    rate            share of the total, own volume included, above 0 and below 1, read to six decimals
    others_volume   lots the others have traded since the start, as far as prints have been seen
    executed        own lots done since the start
    working         own lots resting or in flight
    remaining       lots not yet done nor working, an upper bound; None: no bound

    Rounded down, never below 0.  The same formula with ``max_participation`` gives the room any algorithm has.
    """
    # exact: 0.1 / (1 - 0.1) * 90 is 10 less a hair in floats
    share = Fraction(rate).limit_denominator(1_000_000) if isfinite(rate) else Fraction(0)
    if not 0 < share < 1:
        raise ConfigError(f"rate is {rate}, above 0 and below 1 is needed", where="percentage of volume")
    due = share.numerator * others_volume // (share.denominator - share.numerator)
    child = max(0, due - executed - working)
    return child if remaining is None else min(child, max(0, remaining))
