"""A feed that shows the best K levels only: section 3 of docs/rules.md on the slow replay.

The book row recorded after each message is the truth of ``hist``, never of ``size``.  A row is judged before it is
reconciled, and reconciliation touches only prices that have just become visible; own orders are never touched.  What a
message takes and history does not have counts as taken, so a wrong book row fails itself and the next, nothing later.

Who holds what at a level is partly guessed after a price was out of sight, but how much is there is not.  So a message's
quantity always leaves its level, whoever held it there (`CutReplay`); with this the hist totals equal the book row at every
price it sees after every row, and the feed's own consistency is all that a row can fail.

Readings chosen where the rules are silent: quantity missing at a price where an anonymous order stands is added to that
order, in its place; an own order posted before the first row counts as posted while its price was not visible.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lobsim.types import NONE_PRICE, Kind, Side
from tests.oracle.book import Order, Report, better
from tests.oracle.replay_l3 import OracleReplay, Row, prepare, row_of

RENAMED = 1_000_000_000


@dataclass(frozen=True)
class BookRow:
    """One recorded book row: per side (BUY, SELL) the size shown at each price, and the worst price a full side shows."""

    shown: tuple[dict[int, int], dict[int, int]]
    worst: tuple[int | None, int | None]

    def sees(self, side: int, price: int) -> bool:
        """Not worse than the worst price shown, or the side shows fewer than K levels."""
        worst = self.worst[side]
        return worst is None or not better(side, worst, price)


def book_row(values: Sequence[int]) -> BookRow:
    """A row of (ask price, ask size, bid price, bid size) per level; a missing level is NONE_PRICE with size 0."""
    shown: tuple[dict[int, int], dict[int, int]] = ({}, {})
    numbers = [int(value) for value in values]
    for start in range(0, len(numbers), 4):
        ask_price, ask_size, bid_price, bid_size = numbers[start : start + 4]
        for side, price, size in ((Side.SELL, ask_price, ask_size), (Side.BUY, bid_price, bid_size)):
            if price != NONE_PRICE and size:
                shown[side][price] = size
    full = [len(shown[side]) == len(numbers) // 4 for side in Side]
    lowest_bid = min(shown[Side.BUY]) if full[Side.BUY] else None
    highest_ask = max(shown[Side.SELL]) if full[Side.SELL] else None
    return BookRow(shown, (lowest_bid, highest_ask))


def hist_totals(replay: OracleReplay, side: int, row: BookRow) -> dict[int, int]:
    """What history says rests, per price that `row` sees."""
    queues = replay.queues[side].items()
    totals = {price: sum(order.hist for order in queue) for price, queue in queues if row.sees(side, price)}
    return {price: total for price, total in totals.items() if total}


class CutReplay(OracleReplay):
    """A replay of the best K levels: the order a REDUCE, DELETE or EXECUTE means is found, and made whole, at its level.

    By id, else the anonymous order, else the youngest recorded order with hist (the oldest for an EXECUTE).
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.counters["moved"] = 0
        self.short = 0
        """What the last row took from its price (below 0: added) and history did not."""

    def apply(self, recorded: Row | Mapping[str, Any] | Any) -> list[Report]:
        self.short = 0
        return super().apply(recorded)

    def _add(self, row: Row, extra: int) -> None:
        if self.live(row.order_id):
            self.short = -row.size_lots
        super()._add(row, extra)

    def _named(self, row: Row) -> Order | None:
        order = super()._named(row)
        if order is None:
            known = [order for order in self.queues[row.side].get(row.price_ticks, []) if order.hist]
            if not known:
                self.short = row.size_lots
                return None
            order = known[0 if row.kind == Kind.EXECUTE else -1]
        self._make_whole(order, row.size_lots)
        self.short = max(0, row.size_lots - order.hist)
        return order

    def _make_whole(self, order: Order, lots: int) -> None:
        """Move hist (and size with it, as far as there is any) from the youngest others at the price to `order`."""
        for giver in reversed(list(self.queues[order.side][order.price])):
            hist = min(giver.hist, max(0, lots - order.hist))
            if giver is not order and hist:
                size = min(hist, giver.size)
                order.hist, order.size = order.hist + hist, order.size + size
                self.counters["moved"] += hist
                self.history_takes(giver, hist)

    def _delete(self, row: Row) -> None:
        """The row's size goes, not more; what is left of a known order has no id any longer."""
        order = self._named(row)
        self.history_takes(order, row.size_lots)
        if order is not None and order.id == row.order_id and order.hist:
            self._forget_id(order)

    def _forget_id(self, order: Order) -> None:
        """The order stays in its place without an id, or joins the anonymous order there."""
        standing = self.anonymous(order.side, order.price)
        if standing is None:
            del self.orders[order.id]
            order.id, order.anonymous = 0, True
            return
        standing.hist, standing.size = standing.hist + order.hist, standing.size + order.size
        self.remove(order)


