"""Repairs of made-up days: the finding is gone, a second time changes nothing, the log is right, the original is as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim.errors import ConfigError, DataError
from lobsim.feeds import load, save
from lobsim.feeds.doctor import examine
from lobsim.feeds.findings import CHECKS
from lobsim.feeds.repair import REPAIRS, Entry, parse_steps, repair
from lobsim.feeds.schema import COLUMNS, Dataset, validate
from lobsim.types import Fidelity, Flag, Kind, Phase
from tests.lobsim.feeds.test_crossing import level_days, order_days
from tests.lobsim.feeds.test_doctor import BOOK, L2, ORDERS, PRESENT, numbered, twice
from tests.support.made_days import LAST, SECOND, clear, day, phase, trade
from tests.support.pieces import MONDAY_NS, level, order

CURES = [(CHECKS[name].repair, name, fidelity, rows) for name, fidelity, rows, _, _ in PRESENT if CHECKS[name].repair]


def values(dataset: Dataset, *names: str) -> list[Any]:
    """Some columns, row by row; one column as plain values; times since the Monday."""
    frame = dataset.events.select(names).with_columns(
        dataset.events[name] - MONDAY_NS for name in names if name.startswith("ts_")
    )
    return frame.to_series().to_list() if len(names) == 1 else frame.rows()


def one(dataset: Dataset, step: str) -> tuple[Dataset, Entry]:
    """One repair and its entry in the log."""
    repaired, (entry,) = repair(dataset, [step])
    return repaired, entry


@pytest.mark.parametrize(("name", "finding", "fidelity", "rows"), CURES)
def test_what_a_repair_is_offered_for_is_gone_after_it_and_a_second_time_changes_nothing(
    name: str, finding: str, fidelity: Fidelity, rows: Sequence[dict[str, Any]]
) -> None:
    original = day(rows, fidelity)
    before = original.events.clone()
    repaired, entry = one(original, name)
    assert examine(repaired).finding(finding) is None
    validate(repaired)
    assert before.equals(original.events) and () == original.info.notes
    assert original.digest != repaired.digest and entry.rows > 0
    assert (entry.note,) == repaired.info.notes
    again, second = one(repaired, name)
    assert (0, None, repaired.digest) == (second.rows, second.first, again.digest)
    repaired_notes = examine(repaired).finding("repaired")
    assert repaired_notes is not None and entry.note == repaired_notes.note


@pytest.mark.parametrize("name", REPAIRS)
def test_a_day_without_blemish_stays_as_it_is(name: str) -> None:
    for rows, fidelity in ((BOOK, L2), (ORDERS, Fidelity.L3_FULL), ([trade(0, 1, 9, 1)], Fidelity.L1)):
        repaired, entry = one(day(rows, fidelity), name)
        assert (0, day(rows, fidelity).digest) == (entry.rows, repaired.digest)
        assert ": 0 rows" in entry.note


def test_the_log_names_parameters_rows_and_times() -> None:
    rows = [*BOOK, level(9, 0, 98, 1, ts_local=MONDAY_NS + 4)]
    repaired, entry = one(day(rows), "clock-offset:base_ns=2")
    assert ({"base_ns": 2, "window_s": 0}, 3) == (entry.parameters, entry.rows)
    assert ((1, MONDAY_NS), (3, MONDAY_NS + 9)) == (entry.first, entry.last)
    expected = (
        "repair clock-offset base_ns=2 window_s=0: 3 rows from row 1 (2026-01-05T00:00:00.000000000Z) to row 3"
        " (2026-01-05T00:00:00.000000009Z), local clock shifted by 7 ns"
    )
    assert expected == entry.note
    assert {"row": 3, "ts_ns": MONDAY_NS + 9} == entry.to_json()["last"]
    assert [14, 14, 11] == values(repaired, "ts_local")


def test_repairs_are_made_in_the_order_in_which_they_are_asked_for() -> None:
    rows = [*BOOK, level(9, 0, 98, 1, ts_local=MONDAY_NS + 4)]
    _, log = repair(day(rows), ["event-order", "clock-offset"])
    assert (["event-order", "clock-offset"], [1, 3]) == ([e.name for e in log], [e.rows for e in log])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("polish", "there is no repair 'polish'; choose from clock-offset, event-order, lift-exchange-time,"),
        ("clock-offset:speed=1", "the repair clock-offset has no parameter 'speed'; it has base_ns, window_s"),
        ("mark-gaps:x=1", "the repair mark-gaps has no parameter 'x'; it has none"),
        ("clock-offset:base_ns=-1", "base_ns of the repair clock-offset is '-1', a whole number from 0 on is needed"),
        ("clock-offset:base_ns", "base_ns of the repair clock-offset is '', a whole number from 0 on is needed"),
    ],
)
def test_a_repair_that_does_not_exist_is_refused_with_those_there_are(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_steps([text])
    assert str(refused.value).startswith(sentence)


# The local clock

delays = st.lists(st.tuples(st.integers(0, 10**11), st.integers(-(10**10), 10**10)), min_size=1, max_size=40)


@given(delays, st.integers(0, 10**6), st.sampled_from([0, 1, 7, 60]))
def test_no_row_is_received_too_early_after_an_offset_and_local_times_only_rise(
    pairs: list[tuple[int, int]], base_ns: int, window_s: int
) -> None:
    rows = [level(at, 0, 9, 1, ts_local=MONDAY_NS + at + delay) for at, delay in sorted(pairs)]
    before = day(rows)
    after, _ = one(before, f"clock-offset:base_ns={base_ns},window_s={window_s}")
    delay = (after.events["ts_local"] - after.events["ts_exchange"]).to_numpy()
    raised = (after.events["ts_local"] - before.events["ts_local"]).to_numpy()
    needed = min(delay for _, delay in pairs) < 0
    assert delay.min() >= (base_ns if needed else 0)
    assert raised.min() >= 0 and (needed or not raised.any())
    again, _ = one(after, f"clock-offset:base_ns={base_ns},window_s={window_s}")
    assert after.digest == again.digest
    if window_s == 0:
        assert 1 == len(set(raised.tolist()))


def test_a_moving_offset_follows_a_clock_that_drifts_and_leaves_right_times_alone() -> None:
    rows = [
        level(at * SECOND, 0, 9, 1 + at % 2, ts_local=MONDAY_NS + at * SECOND + delay)
        for at, delay in enumerate([-500] * 100 + [30] * 300)
    ]
    after, _ = one(day(rows), "clock-offset:window_s=10")
    raised = (after.events["ts_local"] - day(rows).events["ts_local"]).to_list()
    assert ([500] * 90, [0] * 250) == (raised[:90], raised[150:])


def test_event_order_raises_local_times_channel_by_channel() -> None:
    rows = [
        *BOOK,
        trade(3, 1, 101, 1, ts_local=MONDAY_NS + 99),
        level(5, 0, 98, 1),
        level(6, 0, 98, 2, ts_local=MONDAY_NS),
    ]
    after, entry = one(day(rows), "event-order")
    assert [7, 7, 99, 12, 12] == values(after, "ts_local")
    assert "0 rows moved, 1 local times raised" == entry.words


def test_event_order_puts_rows_into_the_order_of_the_exchange_clock() -> None:
    rows = [*BOOK, level(9, 0, 98, 1), level(4, 0, 97, 1)]
    after, entry = one(day(rows), "event-order")
    assert ([0, 0, 4, 9], [0, 1, 2, 3]) == (values(after, "ts_exchange"), values(after, "sequence"))
    assert "2 rows moved, 0 local times raised" == entry.words
    book = np.zeros((4, 4), dtype=np.int64)
    with pytest.raises(DataError, match="row 3: its rows cannot change places: a book is recorded beside every row"):
        repair(replace(day(rows), truth=book), ["event-order"])


def test_lifted_exchange_times_are_the_latest_before_them() -> None:
    after, entry = one(day([*BOOK, level(9, 0, 98, 1), level(4, 0, 97, 1), level(8, 0, 96, 1)]), "lift-exchange-time")
    assert ([0, 0, 9, 9, 9], 2) == (values(after, "ts_exchange"), entry.rows)


# Rows that go


def test_of_repeated_rows_the_first_stays_and_the_packet_keeps_its_end() -> None:
    rows = [
        *twice(trade(1, 1, 101, 1) | {"flags": 0}),
        trade(1, 1, 101, 1, sequence=9),
        trade(2, 1, 101, 1, sequence=9),
    ]
    whole = day([*rows, rows[-1]])
    after, entry = one(whole, "drop-duplicates")
    assert ([7, 7, 9, 9, 9], 2) == (values(after, "sequence"), entry.rows)
    assert [LAST, LAST, 0, LAST, LAST] == values(after, "flags")
    assert ((4, MONDAY_NS + 1), (7, MONDAY_NS + 2)) == (entry.first, entry.last)
    last_gone, _ = one(
        day(twice(trade(1, 1, 101, 1) | {"flags": 0})[:3] + [trade(1, 1, 102, 1, sequence=9)] * 2), "drop-duplicates"
    )
    assert [LAST, LAST, 0, LAST] == values(last_gone, "flags")


def test_rows_that_were_numbered_by_their_place_are_so_again() -> None:
    after, _ = one(day([*BOOK, level(1, 0, 98, 1), level(1, 0, 98, 1), level(2, 0, 97, 1)]), "drop-duplicates")
    assert [0, 1, 2, 3] == values(after, "sequence")


def test_books_beside_the_rows_stay_beside_them() -> None:
    rows = [*ORDERS, order(1, Kind.ADD, 3, 0, 98, 1), order(1, Kind.ADD, 3, 0, 98, 1), order(2, Kind.DELETE, 3)]
    book = np.arange(20, dtype=np.int64).reshape(5, 4)
    after, _ = one(replace(day(rows, Fidelity.L3_TOP_K, depth=1), rows=book, truth=book), "drop-duplicates")
    assert after.rows is not None and after.truth is not None
    assert (book[[0, 1, 2, 4]].tolist(),) * 2 == (after.rows.tolist(), after.truth.tolist())


# Missing removals


def test_a_stale_level_leaves_when_it_has_been_crossed_for_a_second() -> None:
    rows = [*BOOK, level(1, 0, 101, 1), trade(SECOND, 0, 101, 1), level(2 + SECOND, 0, 98, 1)]
    after, entry = one(day(rows), "drop-stale")
    assert (1 + SECOND, 1 + SECOND + 7, Kind.LEVEL, 1, 101, 0, LAST, 4) == values(
        after, *list(COLUMNS)[:6], "flags", "sequence"
    )[4]
    assert ("1 removals put in, 0 rows about removed orders left out", 1, 6) == (
        entry.words,
        entry.rows,
        len(after.events),
    )
    assert ({"after_ns": SECOND}, (5, MONDAY_NS + 2 + SECOND)) == (entry.parameters, entry.first)


def test_what_is_told_of_a_removed_order_afterwards_no_longer_names_it() -> None:
    rows = [
        *ORDERS,
        order(1, Kind.ADD, 3, 1, 98, 1),
        order(3 * SECOND, Kind.REDUCE, 1, 0, 99, 1),
        order(3 * SECOND, Kind.EXECUTE, 1, 0, 99, 2),
        order(4 * SECOND, Kind.REPLACE, 1, 0, 90, 2, 8),
        order(5 * SECOND, Kind.ADD, 1, 0, 91, 2),
        order(6 * SECOND, Kind.REDUCE, 1, 0, 91, 1),
    ]
    after, entry = one(day(rows, Fidelity.L3_FULL), "drop-stale")
    told = values(after, "kind", "order_id", "price", "size", "other_id")
    expected = [
        (Kind.DELETE, 1, 99, 5, 0),
        (Kind.EXECUTE_HIDDEN, 0, 99, 2, 0),
        (Kind.ADD, 8, 90, 2, 0),
        (Kind.ADD, 1, 91, 2, 0),
        (Kind.REDUCE, 1, 91, 1, 0),
    ]
    assert expected == told[3:]
    assert "1 removals put in, 1 rows about removed orders left out" == entry.words
    assert [] == [
        each.name for each in examine(after).findings if each.name.startswith(("orphan", "missing", "overdrawn"))
    ]


def test_how_long_an_entry_may_be_crossed_is_a_parameter() -> None:
    rows = [*BOOK, level(1, 0, 101, 1), level(30, 0, 98, 1)]
    assert [0, 1, 0] == [one(day(rows), f"drop-stale:after_ns={after}")[1].rows for after in (10**9, 28, 29)]


@given(st.one_of(level_days(), order_days()))
def test_after_dropping_what_is_stale_nothing_is_and_again_changes_nothing(dataset: Dataset) -> None:
    after, _ = one(dataset, "drop-stale:after_ns=5")
    again, entry = one(after, "drop-stale:after_ns=5")
    assert (0, after.digest) == (entry.rows, again.digest)
    assert after.events["ts_exchange"].is_sorted()


# Gaps


def gap_rows() -> list[dict[str, Any]]:
    """A gap, a trade and a phase without a book, another gap, a snapshot, and on it goes."""
    before = numbered([1] * 400)
    lost = [
        level(500, 0, 97, 1, sequence=7000, flags=0),
        level(500, 0, 96, 1, sequence=7000),
        trade(501, 0, 97, 1, sequence=3),
        phase(502, Phase.HALT) | {"sequence": 0},
        level(503, 0, 95, 1, sequence=7200),
    ]
    snapshot = [
        clear(600, flags=0, sequence=8000),
        level(600, 0, 90, 1, sequence=8000, flags=LAST | Flag.SNAPSHOT),
        level(601, 0, 91, 1, sequence=8001),
    ]
    return [*before, *lost, *snapshot]


def test_between_a_gap_and_the_next_snapshot_there_is_an_empty_book_and_nothing_else() -> None:
    after, entry = one(day(gap_rows()), "mark-gaps")
    told = values(after, "ts_exchange", "kind", "flags")[401:]
    expected = [
        (500, Kind.CLEAR, LAST),
        (502, Kind.PHASE, LAST),
        (600, Kind.CLEAR, 0),
        (600, Kind.LEVEL, LAST | Flag.SNAPSHOT),
        (601, Kind.LEVEL, LAST),
    ]
    assert expected == told
    assert ("1 gaps marked, 4 rows left out", 4) == (entry.words, entry.rows)
    report = examine(after)
    assert (None, 2) == (report.finding("sequence-gap"), getattr(report.finding("book-lost"), "count", None))


def test_a_gap_without_a_later_snapshot_ends_the_day() -> None:
    after, entry = one(day(gap_rows()[:-3]), "mark-gaps")
    assert [Kind.CLEAR, Kind.PHASE] == values(after, "kind")[401:]
    assert "1 gaps marked, 4 rows left out" == entry.words


def test_a_repaired_day_can_be_stored_and_its_notes_come_back(tmp_path: Path) -> None:
    repaired, (entry,) = repair(day(gap_rows(), notes=("first",)), ["mark-gaps"])
    back = load(save(repaired, tmp_path))
    assert (repaired.digest, ("first", entry.note)) == (back.digest, back.info.notes)
