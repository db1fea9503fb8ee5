"""Section 6 of docs/rules.md, slowly: a draw as the rules say it, and a participant who keeps two books.

Everything is a Python integer; only quantiles of the models themselves come from the models.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri

from lobsim.delays import Constant, Delay, Table

WORD = 2**62
NAMES = ("feed_book", "feed_trades", "submit", "cancel", "replace", "acknowledge", "fill", "compute")


def splitmix64(value: int) -> int:
    """A well mixed number of 64 bits."""
    z = (value + 0x9E3779B97F4A7C15) % 2**64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return z ^ (z >> 31)


def word_of(seed: int, leg: int, number: int) -> int:
    """62 bits of the draw with this number."""
    key = splitmix64(splitmix64(seed % 2**64) ^ (0x6C6174656E6379 + leg))
    return splitmix64(key ^ (number % 2**64)) >> 2


def edges_around(word: int) -> tuple[int, int, int]:
    """Distance of a word to its nearer end, and of the two edges of the table around it."""
    distance = min(word, WORD - 1 - word)
    low, width = 0, 2**29
    for octave in range(29, 61):
        if distance >= 2**octave:
            width = 2**octave // 32
            low = distance // width * width
    return distance, low, low + width


def at_word(word: int, value_at: Callable[[int, bool], int]) -> int:
    """A quantile between two edges; value_at(distance, whether from the upper end)."""
    upper = word >= WORD // 2
    distance, low, high = edges_around(word)
    part = (distance - low) * 2**15 // (high - low)
    below, above = value_at(low, upper), value_at(high, upper)
    return below + ((above - below) * part >> 15)


def quantile(model: Delay, word: int) -> int:
    """A model's delay at word / 2^62."""

    def value_at(distance: int, upper: bool) -> int:
        share = distance / WORD
        return int(model.exceeded_with(np.array([max(share, 2.0**-36) if upper else 1.0 - share]))[0])

    return at_word(word, value_at)


def _normal_edge(distance: int) -> int:
    """The normal number below which distance / 2^62 of all lie, in 2^-32."""
    return round(float(ndtri(max(distance / WORD, 2.0**-36))) * 2**32)


def normal(word: int) -> int:
    """The normal number at word / 2^62, in 2^-32."""
    return at_word(word, lambda distance, upper: -_normal_edge(distance) if upper else _normal_edge(distance))


