"""Every recording of the shared folder goes through ``lobsim import``: it becomes as many rows as are pinned here, or is refused in the pinned sentence."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from lobsim.feeds import load
from lobsim.feeds.manifest import read_manifest
from tests.support.commands import Run

PITCH_LINES = 20_000
NOT_UNDERSTOOD = (
    "this is no file that lobsim understands; give a LOBSTER zip, csv or csv.gz, Binance websocket capture,"
)
NO_SNAPSHOT = (
    "depth updates come without a snapshot to start from; give a snapshot, or the recording before this one, as book"
)
BOOK_ALONE = "this is an orderbook file; give the message file; its book lies beside it"
NOT_REPLAYABLE = "is not one that can be replayed; give one of mbo, mbp-1, mbp-10, trades"
TWO_MARKETS = (
    "BTCUSDT is described in two ways: venue BYBIT_LINEAR and BYBIT_SPOT, size_scale 0.001 and 0.000001, tick 0.10 and 0.1,"
    " lot 0.001 and 0.000001; import them into two stores (--venue says which)"
)
NO_PAIR = "it does not say which pair it is; say which with symbol, such as btcusd"
SAMPLES = "databento/dbn_format_samples/test_data"


class Case(NamedTuple):
    """A file or folder, the options it is given, and what it becomes: rows by symbol and date, or a sentence."""

    what: str
    options: tuple[str, ...]
    outcome: Mapping[str, int] | str


def _dbn_samples() -> list[Case]:
    """Databento's own small files: every schema in every version of the format."""
    outcomes: dict[str, Mapping[str, int] | str] = {
        "mbo": "no event was read (cancels of unknown orders: 2); give a longer recording",
        "mbp-1": {"ESH1 2020-12-28": 4},
        "mbp-10": {"ESH1 2020-12-28": 22},
        "trades": {"ESH1 2020-12-28": 2},
        "ohlcv-1m": f"its schema ohlcv-1m {NOT_REPLAYABLE}",
        "tbbo": f"its schema tbbo {NOT_REPLAYABLE}",
    }
    versions = ("dbn", "v1.dbn.zst", "v2.dbn.zst", "v3.dbn.zst")
    cases = [Case(f"{SAMPLES}.{schema}.{end}", (), what) for schema, what in outcomes.items() for end in versions]
    return [*cases, Case(f"{SAMPLES}.mbo.v3.dbn", (), outcomes["mbo"])]


