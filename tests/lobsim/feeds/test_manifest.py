"""The manifest of a store says what lies in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lobsim.errors import DataError
from lobsim.feeds import Dataset, save
from lobsim.feeds.manifest import read_manifest, write_manifest
from tests.lobsim.feeds.test_writer import ROWS, TUESDAY
from tests.support.pieces import write_rows


def test_the_manifest_lists_every_partition_and_what_it_is(tmp_path: Path) -> None:
    written = write_rows([*ROWS, *TUESDAY], tmp_path)
    listed = read_manifest(tmp_path)
    assert [(one.info.date, one.digest, one.rows) for one in written] == [
        (entry["date"], entry["digest"], entry["rows"]) for entry in listed
    ]
    info = written[0].info
    expected = {
        "symbol": "BTC",
        "venue": "MADE_UP",
        "tick": "0.5",
        "lot": "0.1",
        "price_quantum": "0.5",
        "fidelity": "L2_TRADES",
        "depth": 0,
        "source": "made_up.csv",
        "source_sha256": info.source_sha256,
        "session_start_ns": info.session_start_ns,
        "session_end_ns": info.session_end_ns,
        "multiplier": "1",
        "inverse": False,
    }
    assert expected == {name: listed[0][name] for name in expected}
    assert "rows carried over from 2026-01-05: 2" in listed[1]["notes"]


def test_a_partition_that_is_damaged_is_listed_with_the_reason(tmp_path: Path) -> None:
    monday, _ = write_rows([*ROWS, *TUESDAY], tmp_path)
    (monday.folder / "events.parquet").write_bytes(b"PAR1")
    write_manifest(tmp_path)
    bad, good = read_manifest(tmp_path)
    assert "not a whole Parquet file" in bad["error"]
    assert "2026-01-06" == good["date"]


def test_data_sets_that_were_saved_otherwise_are_listed_too(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    save(make_dataset(), tmp_path)
    write_manifest(tmp_path)
    (entry,) = read_manifest(tmp_path)
    assert ("TINY", "0.0001", "0.01") == (entry["symbol"], entry["price_quantum"], entry["tick"])
    assert ["manifest.json", "symbol=TINY"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_manifest_that_is_not_there_or_damaged_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manifest\.json: there is no such file"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(DataError, match="cannot be read"):
        read_manifest(tmp_path)
