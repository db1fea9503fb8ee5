"""What the doctor says of a book, found again slowly: row by row, on dictionaries, and from all pairs of touches."""

from __future__ import annotations

from typing import NamedTuple

from lobsim.feeds.schema import Dataset
from lobsim.types import NONE_PRICE, Flag, Kind, Phase, Side


class Touch(NamedTuple):
    """A row that sets an entry of the book, and until when it stands so, and is there at all."""

    row: int
    packet: int
    ts: int
    side: int
    price: int
    key: object
    trading: bool
    until_ts: int
    until_row: int
    gone_ts: int


def best_prices(dataset: Dataset) -> list[tuple[int, int]]:
    """Bid and ask after every row, NONE_PRICE where a side is empty."""
    book, found = {}, []
    for row in dataset.events.iter_rows(named=True):
        _apply(book, row)
        bids = [price for side, price, size in book.values() if side == Side.BUY and size]
        asks = [price for side, price, size in book.values() if side == Side.SELL and size]
        found.append((max(bids, default=NONE_PRICE), min(asks, default=NONE_PRICE)))
    return found


def missing_removals(dataset: Dataset, stale_ns: int) -> list[tuple[object, int, int]]:
    """Key, row that touched it last and row that crossed it, from every pair of touches."""
    touches, found = _touches(dataset), []
    for old in touches:
        for new in touches:
            opposite = new.side != old.side and new.packet > old.packet and new.row < old.until_row
            through = old.price >= new.price if old.side == Side.BUY else old.price <= new.price
            long = new.ts + stale_ns < min(old.until_ts, new.gone_ts)
            if opposite and through and long and new.trading:
                found.append((old.key, old.row, new.row))
                break
    return sorted(found, key=lambda one: (one[2], one[1]))


def _apply(book: dict, row: dict) -> list[tuple[object, tuple[int, int, int]]]:
    """Follow one row; the keys it touches, each with what it is then.  changes: book, key -> side, price, size"""
    kind, side, price, size, key = row["kind"], row["side"], row["price"], row["size"], row["order_id"]
    new: list[tuple[object, tuple[int, int, int]]] = []
    if kind == Kind.CLEAR:
        book.clear()
    elif kind == Kind.LEVEL:
        new = [((side, price), (side, price, size))]
    elif kind == Kind.ADD:
        new = [(key, (side, price, size))]
    elif key in book and book[key][2] and kind in (Kind.REDUCE, Kind.EXECUTE):
        new = [(key, (*book[key][:2], max(book[key][2] - size, 0)))]
    elif key in book and book[key][2] and kind in (Kind.DELETE, Kind.REPLACE):
        new = [(key, (*book[key][:2], 0))]
    if kind == Kind.REPLACE:
        new.append((row["other_id"], (side, price, size)))
    book.update(new)
    return new


def _touches(dataset: Dataset) -> list[Touch]:
    """Every row that leaves something."""
    rows = list(dataset.events.iter_rows(named=True))
    book, told, packet, phase = {}, [], 0, int(Phase.CONTINUOUS)
    for number, row in enumerate(rows):
        phase = row["size"] if row["kind"] == Kind.PHASE else phase
        for key, state in _apply(book, row):
            told.append((number, packet, row["ts_exchange"], key, state, phase == Phase.CONTINUOUS))
        packet += bool(row["flags"] & Flag.LAST_IN_PACKET)
    end, now = len(rows), rows[-1]["ts_exchange"]
    clears = [number for number, row in enumerate(rows) if row["kind"] == Kind.CLEAR]
    found = []
    for place, (number, packet, ts, key, (side, price, size), trading) in enumerate(told):
        if not size:
            continue
        cleared = next((clear for clear in clears if clear > number), end)
        later = [(one[0], one[4]) for one in told[place + 1 :] if one[3] == key]
        until = min([cleared, *(row for row, _ in later[:1])])
        gone = min([cleared, *(row for row, state in later if state[:2] != (side, price) or not state[2])])
        times = [now if row == end else rows[row]["ts_exchange"] for row in (until, gone)]
        found.append(Touch(number, packet, ts, side, price, key, trading, times[0], until, times[1]))
    return found
