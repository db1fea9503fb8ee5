"""A stored data set comes back equal, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lobsim.errors import DataError
from lobsim.feeds import Dataset, list_partitions, load, read_info, read_lobster, save

MakeDataset = Callable[..., Dataset]


def assert_equal(left: Dataset, right: Dataset) -> None:
    """Every part of two data sets is the same."""
    assert left.info == right.info
    assert left.events.equals(right.events) and left.events.schema == right.events.schema
    for name in ("rows", "seed_row", "truth"):
        one, other = getattr(left, name), getattr(right, name)
        assert (one is None) == (other is None)
        assert one is None or (np.array_equal(one, other) and other.dtype == np.int64 and other.flags.c_contiguous)
    assert left.digest == right.digest


def test_a_recorded_day_survives_the_store(shared: Path, tmp_path: Path) -> None:
    day = read_lobster(shared / "data" / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_1.zip")
    folder = save(day, tmp_path)
    assert tmp_path / "symbol=GOOG" / "date=2012-06-21" == folder
    assert ["events.parquet", "rows.parquet"] == sorted(path.name for path in folder.iterdir())
    assert_equal(day, load(tmp_path, "GOOG", "2012-06-21"))
    scanned = pl.scan_parquet(tmp_path / "*" / "*" / "events.parquet", hive_partitioning=True).collect()
    assert {"GOOG"} == set(scanned["symbol"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_valid_data_set_survives_the_store(make_dataset: MakeDataset, tmp_path: Path, data: st.DataObject) -> None:
    size = st.lists(st.integers(1, 2**40), min_size=3, max_size=3)
    any_id = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3)
    depth = data.draw(st.integers(0, 3))
    dataset = make_dataset(depth, size=data.draw(size), order_id=data.draw(any_id), match_id=data.draw(any_id))
    if not depth and data.draw(st.booleans()):
        book = make_dataset(2).rows
        assert book is not None
        dataset = replace(dataset, seed_row=book[0].copy(), truth=book[:, :4].copy())
    save(dataset, tmp_path)
    assert_equal(dataset, load(tmp_path))


def test_a_partition_can_be_named_in_three_ways(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    folder = save(dataset, tmp_path)
    for path in (tmp_path, folder, folder / "events.parquet"):
        assert dataset.digest == load(path).digest


def test_symbols_and_dates_choose_a_partition(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    for symbol, date in (("B", "2012-06-22"), ("BTC/USD", "2012-06-21"), ("B", "2012-06-21"), ("..", "2012-06-21")):
        save(replace(dataset, info=replace(dataset.info, symbol=symbol, date=date)), tmp_path)
    names = [(partition.symbol, partition.date) for partition in list_partitions(tmp_path)]
    assert [("..", "2012-06-21"), ("B", "2012-06-21"), ("B", "2012-06-22"), ("BTC/USD", "2012-06-21")] == names
    assert "BTC/USD" == load(tmp_path, "BTC/USD").info.symbol
    assert "2012-06-22" == load(tmp_path, date="2012-06-22").info.date
    for arguments, match in (
        ((tmp_path,), "4 data sets fit any symbol and date, it holds .. 2012-06-21, B"),
        ((tmp_path, "B"), "2 data sets fit B"),
        ((tmp_path, "C"), "0 data sets fit C"),
        ((tmp_path / "absent",), "no such store"),
    ):
        with pytest.raises(DataError, match=match):
            load(*arguments)
    assert [] == list_partitions(tmp_path / "absent")


def test_a_description_is_read_without_the_rows(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset(depth=1)
    folder = save(dataset, tmp_path)
    (folder / "rows.parquet").write_bytes(b"")
    stored = read_info(folder)
    assert (dataset.info, dataset.digest, 3, True) == (stored.info, stored.digest, stored.n_events, stored.has_rows)


def test_saving_again_replaces_and_leaves_nothing_behind(make_dataset: MakeDataset, tmp_path: Path) -> None:
    folder = save(make_dataset(depth=2), tmp_path)
    (folder / ".rows.parquet.partial").write_bytes(b"left over")
    smaller = make_dataset()
    save(smaller, tmp_path)
    assert ["events.parquet"] == [path.name for path in folder.iterdir()]
    assert_equal(smaller, load(tmp_path))


def test_a_partition_without_events_does_not_count(make_dataset: MakeDataset, tmp_path: Path) -> None:
    folder = save(make_dataset(depth=1), tmp_path)
    (folder / "events.parquet").rename(folder / ".events.parquet.partial")
    assert [] == list_partitions(tmp_path)
    with pytest.raises(DataError, match="it holds nothing"):
        load(tmp_path)


def test_an_invalid_data_set_is_not_written(make_dataset: MakeDataset, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        save(make_dataset(size=[1, 0, 1]), tmp_path)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("failing", ["write", "rename"])
def test_a_disk_that_fails_leaves_the_older_partition(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    old = make_dataset()
    folder = save(old, tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if failing == "write":
            patch.setattr(os, "fsync", full)
        else:
            patch.setattr(Path, "replace", full)
        with pytest.raises(DataError, match="No space left on device"):
            save(make_dataset(size=[9, 9, 9]), tmp_path)
    assert ["events.parquet"] == [path.name for path in folder.iterdir()]
    assert_equal(old, load(tmp_path))


@pytest.mark.parametrize("name", ["events.parquet", "rows.parquet", "truth.parquet"])
def test_a_flipped_bit_is_found_or_harmless(make_dataset: MakeDataset, tmp_path: Path, name: str) -> None:
    rows = make_dataset(depth=1).rows
    dataset = replace(make_dataset(depth=1), truth=rows)
    path = save(dataset, tmp_path) / name
    good = path.read_bytes()
    refused = 0
    for position in range(4, len(good), max(1, len(good) // 150)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 1 << position % 8]) + good[position + 1 :])
        try:
            assert_equal(dataset, load(tmp_path))
        except DataError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 50


def test_a_changed_cell_is_refused(make_dataset: MakeDataset, tmp_path: Path) -> None:
    folder = save(make_dataset(depth=1), tmp_path)
    table = pq.ParquetFile(folder / "rows.parquet").read()
    changed = table.set_column(1, "ask_size_1", pa.array([6, 6, 7], pa.int64()))
    pq.write_table(changed, folder / "rows.parquet")
    with pytest.raises(DataError, match="does not have the digest"):
        load(tmp_path)
    assert load(tmp_path, verify=False).rows is not None


def test_files_that_are_cut_missing_or_foreign_are_refused(make_dataset: MakeDataset, tmp_path: Path) -> None:
    folder = save(make_dataset(depth=1), tmp_path)
    for name in ("events.parquet", "rows.parquet"):
        path = folder / name
        good = path.read_bytes()
        for data in (b"", b"PAR1", good[: len(good) // 2], good[:-1], b"ts,kind\n1,2\n"):
            path.write_bytes(data)
            with pytest.raises(DataError, match=rf"{name}: not a whole Parquet file"):
                load(tmp_path)
        pq.write_table(pa.table({"a": [1, 2, 3]}), path)
        with pytest.raises(DataError, match=r"not written by lobsim|columns are not those"):
            load(tmp_path)
        path.write_bytes(good)
    (folder / "rows.parquet").unlink()
    with pytest.raises(DataError, match=r"rows\.parquet: there is no such file"):
        load(tmp_path)


def test_a_newer_schema_is_refused(make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("lobsim.feeds.schema.SCHEMA_VERSION", 3)
        save(make_dataset(), tmp_path)
    with pytest.raises(DataError, match="schema version 3, this lobsim knows 2"):
        load(tmp_path)


def test_importing_the_feeds_loads_no_heavy_library() -> None:
    code = "import sys, lobsim.feeds; assert not {'polars', 'pyarrow', 'numpy'} & set(sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[3]).returncode
