"""What the doctor finds in made-up days: each finding present, absent and at its edge, with its count and first row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim.feeds import row_checks, save
from lobsim.feeds.doctor import examine
from lobsim.feeds.findings import CHECKS, Finding, First, Report, Severity, time_text
from lobsim.feeds.repair import REPAIRS
from lobsim.types import Fidelity, Flag, Kind, Phase
from tests.support.made_days import LAST, SECOND, clear, day, phase, trade
from tests.support.pieces import MONDAY_NS, level, order

L1, L2, L3, TOP = Fidelity.L1, Fidelity.L2_TRADES, Fidelity.L3_FULL, Fidelity.L3_TOP_K
BOOK = [level(0, 0, 99, 5), level(0, 1, 101, 5)]
ADD, REDUCE, DELETE, EXECUTE, REPLACE = Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.EXECUTE, Kind.REPLACE
ORDERS = [order(0, ADD, 1, 0, 99, 5), order(0, ADD, 2, 1, 101, 5)]


def numbered(steps: list[int], start: int = 500) -> list[dict[str, Any]]:
    """Level rows whose venue numbers rise by some steps."""
    numbers = np.cumsum([start, *steps]).tolist()
    return [level(at, 0, 99, 1 + at % 5, sequence=number) for at, number in enumerate(numbers)]


def twice(row: dict[str, Any]) -> list[dict[str, Any]]:
    """A row and its copy, numbered by the venue, behind rows that show that it numbers."""
    return [*(each | {"sequence": 7} for each in BOOK), row | {"sequence": 9}, row | {"sequence": 9}]


AUCTION = int(Flag.AUCTION) | LAST
PRESENT: list[tuple[str, Fidelity, list[dict[str, Any]], int, int]] = [
    # name, fidelity, rows, how often, first row
    ("crossed-book", L2, [*BOOK, level(1, 0, 102, 1), level(2, 0, 102, 0)], 1, 3),
    ("crossed-book", L3, [*ORDERS, order(1, ADD, 3, 0, 102, 1), order(2, DELETE, 3)], 1, 3),
    ("locked-book", L2, [*BOOK, level(1, 0, 101, 1), level(2, 0, 101, 0)], 1, 3),
    ("crossed-outside-trading", L2, [phase(0, Phase.PRE_OPEN), *BOOK, level(1, 0, 102, 1)], 1, 4),
    ("crossed-outside-trading", L2, [phase(0, Phase.AUCTION), *BOOK, level(1, 0, 101, 1)], 1, 4),
    ("missing-removal", L2, [*BOOK, level(1, 0, 101, 1), level(2 + SECOND, 0, 98, 1)], 1, 3),
    ("missing-removal", L3, [*ORDERS, order(1, ADD, 3, 1, 98, 1), order(2 + SECOND, ADD, 4, 0, 9, 1)], 1, 3),
    ("sequence-gap", L2, numbered([1] * 60 + [3] + [1] * 60), 1, 62),
    ("sequence-falls", L2, numbered([1] * 60 + [-3] + [1] * 60), 1, 62),
    ("book-lost", L2, [clear(0), *BOOK, clear(1), *BOOK], 1, 4),
    ("trade-without-depth-change", L2, [*BOOK, trade(5, 1, 101, 2), trade(3 * SECOND, 1, 99, 1)], 2, 3),
    ("orphan-cancel", L3, [*ORDERS, order(1, REDUCE, 7, 0, 99, 1), order(2, DELETE, 8)], 2, 3),
    ("orphan-cancel", L3, [*ORDERS, order(1, REPLACE, 7, 0, 98, 1, 8), order(2, DELETE, 8)], 1, 3),
    ("orphan-execution", L3, [*ORDERS, order(1, DELETE, 1), order(2, EXECUTE, 1, 0, 99, 1)], 1, 4),
    ("overdrawn", L3, [*ORDERS, order(1, EXECUTE, 1, 0, 99, 6)], 1, 3),
    ("duplicate-order", L3, [*ORDERS, order(1, ADD, 1, 0, 98, 5)], 1, 3),
    ("duplicate-row", L2, twice(trade(1, 1, 101, 1)), 1, 4),
    ("duplicate-row", L2, [*BOOK, level(1, 0, 98, 1), level(1, 0, 98, 1)], 1, 4),
    ("exchange-time-falls", L2, [*BOOK, level(5, 0, 98, 1), level(4, 0, 98, 2)], 1, 4),
    ("local-clock-falls", L2, [*BOOK, level(1, 0, 98, 1, ts_local=MONDAY_NS)], 1, 3),
    ("negative-latency", L2, [*BOOK, level(9, 0, 98, 1, ts_local=MONDAY_NS + 8)], 1, 3),
    ("auction-row", L2, [*BOOK, trade(1, 1, 101, 1, flags=AUCTION)], 1, 3),
    ("odd-size", L2, [*BOOK, trade(1, 1, 101, 0)], 1, 3),
    ("odd-size", L3, [*ORDERS, order(1, ADD, 3, 0, 98, 2**41)], 1, 3),
    ("silent-stretch", L2, [*(level(at, 0, 99, 1 + at % 5) for at in range(50)), level(61 * SECOND, 0, 9, 1)], 1, 51),
]
ABSENT: list[tuple[str, Fidelity, list[dict[str, Any]]]] = [
    ("crossed-book", L2, [*BOOK, level(1, 0, 102, 1, flags=0), level(1, 0, 102, 0)]),  # within a packet
    ("crossed-book", L2, [*BOOK, level(1, 0, 101, 1)]),  # locked
    ("crossed-book", L2, [phase(0, Phase.PRE_OPEN), *BOOK, level(1, 0, 102, 1)]),
    ("crossed-outside-trading", L2, [phase(0, Phase.HALT), *BOOK]),
    ("missing-removal", L2, [*BOOK, level(1, 0, 101, 1), level(1 + SECOND, 1, 101, 0)]),  # just in time
    ("missing-removal", L2, [*BOOK, level(1, 0, 101, 1), level(9, 1, 101, 2), level(2 + SECOND, 0, 98, 1)][:3]),
    ("missing-removal", L2, [phase(0, Phase.HALT), *BOOK, level(1, 0, 101, 1), level(2 + SECOND, 0, 98, 1)]),
    ("missing-removal", L2, [*BOOK, level(1, 0, 101, 1), level(2, 0, 101, 0), level(2 + SECOND, 0, 98, 1)]),
    ("sequence-gap", L2, numbered([1] * 60)),  # too few to judge
    ("sequence-gap", L2, numbered([1, 5] * 60)),  # numbers that do not follow each other
    ("sequence-gap", L2, [*numbered([1] * 101), clear(200, sequence=900), level(201, 0, 99, 1, sequence=901)]),
    ("book-lost", L2, [clear(0), *BOOK]),
    ("trade-without-depth-change", L2, [*BOOK, trade(5, 1, 101, 2), level(5 + SECOND, 1, 101, 3)]),
    ("trade-without-depth-change", L2, [*BOOK, level(5, 1, 101, 3), trade(5 + SECOND, 1, 101, 2)]),
    ("trade-without-depth-change", L2, [*BOOK, trade(5, -1, 101, 2)]),  # nobody says which side rested
    ("trade-without-depth-change", L2, [*BOOK, trade(5, 1, 101, 2, flags=AUCTION)]),
    ("orphan-cancel", L3, [*ORDERS, order(1, REPLACE, 1, 0, 98, 1, 8), order(2, DELETE, 8)]),
    ("orphan-execution", L3, [*ORDERS, order(1, EXECUTE, 1, 0, 99, 5)]),
    ("overdrawn", L3, [*ORDERS, order(1, REDUCE, 1, 0, 99, 2), order(2, EXECUTE, 1, 0, 99, 3)]),
    ("duplicate-order", L3, [*ORDERS, order(1, DELETE, 1), order(2, ADD, 1, 0, 98, 5)]),
    ("duplicate-row", L2, [*BOOK, trade(1, 1, 101, 1), trade(1, 1, 101, 1)]),  # two trades, for all that is known
    ("duplicate-row", L2, [*twice(trade(1, 1, 101, 1))[:3], trade(1, 1, 101, 1, sequence=10)]),
    ("exchange-time-falls", L2, [*BOOK, level(5, 0, 98, 1), level(5, 0, 98, 2)]),
    ("local-clock-falls", L2, [*BOOK, level(9, 0, 98, 1), trade(9, 1, 101, 1, ts_local=MONDAY_NS + 1)]),  # channels
    ("negative-latency", L2, [*BOOK, level(9, 0, 98, 1, ts_local=MONDAY_NS + 9)]),
    ("auction-row", L2, [phase(0, Phase.AUCTION), *BOOK, trade(1, 1, 101, 1, flags=AUCTION)]),
    ("odd-size", L2, [*BOOK, level(1, 1, 101, 0), trade(2, 1, 101, 0, flags=AUCTION)]),
    ("silent-stretch", L2, [*(level(at, 0, 99, 1 + at % 5) for at in range(50)), level(59 * SECOND, 0, 9, 1)]),
    ("silent-stretch", L2, [*BOOK, phase(1, Phase.CLOSED), level(7200 * SECOND, 0, 9, 1)]),
    ("silent-stretch", L2, [level(at * 300 * SECOND, 0, 99, 1 + at % 5) for at in range(12)]),  # that slow all day
]


@pytest.mark.parametrize(("name", "fidelity", "rows", "count", "first"), PRESENT)
def test_what_is_there_is_found_with_its_count_and_first_row(
    name: str, fidelity: Fidelity, rows: list[dict[str, Any]], count: int, first: int
) -> None:
    finding = examine(day(rows, fidelity)).finding(name)
    assert finding is not None and finding.first is not None
    assert (count, first) == (finding.count, finding.first.row)
    assert MONDAY_NS <= finding.first.ts_exchange
    assert bool(finding.repair) != bool(finding.why_not)


@pytest.mark.parametrize(("name", "fidelity", "rows"), ABSENT)
def test_what_is_not_there_is_not_found(name: str, fidelity: Fidelity, rows: list[dict[str, Any]]) -> None:
    assert examine(day(rows, fidelity)).finding(name) is None


def test_every_check_offers_a_repair_that_exists_or_says_why_there_is_none() -> None:
    assert set(REPAIRS) == {check.repair for check in CHECKS.values()} - {""}
    assert [] == [name for name, check in CHECKS.items() if bool(check.repair) == bool(check.why_not)]


def test_a_price_between_two_ticks_is_information_for_a_trade_and_an_error_in_the_book() -> None:
    trades = examine(day([*BOOK[:1], trade(1, 1, 103, 1)], tick_quanta=11)).finding("off-tick")
    book = examine(day([*BOOK, trade(1, 1, 103, 1)], tick_quanta=11)).finding("off-tick")
    assert trades is not None and book is not None
    assert (1, Severity.INFO, 2, Severity.ERROR) == (trades.count, trades.severity, book.count, book.severity)


def test_negative_latency_tells_median_and_worst_of_the_rows_that_have_it() -> None:
    rows = [
        level(at, 0, 99, at, ts_local=MONDAY_NS + at + delay) for at, delay in ((10, -5), (20, -7), (30, 4), (40, -9))
    ]
    finding = examine(day(rows)).finding("negative-latency")
    assert finding is not None
    assert {"median_ns": -7, "worst_ns": -9} == finding.facts


def test_the_time_for_which_the_book_is_crossed_goes_from_packet_to_packet() -> None:
    rows = [
        *BOOK,
        level(10, 0, 102, 1),
        level(14, 0, 98, 1),
        level(30, 0, 102, 0),
        level(40, 0, 101, 9),
        level(45, 0, 1, 1),
    ]
    finding = examine(day(rows)).finding("crossed-book")
    assert finding is not None
    assert (2, {"crossed_ns": 20}) == (finding.count, finding.facts)


def test_a_crossing_that_a_missing_removal_makes_offers_its_repair() -> None:
    rows = [*BOOK, level(1, 0, 102, 1), level(2 + SECOND, 0, 98, 1)]
    report = examine(day(rows))
    crossed = report.finding("crossed-book")
    assert crossed is not None and report.finding("missing-removal") is not None
    assert ("drop-stale", "") == (crossed.repair, crossed.why_not)


def test_unannounced_orders_are_information_where_the_feed_is_cut_to_its_best_levels() -> None:
    rows = [*ORDERS, order(1, DELETE, 7, 0, 99, 1)]
    severities = [examine(day(rows, fidelity)).findings[0].severity for fidelity in (TOP, L3)]
    assert [Severity.INFO, Severity.ERROR] == severities


def test_recorded_book_rows_are_the_book_that_is_judged() -> None:
    rows = np.array([[101, 5, 99, 5], [101, 5, 101, 5], [101, 5, 102, 5]], dtype=np.int64)
    dataset = replace(day([*ORDERS, order(5, DELETE, 7)], TOP, depth=1), rows=rows)
    report = examine(dataset)
    crossed, locked = report.finding("crossed-book"), report.finding("locked-book")
    assert crossed is not None and crossed.first is not None and locked is not None and locked.first is not None
    assert (1, 3, 1, 2) == (crossed.count, crossed.first.row, locked.count, locked.first.row)
    assert "missing-removal" in report.unjudged


def test_what_a_data_set_does_not_allow_is_said_with_the_reason() -> None:
    assert "the data set has no book" == examine(day([trade(0, 1, 9, 1)], L1)).unjudged["crossed-book"]
    assert "the feed names no orders" == examine(day(BOOK)).unjudged["orphan-cancel"]
    assert "trades name their order" == examine(day(ORDERS, L3)).unjudged["trade-without-depth-change"]
    report = examine(day(BOOK))
    assert set(CHECKS) == {*report.clean, *report.unjudged} | {each.name for each in report.findings}


def test_notes_of_the_import_are_told_and_times_that_were_moved_are_a_finding_of_their_own() -> None:
    notes = ("book times that fell, raised: 3", "trades linked: 7", "gaps: 0", "lot found in the sizes", "no count")
    report = examine(day(BOOK, notes=notes))
    found = {each.name: (each.count, each.facts) for each in report.findings}
    expected = {
        "exchange-time-lifted": (3, {"book times that fell, raised": 3}),
        "import-notes": (1, {"trades linked": 7}),
    }
    assert expected == found


@pytest.mark.parametrize(
    ("errors", "warnings", "rows", "state"),
    [
        (0, 0, 100, "exact"),
        (0, 5, 100, "sound"),
        (1, 5, 101, "blemished"),
        (1, 0, 100, "broken"),
        (99, 0, 99, "broken"),
    ],
)
def test_the_grade_is_what_the_feed_knows_and_how_much_of_it_is_wrong(
    errors: int, warnings: int, rows: int, state: str
) -> None:
    found = [Finding("overdrawn", errors, Severity.ERROR)] * bool(errors)
    found += [Finding("negative-latency", warnings, Severity.WARNING)] * bool(warnings)
    report = Report(day(BOOK).info, rows, (Finding("repaired", 9, Severity.INFO), *found), {})
    assert (state, f"L2 + trades, {state}") == (report.state, report.grade)


def test_a_damaged_day_is_broken_however_long_it_is() -> None:
    assert "broken" == Report(day(BOOK).info, 10**9, (Finding("digest", 1, Severity.ERROR),), {}).state


def test_a_stored_day_is_judged_as_the_one_in_memory_and_its_digest_too(tmp_path: Path) -> None:
    rows = [*BOOK, level(1, 0, 102, 1), level(2 + SECOND, 0, 98, 1), trade(3 + SECOND, 1, 101, 1)]
    folder = save(day(rows), tmp_path)
    assert examine(day(rows)).findings == examine(folder).findings
    assert "digest" in examine(folder).clean
    other = save(day(rows[:-1]), tmp_path / "other")
    table = pl.read_parquet(folder / "events.parquet").with_columns(size=pl.col("size") + 1).to_arrow()
    _write_with_metadata_of(folder, table)
    assert (["digest"], []) == tuple(
        [each.name for each in examine(where).findings if each.name == "digest"] for where in (folder, other)
    )


def _write_with_metadata_of(folder: Path, table: Any) -> None:
    """Other rows under the description of a partition."""
    import pyarrow.parquet as pq

    path = folder / "events.parquet"
    metadata = pq.read_schema(path).metadata
    pq.write_table(table.replace_schema_metadata(metadata), path, write_page_checksum=True)


@given(st.data())
def test_what_is_found_does_not_depend_on_where_the_blocks_are_cut(data: st.DataObject) -> None:
    rows = data.draw(st.sampled_from([rows for _, fidelity, rows, _, _ in PRESENT if fidelity == L2]))
    expected = examine(day(rows))
    found = examine(day(rows), block_rows=data.draw(st.integers(1, len(rows))))
    assert (expected.findings, expected.unjudged) == (found.findings, found.unjudged)


def test_progress_tells_how_many_rows_are_done() -> None:
    done: list[int] = []
    examine(day([*BOOK, *BOOK, BOOK[0]]), done.append, block_rows=2)
    assert [2, 4, 5] == done


def test_times_are_told_to_the_nanosecond_and_json_has_what_the_report_has() -> None:
    assert "2026-01-05T00:00:00.000000001Z" == time_text(MONDAY_NS + 1)
    assert f"{2**63 - 1} ns" == time_text(2**63 - 1) or time_text(2**63 - 1).endswith("Z")
    found = Finding("crossed-book", 2, Severity.ERROR, First(3, MONDAY_NS, "so"), "but", {"crossed_ns": 4}).to_json()
    assert ("crossed-book", "error", 2, 3, None) == (
        *(found[key] for key in ("name", "severity", "count")),
        found["first"]["row"],
        found["repair"],
    )
    told = examine(day(BOOK)).to_json()
    assert ("XYZ", 2, "L2 + trades, exact") == (told["symbol"], told["rows"], told["grade"])


@given(st.lists(st.lists(st.integers(-5000, -1), max_size=6), min_size=1, max_size=5), st.sampled_from([0, 4, 99]))
def test_the_median_of_many_is_rounded_down_to_the_microsecond_only_where_they_are_too_many(
    parts: list[list[int]], exact: int
) -> None:
    values = sorted(value for part in parts for value in part)
    median = row_checks._Median()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_checks, "_EXACT", exact)
        for part in parts:
            median.add(np.array(part, dtype=np.int64))
    if values:
        middle = values[(len(values) - 1) // 2]
        assert (middle if len(values) <= exact else middle // 1000 * 1000) == median.value
