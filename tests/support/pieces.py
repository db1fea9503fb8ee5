"""Made-up pieces of the canonical table, and the slow queues that a day is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from lobsim.feeds.piece import Instrument, Piece
from lobsim.feeds.schema import COLUMNS
from lobsim.feeds.writer import Origin, Written, write
from lobsim.types import Fidelity, Kind, Side

DAY_NS = 86_400 * 10**9
MONDAY_NS = 20_458 * DAY_NS  # 2026-01-05, UTC
LEVELS = Instrument("BTC", "MADE_UP", "USD", Fidelity.L2_TRADES, 0, "0.001", "0.0001")
ORDERS = Instrument("XYZ", "MADE_UP", "USD", Fidelity.L3_FULL, 0, "0.001", "0.0001")


def table(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """The canonical table of some rows; what a row leaves out is 0, its sequence -1."""
    whole = [dict.fromkeys(COLUMNS, 0) | {"sequence": -1} | row for row in rows]
    return pl.DataFrame(whole, schema=COLUMNS)


def level(at_ns: int, side: int, price: int, size: int, **more: int) -> dict[str, int]:
    """One LEVEL row, on the Monday."""
    return {"ts_exchange": MONDAY_NS + at_ns, "ts_local": MONDAY_NS + at_ns + 7, "kind": Kind.LEVEL} | {
        "side": side,
        "price": price,
        "size": size,
        **more,
    }


def order(
    at_ns: int, kind: int, order_id: int, side: int = 0, price: int = 0, size: int = 0, other_id: int = 0
) -> dict:
    """One row about an order, on the Monday."""
    return level(at_ns, side, price, size, kind=kind, order_id=order_id, other_id=other_id)


def in_pieces(
    rows: Sequence[dict[str, Any]] | pl.DataFrame, cuts: Sequence[int] = (), instrument: Instrument = LEVELS
) -> Iterator[Piece]:
    """The rows as pieces that begin at the cuts."""
    whole = rows if isinstance(rows, pl.DataFrame) else table(rows)
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    return (Piece(instrument, whole[start:end], {}) for start, end in pairwise(edges))


def write_rows(
    rows: Sequence[dict[str, Any]] | pl.DataFrame,
    root: Path,
    cuts: Sequence[int] = (),
    instrument: Instrument = LEVELS,
    **settings: str,
) -> list[Written]:
    """Write rows as the days of a store."""
    return write([(made_up(root), in_pieces(rows, cuts, instrument))], root, **settings)


def made_up(root: Path) -> Origin:
    """A vendor's file beside the store."""
    file = root.parent / "made_up.csv"
    file.write_bytes(b"made up\n")
    return Origin([file])


class PlainQueues:
    """Every order in its queue, moved one by one (docs/rules.md, 2: REPLACE)."""

    def __init__(self) -> None:
        self.queues: dict[tuple[int, int], list[list[int]]] = {}

    def take(self, events: pl.DataFrame) -> PlainQueues:
        """Apply rows."""
        for row in events.iter_rows(named=True):
            self._apply(**row)
        return self

    def orders(self) -> dict[tuple[int, int], list[list[int]]]:
        """(side, price) -> [id, size] in order."""
        return {place: queue for place, queue in self.queues.items() if queue}

    def _find(self, order_id: int) -> tuple[tuple[int, int], list[list[int]], int] | None:
        for place, queue in self.queues.items():
            for index, resting in enumerate(queue):
                if resting[0] == order_id:
                    return place, queue, index
        return None

    def _apply(self, kind: int, side: int, price: int, size: int, order_id: int, other_id: int, **_: int) -> None:
        if kind == Kind.CLEAR:
            self.queues.clear()
            return
        if kind == Kind.ADD:
            self.queues.setdefault((side, price), []).append([order_id, size])
            return
        found = self._find(order_id)
        if kind == Kind.REPLACE:
            keeps = found is not None and found[0] == (side, price) and size <= found[1][found[2]][1]
            if found is not None and keeps:
                found[1][found[2]] = [other_id, size]
                return
            if found is not None:
                found[1].pop(found[2])
            self.queues.setdefault((side, price), []).append([other_id, size])
        elif found is not None:
            _, queue, index = found
            queue[index][1] -= size if kind != Kind.DELETE else queue[index][1]
            if queue[index][1] <= 0:
                queue.pop(index)


BUY, SELL = int(Side.BUY), int(Side.SELL)