EDGES = [0, *(2**octave + cell * 2**octave // 32 for octave in range(29, 61) for cell in range(32)), 2**61]
NORMAL_EDGES = [_normal_edge(distance) for distance in EDGES]


def word_of_normal(z: int) -> int:
    """Where the table of normal numbers has z (in 2^-32)."""
    cell = max(0, min(bisect_right(NORMAL_EDGES, -abs(z)) - 1, len(EDGES) - 2))
    low, high = NORMAL_EDGES[cell : cell + 2]
    part = min(max(-abs(z) - low, 0) * 2**15 // (high - low), 2**15 - 1)
    distance = EDGES[cell] + part * ((EDGES[cell + 1] - EDGES[cell]) // 2**15)
    return distance if z < 0 else WORD - 1 - distance


@dataclass
class Leg:
    """One leg and what it remembers.

    times_ns  of the tape's rows;  load  its window, mean and deviation
    """

    number: int
    model: Delay
    seed: int = 0
    times_ns: Sequence[int] = ()
    load: tuple[int, float, float] = (1, 0.0, 0.0)
    count: int = 0
    z: int | None = None

    def delay(self, at_ns: int, number: int | None = None) -> int:
        """What the next message takes that leaves at at_ns; number: of a packet its time."""
        if isinstance(self.model, Table):
            return self._recorded(at_ns)
        if number is None:
            number, self.count = self.count, self.count + 1
        delay = self.model.delay_ns if isinstance(self.model, Constant) else self._drawn(number)
        if self.model.load_slope:
            delay = self.model.floor_ns + ((delay - self.model.floor_ns) * self._growth(at_ns) >> 16)
        return min(delay, 86_400 * 10**9)

    def load_at(self, at_ns: int) -> int:
        """The standardised load in 2^-16."""
        window, mean, deviation = self.load
        rows = bisect_right(self.times_ns, at_ns) - bisect_right(self.times_ns, at_ns - window)
        return (rows * 2**16 - round(mean * 2**16)) * 2**16 // round(deviation * 2**16) if deviation else 0

    def _growth(self, at_ns: int) -> int:
        """What load multiplies a delay by, in 2^-16: between steps of 1/64 it is interpolated."""
        step, part = divmod((min(max(self.load_at(at_ns), -3 * 2**16), 3 * 2**16 - 1) + 3 * 2**16) * 64, 2**16)
        low, high = (round(math.exp(self.model.load_slope * (at / 64 - 3)) * 2**16) for at in (step, step + 1))
        return low + ((high - low) * part >> 16)

    def _drawn(self, number: int) -> int:
        word = word_of(self.seed, self.number, number)
        if self.model.rho:
            e = normal(word)
            rho, root = round(self.model.rho * 2**26), round(math.sqrt(1 - self.model.rho**2) * 2**26)
            self.z = e if self.z is None else (rho * self.z + root * e) >> 26
            word = word_of_normal(self.z)
        return quantile(self.model, word)

    def _recorded(self, at_ns: int) -> int:
        assert isinstance(self.model, Table)
        taken = [row for row in self.model.rows if row[1] > 0]
        points = [(request, exchange - request) for request, exchange, _ in taken]
        if NAMES[self.number] in ("acknowledge", "fill"):
            points = sorted(((exchange, response - exchange) for _, exchange, response in taken), key=lambda p: p[0])
        after = [point for point in points if point[0] > at_ns]
        before = [point for point in points if point[0] <= at_ns]
        if not before or not after:
            return (before[-1] if before else after[0])[1]
        (t0, d0), (t1, d1) = before[-1], after[0]
        return d0 + (d1 - d0) * (at_ns - t0) // (t1 - t0)


@dataclass
class Listener:
    """A participant's book, applied packet by packet when each is due.

    book    (side, price) -> size
    volume  of the trades heard of;  phase  the last heard of
    """

    legs: tuple[Leg, Leg]
    book: dict[tuple[int, int], int] = field(default_factory=dict)
    volume: int = 0
    own_volume: int = 0
    phase: int = 0
    waiting: tuple[list, list] = field(default_factory=lambda: ([], []))
    last: list[tuple[int | None, int]] = field(default_factory=lambda: [(None, -(2**63)), (None, -(2**63))])

    def publish(self, ts_ns: int, kind: int, side: int, price: int, size: int, own: int) -> None:
        """The venue tells something: kind 0 a level's total, 1 a trade, 2 a phase."""
        channel = 1 if kind == 1 else 0
        packet_ns, due_ns = self.last[channel]
        if packet_ns != ts_ns:
            due_ns = max(due_ns, ts_ns + self.legs[channel].delay(ts_ns, ts_ns))
            self.last[channel] = (ts_ns, due_ns)
        self.waiting[channel].append((due_ns, kind, side, price, size, own))

    def look(self, now_ns: int) -> None:
        """Everything due by now is heard."""
        for queue in self.waiting:
            while queue and queue[0][0] <= now_ns:
                _, kind, side, price, size, own = queue.pop(0)
                if kind == 0:
                    self.book[side, price] = size
                elif kind == 1:
                    self.volume += size
                    self.own_volume += own
                else:
                    self.phase = size

    def levels(self, side: int) -> list[tuple[int, int]]:
        """(price, size) of one side, best first."""
        found = [(price, size) for (of, price), size in self.book.items() if of == side and size > 0]
        return sorted(found, reverse=side == 0)
