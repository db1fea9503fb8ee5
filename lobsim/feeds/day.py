"""One symbol and trading day while it is being written: rows come in provisional, the finished events file goes out.

Rows are kept in temporary Parquet parts beside the place where the day will lie, while what divides prices and sizes is followed.  ``close`` then goes
through the parts twice: column by column for the digest, and part by part to rescale, check and write the final file under a temporary name.

Invariants: memory holds the rows not yet in a part, and a part or two; nothing is published here (``writer`` renames); ``discard`` leaves nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from lobsim.errors import DataError
from lobsim.feeds.carry import BookAtEnd
from lobsim.feeds.piece import Instrument
from lobsim.feeds.scales import Numbers, Scales, decimal_text, divides, find_scales, off_step, step_in_units
from lobsim.feeds.schema import COLUMNS, ON_TICK, DatasetInfo, begin_digest, check_numbers, feed_array, feed_parts
from lobsim.feeds.store import (
    EVENTS,
    EVENTS_SCHEMA,
    TEMPORARY,
    description,
    disk_errors,
    parquet_settings,
    partition_folder,
    remove_leftovers,
)
from lobsim.feeds.text import day_start_ns
from lobsim.types import MAX_SIZE_LOTS, Kind

PART_ROWS = 2**18
_STATE_COLUMNS = ["kind", "side", "price", "size", "order_id", "other_id"]
_NEEDS = {"price": ["kind", "price"], "size": ["kind", "size"]}


class Settings(NamedTuple):
    """What is asked of every day of an import: decimal texts, or None to take what the feed states or the rows show."""

    tick: str | None = None
    lot: str | None = None


class Closed(NamedTuple):
    """A day whose file is complete under its temporary name."""

    folder: Path
    info: DatasetInfo
    digest: str
    rows: int


class Day:
    """Rows of one symbol and day; ``add`` them in order, then ``close`` or ``discard``."""

    def __init__(self, root: Path, instrument: Instrument, day: str, rows_before: int, file: str) -> None:
        self.instrument, self.date, self.file = instrument, day, file
        self.start_ns = day_start_ns(day, instrument.time_zone, file=file)
        after = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
        self.end_ns = day_start_ns(after, instrument.time_zone, file=file)
        self.folder = partition_folder(root, instrument.symbol, day)
        self.notes: Counter[str] = Counter()
        self.remarks: list[str] = []
        self.waiting_rows = 0
        self.last_sequence = -1
        self._row_offset = rows_before
        self._rows = 0
        self._numbers = Numbers()
        self._waiting: list[pl.DataFrame] = []
        self._parts: list[Path] = []
        self._first_part_of_book = 0
        self._first_ns, self._last_ns = 0, 0
        self._numbered = True
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.folder)

    def begin_with(self, rows: pl.DataFrame) -> None:
        """Rows that come from the day before; they do not count as rows of the vendor's file."""
        self._row_offset -= len(rows)
        self.add(rows)

    def add(self, events: pl.DataFrame) -> None:
        """Rows of the canonical table with provisional numbers, checked, in order, all of this day."""
        if not len(events):
            return
        if not self._rows:
            self._first_ns = int(events["ts_exchange"][0])
        self._last_ns = int(events["ts_exchange"][-1])
        self.last_sequence = int(events["sequence"][-1])
        self._numbered &= bool((events["sequence"] >= 0).all())
        self._numbers.take(events)
        self._rows += len(events)
        self._waiting.append(events)
        self.waiting_rows += len(events)
        while self.waiting_rows >= PART_ROWS:
            self.flush()

    def flush(self) -> None:
        """Put what waits, at most PART_ROWS rows of it, into a part on the disk."""
        if not self.waiting_rows:
            return
        whole = pl.concat(self._waiting)
        part, rest = whole[:PART_ROWS], whole[PART_ROWS:]
        self._waiting, self.waiting_rows = ([rest] if len(rest) else []), len(rest)
        if (part["kind"] == Kind.CLEAR).any():
            self._first_part_of_book = len(self._parts)
        path = self.folder / TEMPORARY.format(f"{len(self._parts):06}")
        with disk_errors(self.folder):
            pq.write_table(part.to_arrow(), path, **parquet_settings(part.columns, "lz4"))
        self._parts.append(path)

    def book_at_end(self) -> BookAtEnd:
        """The recorded book after the last row."""
        self._flush_all()
        book = BookAtEnd()
        for path in self._parts[self._first_part_of_book :]:
            book.take(_read(path, _STATE_COLUMNS))
        return book

    def close(self, settings: Settings, source: str, source_sha256: str) -> Closed:
        """Write the events file under its temporary name; raises DataError for what does not fit tick, lot or bounds."""
        self._flush_all()
        scales = self._scales(settings)
        self._count_too_large(scales)
        info = self._info(scales, source, source_sha256)
        digest = self._digest(info, scales)
        self._write(info, scales, digest)
        self._remove_parts()
        return Closed(self.folder, info, digest, self._rows)

    def discard(self) -> None:
        """Remove every temporary file of this day, and its folders where they are empty then."""
        for path in self.folder.glob(TEMPORARY.format("*")):
            path.unlink(missing_ok=True)
        for folder in (self.folder, self.folder.parent):
            try:
                folder.rmdir()
            except OSError:
                return  # it holds something, or is gone

    def _flush_all(self) -> None:
        while self.waiting_rows:
            self.flush()

    def _remove_parts(self) -> None:
        for path in self._parts:
            path.unlink(missing_ok=True)
        self._parts.clear()

    def _scales(self, settings: Settings) -> Scales:
        """Tick, lot and quantum; a stated tick or lot that does not divide is refused with the row."""
        steps: dict[str, Fraction | None] = {}
        one = self.instrument
        for name, stated, unit, divisor in (
            ("tick", settings.tick or one.tick, one.price_scale, self._numbers.book_price),
            ("lot", settings.lot or one.lot, one.size_scale, self._numbers.size),
        ):
            steps[name] = None if stated is None else step_in_units(stated, unit, name)
            if not divides(steps[name], divisor):
                self._refuse_off_step(name, stated, steps[name], unit)
            if stated is None:
                self.remarks.append(f"{name} found in the {'prices' if name == 'tick' else 'sizes'}")
        return find_scales(self._numbers, one.price_scale, one.size_scale, steps["tick"], steps["lot"], file=self.file)

    def _count_too_large(self, scales: Scales) -> None:
        """Note the levels whose size is cut to the largest that the book holds."""
        if self._numbers.largest_size // scales.size.divide * scales.size.times <= MAX_SIZE_LOTS:
            return
        count = sum(scales.too_large(part) for _, part in self._frames(_NEEDS["size"]))
        self.notes.update({f"levels of more than {MAX_SIZE_LOTS} lots, kept as that": count})

    def _refuse_off_step(self, name: str, stated: str | None, step: Fraction | None, unit: str) -> None:
        """Raise a DataError for the first row that the stated tick or lot does not divide."""
        assert step is not None
        what = "price" if name == "tick" else "size"
        for offset, part in self._frames(["kind", what]):
            kind, values = part["kind"].to_numpy(), part[what].to_numpy()
            meant = np.isin(kind, ON_TICK) if name == "tick" else kind != Kind.PHASE
            bad = np.flatnonzero(meant & off_step(values, step))
            if len(bad):
                row = int(bad[0])
                value = decimal_text(int(values[row]) * Fraction(unit))
                raise DataError(
                    f"{what} is {value}, which is no multiple of the {name} of {stated}",
                    file=self.file,
                    row=self._row_offset + offset + row + 1,
                    field=what,
                    hint=f"give another --{name}",
                )

    def _info(self, scales: Scales, source: str, source_sha256: str) -> DatasetInfo:
        one = self.instrument
        return DatasetInfo(
            symbol=one.symbol,
            venue=one.venue,
            date=self.date,
            currency=one.currency,
            price_quantum=scales.price_quantum,
            tick_quanta=scales.tick_quanta,
            lot=scales.lot,
            fidelity=one.fidelity,
            depth=one.depth,
            session_start_ns=self._first_ns,
            session_end_ns=self._last_ns,
            source=source,
            source_sha256=source_sha256,
            notes=(*(f"{name}: {count}" for name, count in sorted(self.notes.items()) if count), *self.remarks),
            multiplier=one.multiplier,
            inverse=one.inverse,
        )

    def _digest(self, info: DatasetInfo, scales: Scales) -> str:
        """``Dataset.digest`` of what ``_write`` writes."""
        sha = begin_digest(info)
        for name in COLUMNS:
            feed_parts(sha, name, (self._rows,), self._column(name, scales))
        feed_array(sha, "rows", None)
        feed_array(sha, "seed_row", None)
        return sha.hexdigest()

    def _column(self, name: str, scales: Scales) -> Iterator[np.ndarray]:
        """One final column, part by part."""
        for offset, part in self._frames(_NEEDS.get(name, [name])):
            if name in _NEEDS:
                part = scales.rescaled(part.with_columns(pl.lit(0).alias(other) for other in _NEEDS if other != name))
            yield self._renumbered(part, offset)[name].to_numpy()

    def _write(self, info: DatasetInfo, scales: Scales, digest: str) -> None:
        path = self.folder / TEMPORARY.format(EVENTS)
        schema = EVENTS_SCHEMA.with_metadata(description(info, digest))
        with disk_errors(self.folder), path.open("wb") as file:
            with pq.ParquetWriter(file, schema, **parquet_settings(schema.names)) as writer:
                for offset, part in self._frames(list(COLUMNS)):
                    part = self._renumbered(scales.rescaled(part), offset)
                    check_numbers(part, info.tick_quanta, file=self.file, rows_before=self._row_offset + offset)
                    table = pa.table(part.to_arrow().columns, schema=schema)
                    writer.write_table(table, row_group_size=PART_ROWS)
            file.flush()
            os.fsync(file.fileno())

    def _renumbered(self, part: pl.DataFrame, offset: int) -> pl.DataFrame:
        """Rows numbered from 0, where the venue does not number all of them."""
        if self._numbered or "sequence" not in part.columns:
            return part
        return part.with_columns(sequence=pl.int_range(offset, offset + pl.len(), dtype=pl.Int64))

    def _frames(self, columns: Sequence[str]) -> Iterator[tuple[int, pl.DataFrame]]:
        """The parts, each after the number of rows before it."""
        offset = 0
        for path in self._parts:
            part = _read(path, columns)
            yield offset, part
            offset += len(part)


def _read(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Some columns of a part."""
    with disk_errors(path.parent), pq.ParquetFile(path, page_checksum_verification=True) as file:
        return pl.DataFrame(file.read(columns=list(columns)))
