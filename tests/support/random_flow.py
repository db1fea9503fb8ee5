"""Random commands by the million, made with numpy in blocks: every order type, rule and phase, without knowing the book they meet.

Ids come from a small pool, so that about every second command means an order that is live; the others are refused.  Prices follow a middle that
wanders, so that the book's window moves.  The same flow, seed and block lengths give the same commands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from lobsim.types import MESSAGE, TERMS, MessageFlag, OrderType, Peg, Phase, TimeInForce, Verb

GTC, IOC, FOK, GTD = (int(tif) for tif in (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD))
DISPLAY_ROWS, LEAST_ROWS, STOP_ROWS, PEG_ROWS = range(1, 7), range(7, 13), range(13, 45), range(45, 54)


@dataclass(frozen=True)
class Flow:
    """What kind of commands, and under which rules."""

    types: tuple[float, ...] = (0.76, 0.08, 0.04, 0.04, 0.04, 0.04)  # in the order of OrderType
    ids: int = 300
    id_factor: int = 1  # odd; a large one makes ids that no table can be indexed with
    spread: float = 3.0
    special: float = 1.0  # share of terms, flags, owners and phases, against the usual
    rules: dict[str, int] = field(default_factory=dict)


class Block(NamedTuple):
    """Commands, and the table their terms are rows of."""

    messages: np.ndarray  # MESSAGE
    terms: np.ndarray  # TERMS


class RandomFlow:
    """Writes one block after the other."""

    def __init__(self, flow: Flow, seed: int) -> None:
        self.flow, self.rng = flow, np.random.default_rng(seed)
        self.now_ns, self.center = 0, 1_000

    def block(self, n: int) -> Block:
        """The next n commands."""
        rng, flow = self.rng, self.flow
        messages = np.zeros(n, MESSAGE)
        messages["ts_ns"] = self.now_ns + np.cumsum(rng.integers(0, 3, n))
        center = self.center + np.cumsum(rng.choice([-1, 0, 1], n, p=[0.02, 0.96, 0.02]))
        messages["verb"] = rng.choice([Verb.NEW, Verb.CANCEL, Verb.REDUCE, Verb.REPLACE], n, p=[0.57, 0.18, 0.08, 0.17])
        messages["order_id"] = self._ids(n)
        messages["new_id"] = np.where(rng.random(n) < 0.5, messages["order_id"], self._ids(n))
        messages["side"] = rng.integers(0, 2, n)
        messages["type"] = rng.choice(len(OrderType), n, p=flow.types)
        away = rng.exponential(flow.spread, n).astype(np.int64) - 2
        messages["price_ticks"] = center + np.where(messages["side"] == 1, away, -away)
        messages["size_lots"] = rng.choice([1, 2, 3, 5, 8, 10, 20, 60], n)
        messages["owner"] = rng.integers(0, 4, n) * (flow.special > 0)
        messages["expire_ns"] = messages["ts_ns"] + rng.integers(0, 200, n)
        self._times_in_force(messages)
        self._terms_and_flags(messages)
        self._mistakes(messages)
        self._phases(messages, center)
        terms = self._table()
        self.now_ns, self.center = int(messages["ts_ns"][-1]), int(center[-1])
        return Block(messages, terms)

    def _ids(self, n: int) -> np.ndarray:
        ids = self.rng.integers(1, self.flow.ids + 1, n).astype(np.uint64)
        return (ids * np.uint64(self.flow.id_factor)).view(np.int64)

    def _times_in_force(self, messages: np.ndarray) -> None:
        n, kind = len(messages), messages["type"]
        limit = self.rng.choice([GTC, IOC, FOK, GTD], n, p=[0.74, 0.1, 0.04, 0.12])
        market = self.rng.choice([GTC, IOC, FOK], n)
        resting = self.rng.choice([GTC, GTD], n, p=[0.85, 0.15])
        messages["tif"] = np.where(kind == OrderType.LIMIT, limit, np.where(kind == OrderType.MARKET, market, resting))

    def _terms_and_flags(self, messages: np.ndarray) -> None:
        """Terms where the type needs them or may have them; flags where there are none."""
        rng, n, kind = self.rng, len(messages), messages["type"]
        draw, new = rng.random(n) / max(self.flow.special, 1e-9), messages["verb"] == Verb.NEW
        rests = np.isin(messages["tif"], (GTC, GTD))
        limit = new & (kind == OrderType.LIMIT)
        terms = np.zeros(n, np.int64)
        for where, rows in (
            (limit & rests & (draw < 0.15), DISPLAY_ROWS),
            (new & np.isin(kind, (OrderType.LIMIT, OrderType.MARKET)) & (draw >= 0.15) & (draw < 0.2), LEAST_ROWS),
            (new & np.isin(kind, (OrderType.STOP, OrderType.STOP_LIMIT)), STOP_ROWS),
            (new & (kind == OrderType.PEGGED), PEG_ROWS),
        ):
            terms[where] = rng.integers(rows.start, rows.stop, np.count_nonzero(where))
        messages["terms"] = terms
        plain = limit & rests & (terms == 0)
        flags = np.where(plain & (draw >= 0.2) & (draw < 0.3), int(MessageFlag.HIDDEN), 0)
        flags |= np.where(plain & (draw >= 0.3) & (draw < 0.35), int(MessageFlag.POST_ONLY), 0)
        reduces = new & (kind != OrderType.PEGGED) & (draw >= 0.35) & (draw < 0.45)
        flags |= np.where(reduces, int(MessageFlag.REDUCE_ONLY), 0)
        changes = (messages["verb"] == Verb.REPLACE) & (draw < 0.1)
        messages["flags"] = flags | np.where(changes, int(MessageFlag.LOSE_PLACE), 0)

    def _mistakes(self, messages: np.ndarray) -> None:
        """One in two hundred has something wrong with it."""
        rng, n = self.rng, len(messages)
        for name, wrong in (("side", 2), ("tif", 7), ("size_lots", 0), ("size_lots", 2**50), ("price_ticks", 2**60)):
            messages[name][rng.random(n) < 0.001] = wrong

    def _phases(self, messages: np.ndarray, center: np.ndarray) -> None:
        """Now and then a phase for a few dozen commands; a block ends in continuous trading."""
        if self.flow.special == 0:
            return
        rng, n = self.rng, len(messages)
        begins = np.flatnonzero(rng.random(n) < 0.001)
        ends = np.append(np.minimum(begins + rng.integers(1, 60, len(begins)), n - 1), n - 1)
        for places, phases in ((begins, rng.integers(0, len(Phase), len(begins))), (ends, Phase.CONTINUOUS)):
            messages["verb"][places] = Verb.PHASE
            messages["size_lots"][places] = phases
            messages["price_ticks"][places] = center[places]

    def _table(self) -> np.ndarray:
        """Terms near the market of this block."""
        table = np.zeros(PEG_ROWS.stop, TERMS)
        table["display_lots"][DISPLAY_ROWS.start : DISPLAY_ROWS.stop] = [1, 1, 2, 3, 4, 6]
        table["min_lots"][LEAST_ROWS.start : LEAST_ROWS.stop] = [1, 2, 3, 4, 6, 10]
        stops = slice(STOP_ROWS.start, STOP_ROWS.stop)
        table["has_stop"][stops] = 1
        table["stop_ticks"][stops] = self.center + 2 * np.arange(-len(STOP_ROWS) // 2, len(STOP_ROWS) // 2)
        pegs = slice(PEG_ROWS.start, PEG_ROWS.stop)
        table["peg"][pegs] = [Peg.PRIMARY, Peg.MID, Peg.MARKET] * 3
        table["peg_ticks"][pegs] = np.arange(len(PEG_ROWS)) // 3
        return table
