"""The canonical event table: what every vendor file becomes before anything else looks at it.

One row of ``Dataset.events`` is one thing that happened at the venue.  Columns, in this order:

===============  ======  =======================================================================
``ts_exchange``  Int64   exchange time, nanoseconds since 1970-01-01 UTC; never falls
``ts_local``     Int64   time of arrival at the recorder; ``ts_exchange`` where there is no such clock
``kind``         Int8    ``lobsim.types.Kind``
``side``         Int8    ``lobsim.types.Side`` of the RESTING interest; -1 where there is none
``price``        Int64   in price quanta of the data set; 0 where the row has none
``size``         Int64   in lots; of a PHASE row the ``lobsim.types.Phase``
``order_id``     Int64   the order; 0 where the row has none
``other_id``     Int64   the new id of a REPLACE; 0 where the row has none
``match_id``     Int64   shared by the executions of one aggressor; 0 where the feed does not say
``flags``        Int32   bits of ``lobsim.types.Flag``
``sequence``     Int64   the venue's running number, or the index of the row, from 0
===============  ======  =======================================================================

Invariants of a data set that ``validate`` has passed: no nulls, time never falls, orders and levels
are on tick, sizes and prices are within the bounds the compiled core relies on, book rows are
aligned with the events and sorted best level first.
Known limits: one fixed tick per data set; a data set is held in memory as a whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.book_rows import check_book
from lobsim.types import MAX_PRICE_TICKS, MAX_SIZE_LOTS, NONE, Fidelity, Flag, Kind, Phase, Side

SCHEMA_VERSION = 2
"""Version 2 added multiplier and inverse; a data set of version 1 has the values that it had silently."""
_DIGEST_VERSION = 1

COLUMNS: dict[str, type[pl.DataType]] = {
    "ts_exchange": pl.Int64,
    "ts_local": pl.Int64,
    "kind": pl.Int8,
    "side": pl.Int8,
    "price": pl.Int64,
    "size": pl.Int64,
    "order_id": pl.Int64,
    "other_id": pl.Int64,
    "match_id": pl.Int64,
    "flags": pl.Int32,
    "sequence": pl.Int64,
}
"""Name -> type, in the order of the table."""

_DIGEST_FIELDS = ("price_quantum", "tick_quanta", "lot", "fidelity", "depth")
"""The settings without which the integers of a table mean something else."""
_DIGEST_EXTRAS: dict[str, Any] = {"multiplier": "1", "inverse": False}
"""Settings that are part of the digest only where they are not what version 1 took for granted."""

MAX_TICK_QUANTA = 10**4
"""Keeps MAX_PRICE_TICKS ticks, counted in quanta, within 62 bits."""
ON_TICK = (int(Kind.ADD), int(Kind.REPLACE), int(Kind.LEVEL))
"""Kinds whose price is one of the book; an execution may be at another, such as the middle (Nasdaq's "executed with price")."""


@dataclass(frozen=True)
class DatasetInfo:
    """What one data set is, and what its integers mean.

    symbol            as the venue writes it
    venue             "NASDAQ"
    date              trading day, ISO text
    currency          of the prices
    price_quantum     what one price quantum is worth, decimal text: "0.0001"
    tick_quanta       the smallest step between two book prices, in quanta
    lot               what one lot is, decimal text: "1" share
    fidelity          how much the feed knows
    depth             levels a side that the feed covers; 0 = all
    session_start_ns  first instant of the recorded window, nanoseconds UTC
    session_end_ns    last instant of it
    source            name of the vendor file, without folder
    source_sha256     of the vendor file, or of the files in the order they were given
    notes             anything a reader should know, such as counts
    multiplier        what a price of 1 on one natural unit of size is worth in currency, decimal text: "50" for ES
    inverse           contracts of fixed value in currency, settled in the coin: value in coins = size * multiplier / price
    """

    symbol: str
    venue: str
    date: str
    currency: str
    price_quantum: str
    tick_quanta: int
    lot: str
    fidelity: Fidelity
    depth: int
    session_start_ns: int
    session_end_ns: int
    source: str
    source_sha256: str
    notes: tuple[str, ...] = ()
    multiplier: str = "1"
    inverse: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that cannot be right; raises DataError."""
        if not self.symbol:
            raise DataError("symbol is empty", file=self.source)
        for name in ("price_quantum", "lot", "multiplier"):
            if not _is_positive_decimal(getattr(self, name)):
                raise DataError(f"{name} is {getattr(self, name)!r}, a decimal above 0 is needed", file=self.source)
        try:
            date.fromisoformat(self.date)
        except ValueError:
            raise DataError(f"date is {self.date!r}, a day such as 2012-06-21 is needed", file=self.source) from None
        if not 1 <= self.tick_quanta <= MAX_TICK_QUANTA:
            raise DataError(f"tick_quanta is {self.tick_quanta}, 1 to {MAX_TICK_QUANTA} is needed", file=self.source)
        if self.depth < 0:
            raise DataError(f"depth is {self.depth}, 0 (all levels) or more is needed", file=self.source)
        if self.session_end_ns < self.session_start_ns:
            raise DataError("the session ends before it starts", file=self.source)

    @property
    def money_currency(self) -> str:
        """What money is counted in: the currency, or the coin of an inverse contract (BTCUSD_PERP: BTC; "coins" where the symbol does not begin with it)."""
        if not self.inverse:
            return self.currency
        bare = re.split(r"[-_/:]", self.symbol, maxsplit=1)[0].upper()
        coin = bare.partition(self.currency.upper())[0]
        return coin or "coins"

    def price_decimal(self, quanta: int) -> Decimal:
        """Price in currency units, exact: 5853300 quanta of LOBSTER are 585.3300 dollars."""
        return Decimal(self.price_quantum) * int(quanta)

    def lots_decimal(self, lots: int) -> Decimal:
        """Size in natural units (shares, coins, contracts), exact."""
        return Decimal(self.lot) * int(lots)

    def to_json(self) -> str:
        """One JSON object with the schema version; ``from_json`` reads it back."""
        values = asdict(self) | {"fidelity": self.fidelity.name, "notes": list(self.notes)}
        return json.dumps({"schema_version": SCHEMA_VERSION, "info": values}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes, *, file: str | None = None) -> DatasetInfo:
        """Read ``to_json`` back; refuses a newer schema, unknown or missing fields and wrong types."""
        try:
            whole = json.loads(text)
            version, values = whole["schema_version"], dict(whole["info"])
            if isinstance(version, int) and version > SCHEMA_VERSION:
                raise DataError(
                    f"written with schema version {version}, this lobsim knows {SCHEMA_VERSION}",
                    file=file,
                    hint="install a newer lobsim",
                )
            if version == 1:
                values |= _DIGEST_EXTRAS
            values["fidelity"] = Fidelity[values["fidelity"]]
            values["notes"] = tuple(values["notes"])
            for field in fields(cls):
                kind = _TYPES.get(field.name) or _TYPES[str(field.type)]
                if type(values[field.name]) is not kind:
                    raise TypeError(f"{field.name} is {values[field.name]!r}")
            return cls(**values)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"its description cannot be read ({error})", file=file, hint="import it again") from error


_TYPES: dict[str, type] = {"fidelity": Fidelity, "notes": tuple, "int": int, "str": str, "bool": bool}


@dataclass(frozen=True, eq=False)
class Dataset:
    """One symbol and day: events, and the recorded book where the feed gives one.

    events    the canonical table
    rows      int64 [n_events, 4 K], C order: ask price, ask size, bid price, bid size of level 1, then of
              level 2 ...; prices in quanta, sizes in lots; row k is the book AFTER event k; a level
              that is not there has price NONE_PRICE and size 0.  None where there is no such file
    seed_row  int64 [4 K'], the book after event 0, where there are no rows
    truth     int64 [n_events, 4], level 1 after each event: to compare with, never used by a replay
    """

    info: DatasetInfo
    events: pl.DataFrame
    rows: np.ndarray | None = None
    seed_row: np.ndarray | None = None
    truth: np.ndarray | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256, hex: the identity of everything a replay reads.

        Fed in this order: ``lobsim dataset`` and the digest's version; price_quantum, tick_quanta, lot, fidelity and
        depth; multiplier and inverse where they are not 1 and False; each event column in canonical order; ``rows``; ``seed_row``.  A part is its name, its shape and its
        values, little-endian in C order; an absent part has shape ``none``.  Symbol, date, source and ``truth`` are left out.
        """
        sha = begin_digest(self.info)
        for name in COLUMNS:
            feed_array(sha, name, self.events[name].to_numpy())
        feed_array(sha, "rows", self.rows)
        feed_array(sha, "seed_row", self.seed_row)
        return sha.hexdigest()

    def price_decimal(self, quanta: int) -> Decimal:
        """See ``DatasetInfo.price_decimal``."""
        return self.info.price_decimal(quanta)

    def lots_decimal(self, lots: int) -> Decimal:
        """See ``DatasetInfo.lots_decimal``."""
        return self.info.lots_decimal(lots)


class Rule(NamedTuple):
    """A reason to refuse rows: where ``bad`` holds, ``field`` has a ``value`` that breaks the rule in ``words``."""

    bad: np.ndarray
    field: str
    value: Any
    words: str


def refuse_first(rules: Sequence[Rule], *, file: str | None, rows_before: int = 0) -> None:
    """Raise one DataError for the earliest row that breaks any rule; do nothing where none does.

    rows_before  of the same file, where only a part of it is looked at
    """
    broken = [(int(np.argmax(rule.bad)), rule) for rule in rules if rule.bad.any()]
    if broken:
        row, rule = min(broken, key=lambda pair: pair[0])
        raise DataError(
            f"{rule.field} is {rule.value[row]}, {rule.words}", file=file, row=rows_before + row + 1, field=rule.field
        )


def validate(dataset: Dataset, *, file: str | None = None, rows_file: str | None = None) -> None:
    """Refuse a data set that breaks an invariant of this module; raises DataError with row and column.

    file       named in the error; by default the data set's source
    rows_file  the same for the book rows

    Ids are not checked: that an id is known and live is for the replay to judge.
    """
    file = file or dataset.info.source
    _check_shape(dataset, file)
    check_codes(dataset.events, file=file)
    check_numbers(dataset.events, dataset.info.tick_quanta, file=file)
    for name in ("rows", "truth"):
        book = getattr(dataset, name)
        if book is not None:
            check_book(book, dataset.info.tick_quanta, file=rows_file or f"{file} ({name})")
    if dataset.seed_row is not None:
        check_book(dataset.seed_row[None, :], dataset.info.tick_quanta, file=f"{file} (seed_row)")


def check_codes(events: pl.DataFrame, *, file: str | None, rows_before: int = 0, earliest_ns: int = -(2**63)) -> None:
    """Refuse times that fall and codes that do not exist, in a table or in the part of one that follows ``rows_before`` rows.

    earliest_ns  the exchange time of the row before the part
    """
    column = {name: events[name].to_numpy() for name in COLUMNS}
    refuse_first(_time_and_code_rules(column, earliest_ns), file=file, rows_before=rows_before)


def check_numbers(events: pl.DataFrame, tick_quanta: int, *, file: str | None, rows_before: int = 0) -> None:
    """Refuse prices off tick and numbers out of bounds, in a table or in the part of one that follows ``rows_before`` rows."""
    column = {name: events[name].to_numpy() for name in COLUMNS}
    refuse_first(_price_and_size_rules(column, tick_quanta), file=file, rows_before=rows_before)


def begin_digest(info: DatasetInfo) -> Any:
    """The running hash of ``Dataset.digest``, before the columns."""
    sha = hashlib.sha256(f"lobsim dataset {_DIGEST_VERSION}\n".encode())
    extras = [name for name, usual in _DIGEST_EXTRAS.items() if getattr(info, name) != usual]
    for name in (*_DIGEST_FIELDS, *extras):
        value = getattr(info, name)
        sha.update(f"{name} {int(value) if isinstance(value, int) else value}\n".encode())
    return sha


def feed_array(sha: Any, name: str, values: np.ndarray | None) -> None:
    """Feed name, shape and little-endian values of an integer array into a running hash."""
    if values is None:
        sha.update(f"{name} none\n".encode())
    else:
        feed_parts(sha, name, values.shape, [values])


def feed_parts(sha: Any, name: str, shape: Sequence[int], parts: Iterable[np.ndarray]) -> None:
    """The same for an array that comes in parts, one after the other; ``shape`` is that of the whole."""
    for index, part in enumerate(parts):
        plain = np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("<"))
        if index == 0:
            sha.update(f"{name} {plain.dtype.str} {'x'.join(map(str, shape))}\n".encode())
        sha.update(plain.view(np.uint8).reshape(-1).data)


def check_columns(events: pl.DataFrame, file: str | None) -> None:
    """Refuse a table whose columns, types or nulls are not those of the canonical table."""
    if events.columns != list(COLUMNS):
        raise DataError(
            f"its columns are {', '.join(events.columns)}; needed are {', '.join(COLUMNS)}, in this order", file=file
        )
    for name, kind in COLUMNS.items():
        if events.schema[name] != kind:
            raise DataError(f"it is of type {events.schema[name]}, {kind.__name__} is needed", file=file, field=name)
        if events[name].null_count():
            row = int(np.argmax(events[name].is_null().to_numpy()))
            raise DataError("it holds no value", file=file, row=row + 1, field=name)


def _check_shape(dataset: Dataset, file: str) -> None:
    """Columns, types, row counts; an empty table is refused too."""
    events, count = dataset.events, len(dataset.events)
    check_columns(events, file)
    if count == 0:
        raise DataError("it holds no event", file=file)
    for name, wanted in (("rows", None), ("truth", 4), ("seed_row", None)):
        book = getattr(dataset, name)
        if book is None:
            continue
        if book.dtype != np.int64 or book.ndim != (1 if name == "seed_row" else 2):
            raise DataError(f"{name} has type {book.dtype} and shape {book.shape}, int64 cells are needed", file=file)
        if book.ndim == 2 and len(book) != count:
            raise DataError(f"{name} has {len(book)} rows, the events are {count}", file=file)
        width = book.shape[-1]
        if width % 4 or width == 0 or width != (wanted or width):
            raise DataError(f"{name} has {width} columns, {wanted or 'four for each level'} needed", file=file)
    if dataset.rows is not None and dataset.rows.shape[1] != 4 * dataset.info.depth:
        raise DataError(f"rows have {dataset.rows.shape[1]} columns, the depth is {dataset.info.depth}", file=file)


def _time_and_code_rules(column: dict[str, np.ndarray], earliest_ns: int) -> list[Rule]:
    """Rules about time and about codes that must exist."""
    time, kind, side = column["ts_exchange"], column["kind"], column["side"]
    backwards = time < np.concatenate([[earliest_ns], time])[:-1]
    sided = ~np.isin(kind, (Kind.PRINT, Kind.CLEAR, Kind.PHASE))
    return [
        Rule(backwards, "ts_exchange", time, "earlier than the row before it"),
        Rule((kind < min(Kind)) | (kind > max(Kind)), "kind", kind, "there is no such kind"),
        Rule((side < NONE) | (side > max(Side)) | (sided & (side == NONE)), "side", side, "a side is needed"),
    ]


def _price_and_size_rules(column: dict[str, np.ndarray], tick_quanta: int) -> list[Rule]:
    """Rules about numbers; a kind that has no price or no size is left alone."""
    kind, price, size = column["kind"], column["price"], column["size"]
    on_book = np.isin(kind, ON_TICK)
    auction = (kind == Kind.PRINT) & (column["flags"] & Flag.AUCTION != 0)
    may_be_zero = np.isin(kind, (Kind.DELETE, Kind.LEVEL, Kind.CLEAR, Kind.PHASE)) | auction
    smallest = np.where(may_be_zero, 0, 1)
    phase = (kind == Kind.PHASE) & (size > max(Phase))
    limit = MAX_PRICE_TICKS * tick_quanta
    return [
        Rule(on_book & (price % tick_quanta != 0), "price", price, f"which is off the tick of {tick_quanta} quanta"),
        Rule((price > limit) | (price < -limit), "price", price, f"at most {MAX_PRICE_TICKS} ticks are allowed"),
        Rule(size < smallest, "size", size, "at least 1 lot is needed (0 for a level, a deletion or a phase)"),
        Rule(size > MAX_SIZE_LOTS, "size", size, f"at most {MAX_SIZE_LOTS} lots are allowed"),
        Rule(phase, "size", size, "there is no such phase"),
    ]


def _is_positive_decimal(text: str) -> bool:
    """Whether a text is a finite decimal above 0."""
    try:
        value = Decimal(text)
    except (InvalidOperation, TypeError):
        return False
    return value.is_finite() and value > 0