class RowChecker:
    """Applies messages together with their book rows.

    ``check`` answers (matches, entering).  ``corrections`` counts [rows, lots] by cause: seeded (the first row), missing,
    excess, gone.
    """

    def __init__(self, replay: CutReplay) -> None:
        self.replay = replay
        self.previous: BookRow | None = None
        self.rows, self.matching, self.entering = 0, 0, 0
        self.corrections = {cause: [0, 0] for cause in ("seeded", "missing", "excess", "gone")}
        replay.is_visible = lambda side, price: self.previous is not None and self.previous.sees(side, price)

    def check(self, recorded: Row | Mapping[str, Any] | Any, values: Sequence[int]) -> tuple[bool, bool]:
        """Apply one message and compare it with the book row recorded after it."""
        row, now = row_of(recorded), book_row(values)
        before = [hist_totals(self.replay, side, now) for side in Side]
        self.replay.apply(row)
        after = [hist_totals(self.replay, side, now) for side in Side]
        after[row.side][row.price_ticks] = after[row.side].get(row.price_ticks, 0) - self.replay.short
        matches = self.previous is None or self._matches(self.previous, now, before, after)
        entering = self.previous is not None and self._enters(self.previous, now, row)
        self._reconcile(now)
        self.previous = now
        self.rows += 1
        self.matching += matches
        self.entering += entering
        return matches, entering

    @staticmethod
    def _matches(was: BookRow, now: BookRow, before: list[dict[int, int]], after: list[dict[int, int]]) -> bool:
        """At every price visible in both rows, the change of the hist total equals the change of the row.

        ``after`` counts what history could not give as taken.
        """
        for side in Side:
            for price in set(was.shown[side]) | set(now.shown[side]) | set(before[side]) | set(after[side]):
                if was.sees(side, price) and now.sees(side, price):
                    of_row = now.shown[side].get(price, 0) - was.shown[side].get(price, 0)
                    of_hist = after[side].get(price, 0) - before[side].get(price, 0)
                    if of_row != of_hist:
                        return False
        return True

    @staticmethod
    def _enters(was: BookRow, now: BookRow, row: Row) -> bool:
        """A price is shown that the row before could not show, and it is not just the message's own new order."""
        for side in Side:
            for price, size in now.shown[side].items():
                explained = row.kind == Kind.ADD and (row.side, row.price_ticks, row.size_lots) == (side, price, size)
                if not was.sees(side, price) and not explained:
                    return True
        return False

    def _reconcile(self, now: BookRow) -> None:
        lots = dict.fromkeys(self.corrections, 0)
        for side in Side:
            hist = hist_totals(self.replay, side, now)
            for price in set(now.shown[side]) | set(hist):
                was_seen = self.previous is not None and self.previous.sees(side, price)
                if was_seen or not now.sees(side, price):
                    continue
                truth, known = now.shown[side].get(price, 0), hist.get(price, 0)
                if truth > known:
                    lots["seeded" if self.previous is None else "missing"] += truth - known
                    self._join_anonymous(side, price, truth - known)
                elif truth < known:
                    lots["excess" if truth else "gone"] += known - truth
                    self._take_off(side, price, known - truth)
        for cause, count in lots.items():
            self.corrections[cause][0] += count > 0
            self.corrections[cause][1] += count

    def _join_anonymous(self, side: int, price: int, quantity: int) -> None:
        """Behind the known orders, in front of own orders posted blind; at the first row in front of everything."""
        standing = self.replay.anonymous(side, price)
        if standing is not None:
            standing.hist += quantity
            standing.size += quantity
            return
        queue = self.replay.queues[side].get(price, [])
        blind = next((place for place, order in enumerate(queue) if order.own and order.blind), len(queue))
        order = Order(0, side, price, quantity, hist=quantity, anonymous=True)
        self.replay.join(order, 0 if self.previous is None else blind)

    def _take_off(self, side: int, price: int, quantity: int) -> None:
        """`hist` off the youngest recorded orders first, `size` by the same amount as far as it goes."""
        for order in reversed(list(self.replay.queues[side][price])):
            if not order.own:
                lots = min(quantity, order.hist)
                quantity -= lots
                if lots:
                    self.replay.history_takes(order, lots)


