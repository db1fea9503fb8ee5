"""Reading back is measured on whole tables: every way holds the same sizes, and every value of each is looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers import reading
from benchmarks.peers.levels import rows_of_levels
from lobsim.feeds.store import load, save
from tests.support.made_days import SECOND, day
from tests.support.pieces import level


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of one day of twenty levels."""
    save(day([level(number * SECOND, number % 2, 100 - number, 1 + number) for number in range(20)]), tmp_path)
    return tmp_path


def test_every_column_is_looked_at(store: Path) -> None:
    found = load(store)
    events = found.events
    assert sum(int(events[name].cast(int).max()) for name in events.columns) == reading.look(found)  # pyright: ignore[reportArgumentType]
    rows = rows_of_levels(found)
    assert sum(int(max(row[name] for row in rows)) for name in rows.dtype.names or ()) == reading.look(rows)


def test_every_way_is_timed_beside_the_npz(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_memory", lambda *_: {"peak_mib": 1.0, "own_mib": 1.0})
    found = reading.measure_reading(store, 5)
    assert (20, list(reading.WAYS)) == (found["rows"], list(found["ways"]))
    assert all(0 < row["there_s"] <= row["looked_at_s"] for row in found["ways"].values())
    assert 1.0 == found["ways"][reading.PEER]["faster"]
    text = reading.reading_in_words(found)
    assert all(name in text for name in (*reading.WAYS, *found["bytes"]))


def test_a_way_that_reads_something_else_is_not_timed(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = np.zeros(20, [("qty", "f8")])
    monkeypatch.setitem(reading.WAYS, reading.PEER, lambda _: other)
    with pytest.raises(SystemExit, match="npz: what is read back is not what was stored"):
        reading.measure_reading(store, 5)
