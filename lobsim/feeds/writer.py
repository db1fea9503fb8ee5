"""From a reader's pieces to the days of a store, with memory bounded by the block size.

A trading day ends at midnight in the time zone of its instrument.  A day that follows on another of the same import begins with the book of that midnight
(CLEAR, then SNAPSHOT rows; ``carry``), unless its own first row is a CLEAR: so every day stands alone.

Invariants: rows are checked as ``schema.validate`` does, errors name the row among all rows of the symbol; a day has the digest that ``store.load`` recomputes;
every file appears under its name only when the whole import is right, an import that fails leaves the store as it was, and a day is never
replaced by a shorter one of another file.
Known limits: one writer for a partition at a time; when the very last step, renaming, fails, days renamed before stay.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.day import Closed, Day, Settings
from lobsim.feeds.manifest import write_manifest
from lobsim.feeds.piece import Instrument, Piece
from lobsim.feeds.schema import DatasetInfo, check_codes, check_columns
from lobsim.feeds.store import EVENTS, TEMPORARY, disk_errors, read_info, remove_books
from lobsim.types import Kind
from lobsim.whole_files import flush_folder

_WAITING_ROWS = 2**20


class Origin:
    """The files that some pieces come from, in the order in which they were read."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)
        self.name = " + ".join(file.name for file in self.files)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the files, one after the other."""
        sha = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                while block := file.read(2**20):
                    sha.update(block)
        return sha.hexdigest()


class Written(NamedTuple):
    """One day that lies in the store."""

    folder: Path
    info: DatasetInfo
    digest: str
    rows: int
    nbytes: int


Stream = tuple[Origin, Iterable[Piece]]


def write(
    streams: Iterable[Stream], root: str | os.PathLike[str], *, tick: str | None = None, lot: str | None = None
) -> list[Written]:
    """Write everything that readers give as days of a store, in the order in which they end; older days of the same name are replaced.

    streams    pieces, with the files they come from; several symbols may be mixed
    tick, lot  decimal text, instead of what the feed states or what is found; refused where they do not divide

    Raises DataError naming file and row; the store is then as it was.
    """
    root = Path(root)
    is_new = not root.exists()
    work = _Import(root, Settings(tick, lot))
    try:
        for origin, pieces in streams:
            for piece in pieces:
                work.take(origin, piece)
        written = work.publish()
    except BaseException:
        work.discard()
        if is_new and root.is_dir() and not any(root.iterdir()):
            root.rmdir()
        raise
    write_manifest(root)
    return written


class _Symbol:
    """What an import knows of one symbol: the day that is open, and where its rows stand."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.day: Day | None = None
        self.rows = 0
        self.last_ns = -(2**63)
        self.origins: list[Origin] = []
        self.pending: dict[str, int] = {}