# --- cut tapes to try it on


def cut_tape(history: Iterable[Any], depth: int) -> list[tuple[Row, list[int]]]:
    """A history as its best `depth` levels show it: (message, book row); messages that do not change the row are left out.

    A REPLACE becomes a DELETE and an ADD under an id of its own, as LOBSTER writes it.
    """
    full, shown = OracleReplay(), [NONE_PRICE, 0] * 2 * depth
    tape: list[tuple[Row, list[int]]] = []
    for recorded in prepare(_without_replaces(history)):
        full.apply(recorded)
        before, shown = shown, _window(full, depth)
        if before != shown or recorded.kind == Kind.EXECUTE_HIDDEN:
            tape.append((recorded, shown))
    return tape


def _without_replaces(history: Iterable[Any]) -> list[Row]:
    full = OracleReplay()
    rows: list[Row] = []
    names: dict[int, int] = {}
    for place, recorded in enumerate(prepare(history)):
        name = names.get(recorded.order_id, recorded.order_id)
        old = full.orders.get(recorded.order_id)
        if recorded.kind == Kind.REPLACE:
            assert old is not None
            gone = {"kind": Kind.DELETE, "order_id": name, "price_ticks": old.price, "size_lots": old.hist}
            names[recorded.other_id] = RENAMED + place
            rows += [recorded._replace(**gone), recorded._replace(kind=Kind.ADD, order_id=RENAMED + place)]
        else:
            rows.append(recorded._replace(order_id=name))
        full.apply(recorded)
    return rows


def _window(replay: OracleReplay, depth: int) -> list[int]:
    missing = [(NONE_PRICE, 0, 0)] * depth
    asks, bids = (replay.levels(side)[:depth] + missing for side in (Side.SELL, Side.BUY))
    return [value for level in range(depth) for value in (*asks[level][:2], *bids[level][:2])]


def lobster_pair(path: Path) -> list[tuple[Row, list[int]]]:
    """A zipped LOBSTER pair as (message, book row): nanoseconds since midnight, prices in 1e-4 dollars, types 1 to 5."""
    with zipfile.ZipFile(path) as pair:
        names = [next(name for name in pair.namelist() if word in name) for word in ("message", "orderbook")]
        messages, books = (pair.read(name).decode().split() for name in names)
    kinds = {"1": Kind.ADD, "2": Kind.REDUCE, "3": Kind.DELETE, "4": Kind.EXECUTE, "5": Kind.EXECUTE_HIDDEN}
    rows = []
    for line in messages:
        time, kind, order_id, size, price, direction = line.split(",")
        seconds, _, decimals = time.partition(".")
        side = Side.BUY if direction == "1" else Side.SELL
        ts_ns = int(seconds) * 10**9 + int(decimals.ljust(9, "0"))
        numbers = int(order_id), 0, 0, int(price), int(size), 0, int(price)
        rows.append(Row(ts_ns, int(kinds[kind]), int(side), *numbers))
    shown = [[NONE_PRICE if abs(int(v)) == 9999999999 else int(v) for v in line.split(",")] for line in books]
    return list(zip(prepare(rows), shown, strict=True))
