"""``lobsim replay``: its figures on recorded days, what --verify makes of them, and options that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lobsim.cli.conftest import CROSS_ROW, CUT_ROWS, Run
from tests.lobsim.feeds.conftest import MESSAGES, TinyRecording

Unpack = Callable[[str], Path]


def test_a_clean_recording_matches_on_every_row(run: Run, tiny: TinyRecording) -> None:
    done = run("replay", tiny.write_zip(), "--verify", "--json")
    count = len(MESSAGES)
    assert (0, count, count, None, 0) == (
        done.code,
        *(done.json[name] for name in ("rows", "rows_matching", "first_mismatch", "crossed")),
    )
    assert (None, None) == (done.json["truth_rows"], done.json["truth_first_difference"])
    assert done.json["events_per_s"] == pytest.approx(count / done.json["replay_s"], rel=0.01)


def test_a_cross_may_have_the_id_that_lobster_gives_it(run: Run, tiny: TinyRecording) -> None:
    assert 0 == run("replay", tiny.set_field(CROSS_ROW, 2, -1).write_zip(), "--verify").code


def test_a_size_altered_in_the_book_fails_its_row_and_the_next(run: Run, tiny: TinyRecording) -> None:
    file = tiny.set_cell(4, 1, 777).write_zip()
    done = run("replay", file, "--verify", "--json")
    assert (1, len(MESSAGES) - 2, 4) == (done.code, done.json["rows_matching"], done.json["first_mismatch"])
    expected = f"error: {file} row 4: the recorded book row does not follow from the row before it and the message"
    assert done.err.startswith(expected)
    assert 1 == done.err.count("\n")


def test_without_verify_a_mismatch_is_information(run: Run, tiny: TinyRecording) -> None:
    done = run("replay", tiny.set_cell(4, 1, 777).write_zip())
    assert (0, "") == (done.code, done.err)
    assert "2 recorded book rows do not follow from their message, the first is row 4" in done.out


def test_a_person_reads_a_table_and_a_sentence(run: Run, tiny: TinyRecording) -> None:
    out = run("replay", tiny.write_zip()).out
    assert "TINY 2012-06-21, replayed" == out.splitlines()[0]
    assert "Every recorded book row follows from the row before it and its message alone." == out.splitlines()[-1]


def test_verify_needs_something_to_hold_against(run: Run, tiny: TinyRecording) -> None:
    done = run("replay", tiny.write_csv(book=False), "--verify")
    assert (1, "", 1) == (done.code, done.out, done.err.count("\n"))
    assert "there are no recorded book rows; give them with --book, or level 1 with --truth" in done.err


def test_messages_alone_are_replayed_without_verify(run: Run, tiny: TinyRecording) -> None:
    done = run("replay", tiny.write_csv(book=False), "--json")
    assert (0, None, None) == (done.code, done.json["rows_matching"], done.json["rows_entering"])


def test_the_book_may_lie_elsewhere(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    messages = tiny.write_csv()
    book = (tiny.folder / tiny.book_name).rename(tmp_path / "other.csv")
    done = run("replay", messages, "--book", book, "--verify", "--json")
    assert (0, len(MESSAGES)) == (done.code, done.json["rows_matching"])


def test_a_disagreement_with_the_truth_is_information(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    tiny.set_cell(4, 1, 777)
    truth = tmp_path / "truth.csv"
    truth.write_text("".join(",".join(line.split(",")[:4]) + "\n" for line in tiny.book))
    seed = tmp_path / "seed.csv"
    seed.write_text(tiny.book[0] + "\n")
    done = run("replay", tiny.write_csv(book=False), "--seed-book", seed, "--truth", truth, "--verify", "--json")
    assert (0, "") == (done.code, done.err)
    assert (len(MESSAGES), len(MESSAGES) - 1, 3) == tuple(
        done.json[name] for name in ("truth_rows", "truth_exact", "truth_first_difference")
    )


@pytest.mark.parametrize("option", ["--book", "--seed-book", "--truth"])
def test_a_store_takes_no_further_files(option: str, run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    run("import", tiny.write_zip(), "--out", tmp_path / "store")
    done = run("replay", tmp_path / "store", option, tmp_path / "file.csv")
    expected = f"error: {tmp_path / 'store'} is imported already, {option} cannot be used with it\n"
    assert (1, "", expected) == done


def test_a_store_of_several_days_asks_which(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    for symbol in ("ONE", "TWO"):
        tiny.message_name = f"{symbol}_2012-06-21_34200000_57600000_message_2.csv"
        tiny.book_name = tiny.message_name.replace("message", "orderbook")
        run("import", tiny.write_csv(), "--out", tmp_path / "store")
    assert "it holds ONE 2012-06-21, TWO 2012-06-21" in run("replay", tmp_path / "store").err
    assert "TWO" == run("replay", tmp_path / "store", "--symbol", "TWO", "--json").json["symbol"]


def test_python_m_lobsim_is_the_command(run_apart: Run, tiny: TinyRecording) -> None:
    done = run_apart("replay", tiny.write_zip(), "--verify", "--json")
    assert (0, len(MESSAGES)) == (done.code, done.json["rows_matching"])


# State hashes on the way


def test_the_state_hash_is_listed_after_every_so_many_rows_and_the_last(run: Run, tiny: TinyRecording) -> None:
    file = tiny.write_zip()
    traced = run("replay", file, "--trace-hash", 4, "--json").json
    assert [4, 8, 12, len(MESSAGES)] == [row for row, _ in traced["trace_hash"]]
    finer = dict(run("replay", file, "--trace-hash", 1, "--json").json["trace_hash"])
    assert len(MESSAGES) == len(finer) == len(set(finer.values()))
    assert all(finer[row] == state for row, state in traced["trace_hash"])
    plain = run("replay", file, "--json").json
    assert "trace_hash" not in plain
    assert plain["rows_matching"] == traced["rows_matching"]


def test_two_recordings_part_at_the_row_that_differs(run: Run, tiny: TinyRecording) -> None:
    first = run("replay", tiny.write_zip(), "--trace-hash", 1, "--json").json["trace_hash"]
    second = run("replay", tiny.set_field(6, 3, 77).write_zip(), "--trace-hash", 1, "--json").json["trace_hash"]
    assert 6 == next(row for (row, one), (_, other) in zip(first, second, strict=True) if one != other)


def test_a_person_reads_row_and_hash(run: Run, tiny: TinyRecording) -> None:
    file = tiny.write_zip()
    (row, state), *_ = run("replay", file, "--trace-hash", 100, "--json").json["trace_hash"]
    assert f"{row:>12} {state}" in run("replay", file, "--trace-hash", 100).out.splitlines()


# Recorded days


def test_goog_of_ten_levels_matches_on_every_row(run: Run, unpack: Unpack, shared: Path, small: bool) -> None:
    archive = shared / "data" / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
    done = run("replay", unpack("GOOG_2012-06-21_10") if small else archive, "--verify", "--json")
    found = tuple(done.json[name] for name in ("rows", "rows_matching", "crossed"))
    assert (0, (CUT_ROWS, CUT_ROWS, 0) if small else (147_916, 147_916, 0)) == (done.code, found)
    if not small:
        assert 44_451 == done.json["rows_entering"]


def _quiet_row(book: list[str]) -> int:
    """Index of a row in the middle whose best ask price stands in the rows around it too."""
    price = [line.split(",", 1)[0] for line in book]
    middle = len(book) // 2
    return next(k for k in range(middle, len(book) - 1) if price[k - 1] == price[k] == price[k + 1])


def test_one_size_altered_in_a_recorded_book_fails_two_rows(run: Run, unpack: Unpack) -> None:
    messages = unpack("GOOG_2012-06-21_1")
    book = messages.with_name(messages.name.replace("message", "orderbook"))
    lines = book.read_text().splitlines()
    row = _quiet_row(lines)
    price, size, rest = lines[row].split(",", 2)
    lines[row] = f"{price},{int(size) + 1},{rest}"
    book.write_text("\n".join(lines) + "\n")
    done = run("replay", messages, "--verify", "--json")
    assert (1, len(lines) - 2, row + 1) == (done.code, done.json["rows_matching"], done.json["first_mismatch"])
    assert f"{messages} row {row + 1}: " in done.err


def test_the_aapl_hour_drifts_where_it_is_known_to(run: Run, aapl_hour: list[object], small: bool) -> None:
    done = run("replay", *aapl_hour, "--verify", "--json")
    found = tuple(done.json[f"truth_{name}"] for name in ("rows", "exact", "exact_percent", "first_difference"))
    expected = (CUT_ROWS, CUT_ROWS, 100.0, None) if small else (91_997, 91_907, 99.9022, 54_606)
    assert (0, expected) == (done.code, found)
    assert (None, 0) == (done.json["rows_matching"], done.json["crossed"])


def test_check_finds_nothing_on_a_clean_recording_and_says_so(run: Run, tiny: TinyRecording) -> None:
    file = tiny.write_zip()
    done = run("replay", file, "--check", "--json")
    expected = {"violations": 0, "found": {}, "history_crossed": 0, "away_from_best": 0, "out_of_turn": 0}
    assert (0, expected) == (done.code, done.json["properties"])
    assert run("replay", file, "--check").out.count("No violation of positive spread, price-time priority") == 1
    assert "properties" not in run("replay", file, "--json").json


def test_check_refuses_a_replay_whose_touch_is_not_the_recorded_one(run: Run, tiny: TinyRecording) -> None:
    file = tiny.set_cell(4, 1, 777).write_zip()
    done = run("replay", file, "--check", "--json")
    assert (1, {"touch"}) == (done.code, set(done.json["properties"]["found"]))
    first_row = done.json["properties"]["found"]["touch"]["first_row"]
    assert done.err.startswith(f"error: {file} row {first_row}: the replay is no continuous double auction: touch")
    assert 1 == done.err.count("\n")
