"""Puts pieces into the order of exchange time, with a bounded window: within one stream, and of several streams into one.

Invariants: rows of equal time keep the order in which they came (prints may be asked to come first); what comes out does not depend on where the
pieces were cut; no more is held than the window, a piece of each stream, and the rows of one instant.
A reader whose channel is an order of its own (each update replaces the one before) must not sort it: it lifts the times of late rows and counts them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.piece import Instrument, Piece
from lobsim.feeds.schema import COLUMNS
from lobsim.types import NEVER, Kind


def reorder(
    pieces: Iterator[Piece], window_ns: int, *, prints_first: bool = False, file: str | None = None
) -> Iterator[Piece]:
    """Rows sorted by ``ts_exchange``, each instrument for itself (one symbol may be of two markets); stable.

    window_ns     how much earlier than the latest row before it a row may be
    prints_first  at equal times PRINT rows come before all others
    file          named in the error

    Raises DataError for a row further out of order, with its number among the rows of its instrument.
    """
    windows: dict[Instrument, _Window] = {}
    for piece in pieces:
        window = windows.setdefault(
            piece.instrument, _Window(piece.instrument, window_ns, prints_first=prints_first, file=file)
        )
        yield from window.take(piece)
    for window in windows.values():
        yield from window.give(NEVER)


def merge(streams: Sequence[Iterator[Piece]], *, prints_first: bool = True, file: str | None = None) -> Iterator[Piece]:
    """Several streams of ONE instrument, each in order of exchange time, as one stream.

    At equal times PRINT rows come first (where asked), then the rows of earlier streams.  Raises DataError for a second instrument
    and for a stream that is not in order.
    """
    pending: list[deque[pl.DataFrame]] = [deque() for _ in streams]
    through = [-NEVER] * len(streams)
    instrument: Instrument | None = None
    notes: Counter[str] = Counter()
    while min(through, default=NEVER) < NEVER:
        lagging = through.index(min(through))
        piece = next(streams[lagging], None)
        if piece is None:
            through[lagging] = NEVER
        else:
            instrument = instrument or piece.instrument
            if piece.instrument != instrument:
                raise DataError(
                    f"{piece.instrument.symbol} ({piece.instrument.venue}) cannot be put together with"
                    f" {instrument.symbol} ({instrument.venue})",
                    file=file,
                    hint="give files of one instrument, or say which symbol",
                )
            notes.update(piece.notes)
            if len(piece.events):
                _refuse_falling(piece.events["ts_exchange"].to_numpy(), through[lagging], file)
                through[lagging] = int(piece.events["ts_exchange"][-1])
                pending[lagging].append(piece.events)
        due = _cut_before(pending, min(through))
        if instrument is not None and due is not None:
            yield Piece(instrument, _sorted(due, prints_first=prints_first), dict(notes))
            notes.clear()
    if instrument is not None and notes:
        yield Piece(instrument, pl.DataFrame(schema=COLUMNS), dict(notes))


class _Window:
    """What is held back of one instrument."""

    def __init__(self, instrument: Instrument, window_ns: int, *, prints_first: bool, file: str | None) -> None:
        self._instrument, self._window_ns = instrument, window_ns
        self._prints_first, self._file = prints_first, file
        self._held: list[pl.DataFrame] = []
        self._notes: Counter[str] = Counter()
        self._latest = -NEVER
        self._rows = 0

    def take(self, piece: Piece) -> Iterator[Piece]:
        """Add a piece; gives what no later row can come before."""
        self._notes.update(piece.notes)
        if len(piece.events):
            time = piece.events["ts_exchange"].to_numpy()
            latest = np.maximum.accumulate(np.concatenate([[self._latest], time]))[1:]
            late = np.flatnonzero(time < latest - self._window_ns)
            if len(late):
                row = int(late[0])
                raise DataError(
                    f"{self._instrument.symbol} goes back by {latest[row] - time[row]} ns, more than the"
                    f" {self._window_ns} ns that are put right",
                    file=self._file,
                    row=self._rows + row + 1,
                    field="ts_exchange",
                )
            self._latest = int(latest[-1])
            self._rows += len(time)
            self._held.append(piece.events)
        yield from self.give(self._latest - self._window_ns)

    def give(self, before_ns: int) -> Iterator[Piece]:
        """The rows earlier than an instant, sorted, as at most one piece."""
        if not self._held and not self._notes:
            return
        held = _sorted(self._held, prints_first=self._prints_first) if self._held else pl.DataFrame(schema=COLUMNS)
        cut = int(np.searchsorted(held["ts_exchange"].to_numpy(), before_ns, "left"))
        self._held = [held[cut:]] if cut < len(held) else []
        if cut or before_ns == NEVER:
            yield Piece(self._instrument, held[:cut], dict(self._notes))
            self._notes.clear()


def _sorted(frames: list[pl.DataFrame], *, prints_first: bool) -> pl.DataFrame:
    """Frames one after the other, by time; stable."""
    whole = frames[0] if len(frames) == 1 else pl.concat(frames)
    if prints_first:
        return whole.sort("ts_exchange", pl.col("kind") != Kind.PRINT, maintain_order=True)
    time = whole["ts_exchange"].to_numpy()
    if bool((time[1:] >= time[:-1]).all()):
        return whole
    return whole.sort("ts_exchange", maintain_order=True)


def _cut_before(pending: list[deque[pl.DataFrame]], before_ns: int) -> list[pl.DataFrame] | None:
    """Take the rows earlier than an instant out of every stream, in the order of the streams; None where there are none."""
    due: list[pl.DataFrame] = []
    for frames in pending:
        while frames:
            cut = int(np.searchsorted(frames[0]["ts_exchange"].to_numpy(), before_ns, "left"))
            frame = frames.popleft()
            if cut:
                due.append(frame[:cut])
            if cut < len(frame):
                frames.appendleft(frame[cut:])
                break
    return due or None


def _refuse_falling(time: np.ndarray, before_ns: int, file: str | None) -> None:
    """Refuse a stream that is not in order."""
    before = np.concatenate([[before_ns], time[:-1]])
    falls = np.flatnonzero(time < before)
    if len(falls):
        first = falls[0]
        raise DataError(
            f"the exchange time goes back from {before[first]} to {time[first]}",
            file=file,
            hint="put the files in order",
        )
