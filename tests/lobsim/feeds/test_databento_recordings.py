"""Databento's recordings against their independent truths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import databento_dbn as library
import numpy as np
import polars as pl
import pytest

from lobsim.feeds.databento import dbn, delimited
from lobsim.feeds.databento.dbn import _record_blocks
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.schema import Dataset, DatasetInfo, validate
from lobsim.feeds.source import Source
from lobsim.market import Market
from lobsim.types import Fidelity, Flag, Kind, Phase, Side
from tests.support.read_pieces import Whole, read_one
from tests.support.recorded_books import OrderBook


@pytest.fixture(scope="module")
def es_file(shared: Path) -> Path:
    return shared / "data" / "databento" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"


@pytest.fixture(scope="module")
def es(es_file: Path) -> Whole:
    return read_one(dbn, es_file)


@pytest.fixture(scope="module")
def samples(shared: Path) -> Path:
    return shared / "data" / "databento" / "dbn_format_samples"


def _decimal(text: str) -> int | None:
    """A CSV price in 1e-9."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(9, "0")) if text else None


def test_every_record_is_what_the_library_decodes(es_file: Path) -> None:
    decoder = library.DBNDecoder()
    raw = b"".join(Source(es_file).blocks())
    decoder.write(raw)
    _, *expected = decoder.decode()
    with Source(es_file).open() as stream:
        dbn._read_head(stream, "es")
        records = np.concatenate(list(_record_blocks(stream, "mbo", ts_out=False, file="es")))
    assert len(expected) == len(records) == 68_792
    for name in ("ts_event", "ts_recv", "instrument_id", "publisher_id", "order_id", "price", "size", "sequence"):
        assert [getattr(record, name) for record in expected] == records[name].tolist(), name
    for name in ("action", "side"):
        assert [str(getattr(record, name)) for record in expected] == [chr(code) for code in records[name]]


def test_es_names_no_unknown_order_and_counts_what_does_not_pair_up(es: Whole) -> None:
    assert {
        "fills of the aggressor": 107,
        "fills of unknown orders": 7,
        "fills beyond what was shown": 27,
        "shown again after a fill": 83,
        "uncrossings": 1,
    } == es.notes
    assert (Fidelity.L3_FULL, "ESH4", "GLBX") == (es.instrument.fidelity, es.instrument.symbol, es.instrument.venue)


def test_the_book_of_es_is_that_of_its_adds_cancels_and_modifies_and_crossed_only_before_the_open(
    es: Whole, es_file: Path
) -> None:
    book, crossed, opened = OrderBook(), 0, False
    ends: dict[int, list[Any]] = {}
    for row in book.after_each(es.events):
        opened |= row["kind"] == Kind.PHASE and row["size"] == Phase.CONTINUOUS
        if row["flags"] & Flag.LAST_IN_PACKET:
            crossed += book.crossed
            assert not (opened and book.crossed), row
            ends[row["ts_exchange"]] = [book.top(side, 5) for side in Side]
    assert 891 == crossed
    expected = _ends_of_the_records(es_file)
    assert expected.keys() == ends.keys()
    assert not [time for time in ends if ends[time] != expected[time]]


def _ends_of_the_records(path: Path) -> dict[int, list[Any]]:
    """The book after each event, kept from the library's records with T and F left out; by time."""
    decoder = library.DBNDecoder()
    decoder.write(b"".join(Source(path).blocks()))
    book, ends = OrderBook(), {}
    for record in decoder.decode()[1:]:
        action, order_id = str(record.action), record.order_id
        side = Side.BUY if str(record.side) == "B" else Side.SELL
        kind = {"A": Kind.ADD, "C": Kind.REDUCE, "M": Kind.REPLACE}.get(action)
        if kind is not None:
            book.apply(kind, side, record.price, record.size, order_id, order_id)
        ends[record.ts_recv if record.flags & 32 else record.ts_event] = [book.top(side, 5) for side in Side]
    return ends


def test_phases_of_es_are_pre_open_then_continuous_at_the_open(es: Whole) -> None:
    phases = es.events.filter(pl.col("kind") == Kind.PHASE)
    assert [Phase.PRE_OPEN, Phase.CONTINUOUS] == phases["size"].to_list()
    assert [0, 23 * 3600 * 10**9] == [time % (86_400 * 10**9) for time in phases["ts_exchange"]]
    auction = es.events.filter(pl.col("kind") == Kind.PRINT)
    assert [(44, Flag.AUCTION, 4_800_250_000_000)] == auction.select("size", "flags", "price").rows()


def test_snapshot_of_es_comes_first_at_the_instant_for_which_it_was_made(es: Whole) -> None:
    snapshot = es.events.filter((pl.col("flags") & Flag.SNAPSHOT) != 0)
    assert 8_725 == len(snapshot)
    assert {1_703_462_400_000_000_000} == set(snapshot["ts_exchange"])
    assert [Kind.PHASE, Kind.CLEAR, Kind.ADD] == es.events["kind"].head(3).to_list()
    assert es.events["ts_exchange"].is_sorted()


