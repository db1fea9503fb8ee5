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
from lobsim.feeds.piece import Piece, ReadOptions
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
_INTEGER = r"^[0-9]{1,19}$"
_PRICE_DIGITS = 9
_CUT_HINT = "the file seems to be cut or damaged: fetch it again"


def recognise(source: Source) -> bool:
    """Whether its first line names Databento's columns."""
    return {"ts_event", "rtype", "publisher_id", "instrument_id"} <= set(_header(source.head))


def _header(head: bytes) -> list[str]:
    """The names of the first line."""
    return head.split(b"\n", 1)[0].decode("utf-8", "replace").strip("\r").split(",")


def read(source: Source, options: ReadOptions) -> Iterator[Piece]:
    """The rows of every instrument of a file, or of ``options.symbol`` alone."""
    names = _header(source.head)
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise DataError(
            f"the column {missing[0]} is missing", file=source.name, row=1, hint="order it with all columns"
        )
    first = source.head.split(b"\n", 2)[1].decode("utf-8", "replace").split(",") if source.head.count(b"\n") else []
    if len(first) != len(names):
        raise DataError("it holds no record", file=source.name)
    rtype, publisher = first[names.index("rtype")], first[names.index("publisher_id")]
    schema = _SCHEMA_OF_RTYPE.get(rtype)
    if schema is None or (schema == "mbp-1" and "bid_px_00" not in names):
        raise DataError(
            f"records of type {rtype} cannot be replayed",
            file=source.name,
            row=2,
            hint=f"give one of {', '.join(RECORD_OF_SCHEMA)}",
        )
    feed = Feed(schema, _VENUES.get(publisher, options.venue or ""), {}, source.name, options)
    yield from pieces(feed, _blocks(source, names, schema, rtype, feed))


def _blocks(source: Source, names: list[str], schema: str, rtype: str, feed: Feed) -> Iterator[np.ndarray]:
    """Records, block by block; fills ``feed.symbols`` with the instruments met."""
    row, first = 2, True
    for block in source.line_blocks():
        body = block.split(b"\n", 1)[1] if first else block
        first = False
        if not body:
            continue
        if not body.endswith(b"\n"):
            raise DataError("it has no newline at its end and may be cut", file=source.name, hint=_CUT_HINT)
        records = _Block(_texts(body, names, source.name, row), source.name, row).records(schema, rtype, feed)
        row += len(records)
        yield records


def _texts(body: bytes, names: list[str], file: str, row: int) -> pl.DataFrame:
    """All fields as text; ``row`` is the line of the first."""
    lines, between = body.count(b"\n"), len(names) - 1
    if body.count(b",") != lines * between:
        bad = next((k for k, line in enumerate(body.split(b"\n")) if line.count(b",") != between), lines)
        raise DataError(f"the row has not {len(names)} columns", file=file, row=row + bad, hint=_CUT_HINT)
    frame = pl.read_csv(
        body, has_header=False, new_columns=names, infer_schema=False, quote_char=None, encoding="utf8-lossy"
    )
    if frame.height != lines:
        raise DataError("there is an empty row", file=file, row=row, hint=_CUT_HINT)
    return frame.with_columns(pl.all().fill_null(""))


