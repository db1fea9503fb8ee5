"""What every reader refuses in the same words: rows that cannot be, options that say nothing, another day than the one that was said."""

from __future__ import annotations

from datetime import date

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.piece import ReadOptions

_SHOWN = 60
_NS_PER_DAY = 86_400 * 10**9
_OPTIONS = ("symbol", "date", "venue", "tick", "lot", "book", "mapping")


def shorten(value: object) -> str:
    """A value as an error shows it."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def refuse(frame: pl.DataFrame, bad: pl.Expr, field: str, words: str, *, file: str, hint: str = "") -> None:
    """Raise one DataError for the first row where ``bad`` holds or is null; ``words`` say what is needed of the field."""
    found = frame.filter(bad.fill_null(True)).head(1)
    if len(found):
        value = found[field][0] if field in found.columns else None
        shown = "missing" if value is None else shorten(value)
        raise DataError(f"{field} is {shown}, {words}", file=file, row=int(found["row"][0]), field=field, hint=hint)


def refuse_row(file: str, frame: pl.DataFrame, bad: pl.Expr, what: str, *, show: str = "line", hint: str = "") -> None:
    """The same of a whole row: ``what`` may hold one ``{}`` for the value of column ``show``."""
    found = frame.filter(bad.fill_null(True)).head(1)
    if len(found):
        shown = str(found[show][0])
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
        raise DataError(what.format(shown), file=file, row=int(found["row"][0]), hint=hint)


def refuse_missing(frame: pl.DataFrame, fields: tuple[str, ...], *, file: str) -> None:
    """Raise one DataError for the first message that lacks one of the fields."""
    counts = frame.select(pl.col(fields).null_count()).row(0)
    for field, count in zip(fields, counts, strict=True):
        if count:
            refuse(frame, pl.col(field).is_null(), field, "every such message has it", file=file)


def refuse_options(file: str, options: ReadOptions, taken: tuple[str, ...]) -> None:
    """Refuse what was given and this format has no use for: nothing is ignored silently."""
    for name in _OPTIONS:
        if getattr(options, name) and name not in taken:
            raise DataError(f"{name} was given, this format has no use for it", file=file, hint="leave it out")


def refuse_other_day(options: ReadOptions, time_ns: int, *, file: str) -> None:
    """Refuse a date that is not the UTC day of the first row."""
    if options.date is None:
        return
    day = date.fromordinal(date(1970, 1, 1).toordinal() + time_ns // _NS_PER_DAY).isoformat()
    if options.date != day:
        raise DataError(f"it begins on {day}, not on {options.date}", file=file, hint="leave the date out")
