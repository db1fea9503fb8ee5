"""From the tables of Tardis files to canonical rows, kind by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.delimited import Block
from lobsim.feeds.piece import Instrument, Piece
from lobsim.feeds.rows import whole_table
from lobsim.feeds.snapshots import SnapshotChanges
from lobsim.feeds.source import Source
from lobsim.feeds.tardis.files import cells_of
from lobsim.types import NONE, Flag, Kind, Side

DAY_US = 86_400 * 10**6
LATE_NS = 60 * 10**9
"""An exchange time this much behind a row before it, or outside its day, is no jitter."""


class Clock:
    """The exchange time of one symbol, lifted where it falls and kept within the day of arrival."""

    def __init__(self) -> None:
        self._latest = -(2**63)

    def take(self, part: pl.DataFrame, source: Source, notes: Counter[str]) -> np.ndarray:
        """Nanoseconds that never fall."""
        times = part["timestamp"].to_numpy()
        if not len(times):
            return times
        bad = (times < 0) | (times > 2**62 // 1000)
        if bad.any():
            raise DataError(
                f"timestamp is {times[bad][0]}, microseconds since 1970 are needed",
                file=source.name,
                row=int(part["line"][int(np.argmax(bad))]),
                field="timestamp",
            )
        exact = times * 1000
        midnight = part["local_timestamp"].to_numpy() // DAY_US * DAY_US * 1000
        within = np.clip(exact, midnight, midnight + DAY_US * 1000 - 1)
        lifted = np.maximum.accumulate(np.concatenate([[self._latest], within]))[1:]
        moved = exact != lifted
        far = np.abs(exact - lifted) > LATE_NS
        if "is_snapshot" in part.columns:
            far &= (part["is_snapshot"] == "false").to_numpy()  # a snapshot may be of a book that has long stood still
        if far.any():
            index = int(np.argmax(far))
            raise DataError(
                f"the exchange time is {abs(lifted[index] - exact[index]) // 1000} microseconds out of place",
                file=source.name,
                row=int(part["line"][index]),
                field="timestamp",
                hint="put the file in order",
            )
        if moved.any():
            notes["exchange times moved"] += int(moved.sum())
        self._latest = int(lifted[-1])
        return lifted


class Updates:
    """incremental_book_L2."""

    def __init__(self, kind: str, source: Source) -> None:
        self.source = source
        self._was_snapshot: dict[str, bool] = {}

    def take(
        self, symbol: str, part: pl.DataFrame, ts_exchange: np.ndarray, ts_local: np.ndarray, notes: Counter[str]
    ) -> pl.DataFrame:
        """LEVEL rows, with a CLEAR before each snapshot."""
        is_snapshot = (part["is_snapshot"] == "true").to_numpy()
        if symbol not in self._was_snapshot and not is_snapshot[0]:
            raise DataError(
                f"an update of {symbol} comes before any snapshot",
                file=self.source.name,
                row=int(part["line"][0]),
                hint="give the whole day: its first rows are a snapshot",
            )
        begins = is_snapshot & ~np.concatenate([[self._was_snapshot.get(symbol, False)], is_snapshot[:-1]])
        notes["resynchronised"] += int(begins.sum()) - (symbol not in self._was_snapshot)
        self._was_snapshot[symbol] = bool(is_snapshot[-1])
        rows = part.select(
            ts_exchange=pl.Series(ts_exchange),
            ts_local=pl.Series(ts_local),
            kind=int(Kind.LEVEL),
            side=pl.when(pl.col("side") == "bid").then(int(Side.BUY)).otherwise(int(Side.SELL)),
            price="price",
            size="amount",
            flags=pl.Series(is_snapshot.astype(np.int64) * Flag.SNAPSHOT)
            + (pl.col("local_timestamp") != pl.col("local_timestamp").shift(-1)).fill_null(True).cast(pl.Int64)
            * Flag.LAST_IN_PACKET,
        )
        if not begins.any():
            return whole_table(rows)
        clear = rows.filter(pl.Series(begins)).with_columns(
            kind=int(Kind.CLEAR),
            side=NONE,
            price=pl.lit(0, pl.Int64),
            size=pl.lit(0, pl.Int64),
            flags=pl.lit(0, pl.Int64),
        )
        at = np.concatenate([2 * np.flatnonzero(begins), 2 * np.arange(len(rows)) + 1])
        return whole_table(pl.concat([clear, rows], how="vertical_relaxed")[np.argsort(at, kind="stable")])


class Trades:
    """trades."""

    def __init__(self, kind: str, source: Source) -> None:
        self.source = source

    def take(
        self, symbol: str, part: pl.DataFrame, ts_exchange: np.ndarray, ts_local: np.ndarray, notes: Counter[str]
    ) -> pl.DataFrame:
        """PRINT rows."""
        taker = pl.col("side").cast(pl.String)
        known = pl.when(taker == "unknown").then(0).otherwise(int(Flag.AGGRESSOR_KNOWN))
        side = pl.when(taker == "buy").then(int(Side.SELL)).when(taker == "sell").then(int(Side.BUY)).otherwise(NONE)
        rows = part.select(
            ts_exchange=pl.Series(ts_exchange),
            ts_local=pl.Series(ts_local),
            kind=int(Kind.PRINT),
            side=side,
            price="price",
            size="amount",
            flags=known + int(Flag.LAST_IN_PACKET),
        )
        return whole_table(rows)


class Snapshots:
    """book_snapshot_N and quotes."""

    def __init__(self, kind: str, source: Source) -> None:
        self.source = source
        self._fields = cells_of(kind)
        self._changes: dict[str, SnapshotChanges] = {}

    def take(
        self, symbol: str, part: pl.DataFrame, ts_exchange: np.ndarray, ts_local: np.ndarray, notes: Counter[str]
    ) -> pl.DataFrame:
        """What changed from row to row."""
        changes = self._changes.setdefault(symbol, SnapshotChanges(self.source.name))
        cells = np.stack([part[name].fill_null(0).to_numpy() for name in self._fields], axis=1)
        before = changes.unchanged
        events = changes.take(ts_exchange, ts_local, cells.reshape(len(part), -1, 2, 2), part["line"].to_numpy())
        notes["rows in which nothing changed"] += changes.unchanged - before
        return events


def pieces_of(
    reader: Updates | Trades | Snapshots,
    rows: Iterator[Block],
    clocks: dict[str, Clock],
    template: Instrument,
    only: str | None,
) -> Iterator[Piece]:
    """Canonical rows, symbol by symbol; the last message of a block waits for the next one, which may hold more of it."""
    waiting: pl.DataFrame | None = None
    for block in rows:
        lines = pl.int_range(block.first_row, block.first_row + pl.len(), dtype=pl.Int64)
        frame = block.frame.with_columns(pl.col("exchange", "symbol").cast(pl.String), line=lines)
        frame = frame if waiting is None else pl.concat([waiting, frame])
        local = frame["local_timestamp"].to_numpy()
        whole = int(np.flatnonzero(local != local[-1]).max(initial=-1)) + 1
        waiting = frame[whole:]
        yield from _by_symbol(reader, frame[:whole], clocks, template, only)
    if waiting is not None:
        yield from _by_symbol(reader, waiting, clocks, template, only)


def _by_symbol(
    reader: Updates | Trades | Snapshots,
    frame: pl.DataFrame,
    clocks: dict[str, Clock],
    template: Instrument,
    only: str | None,
) -> Iterator[Piece]:
    """One piece for each symbol of some whole messages."""
    for (symbol,), part in frame.partition_by("symbol", as_dict=True, maintain_order=True).items():
        if only is not None and symbol != only:
            continue
        instrument = template if symbol == template.symbol else replace(template, symbol=str(symbol))
        clock = clocks.setdefault(str(symbol), Clock())
        notes: Counter[str] = Counter()
        ts_exchange = clock.take(part, reader.source, notes)
        events = reader.take(str(symbol), part, ts_exchange, part["local_timestamp"].to_numpy() * 1000, notes)
        yield Piece(instrument, events, dict(notes))
