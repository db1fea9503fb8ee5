"""The kinds of file that Tardis ships, told by their headers: their columns and units."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lobsim.errors import DataError
from lobsim.feeds.delimited import Field, digits_that_fit, first_fields, first_line
from lobsim.feeds.delimited import Kind as Holds
from lobsim.feeds.source import Source

_HEAD = (
    Field("exchange", Holds.NAME),
    Field("symbol", Holds.NAME),
    Field("timestamp", Holds.INTEGER),
    Field("local_timestamp", Holds.INTEGER),
)
_BOOK = (
    *_HEAD,
    Field("is_snapshot", Holds.NAME, "true|false"),
    Field("side", Holds.NAME, "bid|ask"),
    Field("price", Holds.DECIMAL),
    Field("amount", Holds.DECIMAL),
)
_TRADES = (
    *_HEAD,
    Field("id", Holds.IGNORED),
    Field("side", Holds.NAME, "buy|sell|unknown"),
    Field("price", Holds.DECIMAL),
    Field("amount", Holds.DECIMAL),
)
_QUOTES = (
    *_HEAD,
    *(Field(name, Holds.DECIMAL, may_be_empty=True) for name in ("ask_amount", "ask_price", "bid_price", "bid_amount")),
)
_SNAPSHOT_HEADER = re.compile(
    r"exchange,symbol,timestamp,local_timestamp((?:,asks\[\d+\]\.price,asks\[\d+\]\.amount,bids\[\d+\]\.price,bids\[\d+\]\.amount)+)"
)


def kind_of(source: Source) -> str | None:
    """Which file a header belongs to: "trades", "book_snapshot_25" ...; None for none of this vendor."""
    header = first_line(source)
    for kind, fields in (("incremental_book_L2", _BOOK), ("trades", _TRADES), ("quotes", _QUOTES)):
        if header == ",".join(field.name for field in fields):
            return kind
    found = _SNAPSHOT_HEADER.fullmatch(header)
    levels = found[1].count("asks[") // 2 if found else 0
    kind = f"book_snapshot_{levels}"
    return kind if levels and header == ",".join(field.name for field in fields_of(kind)) else None


def fields_of(kind: str) -> tuple[Field, ...]:
    """The columns of a kind of file."""
    whole = {"incremental_book_L2": _BOOK, "trades": _TRADES, "quotes": _QUOTES}
    cells = (Field(name, Holds.DECIMAL, may_be_empty=True) for name in cells_of(kind)) if kind not in whole else ()
    return whole.get(kind) or (*_HEAD, *cells)


def cells_of(kind: str) -> list[str]:
    """Columns of book cells in the order ask price, ask size, bid price, bid size, level by level."""
    if kind == "quotes":
        return ["ask_price", "ask_amount", "bid_price", "bid_amount"]
    levels = int(kind.rpartition("_")[2]) if kind.startswith("book_snapshot_") else 0
    return [f"{side}[{k}].{what}" for k in range(levels) for side in ("asks", "bids") for what in ("price", "amount")]


def unit_of(name: str) -> str:
    """Whether a column of numbers holds a "price" or an "amount"."""
    return "price" if name.endswith("price") else "amount"


def digits_of(files: Iterable[tuple[str, Source]], unit: str, spare: int) -> int:
    """Decimals to keep of prices or amounts, from the first rows of some files, each with its kind."""
    values: list[str] = []
    for kind, source in files:
        fields = fields_of(kind)
        places = [k for k, field in enumerate(fields) if field.kind is Holds.DECIMAL and unit_of(field.name) == unit]
        values += [row[k] for row in first_fields(source, len(fields)) for k in places if row[k]]
    return digits_that_fit(values, spare)


def first_row(source: Source) -> list[str]:
    """The fields of the first row; raises DataError where there is none."""
    rows = first_fields(source, first_line(source).count(",") + 1, 1)
    if not rows:
        raise DataError("it holds no row after its header", file=source.name)
    return rows[0]
