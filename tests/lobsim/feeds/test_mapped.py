"""A prepared copy is mapped as it was written, or refused: never read where it is cut, damaged or of another day."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim.errors import DataError
from lobsim.feeds import mapped
from lobsim.feeds.mapped import PAGE_WORDS, PREPARED, digest_in_copy, page_sums, read_copy, write_copy
from lobsim.feeds.schema import COLUMNS, Dataset
from lobsim.feeds.store import StoredInfo, read_info, save
from tests.oracle import page_sums as oracle

MakeDataset = Callable[..., Dataset]
LENGTHS = (
    0,
    1,
    7,
    8,
    9,
    PAGE_WORDS - 1,
    PAGE_WORDS,
    PAGE_WORDS + 1,
    2 * PAGE_WORDS,
    8 * PAGE_WORDS,
    8 * PAGE_WORDS + 3,
)


def copied(dataset: Dataset, root: Path) -> tuple[Path, StoredInfo]:
    """A stored day's prepared copy, and what its events file says."""
    folder = save(dataset, root)
    path = folder / PREPARED
    write_copy(dataset, read_info(folder), path)
    return path, read_info(folder)


def with_truth(dataset: Dataset) -> Dataset:
    """The same day with a book to compare with."""
    assert dataset.rows is not None
    return replace(dataset, truth=dataset.rows[:, :4].copy())


def assert_copy_of(dataset: Dataset, path: Path, stored: StoredInfo) -> None:
    """The copy holds what the day holds."""
    copy = read_copy(path, stored)
    assert dataset.events.equals(copy.events) and dataset.events.schema == copy.events.schema
    for name in ("rows", "truth"):
        one, other = getattr(dataset, name), getattr(copy, name)
        assert (one is None) == (other is None)
        assert one is None or (np.array_equal(one, other) and other.dtype == np.int64 and other.flags.c_contiguous)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", [np.int8, np.int32, np.int64])
def test_page_sums_are_those_that_are_added_up_byte_by_byte(length: int, kind: Any) -> None:
    values = np.random.default_rng(length).integers(np.iinfo(kind).min, np.iinfo(kind).max, length, dtype=kind)
    slow = oracle.page_sums([("size", values.dtype.str, length, values.tobytes())])
    assert slow == page_sums(pa.table({"size": values}))


