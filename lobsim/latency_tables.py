"""From a Latency to the arrays the core draws from: one record per leg, quantiles and recorded points, and what load is measured against.

Everything is made once for a recording and a Latency, and shared by every world made of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from lobsim.core import latency as core
from lobsim.core.state import LEG
from lobsim.delays import DAY_NS, Constant, Delay, Table
from lobsim.errors import ConfigError, DataError
from lobsim.feeds.schema import Dataset
from lobsim.latency import LEGS, Latency
from lobsim.types import NEVER, Kind

_WORDS = 1 << core.WORD_BITS
_FARTHEST = 2.0**-36
"""What lies beyond is drawn once in a hundred thousand million times; there a table of quantiles ends."""
_TRADES = (Kind.EXECUTE, Kind.EXECUTE_HIDDEN, Kind.PRINT)
_TRADES_ALONE = (Kind.EXECUTE_HIDDEN, Kind.PRINT)


class LegArrays(NamedTuple):
    """What `new_world` wants of a latency.

    head    fields of WORLD
    legs    LEG [8]
    delays  int64 [any]
    most_arrivals  requests that a window takes, 0: any number
    """

    head: dict[str, Any]
    legs: np.ndarray
    delays: np.ndarray
    most_arrivals: int


def load_scale(times_ns: np.ndarray, window_ns: int) -> tuple[float, float]:
    """Mean and standard deviation of the number of rows within (t - window, t], over the times t of all rows.

    times_ns  int64, rising
    """
    until = np.searchsorted(times_ns, times_ns, side="right")
    counts = until - np.searchsorted(times_ns, times_ns - window_ns, side="right")
    return float(counts.mean()), float(counts.std())


def recorded_delays(dataset: Dataset) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of each channel the instants at which something was published, rising, and how long it took, in ns.

    What was received of one instant is heard together, with the last of it.

    Raises ConfigError for a data set without a local clock, DataError for one whose local clock runs ahead of the exchange's.
    """
    exchange, local, kind = (dataset.events[name].to_numpy() for name in ("ts_exchange", "ts_local", "kind"))
    early = np.flatnonzero(local < exchange)
    if early.size:
        raise DataError(
            f"it was received {int(exchange[early[0]] - local[early[0]])} ns before it happened, so the local clock gives no feed delay",
            file=dataset.info.source,
            row=int(early[0]) + 1,
            hint="look at it with lobsim doctor and mend it with the repair clock-offset",
        )
    if np.array_equal(exchange, local):
        raise ConfigError(
            "the data set has no local clock that could give the feed delay",
            where=dataset.info.source,
            hint="give the delay itself",
        )
    channels = {"feed_book": ~np.isin(kind, _TRADES_ALONE), "feed_trades": np.isin(kind, _TRADES)}
    return {name: _packets(exchange[rows], local[rows]) for name, rows in channels.items()}


