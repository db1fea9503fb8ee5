"""A prepared day is the stored day, faster; a copy that does not fit is set aside, said so, and never read."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

import lobsim
from lobsim.errors import DataError, DataWarning
from lobsim.feeds import Dataset, load, prepare, read_lobster, save
from lobsim.feeds.doctor import examine
from lobsim.feeds.findings import Severity
from lobsim.feeds.manifest import read_manifest, write_manifest
from lobsim.feeds.mapped import PREPARED
from lobsim.feeds.prepared import fault_of_copy, remove_prepared
from lobsim.market import Market
from lobsim.projection import to_levels
from lobsim.sample import bundled_day
from tests.lobsim.feeds.conftest import TinyRecording
from tests.lobsim.feeds.test_store import assert_equal
from tests.lobsim.feeds.test_writer import ROWS, TUESDAY
from tests.support.pieces import write_rows

MakeDataset = Callable[..., Dataset]


@pytest.fixture
def parquet_is_not_read(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """From now on only descriptions of stored days can be read, no rows; ``undo`` ends it."""

    def refuse(*_: object) -> None:
        raise AssertionError("Parquet rows were read")

    monkeypatch.setattr("lobsim.feeds.store._read", refuse)
    return monkeypatch


def damage(path: Path) -> None:
    """Change one byte in the middle of a copy's values."""
    data = bytearray(path.read_bytes())
    data[data.index((999900).to_bytes(8, "little"))] ^= 4
    path.write_bytes(data)


def whole_day(make_dataset: MakeDataset) -> Dataset:
    """A day with everything that a data set can hold but a seed row."""
    day = make_dataset(2)
    assert day.rows is not None
    return replace(day, truth=day.rows[:, :4].copy())


@pytest.mark.parametrize("verify", [True, False])
def test_a_prepared_day_is_loaded_without_reading_parquet(
    make_dataset: MakeDataset, tmp_path: Path, request: pytest.FixtureRequest, verify: bool
) -> None:
    dataset = whole_day(make_dataset)
    folder = save(dataset, tmp_path)
    (done,) = prepare(tmp_path)
    assert (folder, dataset.digest, 3, True) == (done.folder, done.digest, done.rows, done.is_new)
    assert (folder / PREPARED).stat().st_size == done.nbytes
    request.getfixturevalue("parquet_is_not_read")
    assert_equal(dataset, load(tmp_path, verify=verify))
    with pytest.raises(AssertionError, match="Parquet rows were read"):
        load(tmp_path, prepared=False)


