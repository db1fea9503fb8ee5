"""Checks of a day that look at rows and clocks, not at a book.  Each takes the blocks one after the other and then says what it found.

Known limits: a repeated row is found within ``WINDOW_ROWS`` rows of the first; numbers of the venue are judged only where nearly all of them follow each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import polars as pl

from lobsim.feeds.day_blocks import Block
from lobsim.feeds.findings import CHECKS, Finding, First, Severity
from lobsim.feeds.schema import COLUMNS, ON_TICK, DatasetInfo
from lobsim.types import MAX_PRICE_TICKS, MAX_SIZE_LOTS, Flag, Kind, Phase

WINDOW_ROWS = 2**16
SILENT_NS = 60 * 10**9
"""A pause is worth telling from here on, if it is also SILENT_TIMES as long as the longest that chance makes likely."""
SILENT_TIMES = 10
DENSE_STEPS = 100
"""So many steps of the venue's numbers are needed to judge them, and 99 in 100 of them must be by one."""
_PAUSES = 1000
_EXACT = 2**21
REPAIR_NOTE = "repair "
"""How a note begins that a repair has left."""
_TRADES = (int(Kind.PRINT), int(Kind.EXECUTE_HIDDEN))


class Tally:
    """How often something was found, and the first of them."""

    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0
        self.first: First | None = None
        self.facts: dict[str, int] = {}

    def add(self, block: Block, rows: np.ndarray, words: str = "") -> None:
        """Count some rows of a block (their indices, rising); ``words`` may hold the name of columns in braces."""
        if len(rows) and self.first is None:
            self.first = first_of(block, int(rows[0]), words)
        self.count += len(rows)

    def finding(self, severity: Severity | None = None, note: str = "") -> Iterator[Finding]:
        """The finding, where there is one."""
        if self.count:
            severity = CHECKS[self.name].severity if severity is None else severity
            yield Finding(self.name, self.count, severity, self.first, note, self.facts)


def first_of(block: Block, row: int, words: str = "") -> First:
    """A row of a block in words."""
    values = {name: int(column[row]) for name, column in block.column.items()}
    kind = values["kind"]
    name = Kind(kind).name if kind in set(Kind) else f"kind {kind}"
    side = {0: " buy", 1: " sell"}.get(values["side"], "")
    order = f" of order {values['order_id']}" if values["order_id"] else ""
    text = f"{name}{side}{order}: {values['size']} lots at {values['price']} quanta"
    said = words.format_map(values)
    return First(block.offset + row + 1, values["ts_exchange"], f"{text}{', ' * bool(said)}{said}")


