"""Measured round trips: rows of (request, exchange, response) from a CSV or Parquet file, packed or not.

===============  ===================================================================================
``request_ns``   when a request left the participant
``exchange_ns``  when it reached the venue; 0 or below: the venue refused it
``response_ns``  when the answer was heard; of a refused request it is not looked at
``rate``         optional: how busy the market was then, any number that grows with it
===============  ===================================================================================

Times are whole nanoseconds of any one clock.  Rows are named as the file counts them: from 1, a header included.
Invariants of what ``read_round_trips`` returns: in order of request (rows of one instant as in the file), no delay below 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lobsim.errors import ConfigError, DataError
from lobsim.feeds.generic.tables import Wanted, text_tables
from lobsim.feeds.refusals import refuse
from lobsim.feeds.source import BLOCK_BYTES, Source, sources_in

TIMES = ("request_ns", "exchange_ns", "response_ns")
RATE = "rate"


@dataclass(frozen=True, eq=False)
class RoundTrips:
    """Requests in order of time, shape (n,) each.

    rate  how busy the market was at each, None where nobody knows
    """

    request_ns: NDArray[np.int64]
    exchange_ns: NDArray[np.int64]
    response_ns: NDArray[np.int64]
    rate: NDArray[np.float64] | None = None

    @property
    def refused(self) -> NDArray[np.bool_]:
        """Which the venue refused."""
        return self.exchange_ns <= 0

    @property
    def request_leg_ns(self) -> NDArray[np.int64]:
        """How long each request that was taken travelled."""
        return (self.exchange_ns - self.request_ns)[~self.refused]

    @property
    def answer_leg_ns(self) -> NDArray[np.int64]:
        """How long each answer to such a request travelled."""
        return (self.response_ns - self.exchange_ns)[~self.refused]


def parse_columns(pairs: Mapping[str, str] | None = None) -> dict[str, str]:
    """Which column of a file is which, the names themselves by default.

    Raises ConfigError for a name there is none of.
    """
    known = (*TIMES, RATE)
    for name in pairs or {}:
        if name not in known:
            raise ConfigError(
                f"there is no column {name!r} to map", where="--map", hint=f"there are {', '.join(known)}"
            )
    return {name: name for name in TIMES} | dict(pairs or {})


def read_round_trips(path: Path, columns: Mapping[str, str] | None = None) -> RoundTrips:
    """The round trips of a file.

    columns  name -> column of the file, where they differ; ``rate`` only where it is named here or the file has a column of that name

    Raises DataError, with the row, for what cannot be: a cell that is no whole number, a request that reached the venue before it was sent, an answer
    heard before that; and for a file without a request that was taken.
    """
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    named = parse_columns(columns)
    frames = []
    for source in sources_in(path):
        wanted = dict(named)
        if RATE not in wanted and _has_rate(source):
            wanted[RATE] = RATE
        cells = {name: Wanted(column) for name, column in wanted.items()}
        frames += [_numbers(source.name, table) for table in text_tables(source, cells, BLOCK_BYTES)]
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        raise DataError("it holds no row", file=path)
    table = pl.concat(frames, how="diagonal").sort("request_ns", maintain_order=True)
    if not (table["exchange_ns"] > 0).any():
        raise DataError("no request of it reached the venue", file=path, hint="exchange_ns above 0 is needed")
    rate = table[RATE].to_numpy() if RATE in table.columns and not table[RATE].null_count() else None
    return RoundTrips(*(table[name].to_numpy() for name in TIMES), rate=rate)


def _has_rate(source: Source) -> bool:
    """Whether a text file has a column of that name in its header."""
    header = source.head.split(b"\n", 1)[0].decode("utf-8", "replace")
    return RATE in [name.strip().strip('"') for separator in ",;\t" for name in header.split(separator)]


def _numbers(file: str, cells: pl.DataFrame) -> pl.DataFrame:
    """Cells as numbers, checked row by row."""
    words = "a whole number of nanoseconds is needed"
    for name in TIMES:
        refuse(cells, pl.col(name).str.strip_chars().cast(pl.Int64, strict=False).is_null(), name, words, file=file)
    numbers = cells.with_columns(pl.col(name).str.strip_chars().cast(pl.Int64) for name in TIMES)
    if RATE in cells.columns:
        given = pl.col(RATE).str.strip_chars().cast(pl.Float64, strict=False)
        refuse(cells, given.is_null() | ~given.is_finite(), RATE, "a number is needed", file=file)
        numbers = numbers.with_columns(given)
    taken = pl.col("exchange_ns") > 0
    early = taken & (pl.col("exchange_ns") < pl.col("request_ns"))
    refuse(numbers, early, "exchange_ns", "before its request; put both clocks right first", file=file)
    early = taken & (pl.col("response_ns") < pl.col("exchange_ns"))
    refuse(numbers, early, "response_ns", "before its exchange time; put both clocks right first", file=file)
    return numbers
