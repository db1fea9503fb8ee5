"""From the text cells of a mapped table to canonical numbers: times, words, prices, ids.

Invariant: every cell is read from its text; one that is not of its kind is refused with its row.
"""

from __future__ import annotations

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.exact import exact, iso_time_ns
from lobsim.feeds.generic.tables import Wanted
from lobsim.feeds.refusals import refuse_row
from lobsim.feeds.rows import whole_table
from lobsim.feeds.source import Source
from lobsim.types import NONE, Flag, Kind, Phase, Side

DIGITS = 9
"""Of provisional prices and sizes behind the point."""

_MOST = 2**63 - 1
_TIME_DIGITS = {"ns": 0, "us": 3, "ms": 6, "s": 9, "": 0}
_KINDS = {kind.name.lower(): int(kind) for kind in Kind}
_PHASES = {phase.name.lower(): int(phase) for phase in Phase}
_FLAGS = {
    flag.name.lower(): int(flag) for flag in (Flag.LAST_IN_PACKET, Flag.SNAPSHOT, Flag.AGGRESSOR_KNOWN, Flag.AUCTION)
}
_SIDES = (
    dict.fromkeys(("buy", "bid", "b"), int(Side.BUY))
    | dict.fromkeys(("sell", "ask", "offer", "s", "a"), int(Side.SELL))
    | {"": NONE}
)
_ORDER_KINDS = [int(kind) for kind in (Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.REPLACE, Kind.EXECUTE)]
_SIDED = [*_ORDER_KINDS, int(Kind.EXECUTE_HIDDEN), int(Kind.LEVEL)]
_PRICED = [int(kind) for kind in (Kind.ADD, Kind.REPLACE, Kind.EXECUTE, Kind.EXECUTE_HIDDEN, Kind.LEVEL, Kind.PRINT)]
_SIZED = [int(kind) for kind in (Kind.ADD, Kind.REDUCE, Kind.REPLACE, Kind.EXECUTE, Kind.EXECUTE_HIDDEN, Kind.PRINT)]


def canonical_rows(source: Source, table: pl.DataFrame, columns: dict[str, Wanted]) -> pl.DataFrame:
    """The canonical table of a block of text cells; raises DataError for the first cell that is none of its kind."""
    texts = pl.DataFrame([table["row"]] + [table[name].fill_null("").str.strip_chars() for name in columns])
    cells = texts.select("row")
    for name in ("ts_exchange", "ts_local"):
        if name in columns:
            cells = cells.with_columns(_times(source, texts, name, columns[name]))
    for name, words in (
        ("kind", _KINDS),
        ("side", _SIDES),
        ("flags", _flag_words(texts) if "flags" in columns else {}),
    ):
        if name in columns:
            cells = cells.with_columns(_words(source, texts, name, words))
    if columns.get("side", Wanted(None)).unit == "aggressor":
        cells = cells.with_columns(side=pl.when(pl.col("side") == NONE).then(NONE).otherwise(1 - pl.col("side")))
    is_phase = cells["kind"] == int(Kind.PHASE)
    for name in ("price", "size"):
        if name in columns:
            phase = is_phase if name == "size" else pl.zeros(len(texts), pl.Boolean, eager=True)
            cells = cells.with_columns(_amounts(source, texts, name, columns[name].unit, phase))
    for name in ("order_id", "other_id", "match_id", "sequence"):
        if name in columns:
            cells = cells.with_columns(_whole(source, texts, name))
    cells = _completed(cells, columns)
    _refuse_incomplete(source, cells, by_order="order_id" in columns)
    return whole_table(cells)


def _times(source: Source, texts: pl.DataFrame, name: str, wanted: Wanted) -> pl.Series:
    """A column of times in nanoseconds."""
    if wanted.unit == "iso":
        times = texts.with_columns(ns=iso_time_ns(pl.col(name)))
    else:
        times = texts.with_columns(exact(pl.col(name), _TIME_DIGITS[wanted.unit], signed=True).alias("ns"))
    unit = wanted.unit or "ns"
    refuse_row(source.name, times, pl.col("ns").is_null(), f"{name} is {{!r}}, a time in {unit} is needed", show=name)
    return times["ns"].alias(name)


def _words(source: Source, texts: pl.DataFrame, name: str, words: dict[str, int]) -> pl.Series:
    """A column of words as their numbers."""
    code = pl.col(name).str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.Int64)
    coded = texts.with_columns(code=code)
    known = ", ".join(word for word in words if word)
    refuse_row(source.name, coded, pl.col("code").is_null(), f"{name} is {{!r}}, there are {known}", show=name)
    return coded["code"].alias(name)