class _Median:
    """The middle of many nanoseconds, the lower of two; rounded down to the microsecond where there are more than ``_EXACT``."""

    def __init__(self) -> None:
        self._values, self._counts = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        self._total = 0

    def add(self, values: np.ndarray) -> None:
        """Some more of them."""
        self._total += len(values)
        values = np.concatenate([self._values, values])
        counts = np.append(self._counts, np.ones(len(values) - len(self._counts), dtype=np.int64))
        if self._total > _EXACT:
            values = values // 1000 * 1000
        self._values, place = np.unique(values, return_inverse=True)
        self._counts = np.bincount(place, counts).astype(np.int64)

    @property
    def value(self) -> int:
        """The middle one."""
        return int(self._values[np.searchsorted(np.cumsum(self._counts), (self._total + 1) // 2)])


class Clocks:
    """Exchange time that falls, local time that falls within book or trades, rows received before they happened."""

    def __init__(self) -> None:
        self._fallen, self._local = Tally("exchange-time-falls"), Tally("local-clock-falls")
        self._negative = Tally("negative-latency")
        self._latest = {"exchange": -(2**63), "book": -(2**63), "trades": -(2**63)}
        self._delays = _Median()
        self._worst_ns = 0

    def take(self, block: Block) -> None:
        """Look at the next block."""
        exchange, local = block.column["ts_exchange"], block.column["ts_local"]
        self._fallen.add(block, np.flatnonzero(self._falls("exchange", exchange)))
        trades = np.isin(block.column["kind"], _TRADES)
        falls = np.zeros(len(local), dtype=bool)
        for name, mine in (("book", ~trades), ("trades", trades)):
            falls[mine] = self._falls(name, local[mine])
        self._local.add(block, np.flatnonzero(falls), "local time {ts_local}")
        delay = local - exchange
        early = np.flatnonzero(delay < 0)
        self._negative.add(block, early, "received at {ts_local}")
        if len(early):
            self._worst_ns = min(self._worst_ns, int(delay[early].min()))
            self._delays.add(delay[early])

    def _falls(self, name: str, time: np.ndarray) -> np.ndarray:
        """Where a clock shows less than it did before."""
        latest = np.maximum.accumulate(np.concatenate([[self._latest[name]], time]))
        self._latest[name] = int(latest[-1])
        return time < latest[:-1]

    def findings(self) -> Iterator[Finding]:
        """What was found."""
        if self._negative.count:
            self._negative.facts = {"median_ns": self._delays.value, "worst_ns": self._worst_ns}
        yield from self._fallen.finding()
        yield from self._local.finding()
        yield from self._negative.finding()


class Numbers:
    """Prices off tick, sizes and prices that no row can have, rows of an auction in continuous trading."""

    def __init__(self, info: DatasetInfo) -> None:
        self._tick = info.tick_quanta
        self._off_tick, self._odd, self._auction = Tally("off-tick"), Tally("odd-size"), Tally("auction-row")
        self._off_book = 0

    def take(self, block: Block) -> None:
        """Look at the next block."""
        kind, price, size = (block.column[name] for name in ("kind", "price", "size"))
        on_book = np.isin(kind, ON_TICK)
        off = (price % self._tick != 0) & (on_book | np.isin(kind, _TRADES))
        self._off_book += int((off & on_book).sum())
        self._off_tick.add(block, np.flatnonzero(off))
        auction = block.column["flags"] & Flag.AUCTION != 0
        may_be_zero = np.isin(kind, (Kind.DELETE, Kind.LEVEL, Kind.CLEAR, Kind.PHASE)) | (
            auction & (kind == Kind.PRINT)
        )
        odd = (size < np.where(may_be_zero, 0, 1)) | (size > MAX_SIZE_LOTS)
        odd |= np.abs(price) > MAX_PRICE_TICKS * self._tick
        odd |= (kind == Kind.PHASE) & (size > max(Phase))
        self._odd.add(block, np.flatnonzero(odd))
        self._auction.add(block, np.flatnonzero(auction & block.trading))

    def findings(self) -> Iterator[Finding]:
        """What was found."""
        yield from self._off_tick.finding(Severity.ERROR if self._off_book else None)
        yield from self._odd.finding()
        yield from self._auction.finding()


class Duplicates:
    """Rows that are there twice, in every column, within ``WINDOW_ROWS`` rows.

    Where the venue gives no numbers, only rows that cannot be meant twice count (a level, an arrival, a deletion, a replacement): of trades and
    reductions two equal ones may both be real.
    """

    def __init__(self) -> None:
        self._numbered, self._plain = Tally("duplicate-row"), Tally("duplicate-row")
        self._before: pl.DataFrame | None = None
        self._is_index = True

    def take(self, block: Block) -> None:
        """Look at the next block."""
        self._is_index &= numbers_are_rows(block.column["sequence"], block.offset)
        known = 0 if self._before is None else len(self._before)
        whole = block.events if self._before is None else pl.concat([self._before, block.events])
        # numbers of rows are never repeated: until the first number that is none, nothing numbered can be
        tally = self._plain if self._is_index else self._numbered
        tally.add(block, np.flatnonzero(repeated(whole, numbered=not self._is_index)[known:]))
        self._before = whole[-WINDOW_ROWS:]

    def findings(self) -> Iterator[Finding]:
        """What was found."""
        yield from (self._plain if self._is_index else self._numbered).finding()


def numbers_are_rows(sequence: np.ndarray, offset: int = 0) -> bool:
    """Whether the numbers are those of the rows, which is what a feed without numbers is given."""
    return bool((sequence == np.arange(offset, offset + len(sequence))).all())


def repeated(events: pl.DataFrame, *, numbered: bool) -> np.ndarray:
    """Which rows repeat an earlier one, at most ``WINDOW_ROWS`` rows before, in every column (of ``numbered`` rows the number too)."""
    names = [name for name in COLUMNS if numbered or name != "sequence"]
    mark = events.select(names).hash_rows(seed=0).to_numpy()
    order = np.argsort(mark, kind="stable")
    same = np.flatnonzero(mark[order][1:] == mark[order][:-1])
    later, earlier = order[same + 1], order[same]
    equal = later - earlier <= WINDOW_ROWS
    if not numbered:
        equal &= np.isin(events["kind"].to_numpy()[later], (Kind.LEVEL, Kind.ADD, Kind.DELETE, Kind.REPLACE))
    for name in names:
        column = events[name].to_numpy()
        equal &= column[later] == column[earlier]
    found = np.zeros(len(events), dtype=bool)
    found[later[equal]] = True
    return found


class Sequences:
    """Numbers of the venue that are missing or go back, in the rows that make the book."""

    def __init__(self) -> None:
        self._gap, self._fall, self._lost = Tally("sequence-gap"), Tally("sequence-falls"), Tally("book-lost")
        self._last: int | None = None
        self._steps, self._by_one, self._missing = 0, 0, 0
        self._any_book, self._is_index = False, True

    def take(self, block: Block) -> None:
        """Look at the next block."""
        self._is_index &= numbers_are_rows(block.column["sequence"], block.offset)
        rows, step, self._last = book_steps(block, self._last)
        self._steps += int((step > 0).sum())
        self._by_one += int((step == 1).sum())
        self._missing += int((step[step > 1] - 1).sum())
        self._gap.add(block, rows[step > 1])
        self._fall.add(block, rows[step < 0])
        self._losses(block)

    def _losses(self, block: Block) -> None:
        """Rows that empty a book that was there."""
        kind = block.column["kind"]
        book = np.isin(kind, (Kind.ADD, Kind.LEVEL))
        had = np.concatenate([[self._any_book], np.cumsum(book) > 0])[:-1] | self._any_book
        self._lost.add(block, np.flatnonzero((kind == Kind.CLEAR) & had))
        self._any_book |= bool(book.any())

    @property
    def dense(self) -> bool:
        """Whether the venue numbers, and nearly all numbers follow each other, so that one that does not says something."""
        return not self._is_index and self._steps >= DENSE_STEPS and self._by_one >= 0.99 * self._steps

    def findings(self) -> Iterator[Finding]:
        """What was found."""
        if self.dense:
            self._gap.facts = {"missing_numbers": self._missing}
            yield from self._gap.finding()
            yield from self._fall.finding()
        yield from self._lost.finding()


def book_steps(block: Block, last: int | None) -> tuple[np.ndarray, np.ndarray, int | None]:
    """Rows that are no trades, no phases and no snapshots; by how much each number is above the one before; and the number to go on from.

    A step that has nothing before it, or a CLEAR or snapshot in between, is 0; ``last`` is None where the next step will be such.
    """
    column = block.column
    restart = (column["kind"] == Kind.CLEAR) | (column["flags"] & Flag.SNAPSHOT != 0)
    rows = np.flatnonzero(~restart & ~np.isin(column["kind"], (*_TRADES, Kind.PHASE)))
    restarts = np.cumsum(restart)
    if not len(rows):
        return rows, rows, None if restarts[-1] else last
    numbers, begun = column["sequence"][rows], restarts[rows]
    before = np.concatenate([[numbers[0] if last is None else last], numbers[:-1]])
    follows = begun == np.concatenate([[0], begun[:-1]])
    going_on = None if restarts[-1] > begun[-1] else int(numbers[-1])
    return rows, np.where(follows, numbers - before, 0), going_on


class Silence:
    """Pauses in continuous trading that are far longer than the pace of the day makes likely."""

    def __init__(self) -> None:
        self._tally = Tally("silent-stretch")
        self._last: tuple[int, bool] | None = None
        self._pauses: list[tuple[int, First]] = []
        self._rows, self._trading_ns = 0, 0

    def take(self, block: Block) -> None:
        """Look at the next block."""
        time, trading = block.column["ts_exchange"], block.trading
        if self._last is not None:
            time, trading = np.append(self._last[0], time), np.append(self._last[1], trading)
        shift = len(time) - len(block.events)
        pause = np.where(trading[:-1], np.diff(time), 0)
        self._trading_ns += int(pause.sum())
        self._rows += int(trading.sum())
        for place in np.flatnonzero(pause >= SILENT_NS):
            first = first_of(block, int(place) + 1 - shift, f"after {pause[place] / 1e9:.1f} s without any row")
            self._pauses.append((int(pause[place]), first))
        self._pauses = sorted(self._pauses, key=lambda one: (-one[0], one[1].row))[:_PAUSES]
        self._last = (int(time[-1]), bool(trading[-1]))

    def findings(self) -> Iterator[Finding]:
        """What was found; n rows at a steady pace leave a longest pause of about ln(n) mean pauses."""
        if not self._rows:
            return
        likely_ns = self._trading_ns / self._rows * np.log(self._rows + 1)
        long = sorted((first.row, ns, first) for ns, first in self._pauses if ns >= SILENT_TIMES * likely_ns)
        if long:
            longest = max(ns for _, ns, _ in long)
            facts = {"longest_ns": longest, "total_ns": sum(ns for _, ns, _ in long)}
            severity = CHECKS[self._tally.name].severity
            yield Finding(self._tally.name, len(long), severity, long[0][2], facts=facts)


_TIMES_MOVED = re.compile(r"times (that fell, )?raised$|times_raised$|times moved$")
_ORDINARY = re.compile(r"no events$|found in the|carried over|received before they happened$")


def notes_findings(info: DatasetInfo) -> Iterator[Finding]:
    """What the import counted, and what repairs have left word of."""
    moved: dict[str, int] = {}
    others: dict[str, int] = {}
    for note in info.notes:
        found = re.fullmatch(r"(.+): (\d+)", note)
        if found is None or found[2] == "0" or note.startswith(REPAIR_NOTE):
            continue
        if not _ORDINARY.search(found[1]):
            (moved if _TIMES_MOVED.search(found[1]) else others)[found[1]] = int(found[2])
    if moved:
        name = "exchange-time-lifted"
        yield Finding(name, sum(moved.values()), CHECKS[name].severity, facts=moved)
    if others:
        yield Finding("import-notes", len(others), CHECKS["import-notes"].severity, facts=others)
    repairs = [note for note in info.notes if note.startswith(REPAIR_NOTE)]
    if repairs:
        yield Finding("repaired", len(repairs), CHECKS["repaired"].severity, note="; ".join(repairs))
