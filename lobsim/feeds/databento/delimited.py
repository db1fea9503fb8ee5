"""Databento's CSV: schemas mbo, mbp-1, mbp-10 and trades, prices as decimals or as whole 1e-9, times as ISO 8601 or as nanoseconds.

The columns are turned into the records of DBN and go the same way.  The order of columns does not matter, unknown ones (an index) are left out.  A file
without the column ``symbol`` needs the option of that name; the venue comes from the publisher, or from the option.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.databento.records import RECORD_OF_SCHEMA, UNDEFINED_PRICE
from lobsim.feeds.databento.stream import Feed, pieces
from lobsim.feeds.delimited import Field, blocks, first_fields, first_line
from lobsim.feeds.delimited import Kind as Holds
from lobsim.feeds.exact import iso_time_ns
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.refusals import refuse
from lobsim.feeds.source import Source

NAME = "Databento CSV"

_NEEDED = (
    "ts_recv",
    "ts_event",
    "rtype",
    "publisher_id",
    "instrument_id",
    "action",
    "side",
    "price",
    "size",
    "flags",
    "sequence",
)
_SCHEMA_OF_RTYPE = {"160": "mbo", "1": "mbp-1", "10": "mbp-10", "0": "trades"}
_VENUES = {"1": "GLBX", "2": "XNAS"}
"""Publisher -> venue, of the datasets GLBX.MDP3 and XNAS.ITCH; others by option."""
_PRICE_DIGITS = 9
_TIMES, _LETTERS = ("ts_event", "ts_recv"), ("action", "side")
_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|\+00:00)"
_CODES = {chr(code): code for code in range(ord("A"), ord("Z") + 1)}


def recognise(source: Source) -> bool:
    """Whether its first line names Databento's columns."""
    return {"ts_event", "rtype", "publisher_id", "instrument_id"} <= set(first_line(source).split(","))


def read(source: Source, options: ReadOptions) -> Iterator[Piece]:
    """The rows of every instrument of a file, or of ``options.symbol`` alone."""
    names = first_line(source).split(",")
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise DataError(
            f"the column {missing[0]} is missing", file=source.name, row=1, hint="order it with all columns"
        )
    samples = [dict(zip(names, row, strict=True)) for row in first_fields(source, len(names))]
    if not samples:
        raise DataError("it holds no record", file=source.name)
    rtype, publisher = samples[0]["rtype"], samples[0]["publisher_id"]
    schema = _SCHEMA_OF_RTYPE.get(rtype)
    if schema is None or (schema == "mbp-1" and "bid_px_00" not in names):
        raise DataError(
            f"records of type {rtype} cannot be replayed",
            file=source.name,
            row=2,
            hint=f"give one of {', '.join(RECORD_OF_SCHEMA)}",
        )
    feed = Feed(schema, _VENUES.get(publisher, options.venue or ""), {}, source.name, options)
    yield from pieces(feed, _records(source, names, samples, feed))


def _records(source: Source, names: list[str], samples: list[dict[str, str]], feed: Feed) -> Iterator[np.ndarray]:
    """Records, block by block; fills ``feed.symbols`` with the instruments met."""
    fields = [_field(name, samples) for name in names]
    digits = {field.name: _PRICE_DIGITS for field in fields if field.kind is Holds.DECIMAL}
    for block in blocks(source, fields, digits, also=b" +"):
        yield _Block(block.numbered(), source.name).records(feed)


def _field(name: str, samples: list[dict[str, str]]) -> Field:
    """What a column holds, judged by the first rows where it may be written in two ways."""
    seen = [sample[name] for sample in samples]
    if name == "price" or "_px_" in name:
        whole = [len(text.lstrip("-")) > _PRICE_DIGITS for text in seen if text]
        kind = Holds.INTEGER if any(whole) and not any("." in text for text in seen) else Holds.DECIMAL
        words = "a decimal with up to 9 decimals is needed" if kind is Holds.DECIMAL else ""
        return Field(name, kind, may_be_empty=True, words=words)
    if name in _TIMES and not all(text.isdecimal() for text in seen):
        return Field(name, Holds.TEXT, _ISO, words="a UTC time such as 2025-07-17T07:05:09.035793433Z is needed")
    if name in _LETTERS:
        return Field(name, Holds.NAME, "[A-Z]", words="one capital letter is needed")
    if name == "symbol":
        return Field(name, Holds.NAME)
    is_number = name in (*_NEEDED, "order_id") or "_sz_" in name
    return Field(name, Holds.INTEGER if is_number else Holds.IGNORED)


class _Block:
    """Some rows as numbers, and the way from there to records."""

    def __init__(self, frame: pl.DataFrame, file: str) -> None:
        self.frame = frame
        self.file = file

    def records(self, feed: Feed) -> np.ndarray:
        """The rows as records of a schema."""
        dtype, code = RECORD_OF_SCHEMA[feed.schema]
        refuse(self.frame, pl.col("rtype") != code, "rtype", f"the first row has {code}", file=self.file)
        records = np.zeros(self.frame.height, dtype=dtype)
        records["length"], records["rtype"] = dtype.itemsize // 4, code
        for name in ("publisher_id", "instrument_id", "size", "flags", "sequence"):
            records[name] = self._integers(name, np.iinfo(dtype[name]).max)
        for name in _TIMES:
            records[name] = self._times(name)
        for name in _LETTERS:
            records[name] = self._column(name).cast(pl.String).replace_strict(_CODES, return_dtype=pl.UInt8).to_numpy()
        records["price"] = self._prices("price")
        if feed.schema == "mbo":
            records["order_id"] = self._integers("order_id", 2**63 - 1)
        if "levels" in (dtype.names or ()):
            for level in range(dtype["levels"].shape[0]):
                cells: Any = records["levels"][:, level]
                for side in ("bid", "ask"):
                    cells[f"{side}_px"] = self._prices(f"{side}_px_{level:02}")
                    cells[f"{side}_sz"] = self._integers(f"{side}_sz_{level:02}", 2**32 - 1)
        if "symbol" in self.frame.columns:
            met = self.frame.select("instrument_id", pl.col("symbol").cast(pl.String)).unique(maintain_order=True)
            for number, symbol in met.iter_rows():
                feed.symbols.setdefault(number, [(0, 2**63 - 1, symbol)])
        return records

    def _column(self, name: str) -> pl.Series:
        if name not in self.frame.columns:
            raise DataError(f"the column {name} is missing", file=self.file, row=1, hint="order it with all columns")
        return self.frame[name]

    def _integers(self, name: str, limit: int) -> np.ndarray:
        numbers = self._column(name)
        if len(numbers) and not (int(numbers.min()) >= 0 and int(numbers.max()) <= limit):  # pyright: ignore[reportArgumentType]
            refuse(self.frame, ~pl.col(name).is_between(0, limit), name, f"0 to {limit} is possible", file=self.file)
        return numbers.to_numpy()

    def _times(self, name: str) -> np.ndarray:
        """Nanoseconds since 1970."""
        if self._column(name).dtype != pl.String:
            return self._integers(name, 2**63 - 1)
        times = self.frame.with_columns(ns=iso_time_ns(pl.col(name)))
        refuse(times, pl.col("ns").is_null(), name, "there is no such time", file=self.file)
        return times["ns"].to_numpy()

    def _prices(self, name: str) -> np.ndarray:
        """Prices in 1e-9; an empty field is no price."""
        return self._column(name).fill_null(UNDEFINED_PRICE).to_numpy()