CASES = [
    Case("binance/btcusdt-depth-snap.csv", (), {"BTCUSDT 2022-11-01": 101}),
    Case("binance/btcusdt-depth-update.csv", (), f"row 2: {NO_SNAPSHOT}"),
    Case(
        "binance/coinm_btcusd_perp_20240808.gz",
        (),
        {"BTCUSD_PERP 2024-08-08": 299_438, "BTCUSD_PERP 2024-08-09": 2_823},
    ),
    Case("binance/spot_btcusdt_20240808.gz", (), {"BTCUSDT 2024-08-08": 135_561, "BTCUSDT 2024-08-09": 3_700}),
    Case("binance/spot_btcusdt_20240809.gz", (), f"row 1: {NO_SNAPSHOT}"),
    Case(
        "binance/spot_btcusdt_20240809.gz",
        ("--book", "binance/spot_btcusdt_20240808.gz"),
        {"BTCUSDT 2024-08-09": 187_574},
    ),
    Case("binance/spot_rest_aggTrades_BTCUSDT.json.gz", (), "of which symbol it is; say it with symbol"),
    Case("binance/spot_rest_aggTrades_BTCUSDT.json.gz", ("--symbol", "BTCUSDT"), {"BTCUSDT 2020-01-02": 1_000}),
    Case("binance/spot_rest_klines_BTCUSDT_1h.json.gz", (), NOT_UNDERSTOOD),
    Case("binance/spot_rest_klines_BTCUSDT_1m.json", (), NOT_UNDERSTOOD),
    Case("binance/usdm_btcusdt_20230404.dat.gz", (), {"BTCUSDT 2023-04-04": 70_470}),
    Case("binance/usdm_btcusdt_20230405.dat.gz", (), f"row 1: {NO_SNAPSHOT}"),
    Case(
        "binance/usdm_btcusdt_20230405.dat.gz",
        ("--book", "binance/usdm_btcusdt_20230404.dat.gz"),
        {"BTCUSDT 2023-04-05": 271_239},
    ),
    Case("binance/usdm_btcusdt_20240808.gz", (), {"BTCUSDT 2024-08-08": 466_483, "BTCUSDT 2024-08-09": 9_692}),
    Case("bitfinex/L3_feed.json.gz", (), "it holds no times, and does not say which day it is; say which with date"),
    Case("bitfinex/L3_feed.json.gz", ("--date", "2021-04-01"), {"tBTCUSD 2021-04-01": 100_049}),
    Case("bitstamp/2015-05-01.log.bz2", (), NO_PAIR),
    Case("bitstamp/2015-05-01.log.bz2", ("--symbol", "btcusd"), {"btcusd 2015-05-01": 236_544}),
    Case("bitstamp/orders.csv.bz2", (), NO_PAIR),
    Case("bitstamp/orders.csv.bz2", ("--symbol", "btcusd"), {"btcusd 2015-05-01": 237_291}),
    Case("bybit/1INCHUSDT_2025-05-19.csv.gz", (), {"1INCHUSDT 2025-05-19": 6_682}),
    Case("bybit/BYBIT.jsonl.zst", (), TWO_MARKETS),
    Case(
        "bybit/BYBIT.jsonl.zst",
        ("--venue", "BYBIT_LINEAR"),
        {
            "BTCUSDT 2026-08-09": 7_237,
            "ETHUSDT 2026-08-09": 4_515,
            "SOLUSDT 2026-08-09": 3_308,
            "DOGEUSDT 2026-08-09": 3_005,
        },
    ),
    Case(
        "bybit/BYBIT.jsonl.zst",
        ("--venue", "BYBIT_SPOT"),
        {"BTCUSDT 2026-08-09": 1_759, "ETHUSDT 2026-08-09": 1_338},
    ),
    Case("bybit/UNIUSDC_2025-05-17.csv", (), {"UNIUSDC 2025-05-17": 219}),
    Case("bybit/v5_market_kline_docs_example.json", (), NOT_UNDERSTOOD),
    Case("bybit/xrpusdt-ob500.data.zip", (), {"XRPUSDT 2024-12-01": 3_967}),
    Case("coinbase/COINBASE.jsonl.zst", (), {"BTC-USD 2026-08-09": 47_977, "ETH-USD 2026-08-09": 26_296}),
    Case("databento/ARL_2025-07-17_mbo.csv.gz", (), {"ARL 2025-07-17": 5_864}),
    Case("databento/ARL_2025-07-17_mbp-10.csv.gz", (), {"ARL 2025-07-17": 6_646}),
    *_dbn_samples(),
    Case("databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst", (), {"ESH4 2023-12-25": 59_618}),
    Case("itch/totalview_itch50_first1000msgs.itch", (), "it does not say which day it is; say it with date"),
    Case(
        "itch/totalview_itch50_first1000msgs.itch",
        ("--date", "2019-01-30"),
        "it holds no order and no trade (1000 messages)",
    ),
    Case("lobster/AAPL_2012-06-21_34200000_37800000_message_50.csv.gz", (), {"AAPL 2012-06-21": 91_997}),
    Case("lobster/AAPL_2012-06-21_34200000_37800000_orderbook_50.first672rows.csv.gz", (), BOOK_ALONE),
    Case("lobster/AAPL_2012-06-21_34200000_37800000_orderbook_50.level1only.csv.gz", (), BOOK_ALONE),
    Case("lobster/GOOG_2012-06-21_34200000_57600000_message_10.csv.gz", (), {"GOOG 2012-06-21": 147_916}),
    Case("lobster/GOOG_2012-06-21_34200000_57600000_orderbook_10.csv.gz", (), BOOK_ALONE),
    Case("lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip", (), {"AAPL 2012-06-21": 118_497}),
    Case("lobster/LOBSTER_SampleFile_GOOG_2012-06-21_1.zip", (), {"GOOG 2012-06-21": 49_482}),
    Case("lobster/LOBSTER_SampleFile_GOOG_2012-06-21_10.zip", (), {"GOOG 2012-06-21": 147_916}),
    Case(
        "pitch/pitch_data_100k.gz",
        ("--date", "2013-01-02"),
        "row 20001: its time goes back by 163723 ms; the file seems to hold a stretch twice: cut it before this row",
    ),
    Case("sse/AX_sbe_sse_600519.zip", (), "it does not say which day it is; say which with date"),
    Case("sse/AX_sbe_sse_600519.zip", ("--date", "2023-02-07"), {"600519 2023-02-07": 65_002}),
    Case("tardis/binance-futures_book_snapshot_25_BTCUSDT.csv", (), {"BTCUSDT 2020-09-01": 64}),
    Case("tardis/binance-futures_book_snapshot_5_BTCUSDT.csv", (), {"BTCUSDT 2020-09-01": 26}),
    Case("tardis/binance-futures_quotes_BTCUSDT_2020-02-22.csv.gz", (), {"BTCUSDT 2020-02-22": 15_966}),
    Case("tardis/binance-futures_trades_BTCUSDT_2020-02-22.csv.gz", (), {"BTCUSDT 2020-02-22": 9_999}),
    Case("tardis/bitmex_trades_XBTUSD.csv", (), {"XBTUSD 2020-03-01": 10}),
    Case("tardis/deribit_incremental_book_L2_BTC-PERPETUAL.csv", (), {"BTC-PERPETUAL 2020-04-01": 16}),
    Case("tardis/huobi-dm-swap_quotes_BTC-USD.csv", (), {"BTC-USD 2020-05-01": 13}),
]
FOLDERS = {
    "captures that go on from file to file": Case(
        "binance/spot_btcusdt_20240808.gz binance/spot_btcusdt_20240809.gz",
        (),
        {"BTCUSDT 2024-08-08": 135_561, "BTCUSDT 2024-08-09": 187_868},
    ),
    "the same of futures": Case(
        "binance/usdm_btcusdt_20230404.dat.gz binance/usdm_btcusdt_20230405.dat.gz",
        (),
        {"BTCUSDT 2023-04-04": 70_470, "BTCUSDT 2023-04-05": 271_239},
    ),
    "a download whose parts do not join": Case(
        "binance/btcusdt-depth-snap.csv binance/btcusdt-depth-update.csv",
        (),
        "row 2: its first update, 2098041693435 to 2098041696700, does not join the snapshot of 2098021528332",
    ),
    "two markets of one symbol": Case(
        "binance/spot_btcusdt_20240808.gz binance/usdm_btcusdt_20240808.gz",
        (),
        "BTCUSDT is described in two ways: venue BINANCE_SPOT and BINANCE_USDM; import them into two stores",
    ),
    "three kinds of one venue": Case(
        "bybit/1INCHUSDT_2025-05-19.csv.gz bybit/UNIUSDC_2025-05-17.csv bybit/xrpusdt-ob500.data.zip",
        (),
        {"1INCHUSDT 2025-05-19": 6_682, "UNIUSDC 2025-05-17": 219, "XRPUSDT 2024-12-01": 3_967},
    ),
    "CSV and DBN": Case(
        "databento/ARL_2025-07-17_mbo.csv.gz databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst",
        (),
        {"ARL 2025-07-17": 5_864, "ESH4 2023-12-25": 59_618},
    ),
    "orders and levels of one day": Case(
        "databento/ARL_2025-07-17_mbo.csv.gz databento/ARL_2025-07-17_mbp-10.csv.gz",
        (),
        "ARL is described in two ways: fidelity L3_FULL and L2_TRADES, depth 0 and 10; import them into two stores",
    ),
    "quotes and trades of one day": Case(
        "tardis/binance-futures_quotes_BTCUSDT_2020-02-22.csv.gz tardis/binance-futures_trades_BTCUSDT_2020-02-22.csv.gz"
        " tardis/bitmex_trades_XBTUSD.csv",
        (),
        {"BTCUSDT 2020-02-22": 25_965, "XBTUSD 2020-03-01": 10},
    ),
    "LOBSTER days among others": Case(
        "lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip lobster/GOOG_2012-06-21_34200000_57600000_message_10.csv.gz"
        " lobster/GOOG_2012-06-21_34200000_57600000_orderbook_10.csv.gz tardis/bitmex_trades_XBTUSD.csv",
        (),
        {"AAPL 2012-06-21": 118_497, "GOOG 2012-06-21": 147_916, "XBTUSD 2020-03-01": 10},
    ),
    "a LOBSTER day twice": Case(
        "lobster/LOBSTER_SampleFile_GOOG_2012-06-21_1.zip lobster/LOBSTER_SampleFile_GOOG_2012-06-21_10.zip",
        (),
        "it is GOOG 2012-06-21 again; take one of the files away",
    ),
}


