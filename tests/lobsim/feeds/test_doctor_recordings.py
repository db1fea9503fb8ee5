"""The doctor over the genuine recordings: the blemishes that are known of each, and no others."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lobsim.feeds import bitfinex, bitstamp, list_partitions, load, read_lobster, save, sse
from lobsim.feeds.binance import raw
from lobsim.feeds.databento import dbn
from lobsim.feeds.doctor import examine
from lobsim.feeds.findings import Report
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.repair import repair
from lobsim.feeds.source import sources_in
from lobsim.feeds.writer import Origin, write

LOBSTER_GOOG = "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"


@pytest.fixture(scope="module")
def imported(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``imported(reader, file, **options)``: the first day of a recording, as ``lobsim import`` stores it."""

    @cache
    def day(reader: Any, file: str, **options: str) -> Path:
        path = shared / "data" / file
        (source,) = sources_in(path)
        root = tmp_path_factory.mktemp("store")
        write([(Origin([path]), reader.read(source, ReadOptions(**options)))], root)
        return list_partitions(root)[0].path

    return day


def counts(report: Report) -> dict[str, int]:
    """Finding -> count, but what the import says of itself."""
    return {each.name: each.count for each in report.findings if each.name != "import-notes"}


def test_goog_has_no_crossing_and_the_orders_that_were_never_announced(shared: Path) -> None:
    """3,362 such events behind the first row, which is one more: 531 executions, 2,830 deletions, 1 reduction."""
    report = examine(read_lobster(shared / "data" / "lobster" / LOBSTER_GOOG))
    assert {"orphan-cancel": 2831, "orphan-execution": 532, "off-tick": 50} == counts(report)
    assert "L3 cut to the best levels, exact" == report.grade


def test_aapl_hour_alone_never_crosses_order_by_order(shared: Path) -> None:
    path = shared / "data" / "lobster" / "AAPL_2012-06-21_34200000_37800000_message_50.csv.gz"
    report = examine(read_lobster(path))
    assert {"orphan-cancel": 72, "orphan-execution": 12, "off-tick": 19} == counts(report)


def test_es_is_crossed_at_891_event_ends_and_all_before_the_open(imported: Any) -> None:
    pytest.importorskip("databento_dbn")
    report = examine(imported(dbn, "databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst"))
    assert {"crossed-outside-trading": 891} == counts(report)
    finding = report.finding("crossed-outside-trading")
    assert finding is not None and finding.first is not None
    assert "2023-12-25T22:39:55" == finding.first.time[:19]
    assert "L3, exact" == report.grade


def test_sse_is_never_crossed_in_continuous_trading(imported: Any) -> None:
    report = examine(imported(sse, "sse/AX_sbe_sse_600519.zip", date="2023-02-07"))
    assert {"crossed-outside-trading": 2307} == counts(report)


def test_bitstamp_tells_its_blemishes_and_is_crossed_for_moments(imported: Any) -> None:
    report = examine(imported(bitstamp.log, "bitstamp/2015-05-01.log.bz2", symbol="BTCUSD"))
    assert {"crossed-book": 832, "locked-book": 729} == counts(report)
    crossed, notes = report.finding("crossed-book"), report.finding("import-notes")
    assert crossed is not None and notes is not None
    assert {"crossed_ns": 17_784_000_000} == crossed.facts
    expected = {
        "deletions of an order never seen": 411,
        "changes of an order never seen": 16,
        "changes after the deletion of their order": 4,
        "creations after the deletion of their order": 13,
        "changes of the price": 307,
        "creations of an order that is there": 1,
    }
    assert expected == {name: notes.facts[name] for name in expected}
    assert "blemished" == report.state


def test_bitfinex_is_crossed_for_moments_only(imported: Any) -> None:
    report = examine(imported(bitfinex, "bitfinex/L3_feed.json.gz", date="2020-01-02"))
    assert {"crossed-book": 6, "locked-book": 15} == counts(report)


def test_binance_local_clock_is_behind_and_an_offset_puts_it_right(imported: Any, tmp_path: Path) -> None:
    folder = imported(raw, "binance/usdm_btcusdt_20240808.gz")
    report = examine(folder)
    early = report.finding("negative-latency")
    assert early is not None
    assert (report.rows, 1) == (early.count, early.first and early.first.row)
    assert {"median_ns": -1_268_046_996, "worst_ns": -1_272_156_851} == early.facts
    assert {"crossed-book", "locked-book", "missing-removal"} <= set(report.clean)
    original = load(folder)
    repaired, log = repair(original, ["clock-offset", "event-order"])
    assert [report.rows, 69] == [entry.rows for entry in log]
    assert "local clock shifted by 1272156851 ns" == log[0].words
    after = examine(save(repaired, tmp_path))
    assert {"negative-latency", "local-clock-falls"} <= set(after.clean)
    assert ("L2 + trades, exact", 2) == (after.grade, counts(after)["repaired"])
    assert original.digest != repaired.digest and original.digest == load(folder).digest


def test_the_wandering_clock_of_2023_is_followed_by_a_moving_offset(imported: Any) -> None:
    folder = imported(raw, "binance/usdm_btcusdt_20230404.dat.gz")
    early = examine(folder).finding("negative-latency")
    assert early is not None
    assert 42_632 == early.count
    dataset = load(folder)
    delay = {}
    for step in ("clock-offset", "clock-offset:window_s=5"):
        repaired, _ = repair(dataset, [step])
        delay[step] = (repaired.events["ts_local"] - repaired.events["ts_exchange"]).sort()
        assert examine(repaired).finding("negative-latency") is None
    constant, moving = delay.values()
    assert moving.median() < constant.median()


def test_a_stored_capture_looks_the_same_in_small_blocks(imported: Any) -> None:
    folder = imported(raw, "binance/spot_btcusdt_20240808.gz")
    assert examine(folder).findings == examine(folder, block_rows=9_999).findings