class _Block:
    """Some rows as text, and the way from there to records."""

    def __init__(self, frame: pl.DataFrame, file: str, row: int) -> None:
        self.frame = frame
        self.file = file
        self.row = row

    def records(self, schema: str, rtype: str, feed: Feed) -> np.ndarray:
        """The rows as records of a schema."""
        dtype, code = RECORD_OF_SCHEMA[schema]
        self._refuse("rtype", self.frame["rtype"] != rtype, f"the first row has {rtype}")
        records = np.zeros(self.frame.height, dtype=dtype)
        records["length"], records["rtype"] = dtype.itemsize // 4, code
        for name in ("publisher_id", "instrument_id", "size", "flags", "sequence"):
            records[name] = self._integers(name, np.iinfo(dtype[name]).max)
        for name in ("ts_event", "ts_recv"):
            records[name] = self._times(name)
        for name in ("action", "side"):
            records[name] = self._letters(name)
        records["price"] = self._prices("price")
        if schema == "mbo":
            records["order_id"] = self._integers("order_id", 2**63 - 1)
        if "levels" in (dtype.names or ()):
            for level in range(dtype["levels"].shape[0]):
                cells: Any = records["levels"][:, level]
                for side in ("bid", "ask"):
                    cells[f"{side}_px"] = self._prices(f"{side}_px_{level:02}")
                    cells[f"{side}_sz"] = self._integers(f"{side}_sz_{level:02}", 2**32 - 1)
        if "symbol" in self.frame.columns:
            for number, symbol in self.frame.select("instrument_id", "symbol").unique(maintain_order=True).iter_rows():
                feed.symbols.setdefault(int(number), [(0, 2**63 - 1, symbol)])
        return records

    def _column(self, name: str) -> pl.Series:
        if name not in self.frame.columns:
            raise DataError(f"the column {name} is missing", file=self.file, row=1, hint="order it with all columns")
        return self.frame[name]

    def _refuse(self, name: str, bad: pl.Series, words: str) -> None:
        """Raise a DataError for the first row that is bad."""
        if bad.any():
            at = int(np.argmax(bad.to_numpy()))
            raise DataError(
                f"{name} is {self.frame[name][at]!r}, {words}", file=self.file, row=self.row + at, field=name
            )

    def _integers(self, name: str, limit: int) -> np.ndarray:
        text = self._column(name)
        self._refuse(name, ~text.str.contains(_INTEGER), "a whole number is needed")
        numbers = text.cast(pl.UInt64)
        self._refuse(name, numbers > limit, f"at most {limit} is possible")
        return numbers.to_numpy()

    def _letters(self, name: str) -> np.ndarray:
        text = self._column(name)
        self._refuse(name, ~text.str.contains("^[A-Z]$"), "one capital letter is needed")
        return np.frombuffer("".join(text.to_list()).encode(), dtype=np.uint8)

    def _times(self, name: str) -> np.ndarray:
        """Nanoseconds since 1970, from whole numbers or from ISO 8601 text in UTC with up to 9 decimals."""
        text = self._column(name)
        if text.str.contains(_INTEGER).all():
            return self._integers(name, 2**63 - 1)
        good = text.str.contains(
            r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|\+00:00)$"
        )
        self._refuse(name, ~good, "a UTC time such as 2025-07-17T07:05:09.035793433Z is needed")
        seconds = (
            text.str.slice(0, 19).str.replace(" ", "T", literal=True).str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False)
        )
        self._refuse(name, seconds.is_null(), "there is no such time")
        fraction = text.str.extract(r"\.([0-9]+)", 1).fill_null("").str.pad_end(9, "0").cast(pl.Int64)
        return (seconds.dt.epoch("s") * 10**9 + fraction).to_numpy()

    def _prices(self, name: str) -> np.ndarray:
        """Prices in 1e-9, exactly; an empty field is no price.  A number without a point and of more than 8 digits is in 1e-9 already."""
        text = self._column(name)
        good = text.str.contains(r"^-?[0-9]{1,9}(\.[0-9]{1,9})?$") | (text == "")
        whole = text.str.contains(r"^-?[0-9]{10,19}$")
        self._refuse(name, ~(good | whole), "a decimal with up to 9 decimals is needed")
        parts = text.str.strip_prefix("-").str.split_exact(".", 1)
        fraction = parts.struct.field("field_1").fill_null("").str.pad_end(_PRICE_DIGITS, "0")
        fraction = pl.select(pl.when(whole).then(pl.lit("")).otherwise(fraction)).to_series()
        digits = (
            (parts.struct.field("field_0") + fraction)
            .cast(pl.Int64, strict=False)
            .fill_null(UNDEFINED_PRICE)
            .to_numpy()
        )
        negative = text.str.starts_with("-").to_numpy()
        return np.where((text == "").to_numpy(), UNDEFINED_PRICE, np.where(negative, -digits, digits))