def test_a_day_that_begins_with_a_seed_row_comes_back_with_it(
    make_dataset: MakeDataset, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    book = make_dataset(2).rows
    assert book is not None
    dataset = replace(make_dataset(), seed_row=book[0].copy())
    save(dataset, tmp_path)
    lobsim.prepare(tmp_path)
    request.getfixturevalue("parquet_is_not_read")
    assert_equal(dataset, lobsim.load(tmp_path))


def test_a_recorded_day_is_the_same_prepared_and_from_parquet(shared: Path, tmp_path: Path) -> None:
    day = read_lobster(shared / "data" / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_1.zip")
    save(day, tmp_path)
    prepare(tmp_path)
    assert_equal(load(tmp_path, prepared=False), load(tmp_path))
    assert_equal(day, load(tmp_path))


@pytest.mark.parametrize("levels", [False, True], ids=["orders", "levels"])
def test_a_replay_of_a_prepared_day_is_the_replay_of_the_day(
    tmp_path: Path, limit: Callable[[int, int], int], levels: bool
) -> None:
    day = replace(bundled_day(), events=bundled_day().events[: limit(20_000, 400)])
    save(to_levels(day) if levels else day, tmp_path)
    prepare(tmp_path)
    checks, touches = [], []
    for prepared in (False, True):
        market = Market(load(tmp_path, prepared=prepared))
        checks.append(market.replay(hash_every=100))
        touches.append(market.quotes)
    assert checks[0] == checks[1] and len(checks[0].trace) > 2
    assert touches[0].equals(touches[1]) and len(touches[0]) > 10


def test_a_copy_that_fits_is_left_alone_and_any_other_is_made_anew(make_dataset: MakeDataset, tmp_path: Path) -> None:
    path = save(make_dataset(), tmp_path) / PREPARED
    assert [True, False] == [prepare(tmp_path)[0].is_new for _ in range(2)]
    good = path.read_bytes()
    damage(path)
    assert prepare(tmp_path)[0].is_new
    assert good == path.read_bytes()


def test_days_are_chosen_by_symbol_and_date_folder_or_file(make_dataset: MakeDataset, tmp_path: Path) -> None:
    one = make_dataset()
    days = [replace(one, info=replace(one.info, symbol=symbol)) for symbol in ("A", "B", "C")]
    folders = [save(day, tmp_path) for day in days]
    for arguments, symbols in (
        ((tmp_path, "A"), ["A"]),
        ((folders[1],), ["B"]),
        ((folders[2] / "events.parquet",), ["C"]),
        ((tmp_path,), ["A", "B", "C"]),
        ((tmp_path, None, one.info.date), ["A", "B", "C"]),
    ):
        assert symbols == [done.symbol for done in prepare(*arguments)]
    for arguments, match in (
        ((tmp_path, "D"), "it holds no such day; it holds A 2012-06-21, B 2012-06-21, C"),
        ((tmp_path / "absent",), "there is no such store"),
    ):
        with pytest.raises(DataError, match=match):
            prepare(*arguments)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="import something into it"):
        prepare(tmp_path / "empty")


def test_a_damaged_copy_is_set_aside_with_the_reason(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    path = save(dataset, tmp_path) / PREPARED
    prepare(tmp_path)
    damage(path)
    with pytest.warns(DataWarning, match=r"prepared\.arrow: it is damaged.*; the day is read from events\.parquet"):
        assert_equal(dataset, load(tmp_path))


def test_a_cut_copy_is_set_aside_also_where_the_disk_is_trusted(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    path = save(dataset, tmp_path) / PREPARED
    prepare(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    for verify in (True, False):
        with pytest.warns(DataWarning, match="not a whole prepared copy"):
            assert_equal(dataset, load(tmp_path, verify=verify))


def test_a_copy_that_is_older_than_its_day_is_set_aside_also_where_the_disk_is_trusted(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    path = save(make_dataset(), tmp_path) / PREPARED
    prepare(tmp_path)
    old = path.read_bytes()
    new = make_dataset(size=[9, 9, 9])
    save(new, tmp_path)
    assert not path.exists()
    path.write_bytes(old)
    for verify in (True, False):
        with pytest.warns(DataWarning, match="it is not a copy of the day beside it"):
            assert_equal(new, load(tmp_path, verify=verify))


def test_a_copied_store_keeps_its_copies_whatever_the_times_of_its_files(
    make_dataset: MakeDataset, tmp_path: Path, parquet_is_not_read: pytest.MonkeyPatch
) -> None:
    parquet_is_not_read.undo()
    folder = save(make_dataset(), tmp_path / "store")
    prepare(folder)
    for path in folder.iterdir():
        os.utime(path, ns=(1, 10**18 if path.name == PREPARED else 2 * 10**18))
    (tmp_path / "store").rename(tmp_path / "moved")
    assert [False] == [done.is_new for done in prepare(tmp_path / "moved")]


def test_an_import_of_the_same_days_takes_their_copies_away(tmp_path: Path) -> None:
    monday, tuesday = write_rows([*ROWS, *TUESDAY], tmp_path)
    prepare(tmp_path)
    write_rows(ROWS, tmp_path)
    assert (False, True) == tuple((day.folder / PREPARED).exists() for day in (monday, tuesday))
    assert [False, True] == [entry["prepared"] is not None for entry in read_manifest(tmp_path)]


def test_the_manifest_lists_copies_with_size_and_digest(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    path = save(dataset, tmp_path) / PREPARED
    prepare(tmp_path)
    assert not (tmp_path / "manifest.json").exists()
    write_manifest(tmp_path)
    assert {"bytes": path.stat().st_size, "digest": dataset.digest} == read_manifest(tmp_path)[0]["prepared"]
    remove_prepared(tmp_path)
    assert read_manifest(tmp_path)[0]["prepared"] is None
    prepare(path.parent)
    assert read_manifest(tmp_path)[0]["prepared"] is not None
    path.write_bytes(b"ARROW1")
    write_manifest(tmp_path)
    assert "not a whole prepared copy" in read_manifest(tmp_path)[0]["prepared"]["error"]


def test_copies_are_taken_away_and_the_days_stay(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    folder = save(dataset, tmp_path)
    prepare(tmp_path)
    assert [[folder], []] == [remove_prepared(tmp_path) for _ in range(2)]
    assert ["events.parquet"] == [path.name for path in folder.iterdir()]
    assert_equal(dataset, load(tmp_path))


def test_an_import_prepares_its_days_when_asked(tiny: TinyRecording, tmp_path: Path) -> None:
    (day,), _ = lobsim.import_data(tiny.write_zip(), tmp_path / "store", prepare=True)
    assert {"bytes": (day.folder / PREPARED).stat().st_size, "digest": day.digest} == read_manifest(tmp_path / "store")[
        0
    ]["prepared"]
    assert [False] == [done.is_new for done in prepare(tmp_path / "store")]


def test_a_day_that_is_damaged_is_not_prepared(make_dataset: MakeDataset, tmp_path: Path) -> None:
    folder = save(make_dataset(1), tmp_path)
    (folder / "rows.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"rows\.parquet: not a whole Parquet file"):
        prepare(tmp_path)
    assert not (folder / PREPARED).exists()


def test_a_store_that_cannot_be_written_is_refused_in_one_sentence_and_read_as_ever(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset()
    folder = save(dataset, tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr("lobsim.feeds.mapped.pa.OSFile", refuse)
        with pytest.raises(DataError, match=r"cannot be written \(Read-only file system\)"):
            prepare(tmp_path)
    assert ["events.parquet"] == [path.name for path in folder.iterdir()]
    prepare(tmp_path)
    for path, mode in ((folder / PREPARED, 0o444), (folder / "events.parquet", 0o444), (folder, 0o555)):
        path.chmod(mode)
    try:
        assert_equal(dataset, load(tmp_path))
        assert not prepare(tmp_path)[0].is_new
    finally:
        folder.chmod(0o755)


def test_the_doctor_looks_at_the_copy_too(make_dataset: MakeDataset, tmp_path: Path) -> None:
    folder = save(make_dataset(), tmp_path)
    before = examine(folder)
    prepare(tmp_path)
    assert before == examine(folder)
    assert "prepared-copy" in before.clean
    damage(folder / PREPARED)
    found = examine(folder).finding("prepared-copy")
    assert found is not None
    assert (Severity.WARNING, 1) == (found.severity, found.count)
    assert "it is damaged: its page sums do not fit" in found.note


def test_the_doctor_recomputes_the_digest_over_the_copy(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save(whole_day(make_dataset), tmp_path)
    prepare(folder)
    assert not fault_of_copy(folder)
    with monkeypatch.context() as patch:
        patch.setattr("lobsim.feeds.mapped.page_sums", lambda table: str(table.num_rows))
        (folder / PREPARED).unlink()
        prepare(folder)
        damage(folder / PREPARED)
        assert fault_of_copy(folder).endswith("its content does not have the digest of the day beside it")


def test_a_day_whose_description_cannot_be_read_is_not_taken_from_its_copy(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    folder = save(make_dataset(), tmp_path)
    prepare(folder)
    (folder / "events.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="not a whole Parquet file"):
        load(tmp_path)
    assert "not a whole Parquet file" in fault_of_copy(folder)


def test_the_copy_can_be_read_by_other_programs(make_dataset: MakeDataset, tmp_path: Path) -> None:
    path = save(make_dataset(2), tmp_path) / PREPARED
    prepare(tmp_path)
    table = pa.ipc.open_file(path).read_all()
    assert [5, 6, 7] == table["size"].to_pylist()
    assert [1000100, 6, 999900, 5, 1000200, 6, 999800, 5] == table["rows"].to_pylist()[0]