def _flag_words(texts: pl.DataFrame) -> dict[str, int]:
    """The words of flags that occur, joined ones too, as bits; a word that does not exist is left out."""
    seen = texts["flags"].str.to_lowercase().unique(maintain_order=True)
    sets = {text: [word for word in text.split("|") if word] for text in seen}
    return {
        text: sum({_FLAGS[word] for word in words}) for text, words in sets.items() if set(words) <= set(_FLAGS)
    } | _FLAGS


def _amounts(source: Source, texts: pl.DataFrame, name: str, unit: str, phase: pl.Series) -> pl.Series:
    """A column of prices or sizes in 10^-DIGITS; of phase rows the number of the Phase; empty is 0."""
    digits = DIGITS if not unit else DIGITS - len(unit.partition(".")[2])
    scale = 1 if not unit else 10**digits
    counted = exact(pl.col(name), DIGITS if not unit else 0, signed=True)
    number = pl.when(counted.abs() <= _MOST // scale).then(counted * scale)
    values = texts.with_columns(
        value=pl.when(phase)
        .then(pl.col(name).str.to_lowercase().replace_strict(_PHASES, default=None, return_dtype=pl.Int64))
        .when(pl.col(name) == "")
        .then(0)
        .otherwise(number)
    )
    rule = f"a decimal number of at most {DIGITS} decimals" if not unit else f"a whole number of {unit}"
    refuse_row(
        source.name,
        values,
        pl.col("value").is_null(),
        f"{name} is {{!r}}, {rule} is needed (of a phase row its name)",
        show=name,
    )
    if name == "size":
        refuse_row(source.name, values, pl.col("value") < 0, f"{name} is {{!r}}, 0 or more is needed", show=name)
    return values["value"].alias(name)


def _whole(source: Source, texts: pl.DataFrame, name: str) -> pl.Series:
    """A column of whole numbers from 0; empty is 0."""
    empty = pl.col(name) == ""
    number = pl.when(empty).then(0).otherwise(pl.col(name).str.extract(r"^(\d{1,18})$", 1).cast(pl.Int64))
    values = texts.with_columns(value=number)
    what = f"{name} is {{!r}}, a whole number of at most 18 digits is needed"
    refuse_row(source.name, values, pl.col("value").is_null(), what, show=name)
    return values["value"].alias(name)


def _completed(cells: pl.DataFrame, columns: dict[str, Wanted]) -> pl.DataFrame:
    """What follows from the other columns where it is not mapped: flags, and the new id of a REPLACE."""
    if "side" not in columns:
        cells = cells.with_columns(side=pl.lit(NONE, dtype=pl.Int64))
    if "flags" not in columns:
        traded = pl.col("kind").is_in([int(Kind.EXECUTE), int(Kind.EXECUTE_HIDDEN), int(Kind.PRINT)]) & (
            pl.col("side") != NONE
        )
        cells = cells.with_columns(flags=int(Flag.LAST_IN_PACKET) + traded.cast(pl.Int64) * int(Flag.AGGRESSOR_KNOWN))
    if "order_id" in columns and "other_id" not in columns:
        replaced = pl.col("kind") == int(Kind.REPLACE)
        cells = cells.with_columns(other_id=pl.when(replaced).then("order_id").otherwise(0))
    return cells


def _refuse_incomplete(source: Source, cells: pl.DataFrame, *, by_order: bool) -> None:
    """Refuse rows that lack what their kind needs."""
    names = {code: word for word, code in _KINDS.items()}
    shown = cells.with_columns(word=pl.col("kind").replace_strict(names, return_dtype=pl.String))
    kind = pl.col("kind")
    there = set(cells.columns)
    refuse_row(
        source.name, shown, kind.is_in(_SIDED) & (pl.col("side") == NONE), "a row of kind {} needs a side", show="word"
    )
    if not by_order:
        refuse_row(
            source.name,
            shown,
            kind.is_in(_ORDER_KINDS),
            "a row of kind {} needs order_id",
            show="word",
            hint="map order_id",
        )
    else:
        refuse_row(
            source.name,
            shown,
            kind.is_in(_ORDER_KINDS) & (pl.col("order_id") < 1),
            "a row of kind {} needs order_id",
            show="word",
        )
        lacks = (kind == int(Kind.REPLACE)) & (pl.col("other_id") < 1)
        refuse_row(source.name, shown, lacks, "a row of kind {} needs other_id", show="word")
    if not {"price", "size"} <= there and cells["kind"].is_in([*_PRICED, *_SIZED]).any():
        raise DataError(
            "the mapping does not say where price and size come from",
            file=source.name,
            hint="add price=COLUMN and size=COLUMN",
        )
    if "size" in there:
        refuse_row(
            source.name,
            shown,
            kind.is_in(_SIZED) & (pl.col("size") < 1),
            "a row of kind {} needs a size above 0",
            show="word",
        )
