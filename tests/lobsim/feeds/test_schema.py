"""The canonical table refuses what the core could not bear, and its digest is the identity of a data set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds import SCHEMA_VERSION, Dataset, DatasetInfo, read_lobster, validate
from lobsim.feeds.schema import check_codes, check_numbers, feed_array, feed_parts
from lobsim.types import MAX_PRICE_TICKS, MAX_SIZE_LOTS, NONE_PRICE, Flag, Kind, Phase, Side

MakeDataset = Callable[..., Dataset]
ADD = Kind.ADD

BAD_COLUMNS: dict[str, tuple[dict[str, list[int]], int, str]] = {
    # name: replaced columns, row of the error, its field
    "time falls": ({"ts_exchange": [10, 20, 19]}, 3, "ts_exchange"),
    "kind unknown": ({"kind": [ADD, 10, ADD]}, 2, "kind"),
    "kind negative": ({"kind": [ADD, ADD, -1]}, 3, "kind"),
    "side unknown": ({"side": [0, 2, 0]}, 2, "side"),
    "side missing on an order": ({"side": [-1, 1, 0]}, 1, "side"),
    "order off tick": ({"price": [999900, 1000150, 999800]}, 2, "price"),
    "level off tick": ({"kind": [Kind.LEVEL, ADD, ADD], "price": [999950, 1000100, 999800]}, 1, "price"),
    "price beyond the bound": ({"price": [999900, 1000100, 100 * MAX_PRICE_TICKS + 100]}, 3, "price"),
    "price far below": ({"price": [-(2**63), 1000100, 999800], "kind": [Kind.DELETE, ADD, ADD]}, 1, "price"),
    "size zero": ({"size": [5, 0, 7]}, 2, "size"),
    "size negative": ({"kind": [Kind.DELETE, ADD, ADD], "size": [-1, 6, 7]}, 1, "size"),
    "size beyond the bound": ({"size": [5, 6, MAX_SIZE_LOTS + 1]}, 3, "size"),
    "phase unknown": ({"kind": [ADD, ADD, Kind.PHASE], "size": [5, 6, 6]}, 3, "size"),
}


@pytest.mark.parametrize("case", BAD_COLUMNS)
def test_a_row_that_cannot_be_is_named(make_dataset: MakeDataset, case: str) -> None:
    columns, row, field = BAD_COLUMNS[case]
    with pytest.raises(DataError) as caught:
        validate(make_dataset(**columns))
    assert ("made_up.csv", row, field) == (caught.value.file, caught.value.row, caught.value.field)


def test_the_first_of_several_bad_rows_is_named(make_dataset: MakeDataset) -> None:
    with pytest.raises(DataError, match="row 2, field size"):
        validate(make_dataset(size=[5, 0, 7], price=[999900, 1000100, 999850]))


def test_what_is_allowed_passes(make_dataset: MakeDataset) -> None:
    allowed: list[dict[str, list[int]]] = [
        {},
        {"kind": [Kind.DELETE, Kind.LEVEL, ADD], "size": [0, 0, 7]},
        {"kind": [Kind.EXECUTE_HIDDEN, Kind.PRINT, ADD], "price": [999950, 1000001, 999800]},
        {"kind": [ADD, ADD, Kind.EXECUTE], "price": [999900, 1000100, 999850]},
        {"kind": [Kind.PHASE, Kind.CLEAR, Kind.PRINT], "side": [-1, -1, -1], "size": [Phase.HALT, 0, 1]},
        {"kind": [Kind.PRINT, ADD, ADD], "size": [0, 6, 7], "flags": [Flag.AUCTION, 0, 0]},
        {"price": [-999900, 0, 100 * MAX_PRICE_TICKS], "size": [1, 1, MAX_SIZE_LOTS]},
    ]
    for columns in allowed:
        validate(make_dataset(**columns))


def test_columns_types_and_nulls_are_checked(make_dataset: MakeDataset) -> None:
    good = make_dataset()
    events = good.events
    for bad, match in (
        (events.drop("flags"), "its columns are"),
        (events.select(reversed(events.columns)), "in this order"),
        (events.with_columns(pl.col("size").cast(pl.Int32)), "field size: it is of type Int32, Int64 is needed"),
        (events.with_columns(order_id=pl.Series([1, None, 3])), "row 2, field order_id: it holds no value"),
        (events.head(0), "no event"),
    ):
        with pytest.raises(DataError, match=match):
            validate(replace(good, events=bad))


def test_book_rows_must_fit_their_events(make_dataset: MakeDataset) -> None:
    good = make_dataset(depth=2)
    validate(good)
    rows = good.rows
    assert rows is not None

    def with_cell(row: int, column: int, value: int) -> np.ndarray:
        changed = rows.copy()
        changed[row, column] = value
        return changed

    for bad, match in (
        (rows[:2], "rows has 2 rows, the events are 3"),
        (rows[:, :4], "4 columns, the depth is 2"),
        (rows[:, :3], "3 columns"),
        (rows.astype(np.float64), "float64"),
        (with_cell(1, 4, 1000150), "row 2, field ask price 2: ask price 2 is 1000150"),
        (with_cell(1, 4, 1000100), "row 2, field ask price 2: .* behind the level before it"),
        (with_cell(1, 6, 999900), "row 2, field bid price 2: .* behind the level before it"),
        (with_cell(2, 0, NONE_PRICE), "row 3"),
        (with_cell(0, 3, -1), "row 1, field bid size 1"),
        (with_cell(0, 3, MAX_SIZE_LOTS + 1), "row 1, field bid size 1"),
    ):
        with pytest.raises(DataError, match=match):
            validate(replace(good, rows=bad))
    missing = rows.copy()
    missing[:, 4:6] = NONE_PRICE, 0
    validate(replace(good, rows=missing))


def test_the_digest_is_pinned(make_dataset: MakeDataset) -> None:
    """A change of this value means that digests printed by earlier versions no longer compare."""
    assert "839fe59decba20305609d08f1e6407c39bda5e684f30636c2aa01d5d48266bae" == make_dataset().digest


def test_the_digest_tells_content_apart(make_dataset: MakeDataset) -> None:
    good = make_dataset(depth=1)
    assert good.rows is not None
    other_rows = good.rows.copy()
    other_rows[2, 1] += 1
    variants = [
        good,
        make_dataset(depth=1, size=[5, 6, 8]),
        make_dataset(depth=1, flags=[0, 0, 1]),
        replace(good, rows=None),
        replace(good, rows=other_rows),
        replace(good, rows=None, seed_row=good.rows[0]),
        replace(good, info=replace(good.info, tick_quanta=50)),
        replace(good, info=replace(good.info, price_quantum="0.001")),
        replace(good, info=replace(good.info, depth=2)),
    ]
    assert len(variants) == len({dataset.digest for dataset in variants})


def test_the_digest_ignores_names_and_memory_layout(make_dataset: MakeDataset) -> None:
    good = make_dataset(depth=1)
    assert good.rows is not None
    renamed = replace(good, info=replace(good.info, symbol="ELSE", source="else.csv", notes=()), truth=good.rows)
    assert good.digest == renamed.digest
    chunked = pl.concat([good.events.head(1), good.events.tail(2)], rechunk=False)
    assert good.digest == replace(good, events=chunked, rows=np.asfortranarray(good.rows)).digest


def test_info_round_trips_through_json(make_dataset: MakeDataset) -> None:
    info = make_dataset(depth=3).info
    assert info == DatasetInfo.from_json(info.to_json())
    assert SCHEMA_VERSION == json.loads(info.to_json())["schema_version"]


def test_a_description_of_version_1_has_what_it_took_for_granted(make_dataset: MakeDataset) -> None:
    info = make_dataset().info
    whole = json.loads(info.to_json())
    old = {"schema_version": 1, "info": {k: v for k, v in whole["info"].items() if k not in ("multiplier", "inverse")}}
    assert info == DatasetInfo.from_json(json.dumps(old))
    with pytest.raises(DataError, match="cannot be read"):
        DatasetInfo.from_json(json.dumps(old | {"schema_version": 2}))


def test_what_a_contract_is_worth_round_trips_and_is_part_of_the_digest(make_dataset: MakeDataset) -> None:
    good = make_dataset()
    inverse = replace(good, info=replace(good.info, multiplier="100", inverse=True))
    fifty = replace(good, info=replace(good.info, multiplier="50"))
    assert inverse.info == DatasetInfo.from_json(inverse.info.to_json())
    assert 3 == len({dataset.digest for dataset in (good, inverse, fifty)})
    with pytest.raises(DataError, match="multiplier is '0'"):
        replace(good.info, multiplier="0")


def test_a_part_of_a_table_is_judged_by_the_row_before_it_and_names_the_row_of_the_whole(
    make_dataset: MakeDataset,
) -> None:
    events = make_dataset().events
    check_codes(events, file="x", rows_before=100, earliest_ns=10)
    with pytest.raises(DataError, match="x row 101, field ts_exchange: ts_exchange is 10, earlier than the row before"):
        check_codes(events, file="x", rows_before=100, earliest_ns=11)
    with pytest.raises(DataError, match="x row 103, field size"):
        check_numbers(events.with_columns(size=pl.Series([5, 6, 0])), 100, file="x", rows_before=100)


def test_an_array_in_parts_has_the_digest_of_the_whole() -> None:
    values = np.arange(1000, dtype=np.int32)
    whole, parts = hashlib.sha256(), hashlib.sha256()
    feed_array(whole, "flags", values)
    feed_parts(parts, "flags", (1000,), (values[k : k + 77] for k in range(0, 1000, 77)))
    assert whole.hexdigest() == parts.hexdigest()


def test_descriptions_that_cannot_be_read_are_refused(make_dataset: MakeDataset) -> None:
    whole = json.loads(make_dataset().info.to_json())
    info = whole["info"]
    for bad, match in (
        (whole | {"schema_version": SCHEMA_VERSION + 1}, "schema version 3, this lobsim knows 2; install a newer"),
        ({"info": info}, "cannot be read"),
        (whole | {"info": {**info, "depth": "3"}}, "depth is '3'"),
        (whole | {"info": {**info, "depth": True}}, "depth is True"),
        (whole | {"info": {**info, "extra": 1}}, "extra"),
        (whole | {"info": {name: info[name] for name in info if name != "lot"}}, "lot"),
        (whole | {"info": {**info, "fidelity": "L9"}}, "L9"),
        ([1], "cannot be read"),
    ):
        with pytest.raises(DataError, match=match):
            DatasetInfo.from_json(json.dumps(bad), file="x.parquet")


@pytest.mark.parametrize(
    "change",
    [
        {"symbol": ""},
        {"date": "21.6.2012"},
        {"price_quantum": "0"},
        {"price_quantum": "nan"},
        {"lot": "many"},
        {"tick_quanta": 0},
        {"depth": -1},
        {"session_start_ns": 101},
    ],
)
def test_settings_that_cannot_be_are_refused(make_dataset: MakeDataset, change: dict[str, object]) -> None:
    with pytest.raises(DataError):
        replace(make_dataset().info, **change)


def test_natural_units_are_exact(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    assert Decimal("585.3300") == dataset.price_decimal(5853300)
    assert Decimal("0.3") == replace(dataset.info, lot="0.1").lots_decimal(3)


def test_a_whole_day_is_valid(shared: Path) -> None:
    dataset = read_lobster(shared / "data" / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip")
    assert Side.BUY == dataset.events["side"][0]
    validate(dataset)