def test_executions_of_es_carry_makers_aggressors_and_the_volume_of_its_trades(es: Whole, es_file: Path) -> None:
    decoder = library.DBNDecoder()
    decoder.write(b"".join(Source(es_file).blocks()))
    trades = [record for record in decoder.decode()[1:] if str(record.action) == "T"]
    continuous = es.events.filter((pl.col("flags") & Flag.AUCTION) == 0)
    executed = continuous.filter(pl.col("kind").is_in([Kind.EXECUTE, Kind.EXECUTE_HIDDEN]))
    assert sum(trade.size for trade in trades if str(trade.side) != "N") == executed["size"].sum()
    named = continuous.filter(pl.col("kind") == Kind.EXECUTE)
    assert (named["match_id"] > 0).all()
    assert (named["order_id"] > 0).all()


def test_each_level_row_of_arl_is_the_book_of_its_orders_at_that_sequence(shared: Path) -> None:
    folder = shared / "data" / "databento"
    arl = read_one(delimited, folder / "ARL_2025-07-17_mbo.csv.gz")
    assert not arl.notes
    book, before, states = OrderBook(), [[], []], dict[int, list[Any]]()
    for row in book.after_each(arl.events):
        here = [book.top(side, 10) for side in Side]
        states.setdefault(row["sequence"], [before]).append(here)
        before = here
        assert not book.crossed
    truth = pl.read_csv(folder / "ARL_2025-07-17_mbp-10.csv.gz", infer_schema=False)
    assert 3_928 == len(truth)
    for row in truth.fill_null("").iter_rows(named=True):
        shown = [
            [
                (_decimal(row[f"{side}_px_{k:02}"]), int(row[f"{side}_sz_{k:02}"]), int(row[f"{side}_ct_{k:02}"]))
                for k in range(10)
                if row[f"{side}_px_{k:02}"]
            ]
            for side in ("bid", "ask")
        ]
        found = states[int(row["sequence"])]
        assert shown in found, row["sequence"]


def test_arl_replays_order_by_order_without_an_unknown_order(shared: Path) -> None:
    whole = read_one(delimited, shared / "data" / "databento" / "ARL_2025-07-17_mbo.csv.gz")
    events = whole.events.with_columns(price=pl.col("price") // 10**7, sequence=pl.int_range(pl.len()))
    first, last = events["ts_exchange"][0], events["ts_exchange"][-1]
    info = DatasetInfo("ARL", "XNAS", "2025-07-17", "USD", "0.01", 1, "1", Fidelity.L3_FULL, 0, first, last, "ARL", "")
    dataset = Dataset(info, events)
    validate(dataset)
    check = Market(dataset).replay()
    assert (len(events), 0, 0) == (check.rows, check.unknown, check.crossed)


def test_levels_of_arl_follow_its_mbp_10_rows(shared: Path) -> None:
    path = shared / "data" / "databento" / "ARL_2025-07-17_mbp-10.csv.gz"
    arl = read_one(delimited, path)
    assert (Fidelity.L2_TRADES, 10) == (arl.instrument.fidelity, arl.instrument.depth)
    assert {"trades that name the maker": 11} == arl.notes
    levels: dict[tuple[int, int], int] = {}
    states: dict[int, list[dict[tuple[int, int], int]]] = {}
    for row in arl.events.iter_rows(named=True):
        if row["kind"] == Kind.CLEAR:
            levels.clear()
        elif row["kind"] == Kind.LEVEL:
            levels[row["side"], row["price"]] = row["size"]
        states.setdefault(row["sequence"], []).append({key: size for key, size in levels.items() if size})
    previous: dict[tuple[int, int], int] = {}
    for row in pl.read_csv(path, infer_schema=False).fill_null("").iter_rows(named=True):
        shown = {
            (side, _decimal(row[f"{name}_px_{k:02}"])): int(row[f"{name}_sz_{k:02}"])
            for side, name in ((Side.BUY, "bid"), (Side.SELL, "ask"))
            for k in range(10)
            if row[f"{name}_px_{k:02}"]
        }
        assert shown in [*states.get(int(row["sequence"]), []), previous]
        previous = shown


@pytest.mark.parametrize("schema", ["mbo", "mbp-1", "mbp-10", "trades"])
def test_all_versions_of_dbn_plain_or_packed_give_the_same_rows(samples: Path, schema: str) -> None:
    files = [samples / f"test_data.{schema}{rest}" for rest in (".dbn", ".v1.dbn.zst", ".v2.dbn.zst", ".v3.dbn.zst")]
    first, *others = [read_one(dbn, file) for file in files]
    assert {"mbo": 0, "mbp-1": 4, "mbp-10": 22, "trades": 2}[schema] == len(first.events)
    assert ({"cancels of unknown orders": 2} if schema == "mbo" else {}) == first.notes
    assert "ESH1" == first.instrument.symbol
    for other in others:
        assert first.events.equals(other.events)


def test_trades_are_prints_against_the_resting_side(samples: Path) -> None:
    trades = read_one(dbn, samples / "test_data.trades.dbn").events
    expected = [(Kind.PRINT, Side.BUY, 3_720_250_000_000, 5), (Kind.PRINT, Side.BUY, 3_720_250_000_000, 21)]
    assert expected == trades.select("kind", "side", "price", "size").rows()
    assert ((trades["flags"] & Flag.AGGRESSOR_KNOWN) != 0).all()


def test_the_symbol_option_picks_one_and_refuses_what_is_not_there(samples: Path) -> None:
    path = samples / "test_data.mbo.dbn"
    assert "ESH1" == read_one(dbn, path, ReadOptions(symbol="ESH1")).instrument.symbol
    with pytest.raises(Exception, match="it holds no record of ESZ9"):
        read_one(dbn, path, ReadOptions(symbol="ESZ9"))
