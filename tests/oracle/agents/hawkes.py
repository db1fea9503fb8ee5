"""The twelve-type Hawkes market in plain Python: every intensity is a sum over the whole past."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from lobsim.types import NEVER
from tests.oracle.agents.flow_market import FlowMarket, TwinFlow

DEEP, CANCEL_DEEP, TOP, CANCEL_TOP, TAKE, INSIDE = range(6)
Sizes = tuple[float, list[tuple[int, float]]]
"""p of the geometric part, (lots, weight) of single sizes"""


@dataclass(frozen=True)
class Flow:
    """base [12]; branching [12, 12] (which, by which); decays and shares of the kernel; time of day [buckets][12]; sizes of the types and of new queues [13]"""

    base: np.ndarray
    branching: np.ndarray
    sizes: list[Sizes]
    decays: list[float] = field(default_factory=lambda: [1500.0, 100.0])
    shares: list[float] = field(default_factory=lambda: [0.6, 0.4])
    mean_spread: float = 2.0
    power: float = 1.0
    open_ns: int = 0
    bucket_ns: int = 1_800 * 10**9
    times: list[list[float]] = field(default_factory=lambda: [[1.0] * 12])

    def bucket(self, now_ns: int) -> int:
        return min(max((now_ns - self.open_ns) // self.bucket_ns, 0), len(self.times) - 1)

    def next_bucket_ns(self, now_ns: int) -> int:
        begins = [self.open_ns + b * self.bucket_ns for b in range(len(self.times))]
        later = [begin for begin in begins if begin > now_ns]
        return later[0] if later else NEVER

    def factor(self, kind: int, bid: int | None, ask: int | None) -> float:
        """What an intensity is multiplied by in the book as it is."""
        if kind % 6 != INSIDE:
            return 1.0
        if bid is None or ask is None or ask - bid < 2:
            return 0.0
        return ((ask - bid) / self.mean_spread) ** self.power

    def parts(self, now_ns: int, history: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        """What all events so far do to each type: positive and negative contributions, each added up."""
        up, down = np.zeros(12), np.zeros(12)
        for when_ns, cause in history:
            age = (now_ns - when_ns) / 1e9
            now = sum(
                s * beta * math.exp(-beta * age)
                for beta, s in zip(self.decays, self.shares, strict=True)
                if beta * age < 700
            )
            effect = self.branching[:, cause] * now
            up += np.maximum(effect, 0)
            down += np.minimum(effect, 0)
        return up, down


class TwinHawkes(TwinFlow):
    """All events of the past in one list."""

    def __init__(self, market: FlowMarket, index: int, seed: int, start: int, flow: Flow) -> None:
        super().__init__(market, index, seed)
        self.flow = flow
        self.last = [start - 1, start + 1]
        self.history: list[tuple[int, int]] = []

    def intensities(self) -> tuple[np.ndarray, np.ndarray]:
        """(intensity, bound) of each type now."""
        flow, now_ns = self.flow, self.market.now_ns
        base = flow.base * np.array(flow.times[flow.bucket(now_ns)])
        up, down = flow.parts(now_ns, self.history)
        bid, ask = self.market.best(0), self.market.best(1)
        factor = np.array([flow.factor(kind, bid, ask) for kind in range(12)])
        return factor * np.maximum(base + up + down, 0), factor * (base + up)

    def rate(self) -> float:
        self.until_ns = self.flow.next_bucket_ns(self.market.now_ns)
        return float(self.intensities()[1].sum())

    def size(self, law: int) -> int:
        p, points = self.flow.sizes[law]
        total = 1 + sum(weight for _, weight in points)
        at = self.draws.uniform()
        if at < 1 / total:
            return 1 + math.floor(self.draws.exponential() / -math.log(1 - p))
        at -= 1 / total
        for lots, weight in points:
            if at < weight / total:
                return lots
            at -= weight / total
        return points[-1][0]

    def act(self) -> None:
        at = self.draws.uniform() * self.speed
        if self.market.now_ns < self.until_ns:
            for kind, intensity in enumerate(self.intensities()[0]):
                at -= intensity
                if at < 0:
                    self.history.append((self.market.now_ns, kind))
                    self.happen(kind)
                    break
        self.renew()

    def happen(self, kind: int) -> None:
        side, what = (1 if kind < 6 else 0), kind % 6
        worse = 1 if side else -1
        best = self.remembered(side)
        if what == CANCEL_DEEP:
            self.market.cancel_share(self, side, best + worse)
        elif what == CANCEL_TOP:
            self.market.cancel_share(self, side, best)
        elif what == TAKE:
            self.market.market(self.index, 1 - side, self.size(kind))
        else:
            away = {DEEP: worse, TOP: 0, INSIDE: -worse}[what]
            self.market.limit(self.index, side, best + away, self.size(kind))

    def renew(self) -> None:
        for side in (0, 1):
            worse = 1 if side else -1
            empty = self.market.best(side) is None
            best = self.remembered(side)
            opposite = self.market.best(1 - side)
            if empty and opposite is not None:
                best = max(best, opposite + 1) if side else min(best, opposite - 1)
            if empty:
                self.market.limit(self.index, side, best, self.size(12))
            if not self.market.lots(side, best + worse):
                self.market.limit(self.index, side, best + worse, self.size(12))


def residuals(flow: Flow, events: list[tuple[int, int]], touches: list[tuple[int, int]], nodes: int = 24) -> np.ndarray:
    """Time-rescaled waits: the integral of a type's intensity from one of its events to the next, of all types in one array.

    touches  (bid, ask) after each event, in force until the next one.  Each stretch between two events is integrated by Gauss's rule, closer where the kernel is steep.
    """
    x, weight = np.polynomial.legendre.leggauss(nodes)
    x, weight = (x + 1) / 2, weight / 2
    when = np.array([time for time, _ in events]) / 1e9
    kinds = np.array([kind for _, kind in events])
    running = np.zeros(12)
    begun = np.zeros(12, bool)
    found = []
    for n in range(len(events) - 1):
        length = when[n + 1] - when[n]
        ages = length * x**3 + (when[n] - when[: n + 1])[:, None]  # [past, nodes]
        now = sum(s * beta * np.exp(-beta * ages) for beta, s in zip(flow.decays, flow.shares, strict=True))
        excited = flow.branching[:, kinds[: n + 1]] @ now  # [12, nodes]
        factor = np.array([flow.factor(kind, *touches[n]) for kind in range(12)])
        intensity = factor[:, None] * np.maximum(flow.base[:, None] + excited, 0)
        running += intensity @ (3 * x**2 * length * weight)
        kind = kinds[n + 1]
        if begun[kind]:
            found.append(running[kind])
        begun[kind] = True
        running[kind] = 0.0
    return np.array(found)
