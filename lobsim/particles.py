"""P(fill by T) for an order in a queue of which only the total is known: the particle version of the queue models.

A `QueueParticles` stands for one order, own or imagined, at one price.  It is fed with what a level feed tells of that price (`shown`, `traded`, or whole
recorded rows) and answers where the order probably stands and how likely it is to be filled by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lobsim.core.particles import QUEUE, follow_rows, forecast_fills, note_shown, note_traded
from lobsim.errors import ConfigError
from lobsim.types import MAX_SIZE_LOTS, QueueModel, Side

PARTICLES = 256
_MAX_PARTICLES = 2**20


class FlowRates(NamedTuple):
    """What flows at one price.

    executions      executions a second
    execution_lots  their mean size
    cancels         lots cancelled, per second and lot shown
    """

    executions: float
    execution_lots: float
    cancels: float


class QueueParticles:
    """One order in the queue of one price, by many guesses.

    shown_lots    of others at the price when the order joins, all in front of it
    own_lots      its size
    model, power  how cancels fall on the queue (lobsim.types.QueueModel), as in MarketConfig
    particles     how many guesses
    clump_lots    how much one cancel takes: the usual size of an order
    half_life_ns  of what is remembered for the rates
    side, price_ticks, now_ns  needed for `follow` and for the rates

    Raises ConfigError for sizes, counts or powers that mean nothing.
    """

    def __init__(
        self,
        shown_lots: int,
        own_lots: int = 1,
        *,
        model: QueueModel = QueueModel.POWER3,
        power: float = 3.0,
        particles: int = PARTICLES,
        clump_lots: int = 1,
        half_life_ns: int = 60 * 10**9,
        side: Side = Side.BUY,
        price_ticks: int = 0,
        now_ns: int = 0,
        seed: int = 0,
    ) -> None:
        _check("shown_lots", shown_lots, 0, MAX_SIZE_LOTS)
        _check("own_lots", own_lots, 1, MAX_SIZE_LOTS)
        _check("clump_lots", clump_lots, 1, MAX_SIZE_LOTS)
        _check("particles", particles, 1, _MAX_PARTICLES)
        _check("half_life_ns", half_life_ns, 1, 2**62)
        _check("power", power, 1e-6, 64)
        self._queues = np.zeros(1, QUEUE)
        given = {
            "seed": seed,
            "model": int(model),
            "power_millionths": round(power * 10**6),
            "side": int(side),
            "price_ticks": price_ticks,
            "own_lots": own_lots,
            "shown_lots": shown_lots,
            "clump_lots": clump_lots,
            "half_life_ns": half_life_ns,
            "now_ns": now_ns,
        }
        for name, value in given.items():
            self._queues[name] = value
        self.ahead = np.full(particles, shown_lots, np.int64)
        """int64 [particles]: lots in front; below 0: that much of the order has traded"""

    def shown(self, ts_ns: int, lots: int) -> None:
        """The feed shows so many lots of others at the price."""
        _check("lots", lots, 0, MAX_SIZE_LOTS)
        note_shown(self._queues, self.ahead, ts_ns, lots)

    def traded(self, ts_ns: int, lots: int) -> None:
        """So many lots traded at the price; the level shows that many fewer, without being told again."""
        _check("lots", lots, 1, MAX_SIZE_LOTS)
        note_traded(self._queues, self.ahead, ts_ns, lots)

    def follow(self, tape: np.ndarray, first: int, end: int) -> None:
        """Rows first to end of a market's tape by levels (``Market.tape``) act, those that concern the price."""
        follow_rows(self._queues, self.ahead, tape, max(first, 0), min(end, len(tape)))

    @property
    def position(self) -> tuple[float, float, float, float]:
        """Lots in front: mean, and the quantiles at 10, 50 and 90 %."""
        front = np.maximum(self.ahead, 0)
        low, middle, high = np.quantile(front, (0.1, 0.5, 0.9))
        return float(front.mean()), float(low), float(middle), float(high)

    @property
    def filled(self) -> float:
        """Probability that the order has traded whole by now."""
        return float(np.mean(self.ahead <= -self._queues[0]["own_lots"]))

    @property
    def rates(self) -> FlowRates:
        """What flowed at the price in the recent past; zeros where nothing was seen yet."""
        queue = self._queues[0]
        seconds, lot_seconds, count = (float(queue[name]) for name in ("seconds", "lot_seconds", "executions"))
        return FlowRates(
            executions=count / seconds if seconds > 0 else 0.0,
            execution_lots=max(1.0, float(queue["executed_lots"]) / count) if count > 0 else 1.0,
            cancels=float(queue["cancelled_lots"]) / lot_seconds if lot_seconds > 0 else 0.0,
        )

    def fill_by(self, horizons_s: Sequence[float], rates: FlowRates | None = None) -> np.ndarray:
        """Probability that the order has traded whole within each of so many seconds; float64 [horizons].

        rates  of the future; None: those of the recent past go on

        Raises ConfigError for a horizon below 0, or rates that are no rates.
        """
        rates = self.rates if rates is None else rates
        _check("horizon", min(horizons_s), 0, 1e12)
        for name, value in rates._asdict().items():
            _check(name, value, 0, 1e12)
        seconds = np.zeros(len(self.ahead))
        longest = float(max(horizons_s))
        forecast_fills(self._queues, self.ahead, *(float(value) for value in rates), longest, seconds)
        return np.array([np.mean(seconds <= horizon) for horizon in horizons_s])


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value}, {low:g} to {high:g} is needed", where="queue particles")
