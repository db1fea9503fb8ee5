"""From lines of JSON to typed columns, shared by the readers of recorded websockets.

The JSON is parsed a column at a time (about 75 MB/s), with a schema that says what each field must be; what is not of that type is refused, and so is a number
where the venue writes text, because it would have been through a float.

Known limits: a field given twice counts as given first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.exact import exact
from lobsim.feeds.limits import CUT_HINT
from lobsim.feeds.refusals import refuse, shorten

LEVELS = pl.List(pl.List(pl.String))
"""``[["price", "size"], ...]``"""


def decoded(frame: pl.DataFrame, column: str, schema: Mapping[str, Any], *, file: str) -> pl.DataFrame:
    """The frame with the objects of a JSON column in the place of that column, a field of ``schema`` each.

    A field that an object lacks is null.  Raises DataError for the first row that is no whole JSON object of that shape.
    """
    text = frame[column]
    try:
        objects = text.str.json_decode(pl.Struct(schema))
    except pl.exceptions.PolarsError:
        _blame(frame, column, schema, file)
    return pl.concat([frame.drop(column), objects.struct.unnest()], how="horizontal")


def _blame(frame: pl.DataFrame, column: str, schema: Mapping[str, Any], file: str) -> NoReturn:
    """Find the first row that cannot be decoded, by halves."""
    low, high = 0, len(frame)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            frame[column][low:middle].str.json_decode(pl.Struct(schema))
            low = middle
        except pl.exceptions.PolarsError:
            high = middle
    text = frame[column][low]
    raise DataError(
        f"{shorten(text)} is no whole message of the kind that is needed",
        file=file,
        row=frame["row"][low],
        hint=CUT_HINT,
    )


def exact_column(frame: pl.DataFrame, field: str, digits: int, *, file: str) -> pl.DataFrame:
    """A column of decimal text as whole numbers of 10^-digits; raises DataError for the first that is none."""
    numbers = frame.select(exact(pl.col(field), digits)).to_series()
    if numbers.null_count():
        words = f"a decimal of at most {digits} places that fits 64 bits is needed"
        refuse(frame, pl.lit(numbers.is_null()), field, words, file=file, hint="say tick or lot if it is right")
    return frame.with_columns(numbers.alias(field))


def epoch_ns(frame: pl.DataFrame, field: str, *, file: str) -> pl.DataFrame:
    """A column of times since 1970 as nanoseconds: milli-, micro- or nanoseconds by magnitude (years 2001 to 2286); raises DataError."""
    time = pl.col(field)
    refuse(frame, ~time.is_between(10**12, 10**19 // 2), field, "13 to 19 digits since 1970 are needed", file=file)
    scale = pl.when(time < 10**13).then(10**6).when(time < 10**16).then(10**3).otherwise(1)
    return frame.with_columns((time * scale).alias(field))