class _Import:
    """The days of one import."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self._root, self._settings = root, settings
        self._symbols: dict[str, _Symbol] = {}
        self._days: list[Day] = []
        self._closed: list[Closed] = []
        self._several: dict[tuple[Path, ...], Origin] = {}
        self._read: str | None = None

    def take(self, origin: Origin, piece: Piece) -> None:
        """Check a piece and add it to its day, or days."""
        self._read = origin.name
        one = self._symbols.setdefault(piece.instrument.symbol, _Symbol(piece.instrument))
        file = f"{origin.name} ({one.instrument.symbol})"
        if piece.instrument != one.instrument:
            same_file = origin in one.origins and piece.instrument.venue != one.instrument.venue
            choose = " (--venue says which)" if same_file else ""
            raise DataError(
                _difference(one.instrument, piece.instrument), file=file, hint=f"import them into two stores{choose}"
            )
        for name, count in piece.notes.items():
            one.pending[name] = one.pending.get(name, 0) + count
        events = piece.events
        if not len(events):
            return
        check_columns(events, file)
        check_codes(events, file=file, rows_before=one.rows, earliest_ns=one.last_ns)
        while len(events):
            day = self._day_of(one, events, origin, file)
            time = events["ts_exchange"].to_numpy()
            cut = int(np.searchsorted(time, day.end_ns, "left"))
            day.add(events[:cut])
            one.rows += cut
            one.last_ns = int(time[cut - 1])
            events = events[cut:]
        self._bound_memory()

    def publish(self) -> list[Written]:
        """Close every day and give each its name."""
        for one in self._symbols.values():
            if one.day is not None:
                one.day.notes.update(one.pending)
                self._close(one)
        if not self._closed:
            raise DataError(f"no event was read{self._left_out()}", file=self._read, hint="give a longer recording")
        for closed in self._closed:
            _refuse_loss(closed)
        written = []
        for closed in self._closed:
            path = closed.folder / EVENTS
            with disk_errors(closed.folder):
                (closed.folder / TEMPORARY.format(EVENTS)).replace(path)
                remove_books(closed.folder)
                flush_folder(closed.folder)
            written.append(Written(*closed, path.stat().st_size))
        return written

    def _left_out(self) -> str:
        """What was counted of symbols that have no event."""
        counts = [f"{name}: {count}" for one in self._symbols.values() for name, count in one.pending.items() if count]
        return f" ({', '.join(counts)})" if counts else ""

    def discard(self) -> None:
        """Remove what was not published."""
        for day in self._days:
            day.discard()

    def _day_of(self, one: _Symbol, events: pl.DataFrame, origin: Origin, file: str) -> Day:
        """The open day that the first of some rows belongs to; closes the day before and opens a new one where it must."""
        first_ns = int(events["ts_exchange"][0])
        if one.day is None or first_ns >= one.day.end_ns:
            seconds = first_ns // 10**9
            date = datetime.fromtimestamp(seconds, ZoneInfo(one.instrument.time_zone)).date().isoformat()
            after = Day(self._root, one.instrument, date, one.rows, file)
            self._days.append(after)
            if one.day is not None:
                if events["kind"][0] != Kind.CLEAR:
                    _carry_over(one.day, after, events)
                self._close(one)
            one.day, one.origins = after, []
        if origin not in one.origins:
            one.origins.append(origin)
            one.day.file = file
        one.day.notes.update(one.pending)
        one.pending.clear()
        return one.day

    def _close(self, one: _Symbol) -> None:
        assert one.day is not None
        origin = self._together(one.origins)
        self._closed.append(one.day.close(self._settings, origin.name, origin.sha256))
        one.day = None

    def _together(self, origins: list[Origin]) -> Origin:
        """All files of a day, as one origin."""
        files = tuple(dict.fromkeys(file for origin in origins for file in origin.files))
        same = next((origin for origin in origins if origin.files == files), None)
        return same or self._several.setdefault(files, Origin(files))

    def _bound_memory(self) -> None:
        """Put the fullest days on the disk while too many rows wait in memory."""
        days = [one.day for one in self._symbols.values() if one.day is not None]
        waiting = sum(day.waiting_rows for day in days)
        for day in sorted(days, key=lambda day: -day.waiting_rows):
            if waiting <= _WAITING_ROWS:
                return
            waiting -= day.waiting_rows
            day.flush()


def _refuse_loss(closed: Closed) -> None:
    """Refuse to replace a day of another file that reaches beyond the new one: a file's last rows may spill into the next day."""
    try:
        old = read_info(closed.folder).info
    except DataError:
        return  # there is none, or nothing is lost with it
    new = closed.info
    if old.venue != new.venue:
        raise DataError(
            f"the store holds {old.symbol} {old.date} of {old.venue}, this is of {new.venue}",
            file=closed.folder,
            hint="import it into another store",
        )
    reaches_beyond = old.session_start_ns < new.session_start_ns or old.session_end_ns > new.session_end_ns
    if reaches_beyond and old.source_sha256 != new.source_sha256:
        raise DataError(
            f"the store holds {old.symbol} {old.date} of {old.source}, which has rows before or after those of {new.source}",
            file=closed.folder,
            hint="import the files together, as a folder, or take the older day away",
        )


def _carry_over(before: Day, after: Day, events: pl.DataFrame) -> None:
    """Begin a day with the book of the midnight before it."""
    first = events.row(0, named=True)
    behind_ns = first["ts_local"] - first["ts_exchange"]
    rows = before.book_at_end().rows(after.start_ns, after.start_ns + behind_ns, before.last_sequence)
    after.begin_with(rows)
    if len(rows):
        after.remarks.append(f"rows carried over from {before.date}: {len(rows)}")


def _difference(one: Instrument, other: Instrument) -> str:
    """What two descriptions of one symbol disagree in."""
    names = [name for name in vars(one) if getattr(one, name) != getattr(other, name)]
    pairs = [
        (name, *(getattr(value, "name", value) for value in (getattr(one, name), getattr(other, name))))
        for name in names
    ]
    values = ", ".join(f"{name} {first} and {second}" for name, first, second in pairs)
    return f"{one.symbol} is described in two ways: {values}"