def _packets(exchange: np.ndarray, local: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(exchange) == 0:
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    times = np.unique(exchange)
    order = np.argsort(exchange, kind="stable")
    starts = np.searchsorted(exchange[order], times)
    return times, np.minimum(np.maximum.reduceat(local[order], starts) - times, DAY_NS)


def _distances() -> np.ndarray:
    """Distance from its end of each entry of half a table, in 2^-62."""
    cells = 1 << core.OCTAVE_BITS
    octaves = np.arange(core.OCTAVES)[:, None] + core.BOTTOM_BITS
    inner = (1 << octaves) + (np.arange(cells) << (octaves - core.OCTAVE_BITS))
    return np.concatenate([[0], inner.ravel(), [1 << (core.WORD_BITS - 1)]])


def _quantile_table(model: Delay) -> np.ndarray:
    """Both halves of a model's table, int64 [2 * HALF]."""
    shares = _distances() / _WORDS
    return np.concatenate([model.exceeded_with(1.0 - shares), model.exceeded_with(np.maximum(shares, _FARTHEST))])


def _normal_table() -> np.ndarray:
    below = np.rint(ndtri(np.maximum(_distances() / _WORDS, _FARTHEST)) * 2.0**core.NORMAL_BITS).astype(np.int64)
    return np.concatenate([below, -below])


def _growth_table(slope: float) -> np.ndarray:
    """What each load multiplies a delay by, in 2^-16; one entry more than the last load that is asked for."""
    loads = np.arange(2 * core.LOAD_REACH * core.LOAD_STEPS + 1) / core.LOAD_STEPS - core.LOAD_REACH
    return np.maximum(np.rint(np.exp(slope * loads) * (1 << core.LOAD_BITS)), 1).astype(np.int64)


class _Writer:
    """Collects what the legs draw from."""

    def __init__(self) -> None:
        self._parts = [_normal_table()]
        self._length = len(self._parts[0])
        self._places: dict[Any, int] = {}

    def place(self, key: Any, numbers: np.ndarray) -> int:
        """Where the numbers begin; what has the same key is there once."""
        if key not in self._places:
            self._places[key] = self._length
            self._parts.append(np.ascontiguousarray(numbers, np.int64))
            self._length += len(numbers)
        return self._places[key]

    def all(self) -> np.ndarray:
        """Everything, one after the other."""
        return np.concatenate(self._parts)


def _write_leg(leg: np.void, name: str, model: Delay, writer: _Writer) -> None:
    leg["floor_ns"] = model.floor_ns
    if model.load_slope != 0:
        leg["growth"] = writer.place(("growth", model.load_slope), _growth_table(model.load_slope))
    if isinstance(model, Constant):
        leg["kind"], leg["constant_ns"] = core.LEG_CONSTANT, model.delay_ns
        return
    leg["rho"] = round(model.rho * (1 << core.RHO_BITS))
    leg["root"] = round((1 - model.rho**2) ** 0.5 * (1 << core.RHO_BITS))
    if not isinstance(model, Table):
        leg["kind"], leg["first"] = core.LEG_DRAWN, writer.place(model, _quantile_table(model))
        return
    is_answer = name in ("acknowledge", "fill")
    times, delays = model.answer_points() if is_answer else model.request_points()
    leg["kind"], leg["count"] = core.LEG_POINTS, len(times)
    leg["first"] = writer.place((model, is_answer), np.concatenate([times, delays]))
    spans = model.reject_spans()
    leg["reject_count"] = 0 if is_answer else len(spans)
    leg["rejects"] = writer.place((model, "rejects"), spans.T.ravel())


def _feed_most_ns(legs: np.ndarray, delays: np.ndarray) -> int:
    """What no entry of market data exceeds; NEVER where that depends on what came before."""
    most = 0
    for leg in legs[:2]:
        if leg["kind"] == core.LEG_DRAWN and leg["rho"] != 0:
            return NEVER
        longest = int(leg["constant_ns"])
        if leg["kind"] == core.LEG_DRAWN:
            longest = int(delays[leg["first"] : leg["first"] + 2 * core.HALF].max())
        elif leg["kind"] == core.LEG_STEPS:
            longest = int(delays[leg["first"] + leg["count"] : leg["first"] + 2 * leg["count"]].max())
        if leg["growth"] != 0:
            growths = delays[leg["growth"] : leg["growth"] + 2 * core.LOAD_REACH * core.LOAD_STEPS + 1]
            above = (longest - int(leg["floor_ns"])) * int(growths.max())
            longest = min(int(leg["floor_ns"]) + (above >> core.LOAD_BITS) + 1, DAY_NS)
        most = max(most, longest)
    return most


def leg_arrays(latency: Latency, dataset: Dataset | None, times_ns: np.ndarray) -> LegArrays:
    """The arrays of a latency for one recording.

    dataset   whose local clock gives a recorded feed; None where there is none
    times_ns  int64, the times of the tape

    Raises ConfigError and DataError as ``recorded_delays`` where the feed is to be as recorded.
    """
    legs = np.zeros(len(LEGS), LEG)
    constants = {"feed_ns": "feed_book", "order_ns": "submit", "response_ns": "acknowledge"}
    head: dict[str, Any] = {name: latency.leg(leg).quantile(0.5) for name, leg in constants.items()}
    if latency.is_simple:
        head |= {"legs_vary": 0, "feed_varies": 0, "feed_most_ns": head["feed_ns"]}
        return LegArrays(head, legs, np.zeros(0, np.int64), 0)
    writer = _Writer()
    for leg, name in zip(legs, LEGS, strict=True):
        _write_leg(leg, name, latency.leg(name), writer)
    if latency.recorded_feed and dataset is not None:
        for name, (times, delays) in recorded_delays(dataset).items():
            leg = legs[LEGS.index(name)]
            leg["kind"], leg["count"] = core.LEG_STEPS, len(times)
            leg["first"] = writer.place(name, np.concatenate([times, delays]))
    delays = writer.all()
    head |= {"legs_vary": 1, "feed_varies": int(_feed_varies(legs)), "feed_most_ns": _feed_most_ns(legs, delays)}
    head |= _limits(latency, times_ns)
    return LegArrays(head, legs, delays, latency.messages_per_window)


def _feed_varies(legs: np.ndarray) -> bool:
    book, trades = legs[:2]
    plain = book["kind"] == trades["kind"] == core.LEG_CONSTANT and book["growth"] == trades["growth"] == 0
    return not plain or book["constant_ns"] != trades["constant_ns"]


def _limits(latency: Latency, times_ns: np.ndarray) -> dict[str, Any]:
    mean, deviation = load_scale(np.maximum.accumulate(times_ns), latency.load_window_ns)
    found = {
        "load_window_ns": latency.load_window_ns,
        "load_mean": round(mean * (1 << core.LOAD_BITS)),
        "load_sd": round(deviation * (1 << core.LOAD_BITS)),
        "rate_window_ns": latency.rate_window_ns,
    }
    if latency.reject_above_load is not None:
        found["overload_above"] = round(latency.reject_above_load * (1 << core.LOAD_BITS))
        found["overload_share"] = round(latency.reject_share * _WORDS)
    return found
