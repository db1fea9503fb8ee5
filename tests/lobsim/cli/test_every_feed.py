"""One line of ``lobsim backtest`` on a recording of every feed: imported, executed, and told what the data are worth.

Recordings are genuine; long ones are cut to their first lines.  The line is the same for all, with nothing left out but --start.
"""

from __future__ import annotations

import bz2
import gzip
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.lobsim.cli.conftest import Run

LINE = ("--side", "buy", "--size", "10", "--duration", "300ms", "--algo", "twap:cross,leave")


class Feed(NamedTuple):
    """A recording and what a backtest on it must say.

    lines    of the file are read, 0: the file as it is
    options  of the import
    first    symbol and date of the day that is taken
    """

    file: str
    lines: int
    options: tuple[str, ...]
    first: tuple[str, str]
    fidelity: str
    currency: str
    grade: str


SMALL_FEEDS = (
    Feed("binance/coinm_btcusd_perp_20240808.gz", 200, (), ("BTCUSD_PERP", "2024-08-08"), "L2_TRADES", "BTC", "L2 + trades, sound"),
    Feed("bybit/BYBIT.jsonl.zst", 0, ("--venue", "BYBIT_SPOT"), ("BTCUSDT", "2026-08-09"), "L2_TRADES", "USDT", "L2 + trades, exact"),
    Feed("tardis/binance-futures_book_snapshot_25_BTCUSDT.csv", 0, (), ("BTCUSDT", "2020-09-01"), "L2_SNAPSHOTS", "USDT", "L2 without trades, exact"),
    Feed("tardis/binance-futures_book_snapshot_5_BTCUSDT.csv", 0, (), ("BTCUSDT", "2020-09-01"), "L2_SNAPSHOTS", "USDT", "L2 without trades, exact"),
    Feed("tardis/binance-futures_quotes_BTCUSDT_2020-02-22.csv.gz", 300, (), ("BTCUSDT", "2020-02-22"), "L1", "USDT", "L1, exact"),
    Feed("tardis/huobi-dm-swap_quotes_BTC-USD.csv", 0, (), ("BTC-USD", "2020-05-01"), "L1", "USD", "L1, exact"),
    Feed("databento/ARL_2025-07-17_mbo.csv.gz", 600, (), ("ARL", "2025-07-17"), "L3_FULL", "USD", "L3, sound"),
    Feed("databento/ARL_2025-07-17_mbp-10.csv.gz", 300, (), ("ARL", "2025-07-17"), "L2_TRADES", "USD", "L2 + trades, sound"),
)  # fmt: skip
LARGE_FEEDS = (
    Feed("bybit/xrpusdt-ob500.data.zip", 0, (), ("XRPUSDT", "2024-12-01"), "L2_TRADES", "USDT", "L2 + trades, exact"),
    Feed("binance/spot_btcusdt_20240808.gz", 1000, (), ("BTCUSDT", "2024-08-08"), "L2_TRADES", "USDT", "L2 + trades, sound"),
    Feed("binance/usdm_btcusdt_20240808.gz", 1000, (), ("BTCUSDT", "2024-08-08"), "L2_TRADES", "USDT", "L2 + trades, sound"),
    Feed("databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst", 0, (), ("ESH4", "2023-12-25"), "L3_FULL", "XXX", "L3, exact"),
    Feed("sse/AX_sbe_sse_600519.zip", 0, ("--date", "2023-02-07"), ("600519", "2023-02-07"), "L3_FULL", "CNY", "L3, exact"),
    Feed("bitstamp/orders.csv.bz2", 3000, ("--symbol", "BTCUSD"), ("BTCUSD", "2015-05-01"), "L3_FULL", "USD", "L3, broken"),
)  # fmt: skip


def cut(path: Path, lines: int, folder: Path) -> Path:
    """The first lines of a packed or plain file, plain."""
    opener = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)
    out = folder / path.name.removesuffix(path.suffix)
    with opener(path, "rb") as file:
        out.write_bytes(b"".join(islice(file, lines)))  # pyright: ignore[reportArgumentType]
    return out


def executed(run: Run, shared: Path, feed: Feed, folder: Path) -> Any:
    """The backtest's object; the import must have gone well."""
    path = shared / "data" / feed.file
    path = cut(path, feed.lines, folder) if feed.lines else path
    done = run("import", path, "--out", folder / "store", *feed.options)
    assert (0, "") == (done.code, done.err), done.err
    symbol, date = feed.first
    done = run("backtest", "--data", folder / "store", "--symbol", symbol, "--date", date, *LINE, "--json")
    assert 0 == done.code, done.err
    return done.json


def check(found: Any, feed: Feed) -> None:
    """What every feed has to give: its fidelity, its currency, its grade, and costs that add up."""
    assert (feed.fidelity, feed.currency, feed.grade) == (found["fidelity"], found["currency"], found["grade"])
    assert ["twap:cross", "leave"] == [row["algo"] for row in found["results"]]
    for row in found["results"]:
        assert 0 < row["filled"] <= 10 + 1e-9
        assert row["shortfall_bps"] == pytest.approx(sum(row["shortfall_parts_bps"].values()), abs=1e-7)
        assert row["arrival_cost_bps"] is not None
    assert 0 == found["results"][0]["passive_share"]


@pytest.mark.parametrize("feed", SMALL_FEEDS, ids=lambda feed: feed.file)
def test_the_same_line_works_on_every_feed(feed: Feed, run: Run, shared: Path, tmp_path: Path) -> None:
    check(executed(run, shared, feed, tmp_path), feed)


@pytest.mark.parametrize("feed", LARGE_FEEDS, ids=lambda feed: feed.file)
def test_the_same_line_works_on_longer_recordings(
    feed: Feed, run: Run, shared: Path, tmp_path: Path, small: bool
) -> None:
    if small:
        pytest.skip("tens of thousands of rows: compiled runs only")
    check(executed(run, shared, feed, tmp_path), feed)


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("tardis/bitmex_trades_XBTUSD.csv", "it holds trades and no book, and there is nothing to trade with"),
        ("tardis/deribit_incremental_book_L2_BTC-PERPETUAL.csv", "the book never has both sides in continuous trading"),
        (
            "databento/dbn_format_samples/test_data.mbp-1.v3.dbn.zst",
            "the parent order does not lie within the recording",
        ),
    ],
)
def test_what_cannot_be_executed_is_one_sentence(file: str, what: str, run: Run, shared: Path, tmp_path: Path) -> None:
    assert 0 == run("import", shared / "data" / file, "--out", tmp_path / "store").code
    done = run("backtest", "--data", tmp_path / "store", *LINE)
    assert (1, "", 1) == (done.code, done.out, done.err.count("\n"))
    assert what in done.err


def test_an_inverse_contract_costs_coins(run: Run, shared: Path, tmp_path: Path) -> None:
    found = executed(run, shared, SMALL_FEEDS[0], tmp_path)
    for row in found["results"]:
        decision = row["avg_price"] / (1 + row["arrival_cost_bps"] / 1e4)
        coins = 10 * 100 / decision
        assert row["shortfall_bps"] == pytest.approx(1e4 * row["shortfall_money"] / coins, rel=1e-3)
        assert abs(row["shortfall_money"]) < coins / 100
