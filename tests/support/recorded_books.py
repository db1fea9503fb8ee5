"""Plain books that follow canonical rows, slow and obvious, to hold readers against what the venue says itself."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lobsim.types import Flag, Kind, Side


class LevelBook:
    """Price -> size of each side, in the units of the rows."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[int, int]] = {int(Side.BUY): {}, int(Side.SELL): {}}

    def apply(self, kind: int, side: int, price: int, size: int) -> None:
        """Follow one row; prints leave the book alone."""
        if kind == Kind.CLEAR:
            for levels in self.sides.values():
                levels.clear()
        elif kind == Kind.LEVEL and size:
            self.sides[side][price] = size
        elif kind == Kind.LEVEL:
            self.sides[side].pop(price, None)

    def best(self) -> tuple[int, int, int, int] | None:
        """Bid, bid size, ask, ask size; None while a side is empty."""
        bids, asks = self.sides[Side.BUY], self.sides[Side.SELL]
        if not bids or not asks:
            return None
        bid, ask = max(bids), min(asks)
        return bid, bids[bid], ask, asks[ask]

    def depth(self) -> tuple[int, int]:
        """Number of bid and of ask levels."""
        return len(self.sides[Side.BUY]), len(self.sides[Side.SELL])


def after_level_packets(events: pl.DataFrame) -> Iterator[tuple[int, LevelBook]]:
    """Time of the last row and the book after each packet that holds levels (the same book, moved on)."""
    book = LevelBook()
    columns = ("ts_exchange", "kind", "side", "price", "size", "flags")
    has_level = False
    for time_ns, kind, side, price, size, flags in events.select(columns).iter_rows():
        book.apply(kind, side, price, size)
        has_level |= kind == Kind.LEVEL
        if flags & Flag.LAST_IN_PACKET:
            if has_level:
                yield time_ns, book
            has_level = False


def all_events(pieces: Iterator) -> tuple[pl.DataFrame, dict[str, int]]:
    """Rows and counted notes of all pieces of one symbol, joined."""
    frames, notes = [], {}
    for piece in pieces:
        frames.append(piece.events)
        for name, count in piece.notes.items():
            notes[name] = notes.get(name, 0) + count
    return pl.concat(frames), notes
