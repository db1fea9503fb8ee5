"""Looks a data set over and says what is wrong with it: ``examine`` gives a ``findings.Report``.

Every check is one pass over blocks of rows, so that memory is bounded by the block and by the orders that live at a time; what a finding means, how bad it is and
what repairs it stands in ``findings.CHECKS``.

Invariants: nothing is changed; the same data give the same report, wherever the blocks are cut; phases count: a book may be crossed outside continuous trading.
Known limits: days of a store are looked at one by one; where book rows were recorded beside the events they are the book that is judged.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from lobsim.feeds.crossing import Best, BookWatch
from lobsim.feeds.day_blocks import BLOCK_ROWS, Block, Day, day_of
from lobsim.feeds.findings import CHECKS, Finding, First, Report, Severity
from lobsim.feeds.prepared import fault_of_copy
from lobsim.feeds.row_checks import Clocks, Duplicates, Numbers, Sequences, Silence, Tally, first_of, notes_findings
from lobsim.feeds.schema import Dataset
from lobsim.feeds.touches import Blemishes, LevelTouches, OrderTouches
from lobsim.feeds.trade_depth import TradesAndLevels
from lobsim.types import Fidelity, Side

ORDER_DATA = (Fidelity.L3_FULL, Fidelity.L3_TOP_K)
COMMON_SHARE = 0.05
"""Trades without a decrease are worth a warning from this share on: fewer are levels that came back between two updates."""
_BOOK_CHECKS = ("crossed-book", "locked-book", "crossed-outside-trading", "missing-removal")
_ORDER_CHECKS = ("orphan-cancel", "orphan-execution", "overdrawn", "duplicate-order")


def examine(
    data: Dataset | str | os.PathLike[str],
    progress: Callable[[int], None] | None = None,
    *,
    block_rows: int = BLOCK_ROWS,
) -> Report:
    """Look over one data set: one in memory, also one that ``validate`` would refuse, or a partition's folder in a store.

    progress  called with the number of rows done

    Raises DataError for a stored file that cannot be read.
    """
    day = day_of(data, block_rows=block_rows)
    checks = [Clocks(), Numbers(day.info), Duplicates(), Sequences(), Silence()]
    book = _Book(day)
    for block in day.blocks():
        for check in checks:
            check.take(block)
        book.take(block)
        if progress is not None:
            progress(block.offset + len(block.events))
    findings = [*_digest(day), *book.findings(), *notes_findings(day.info)]
    for check in checks:
        findings += check.findings()
    order = list(CHECKS)
    findings.sort(key=lambda each: order.index(each.name))
    return Report(day.info, day.n_rows, tuple(findings), _unjudged(day, book, checks[3]))


def _digest(day: Day) -> Iterator[Finding]:
    """The content of a stored day, and of the prepared copy beside it, against what it was written with."""
    if not day.digest_holds:
        yield Finding("digest", 1, Severity.ERROR)
    if day.folder is not None and (fault := fault_of_copy(day.folder)):
        yield Finding("prepared-copy", 1, Severity.WARNING, note=fault)


class _Book:
    """The checks that need to know what the book was."""

    def __init__(self, day: Day) -> None:
        self.by_orders = day.info.fidelity in ORDER_DATA
        self.has_book = day.info.fidelity != Fidelity.L1
        self.recorded = day.has_rows
        self.cut = day.info.fidelity == Fidelity.L3_TOP_K
        self.judges_trades = day.info.fidelity == Fidelity.L2_TRADES
        self._levels, self._orders, self._watch = LevelTouches(), OrderTouches(), BookWatch()
        self._trades = TradesAndLevels()
        self._tallies = {name: Tally(name) for name in (*_BOOK_CHECKS, *_ORDER_CHECKS)}
        self._crossed_ns = 0
        self._open_since: int | None = None
        self._seen_orders = 0

    def take(self, block: Block) -> None:
        """Look at the next block."""
        if not self.has_book:
            return
        if self.by_orders:
            touches, blemishes = self._orders.take(block)
            self._count_blemishes(block, blemishes)
        else:
            touches = self._levels.take(block)
        if self.recorded:
            assert block.touch is not None
            best = Best(block.touch[:, 2], block.touch[:, 0])
            self._count_crossed(block, best, np.ones(len(block.events), dtype=bool))
            return
        best, stale = self._watch.take(block, touches)
        self._count_crossed(block, best, block.ends)
        if len(stale.row):
            # the crossing row may lie a block back: what stands there is told from the entry
            tally = self._tallies["missing-removal"]
            tally.count += len(stale.row)
            if tally.first is None:
                side = Side(int(stale.side[0])).name
                entry = f"order {stale.key[0]}" if self.by_orders else "the level"
                words = f"{side} at {stale.price[0]} quanta: {entry}, untouched since row {stale.since_row[0] + 1}, was crossed here"
                tally.first = First(int(stale.row[0]) + 1, int(stale.ts[0]), words)
        if self.judges_trades:
            self._trades.take(block, touches, best.both)

    def _count_blemishes(self, block: Block, blemishes: Blemishes) -> None:
        for name, rows in blemishes._asdict().items():
            self._tallies[name.replace("_", "-")].add(block, rows)

    def _count_crossed(self, block: Block, best: Best, ends: np.ndarray) -> None:
        """Count packets after which the book is crossed or locked, and the time for which it is crossed."""
        there = best.both & ends
        crossed, locked = there & (best.bid > best.ask), there & (best.bid == best.ask)
        trading = block.trading
        for name, rows in (
            ("crossed-book", crossed & trading),
            ("locked-book", locked & trading),
            ("crossed-outside-trading", (crossed | locked) & ~trading),
        ):
            found = np.flatnonzero(rows)
            tally = self._tallies[name]
            if len(found) and tally.first is None:
                row = int(found[0])
                bid, ask = int(best.bid[row]), int(best.ask[row])
                tally.first = first_of(block, row, f"and then bid {bid}, ask {ask} quanta")
            tally.count += len(found)
        self._crossed_ns += self._time_crossed(block, ends, crossed & trading)

    def _time_crossed(self, block: Block, ends: np.ndarray, crossed: np.ndarray) -> int:
        """Nanoseconds from each crossed packet to the packet after it."""
        time = block.column["ts_exchange"][ends]
        if not len(time):
            return 0
        is_crossed = crossed[ends]
        total = int((np.diff(time) * is_crossed[:-1]).sum())
        if self._open_since is not None:
            total += int(time[0]) - self._open_since
        self._open_since = int(time[-1]) if is_crossed[-1] else None
        return total

    def findings(self) -> Iterator[Finding]:
        """What was found."""
        tallies = self._tallies
        if tallies["crossed-book"].count:
            tallies["crossed-book"].facts = {"crossed_ns": self._crossed_ns}
        offered = "drop-stale" if tallies["missing-removal"].count else ""
        for name in _BOOK_CHECKS:
            helps = offered if name in ("crossed-book", "locked-book") else ""
            yield from (replace(found, offered=helps) for found in tallies[name].finding())
        for name in _ORDER_CHECKS:
            mild = self.cut and name.startswith("orphan")
            note = "the feed is cut to the best levels: orders come into sight unannounced" if mild else ""
            yield from tallies[name].finding(Severity.INFO if mild else None, note if tallies[name].count else "")
        yield from self._trade_findings()

    def _trade_findings(self) -> Iterator[Finding]:
        self._trades.finish()
        if not self._trades.count:
            return
        share = self._trades.count / self._trades.judged
        rare = share < COMMON_SHARE
        note = f"{100 * share:.2f} % of {self._trades.judged:,} trades"
        yield Finding(
            "trade-without-depth-change",
            self._trades.count,
            Severity.INFO if rare else Severity.WARNING,
            self._trades.first,
            note,
            {"judged": self._trades.judged},
        )


def _unjudged(day: Day, book: _Book, sequences: Sequences) -> dict[str, str]:
    """Check -> why the data set does not allow it."""
    reasons: dict[str, str] = {}
    if not book.has_book:
        reasons |= dict.fromkeys(_BOOK_CHECKS, "the data set has no book")
    elif book.recorded:
        reasons["missing-removal"] = "the book was recorded beside the events, nothing can stay behind in it"
    if not book.by_orders:
        reasons |= dict.fromkeys(_ORDER_CHECKS, "the feed names no orders")
    if not book.judges_trades:
        reasons["trade-without-depth-change"] = (
            "trades name their order" if book.by_orders else "the data set has no levels and trades side by side"
        )
    if not sequences.dense:
        reasons |= dict.fromkeys(("sequence-gap", "sequence-falls"), "the feed's numbers do not follow each other")
    if day.dataset is not None:
        reasons |= dict.fromkeys(("digest", "prepared-copy"), "the data set was not read from a store")
    return reasons