def test_page_sums_of_books_are_those_of_their_cells(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = with_truth(make_dataset(3))
    path, _ = copied(dataset, tmp_path)
    columns = [dataset.events[name].to_numpy() for name in COLUMNS] + [dataset.rows, dataset.truth]
    slow = oracle.page_sums(
        (name, cells.dtype.newbyteorder("<").str, cells.size, cells.tobytes())
        for name, cells in zip([*COLUMNS, "rows", "truth"], columns, strict=True)
        if cells is not None
    )
    assert json.loads(pa.ipc.open_file(path).schema.metadata[b"lobsim.prepared"])["sums"] == slow


@given(at=st.integers(0, 8 * 1500 - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_changes_the_page_sums(at: int, bit: int) -> None:
    values = np.arange(1500, dtype=np.int64) * 7919
    changed = values.copy()
    changed.view(np.uint8)[at] ^= 1 << bit
    assert page_sums(pa.table({"size": values})) != page_sums(pa.table({"size": changed}))


def test_lost_and_swapped_pages_change_the_page_sums() -> None:
    values = np.arange(3 * PAGE_WORDS, dtype=np.int64) * 7919
    lost, swapped = values.copy(), values.copy()
    lost[PAGE_WORDS : 2 * PAGE_WORDS] = 0
    swapped[:PAGE_WORDS], swapped[PAGE_WORDS : 2 * PAGE_WORDS] = (
        values[PAGE_WORDS : 2 * PAGE_WORDS],
        values[:PAGE_WORDS],
    )
    assert 3 == len({page_sums(pa.table({"size": each})) for each in (values, lost, swapped)})


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_copy_holds_what_the_day_holds(make_dataset: MakeDataset, tmp_path: Path, depth: int) -> None:
    dataset = make_dataset(depth)
    if depth == 3:
        dataset = with_truth(dataset)
    path, stored = copied(dataset, tmp_path)
    assert_copy_of(dataset, path, stored)
    assert dataset.digest == digest_in_copy(path)


def test_a_table_in_several_chunks_becomes_one(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    split = replace(dataset, events=pl.concat([dataset.events[:1], dataset.events[1:]], rechunk=False))
    assert 2 == split.events.n_chunks()
    path, stored = copied(split, tmp_path)
    assert_copy_of(dataset, path, stored)
    assert 1 == read_copy(path, stored).events.n_chunks()


def test_nothing_is_read_into_memory(make_dataset: MakeDataset, tmp_path: Path) -> None:
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("this system does not tell what is mapped")
    path, stored = copied(make_dataset(2), tmp_path)
    copy = read_copy(path, stored)
    lines = [line for line in maps.read_text().splitlines() if line.endswith(str(path))]
    ranges = [tuple(int(edge, 16) for edge in line.split()[0].split("-")) for line in lines]
    assert copy.rows is not None
    for values in (*(copy.events[name].to_numpy() for name in COLUMNS), copy.rows):
        address = values.__array_interface__["data"][0]
        assert any(first <= address < last for first, last in ranges)


def test_what_is_mapped_cannot_be_written_to(make_dataset: MakeDataset, tmp_path: Path) -> None:
    path, stored = copied(with_truth(make_dataset(1)), tmp_path)
    copy = read_copy(path, stored)
    for values in (copy.events["size"].to_numpy(), copy.rows, copy.truth):
        assert values is not None
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1


@pytest.mark.skipif(os.name == "nt", reason="a mapped file cannot be replaced or removed there")
def test_what_is_mapped_stays_when_the_file_is_replaced_and_removed(make_dataset: MakeDataset, tmp_path: Path) -> None:
    old, new = make_dataset(size=[1, 2, 3]), make_dataset(size=[7, 8, 9])
    path, stored = copied(old, tmp_path)
    held = read_copy(path, stored)
    path, stored = copied(new, tmp_path)
    assert [7, 8, 9] == read_copy(path, stored).events["size"].to_list()
    assert old.events.equals(held.events)
    path.unlink()
    assert old.events.equals(held.events)


def test_a_copy_of_another_day_is_refused(make_dataset: MakeDataset, tmp_path: Path) -> None:
    one = make_dataset()
    other = replace(one, info=replace(one.info, date="2012-06-22"))
    assert one.digest == other.digest
    path, _ = copied(other, tmp_path)
    _, stored = copied(one, tmp_path)
    with pytest.raises(DataError, match=r"prepared\.arrow: it is not a copy of the day beside it; run \"lobsim prep"):
        read_copy(path, stored)


def test_a_copy_that_is_older_than_its_day_is_refused(make_dataset: MakeDataset, tmp_path: Path) -> None:
    path, _ = copied(make_dataset(), tmp_path)
    old = path.read_bytes()
    folder = save(make_dataset(size=[9, 9, 9]), tmp_path)
    path.write_bytes(old)
    with pytest.raises(DataError, match="it is not a copy of the day beside it"):
        read_copy(path, read_info(folder))


def test_a_copy_of_another_version_is_refused(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(mapped, "COPY_VERSION", 2)
        path, stored = copied(make_dataset(), tmp_path)
    with pytest.raises(DataError, match="it is of version 2, this lobsim reads 1"):
        read_copy(path, stored)


def test_other_columns_rows_or_nulls_are_refused(make_dataset: MakeDataset, tmp_path: Path) -> None:
    path, stored = copied(make_dataset(1), tmp_path)
    good = pa.ipc.open_file(path).read_all()
    empty = pa.array([None, 1, 2], pa.int64())
    for table in (
        good.drop_columns(["flags"]),
        good.slice(0, 2),
        good.set_column(5, "size", good["size"].cast(pa.int32())),
        good.set_column(5, "size", empty),
        good.set_column(11, "rows", pa.FixedSizeListArray.from_arrays(pa.array(range(24)), 8)),
        pa.concat_tables([good.slice(0, 1), good.slice(1)]),
    ):
        with pa.ipc.new_file(path, good.schema if table.schema == good.schema else table.schema) as writer:
            writer.write_table(table)
        with pytest.raises(DataError, match="its table is not that of the day beside it"):
            read_copy(path, stored)


def test_a_list_that_holds_a_null_is_refused(make_dataset: MakeDataset, tmp_path: Path) -> None:
    path, stored = copied(make_dataset(1), tmp_path)
    good = pa.ipc.open_file(path).read_all()
    cells = pa.FixedSizeListArray.from_arrays(pa.array([None, *range(11)], pa.int64()), 4)
    with pa.ipc.new_file(path, good.schema) as writer:
        writer.write_table(good.set_column(11, good.schema.field("rows"), cells))
    for verify in (True, False):
        with pytest.raises(DataError, match="not a whole prepared copy"):
            read_copy(path, stored, verify=verify)


@pytest.mark.parametrize("verify", [True, False])
def test_a_copy_that_is_cut_missing_or_foreign_is_refused(
    make_dataset: MakeDataset, tmp_path: Path, verify: bool
) -> None:
    path, stored = copied(make_dataset(1), tmp_path)
    good = path.read_bytes()
    for data in (b"", b"ARROW1", good[: len(good) // 2], good[:-1], b"ts,kind\n1,2\n"):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"prepared\.arrow: not a whole prepared copy \("):
            read_copy(path, stored, verify=verify)
    pl.DataFrame({"a": [1]}).write_ipc(path)
    with pytest.raises(DataError, match="it is no prepared copy"):
        read_copy(path, stored, verify=verify)
    path.unlink()
    with pytest.raises(DataError, match="there is no such file"):
        read_copy(path, stored, verify=verify)


def test_a_flipped_bit_is_found_or_harmless(make_dataset: MakeDataset, tmp_path: Path, small: bool) -> None:
    dataset = with_truth(make_dataset(1))
    path, stored = copied(dataset, tmp_path)
    good = path.read_bytes()
    refused = 0
    for position in range(0, len(good), 41 if small else 7):
        path.write_bytes(good[:position] + bytes([good[position] ^ 1 << position % 8]) + good[position + 1 :])
        try:
            assert_copy_of(dataset, path, stored)
        except DataError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 20


def test_a_changed_value_is_found_unless_the_disk_is_trusted(make_dataset: MakeDataset, tmp_path: Path) -> None:
    path, stored = copied(make_dataset(size=[1, 2**39 + 5, 3]), tmp_path)
    good = path.read_bytes()
    path.write_bytes(good.replace((2**39 + 5).to_bytes(8, "little"), (2**39 + 6).to_bytes(8, "little")))
    with pytest.raises(DataError, match="it is damaged: its page sums do not fit"):
        read_copy(path, stored)
    assert [1, 2**39 + 6, 3] == read_copy(path, stored, verify=False).events["size"].to_list()


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_older_copy_and_nothing_else(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    dataset = make_dataset()
    path, stored = copied(dataset, tmp_path)
    before = sorted(path.parent.iterdir())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, full)
        with pytest.raises(OSError, match="No space left"):
            write_copy(dataset, stored, path)
    assert before == sorted(path.parent.iterdir())
    assert_copy_of(dataset, path, stored)
