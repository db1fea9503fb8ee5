"""What a reader gives becomes days that load as they were given, with memory bounded, or nothing at all."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lobsim.errors import DataError
from lobsim.feeds import day, load, validate, writer
from lobsim.feeds.piece import Piece
from lobsim.feeds.store import list_partitions
from lobsim.feeds.writer import Origin, write
from lobsim.types import MAX_SIZE_LOTS, Flag, Kind, Phase
from tests.support.pieces import (
    BUY,
    DAY_NS,
    LEVELS,
    MONDAY_NS,
    ORDERS,
    SELL,
    in_pieces,
    level,
    made_up,
    order,
    table,
    write_rows,
)
from tests.support.recorded_books import levels_after

ROWS = [
    level(0, -1, 0, 0, kind=Kind.CLEAR),
    level(0, BUY, 100_000, 50_000, flags=int(Flag.SNAPSHOT)),
    level(0, SELL, 101_500, 20_000, flags=int(Flag.SNAPSHOT | Flag.LAST_IN_PACKET)),
    level(5, SELL, 101_500, 1_000, kind=Kind.PRINT),
    level(5, SELL, 101_500, 19_000, flags=int(Flag.LAST_IN_PACKET)),
    level(9, BUY, 100_000, 0, flags=int(Flag.LAST_IN_PACKET)),
]
TUESDAY = [level(DAY_NS + 10, BUY, 100_500, 7_000), level(DAY_NS + 20, SELL, 101_500, 0)]


def files_of(root: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_day_loads_with_the_digest_it_was_written_with(tmp_path: Path) -> None:
    (written,) = write_rows(ROWS, tmp_path / "store")
    loaded = load(tmp_path / "store")
    validate(loaded)
    assert (loaded.digest, 6, loaded.info) == (written.digest, written.rows, written.info)
    assert ["manifest.json", "symbol=BTC/date=2026-01-05/events.parquet"] == files_of(tmp_path / "store")
    assert (written.folder / "events.parquet").stat().st_size == written.nbytes
    assert (
        table(ROWS)
        .with_columns(sequence=pl.int_range(6))
        .equals(
            loaded.events.with_columns(
                price=pl.col("price") * 500, size=pl.col("size") * 1000
            )  # tick 0.5 of 0.001, lot 0.1 of 0.0001
        )
    )


def test_tick_and_lot_are_what_divides_everything(tmp_path: Path) -> None:
    (written,) = write_rows(ROWS, tmp_path / "store")
    assert ("0.5", 1, "0.1") == (written.info.price_quantum, written.info.tick_quanta, written.info.lot)
    assert {"tick found in the prices", "lot found in the sizes"} <= set(written.info.notes)


def test_a_print_between_two_ticks_makes_the_quantum_finer_not_the_tick(tmp_path: Path) -> None:
    (written,) = write_rows([*ROWS, level(10, BUY, 100_030, 500, kind=Kind.PRINT)], tmp_path / "store")
    assert ("0.01", 50, "0.05") == (written.info.price_quantum, written.info.tick_quanta, written.info.lot)


def test_a_stated_tick_or_lot_is_kept_and_an_asked_one_wins(tmp_path: Path) -> None:
    stated = LEVELS.__class__(**(vars(LEVELS) | {"tick": "0.1", "lot": "0.01"}))
    (written,) = write_rows(ROWS, tmp_path / "store", instrument=stated)
    assert ("0.1", 1, "0.01") == (written.info.price_quantum, written.info.tick_quanta, written.info.lot)
    assert () == written.info.notes
    (written,) = write_rows(ROWS, tmp_path / "store", instrument=stated, tick="0.0001", lot="0.00001")
    assert ("0.0001", "0.00001") == (written.info.price_quantum, written.info.lot)
    assert 1_000_000 == load(tmp_path / "store").events["price"][1]
    assert load(tmp_path / "store").price_decimal(1_000_000) == 100


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            {"tick": "0.3"},
            "row 2, field price: price is 100, which is no multiple of the tick of 0.3; give another --tick",
        ),
        ({"lot": "0.2"}, "row 4, field size: size is 0.1, which is no multiple of the lot of 0.2; give another --lot"),
        ({"tick": "-1"}, "tick is '-1', a decimal above 0 is needed"),
        ({"tick": "nan"}, "tick is 'nan', a decimal above 0 is needed"),
        ({"lot": "1/3"}, "lot is '1/3', a decimal above 0 is needed"),
    ],
)
def test_a_tick_or_lot_that_does_not_divide_is_refused(asked: dict[str, str], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=sentence):
        write_rows(ROWS, tmp_path / "store", **asked)
    assert not (tmp_path / "store").exists()


def test_a_print_too_fine_for_the_tick_is_refused(tmp_path: Path) -> None:
    rows = [level(0, BUY, 50_000_000, 1), level(1, BUY, 50_000_001, 1, kind=Kind.PRINT)]
    with pytest.raises(DataError, match=r"in steps of 0\.001, finer than one in 10000 of the tick of 50000"):
        write_rows(rows, tmp_path / "store")


def test_a_phase_is_no_size(tmp_path: Path) -> None:
    rows = [*ROWS, level(10, -1, 0, int(Phase.CLOSED), kind=Kind.PHASE)]
    write_rows(rows, tmp_path / "store")
    assert ("0.1", Phase.CLOSED) == (load(tmp_path / "store").info.lot, load(tmp_path / "store").events["size"][-1])


def test_the_venue_s_numbers_are_kept_where_all_rows_have_one(tmp_path: Path) -> None:
    numbered = [row | {"sequence": 70 + place} for place, row in enumerate(ROWS)]
    write_rows(numbered, tmp_path / "store")
    assert list(range(70, 76)) == load(tmp_path / "store").events["sequence"].to_list()
    write_rows([*numbered[:-1], ROWS[-1]], tmp_path / "store")
    assert list(range(6)) == load(tmp_path / "store").events["sequence"].to_list()


def test_every_day_begins_with_the_book_of_its_midnight(tmp_path: Path) -> None:
    monday, tuesday = write_rows([*ROWS, *TUESDAY], tmp_path / "store", cuts=[3, 7])
    assert ["2026-01-05", "2026-01-06"] == [monday.info.date, tuesday.info.date]
    assert "rows carried over from 2026-01-05: 2" in tuesday.info.notes
    events = load(tmp_path / "store", date="2026-01-06").events
    assert [Kind.CLEAR, Kind.LEVEL, Kind.LEVEL, Kind.LEVEL] == events["kind"].to_list()
    assert [MONDAY_NS + DAY_NS] * 2 == events["ts_exchange"][:2].to_list()
    assert [7] * 4 == (events["ts_local"] - events["ts_exchange"]).to_list()
    whole = levels_after(table([*ROWS, *TUESDAY]))
    quantum, lot = 500, 1000
    assert whole == {(side, price * quantum): size * lot for (side, price), size in levels_after(events).items()}


def test_a_day_that_begins_with_a_clear_carries_nothing_over(tmp_path: Path) -> None:
    fresh = [level(DAY_NS + 1, -1, 0, 0, kind=Kind.CLEAR), *TUESDAY]
    write_rows([*ROWS, *fresh], tmp_path / "store")
    events = load(tmp_path / "store", date="2026-01-06").events
    assert [MONDAY_NS + DAY_NS + 1, 3] == [events["ts_exchange"][0], len(events)]


def test_midnight_is_that_of_the_instrument_s_time_zone(tmp_path: Path) -> None:
    chicago = ORDERS.__class__(**(vars(ORDERS) | {"time_zone": "America/Chicago"}))
    evening, hours = 5 * 3600 * 10**9, 3600 * 10**9
    rows = [
        order(evening, Kind.ADD, 1, BUY, 1000, 10),
        order(evening + hours, Kind.ADD, 2, SELL, 1002, 10),
        order(evening + 2 * hours, Kind.DELETE, 1, BUY, 1000, 10),
    ]
    sunday, monday = write_rows(rows, tmp_path / "store", instrument=chicago)
    assert [("2026-01-04", 1), ("2026-01-05", 4)] == [(day.info.date, day.rows) for day in (sunday, monday)]
    assert MONDAY_NS + 6 * hours == monday.info.session_start_ns
    assert [0, 1, 2, 1] == load(tmp_path / "store", date="2026-01-05").events["order_id"].to_list()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    values=st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**9)), min_size=4, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=5),
    part_rows=st.integers(1, 50),
)
def test_the_cuts_of_the_pieces_and_the_size_of_the_parts_change_nothing(
    values: list[tuple[int, int]],
    cuts: list[int],
    part_rows: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = DAY_NS * 3 // len(values)
    rows = [level(at * step, at % 2, price, size) for at, (price, size) in enumerate(values)]
    whole = [(one.info, one.digest, one.rows) for one in write_rows(rows, tmp_path / "whole")]
    with monkeypatch.context() as patch:
        patch.setattr(day, "PART_ROWS", part_rows)
        patch.setattr(writer, "_WAITING_ROWS", 2)
        parts = [(one.info, one.digest, one.rows) for one in write_rows(rows, tmp_path / "parts", cuts=cuts)]
    assert whole == parts
    for info, digest, count in parts:
        loaded = load(tmp_path / "parts", date=info.date)
        assert (digest, count) == (loaded.digest, len(loaded.events))
    assert 1 + len(parts) == len(files_of(tmp_path / "parts"))


def test_symbols_that_are_mixed_come_out_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_WAITING_ROWS", 5)
    instruments = [LEVELS.__class__(**(vars(LEVELS) | {"symbol": name})) for name in ("A/B", "C", "D")]
    streams = [list(in_pieces(ROWS, [1, 2, 4], one)) for one in instruments]
    mixed = [piece for together in zip(*streams, strict=True) for piece in together]
    written = write([(made_up(tmp_path / "store"), mixed)], tmp_path / "store")
    assert ["A/B", "C", "D"] == [one.info.symbol for one in written]
    assert 1 == len({load(tmp_path / "store", one.info.symbol).digest for one in written})


def test_a_symbol_of_two_venues_is_refused(tmp_path: Path) -> None:
    other = LEVELS.__class__(**(vars(LEVELS) | {"venue": "ELSEWHERE"}))
    pieces = [*in_pieces(ROWS), *in_pieces(TUESDAY, instrument=other)]
    with pytest.raises(DataError, match="BTC is described in two ways: venue MADE_UP and ELSEWHERE"):
        write([(made_up(tmp_path / "store"), pieces)], tmp_path / "store")
    assert not (tmp_path / "store").exists()


BAD_ROWS = {
    "time falls": (level(8, BUY, 100_000, 1_000), "row 8, field ts_exchange"),
    "kind unknown": (level(DAY_NS + 30, BUY, 100_000, 1_000, kind=12), "row 8, field kind"),
    "side missing": (level(DAY_NS + 30, -1, 100_000, 1_000), "row 8, field side"),
    "size negative": (level(DAY_NS + 30, BUY, 100_000, -1_000), "row 8, field size"),
    "print of nothing": (level(DAY_NS + 30, BUY, 100_000, 0, kind=Kind.PRINT), "row 8, field size"),
    "size beyond the bound": (level(DAY_NS + 30, BUY, 100_000, 2**60, kind=Kind.PRINT), "row 8, field size"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
@pytest.mark.parametrize("cuts", [[], [2, 7]])
def test_a_bad_row_is_named_over_the_whole_file_and_nothing_remains(case: str, cuts: list[int], tmp_path: Path) -> None:
    row, sentence = BAD_ROWS[case]
    with pytest.raises(DataError, match=rf"made_up\.csv \(BTC\) {sentence}"):
        write_rows([*ROWS, TUESDAY[0], row], tmp_path / "store", cuts=cuts)
    assert not (tmp_path / "store").exists()


def test_an_import_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    write_rows(ROWS, tmp_path / "store")
    before = {name: (tmp_path / "store" / name).read_bytes() for name in files_of(tmp_path / "store")}

    def fails() -> object:
        yield from in_pieces([*ROWS, *TUESDAY])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write([(made_up(tmp_path / "store"), fails())], tmp_path / "store")  # pyright: ignore[reportArgumentType]
    assert before == {name: (tmp_path / "store" / name).read_bytes() for name in files_of(tmp_path / "store")}
    assert ["symbol=BTC"] == [path.name for path in (tmp_path / "store").iterdir() if path.is_dir()]
    assert 1 == len(list((tmp_path / "store" / "symbol=BTC").iterdir()))


def test_a_disk_that_is_full_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(day.pq, "write_table", full)
    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\)"):
        write_rows(ROWS, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_an_import_again_replaces_the_day_and_what_lay_beside_it(tmp_path: Path) -> None:
    (written,) = write_rows(ROWS, tmp_path / "store")
    for name in ("rows.parquet", "truth.parquet", ".000007.partial"):
        (written.folder / name).write_bytes(b"older")
    (again,) = write_rows(ROWS[:3], tmp_path / "store")
    assert (1, 3) == (len(list(written.folder.iterdir())), len(load(tmp_path / "store").events))
    assert again.digest == load(tmp_path / "store").digest
    assert 1 == len(list_partitions(tmp_path / "store"))


def test_a_day_is_not_replaced_by_the_few_rows_that_another_file_has_of_it(tmp_path: Path) -> None:
    store = tmp_path / "store"
    whole = write_rows([*TUESDAY, level(DAY_NS + 10**12, BUY, 100_500, 9_000)], store)
    other = tmp_path / "monday.csv"
    other.write_bytes(b"monday\n")
    spills = [(Origin([other]), list(in_pieces([*ROWS, TUESDAY[0]])))]
    before = files_of(store)
    with pytest.raises(
        DataError, match=r"holds BTC 2026-01-06 of made_up\.csv, which has rows before or after those of mon"
    ):
        write(spills, store)
    assert (before, whole[0].digest) == (files_of(store), load(store).digest)
    later = [(Origin([other]), in_pieces([*ROWS, TUESDAY[0], level(DAY_NS + 10**13, BUY, 1000, 0)]))]
    assert 2 == len(write(later, store))


def test_files_that_follow_one_another_make_one_day_with_both_names(tmp_path: Path) -> None:
    files = [tmp_path / "first.csv", tmp_path / "second.csv"]
    for file in files:
        file.write_bytes(file.name.encode())
    streams = [
        (Origin([file]), [Piece(LEVELS, rows, {"gaps": 1})])
        for file, rows in zip(files, (table(ROWS), table(TUESDAY)), strict=True)
    ]
    later = (Origin([files[1]]), [Piece(LEVELS, table(TUESDAY[:1]), {})])
    monday, tuesday = write(streams, tmp_path / "store")
    assert ["first.csv", "second.csv"] == [monday.info.source, tuesday.info.source]
    assert hashlib.sha256(b"second.csv").hexdigest() == tuesday.info.source_sha256
    assert "gaps: 1" in monday.info.notes and "gaps: 1" in tuesday.info.notes
    same_day = [row | {"ts_exchange": MONDAY_NS + 100} for row in TUESDAY]
    streams[1] = (streams[1][0], [Piece(LEVELS, table(same_day), {})])
    both, _ = write([*streams, later], tmp_path / "store")
    assert "first.csv + second.csv" == both.info.source
    assert hashlib.sha256(b"first.csvsecond.csv").hexdigest() == both.info.source_sha256


def test_nothing_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no event was read"):
        write([(made_up(tmp_path / "store"), [])], tmp_path / "store")
    with pytest.raises(DataError, match="its columns are"):
        write([(made_up(tmp_path / "store"), [Piece(LEVELS, pl.DataFrame({"a": [1]}), {})])], tmp_path / "store")


def test_the_tick_is_found_in_the_book_not_in_trades(tmp_path: Path) -> None:
    between = {"kind": Kind.EXECUTE, "order_id": 7}
    rows = [
        order(0, Kind.ADD, 7, BUY, 100_000, 10_000),
        order(1, Kind.ADD, 8, SELL, 100_500, 10_000),
        level(2, BUY, 100_250, 5_000, **between),
        level(3, BUY, 100_125, 5_000, kind=Kind.PRINT),
    ]
    write_rows(rows, tmp_path / "store", instrument=ORDERS)
    dataset = load(tmp_path / "store")
    assert ("0.125", 4) == (dataset.info.price_quantum, dataset.info.tick_quanta)
    assert [Decimal("100.25"), Decimal("100.125")] == [
        dataset.price_decimal(price) for price in dataset.events["price"][2:]
    ]


def test_a_level_larger_than_any_book_holds_is_kept_as_the_largest_and_counted(tmp_path: Path) -> None:
    sizes = [MAX_SIZE_LOTS, 6 * MAX_SIZE_LOTS, 1]
    rows = [level(at, BUY, 10, size) for at, size in enumerate(sizes)]
    write_rows(rows, tmp_path / "store", instrument=replace(LEVELS, lot="0.0001"))
    dataset = load(tmp_path / "store")
    assert f"levels of more than {MAX_SIZE_LOTS} lots, kept as that: 1" in dataset.info.notes
    assert [MAX_SIZE_LOTS, MAX_SIZE_LOTS, 1] == dataset.events["size"].to_list()


def test_a_symbol_of_another_market_is_not_replaced(tmp_path: Path) -> None:
    write_rows([level(0, BUY, 100_000, 1)], tmp_path / "store")
    with pytest.raises(
        DataError, match="the store holds BTC 2026-01-05 of MADE_UP, this is of OTHER; import it into another store"
    ):
        write_rows([level(0, BUY, 100_000, 1)], tmp_path / "store", instrument=replace(LEVELS, venue="OTHER"))