def outcome_of(run: Run, path: Path, options: tuple[str, ...], store: Path) -> Mapping[str, int] | str:
    """Import, and what became of it: rows by symbol and date, of days that load and have the digest they say; or the sentence."""
    done = run("import", path, "--out", store, "--json", *options)
    if done.code:
        assert (1, "", 1) == (done.code, done.out, done.err.count("\n"))
        return done.err.removeprefix("error: ").rstrip("\n")
    rows = {}
    for day in done.json.get("datasets", [done.json]):
        dataset = load(day["folder"])
        assert (day["digest"], day["rows"]) == (dataset.digest, len(dataset.events))
        rows[f"{day['symbol']} {day['date']}"] = day["rows"]
    assert rows == {f"{entry['symbol']} {entry['date']}": entry["rows"] for entry in read_manifest(store)}
    return rows


def hold(found: Mapping[str, int] | str, expected: Mapping[str, int] | str, path: Path) -> None:
    """Compare what came with what is pinned."""
    if isinstance(expected, str):
        assert isinstance(found, str) and expected in found, found
        assert path.name.partition(".")[0] in found.partition(expected)[0], "the sentence does not name the file"
    else:
        assert expected == found


@pytest.mark.parametrize("case", CASES, ids=[" ".join((case.what, *case.options)) for case in CASES])
def test_a_recording_becomes_its_rows_or_is_refused(case: Case, run: Run, shared: Path, tmp_path: Path) -> None:
    data = shared / "data"
    options = tuple(str(data / option) if "/" in option else option for option in case.options)
    hold(outcome_of(run, data / case.what, options, tmp_path / "store"), case.outcome, data / case.what)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_becomes_its_days_or_is_refused(name: str, run: Run, shared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "recorded"
    folder.mkdir()
    case = FOLDERS[name]
    for part in case.what.split():
        (folder / Path(part).name).symlink_to(shared / "data" / part)
    found = outcome_of(run, folder, case.options, tmp_path / "store")
    if isinstance(case.outcome, str):
        assert isinstance(found, str) and case.outcome in found, found
    else:
        assert case.outcome == found


def test_the_lines_of_pitch_that_are_there_five_times_are_a_day_once(run: Run, shared: Path, tmp_path: Path) -> None:
    lines = gzip.decompress((shared / "data" / "pitch" / "pitch_data_100k.gz").read_bytes()).splitlines(keepends=True)
    assert lines[:PITCH_LINES] * 5 == lines
    once = tmp_path / "once.txt"
    once.write_bytes(b"".join(lines[:PITCH_LINES]))
    found = outcome_of(run, once, ("--date", "2013-01-02"), tmp_path / "store")
    assert isinstance(found, dict)
    assert (288, PITCH_LINES) == (len(found), sum(found.values()))


def test_no_recording_is_forgotten(shared: Path) -> None:
    data = shared / "data"
    there = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file() and path.name != "README.md"}
    assert there == {case.what for case in CASES}
