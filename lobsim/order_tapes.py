"""Order tapes: flows of messages with a published digest of the report stream, an outside referee for matching.

A tape (xz) holds a count and four columns: flags u8 (bits 0-1: new, cancel, modify; bit 2 sell; bit 3 immediate-or-cancel), quantity u16
(u32 in wide tapes), relative id i32 (order id = number of new messages so far minus this), price i32.  The digest is the SHA-256 of one text line
per report.  The flows and digests come from a public survey of matching engines (arXiv 2606.01183).

A modify of these flows is cancel plus new: it always loses its place, hence MessageFlag.LOSE_PLACE.
"""

from __future__ import annotations

import hashlib
import lzma
from pathlib import Path

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.types import MESSAGE, REPORT, MessageFlag, ReportKind, TimeInForce, Verb

_HEADER_BYTES = 8
_NARROW_ROW_BYTES = 11
_WIDE_ROW_BYTES = 13
_VERBS = np.array([Verb.NEW, Verb.CANCEL, Verb.REPLACE], np.int8)


def read_tape(path: str | Path) -> np.ndarray:
    """The messages of a tape.

    Returns a MESSAGE array; ``ts_ns`` is 0 throughout, for the tape has no clock.
    Raises DataError if the file is not a tape.
    """
    with lzma.open(path) as file:
        raw = file.read()
    count = int(np.frombuffer(raw, "<u8", 1)[0])
    wide = len(raw) == _HEADER_BYTES + count * _WIDE_ROW_BYTES
    if not wide and len(raw) != _HEADER_BYTES + count * _NARROW_ROW_BYTES:
        raise DataError(f"not an order tape: {count} rows do not fit {len(raw)} bytes", file=str(path))
    columns = []
    offset = _HEADER_BYTES
    for kind in ("<u1", "<u4" if wide else "<u2", "<i4", "<i4"):
        columns.append(np.frombuffer(raw, kind, count, offset))
        offset += count * np.dtype(kind).itemsize
    flags, size, relative, price = columns
    verb = flags & 3
    messages = np.zeros(count, MESSAGE)
    messages["verb"] = _VERBS[verb]
    messages["side"] = (flags >> 2) & 1
    messages["tif"] = np.where(flags & 8, TimeInForce.IOC, TimeInForce.GTC)
    messages["flags"] = np.where(verb == 2, MessageFlag.LOSE_PLACE, 0)
    messages["order_id"] = np.cumsum(verb == 0) - relative
    messages["new_id"] = messages["order_id"]
    messages["price_ticks"] = price
    messages["size_lots"] = size
    return messages


def report_digest(reports: np.ndarray) -> str:
    """SHA-256 of the report lines that the tapes publish."""
    table = pl.DataFrame({name: reports[name] for name in REPORT.names or ()})
    number = {name: pl.col(name).cast(pl.Utf8) for name in table.columns}
    comma = pl.lit(",")

    def line(code: int, *fields: str) -> pl.Expr:
        parts: list[pl.Expr] = [pl.lit(str(code))]
        for field in fields:
            parts += [comma, number[field]]
        return pl.concat_str(parts)

    kind = pl.col("kind")
    entry = ("sequence", "side", "order_id", "price_ticks", "size_lots")
    lines = table.select(
        pl.when(kind == ReportKind.ACCEPTED)
        .then(line(0, *entry))
        .when(kind == ReportKind.TRADE)
        .then(line(1, "sequence", "price_ticks", "size_lots", "order_id", "other_id"))
        .when(kind == ReportKind.CANCELLED)
        .then(line(2, "sequence", "side", "order_id", "price_ticks"))
        .when(kind == ReportKind.REPLACED)
        .then(line(3, *entry))
        .when((kind == ReportKind.REJECTED) & (pl.col("verb") == Verb.CANCEL))
        .then(line(4, "sequence", "order_id"))
        .otherwise(line(5, "sequence", "order_id"))
        .alias("line")
    )["line"]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
