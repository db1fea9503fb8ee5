"""What truly happened to every recorded order, read from an order by order tape.

A *story* begins with the ADD of an order in continuous trading and ends when the order is gone, with the tape, or where a part begins that no own order could
have lived through (a CLEAR, or an execution outside continuous trading).  It follows the order through its changes, also of its id.

Invariants: rows are indices of the tape, rising; sizes are lots; the fills of a story never exceed what the order had.
Known limit: on a tape cut to K levels what happened out of sight is not there; a story ends with its last row then.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from lobsim.types import Flag, Kind, Phase


class End(IntEnum):
    """Why a story ends."""

    FILLED = 0
    CANCELLED = 1
    TAPE = 2
    CLEARED = 3
    AUCTION = 4  # executed outside continuous trading: what came before counts


class Stratum(IntEnum):
    """What became of an order."""

    NEVER = 0
    PARTLY = 1
    FULLY = 2


class Change(NamedTuple):
    """The owner changed the order: by so many lots (below 0: a cancel of a part); ``moves``: it went to the back at a price.

    order_id  what it is called from then on
    """

    row: int
    change_lots: int
    moves: bool
    price_ticks: int
    order_id: int


class Fill(NamedTuple):
    """One execution of the order."""

    row: int
    ts_ns: int
    size_lots: int


class Story:
    """One recorded order from its ADD on.

    row      of the ADD
    end_row  the story holds while at most so many rows have happened: the row that took the order away is the last of them
    """

    __slots__ = ("changes", "end", "end_row", "fills", "order_id", "price_ticks", "rest", "row", "side", "size_lots")

    def __init__(self, row: int, order_id: int, side: int, price_ticks: int, size_lots: int) -> None:
        self.row, self.order_id, self.side = row, order_id, side
        self.price_ticks, self.size_lots = price_ticks, size_lots
        self.rest = size_lots
        self.changes: list[Change] = []
        self.fills: list[Fill] = []
        self.end, self.end_row = End.TAPE, -1

    @property
    def filled_lots(self) -> int:
        """Lots executed."""
        return sum(fill.size_lots for fill in self.fills)

    @property
    def stratum(self) -> Stratum:
        """Never, partly or fully filled; fully: nothing was left to cancel."""
        if not self.fills:
            return Stratum.NEVER
        return Stratum.FULLY if self.end == End.FILLED else Stratum.PARTLY

    def finish(self, end: End, end_row: int) -> None:
        """The story ends, unless it has ended before."""
        if self.end_row < 0:
            self.end, self.end_row = end, end_row


class _Reader:
    """Follows every live order through the rows of a tape; those whose story is over, or never began, for their ids."""

    def __init__(self) -> None:
        self.live: dict[int, Story] = {}
        self.stories: list[Story] = []
        self.phase = int(Phase.CONTINUOUS)

    def add(self, row: int, order_id: int, side: int, price_ticks: int, size_lots: int, flags: int) -> None:
        """An order joins; a live id is passed over, as the replay does."""
        if order_id == 0 or order_id in self.live:
            return
        story = self.live[order_id] = Story(row, order_id, side, price_ticks, size_lots)
        if self.phase != Phase.CONTINUOUS or flags & Flag.SNAPSHOT:
            story.finish(End.CLEARED, row)
        else:
            self.stories.append(story)

    def execute(self, row: int, ts_ns: int, order_id: int, size_lots: int, flags: int) -> None:
        """An order trades."""
        story = self.live.get(order_id)
        if story is None:
            return
        if self.phase != Phase.CONTINUOUS or flags & Flag.AUCTION:
            story.finish(End.AUCTION, row)
        size_lots = min(size_lots, story.rest)
        story.rest -= size_lots
        if size_lots and story.end_row < 0:
            story.fills.append(Fill(row, ts_ns, size_lots))
        if story.rest == 0:
            story.finish(End.FILLED, row + 1)
            del self.live[order_id]

    def reduce(self, row: int, order_id: int, size_lots: int) -> None:
        """Part of an order is cancelled."""
        story = self.live.get(order_id)
        if story is None:
            return
        size_lots = min(size_lots, story.rest)
        story.rest -= size_lots
        if story.rest == 0:
            self.delete(row, order_id)
        elif story.end_row < 0:
            story.changes.append(Change(row, -size_lots, False, story.price_ticks, order_id))

    def delete(self, row: int, order_id: int) -> None:
        """An order is cancelled."""
        story = self.live.pop(order_id, None)
        if story is not None:
            story.finish(End.CANCELLED, row + 1)

    def replace(self, row: int, order_id: int, new_id: int, price_ticks: int, size_lots: int) -> None:
        """An order changes price or size; only a smaller size at the same price keeps its place."""
        story = self.live.pop(order_id, None)
        if story is None or new_id in self.live:
            if story is not None:
                story.finish(End.CANCELLED, row + 1)
            return
        self.live[new_id] = story
        price_before = story.changes[-1].price_ticks if story.changes else story.price_ticks
        moves = price_before != price_ticks or size_lots > story.rest
        if story.end_row < 0:
            story.changes.append(Change(row, size_lots - story.rest, moves, price_ticks, new_id))
        story.rest = size_lots

    def clear(self, row: int) -> None:
        """The recorded book is emptied."""
        for story in self.live.values():
            story.finish(End.CLEARED, row)
        self.live.clear()

    def close(self, rows: int) -> list[Story]:
        """All stories, in the order of their ADD."""
        for story in self.live.values():
            story.finish(End.TAPE, rows)
        return self.stories


def read_stories(tape: np.ndarray) -> list[Story]:
    """Every story of a tape, in the order of their first rows.

    tape  TAPE [rows], prices in ticks, sizes in lots
    """
    reader = _Reader()
    names = ("kind", "order_id", "other_id", "side", "price_ticks", "size", "flags", "ts_ns")
    columns = (tape[name].tolist() for name in names)
    for row, (kind, order_id, other_id, side, price_ticks, size, flags, ts_ns) in enumerate(zip(*columns, strict=True)):
        if kind == Kind.ADD:
            reader.add(row, order_id, side, price_ticks, size, flags)
        elif kind == Kind.EXECUTE:
            reader.execute(row, ts_ns, order_id, size, flags)
        elif kind == Kind.DELETE:
            reader.delete(row, order_id)
        elif kind == Kind.REDUCE:
            reader.reduce(row, order_id, size)
        elif kind == Kind.REPLACE:
            reader.replace(row, order_id, other_id, price_ticks, size)
        elif kind == Kind.CLEAR:
            reader.clear(row)
        elif kind == Kind.PHASE:
            reader.phase = size
    return reader.close(len(tape))
