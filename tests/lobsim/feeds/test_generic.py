"""Any table whose columns a person names comes in whole and exact, from CSV and from Parquet."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds import generic
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import NONE, Fidelity, Flag, Kind, Phase, Side

HEADER = "when,what,which,cost,amount,order,note"
ORDERS = {
    "ts_exchange": "when@ms",
    "kind": "what",
    "side": "which",
    "price": "cost",
    "size": "amount",
    "order_id": "order",
}
ROWS = (
    '1000.5,phase,,,continuous,,"a, b"',
    "1000.5,add,buy,100.25,3,7,",
    "1001.000001,ADD,Ask,101,0.5,8,",
    "1002,reduce,bid,100.25,1,7,",
    "1002,execute,s,101,0.25,8,",
    "1003,replace,b,100.5,2,7,",
    "1004,delete,a,101,0.25,8,",
)


def options(mapping: dict[str, str] | None = None, **more: str) -> ReadOptions:
    """Options with a mapping."""
    return ReadOptions(**({"symbol": "TINY"} | more), mapping=tuple((mapping or ORDERS).items()))


def write(folder: Path, rows: tuple[str, ...] = ROWS, header: str = HEADER) -> Source:
    """A CSV file."""
    path = folder / "made_up.csv"
    path.write_text("".join(f"{line}\n" for line in (header, *rows)))
    return Source(path)


def events(source: Source, chosen: ReadOptions | None = None, nbytes: int = 2**20) -> pl.DataFrame:
    """All rows of a table."""
    return pl.concat([piece.events for piece in generic.read(source, chosen or options(), nbytes=nbytes)])


def test_a_table_of_orders_becomes_canonical_rows(tmp_path: Path) -> None:
    table = events(write(tmp_path))
    last, known = int(Flag.LAST_IN_PACKET), int(Flag.AGGRESSOR_KNOWN)
    unit = 10**9
    expected = [
        (1_000_500_000, Kind.PHASE, NONE, 0, Phase.CONTINUOUS, 0, 0, last),
        (1_000_500_000, Kind.ADD, Side.BUY, 100 * unit + unit // 4, 3 * unit, 7, 0, last),
        (1_001_000_001, Kind.ADD, Side.SELL, 101 * unit, unit // 2, 8, 0, last),
        (1_002_000_000, Kind.REDUCE, Side.BUY, 100 * unit + unit // 4, unit, 7, 0, last),
        (1_002_000_000, Kind.EXECUTE, Side.SELL, 101 * unit, unit // 4, 8, 0, last | known),
        (1_003_000_000, Kind.REPLACE, Side.BUY, 100 * unit + unit // 2, 2 * unit, 7, 7, last),
        (1_004_000_000, Kind.DELETE, Side.SELL, 101 * unit, unit // 4, 8, 0, last),
    ]
    names = ["ts_exchange", "kind", "side", "price", "size", "order_id", "other_id", "flags"]
    assert expected == table.select(names).rows()
    assert table["ts_local"].equals(table["ts_exchange"])
    assert {-1} == set(table["sequence"])


def test_the_instrument_is_what_was_said(tmp_path: Path) -> None:
    chosen = options(venue="HOME", tick="0.25", lot="0.5")
    instrument = next(iter(generic.read(write(tmp_path), chosen))).instrument
    assert ("TINY", "HOME", "0.25", "0.5", Fidelity.L3_FULL) == (
        instrument.symbol,
        instrument.venue,
        instrument.tick,
        instrument.lot,
        instrument.fidelity,
    )


def test_the_rows_do_not_depend_on_the_blocks(tmp_path: Path) -> None:
    source = write(tmp_path, ROWS * 1 + tuple(f"{2000 + i},add,buy,1,1,{100 + i}," for i in range(500)))
    assert events(source).equals(events(source, nbytes=300))


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("ns", "1786309548228568804"),
        ("us", "1786309548228568.804"),
        ("ms", "1786309548228.568804"),
        ("s", "1786309548.228568804"),
        ("iso", "2026-08-09T21:05:48.228568804Z"),
        ("iso", "2026-08-09 21:05:48.228568804+00:00"),
    ],
)
def test_times_are_exact_in_every_unit(tmp_path: Path, unit: str, text: str) -> None:
    source = write(tmp_path, (f"{text},print,buy,1,1,,",))
    table = events(source, options(ORDERS | {"ts_exchange": f"when@{unit}"}))
    assert [1786309548228568804] == table["ts_exchange"].to_list()


def test_prices_can_be_counts_of_a_unit(tmp_path: Path) -> None:
    source = write(tmp_path, ("1,print,buy,5853300,2,,",))
    table = events(source, options(ORDERS | {"price": "cost@0.0001", "size": "amount@1"}))
    assert (Decimal("585.33") * 10**9, 2 * 10**9) == table.select("price", "size").row(0)


def test_flags_can_be_mapped_as_words(tmp_path: Path) -> None:
    source = write(tmp_path, ("1,clear,,,,,", "1,level,buy,1,1,,snapshot|last_in_packet", "1,level,buy,1,2,,"))
    mapping = {name: column for name, column in ORDERS.items() if name != "order_id"} | {"flags": "note"}
    assert [0, Flag.SNAPSHOT | Flag.LAST_IN_PACKET, 0] == events(source, options(mapping))["flags"].to_list()


def test_parquet_gives_the_rows_of_the_same_csv(tmp_path: Path) -> None:
    wanted = events(write(tmp_path))
    cells = pl.read_csv(tmp_path / "made_up.csv", infer_schema=False)
    path = tmp_path / "made_up.parquet"
    cells.write_parquet(path, row_group_size=3)
    assert wanted.equals(events(Source(path)))
    typed = cells.slice(1).with_columns(
        pl.col("order").cast(pl.Int64),
        pl.col("cost").cast(pl.Float64),
        pl.col("amount").cast(pl.Decimal(18, 4)),
        when=(pl.Series(wanted["ts_exchange"][1:])).cast(pl.Datetime("ns")),
    )
    typed.write_parquet(path)
    assert wanted.slice(1).equals(events(Source(path), options(ORDERS | {"ts_exchange": "when"})))


def test_recorded_trades_of_tardis_can_be_mapped(shared: Path) -> None:
    source = Source(shared / "data" / "tardis" / "binance-futures_trades_BTCUSDT_2020-02-22.csv.gz")
    mapping = {
        "kind": "=print",
        "ts_exchange": "timestamp@us",
        "ts_local": "local_timestamp@us",
        "side": "side@aggressor",
        "price": "price",
        "size": "amount",
        "match_id": "id",
    }
    table = events(source, options(mapping, symbol="BTCUSDT"), nbytes=100_000)
    cells = pl.read_csv(source.path, infer_schema=False)
    assert generic.recognise(source)
    assert 9_999 == len(table)
    assert [int(Decimal(text) * 10**9) for text in cells["price"]] == table["price"].to_list()
    assert [int(Decimal(text) * 10**9) for text in cells["amount"]] == table["size"].to_list()
    assert [int(text) * 1000 for text in cells["local_timestamp"]] == table["ts_local"].to_list()
    assert [Side.SELL if text == "buy" else Side.BUY for text in cells["side"]] == table["side"].to_list()


GOOD = ROWS[1]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (GOOD.replace("1000.5", "1e3"), "row 3: ts_exchange is '1e3', a time in ms"),
        (GOOD.replace("1000.5", "1000.1234567"), "row 3: ts_exchange is '1000.1234567'"),
        (GOOD.replace("1000.5", "999"), "row 3: ts_exchange is 999000000 ns, earlier"),
        (GOOD.replace("add", "new"), "row 3: kind is 'new', there are add, reduce"),
        (GOOD.replace("buy", "long"), "row 3: side is 'long'"),
        (GOOD.replace("buy", ""), "row 3: a row of kind add needs a side"),
        (GOOD.replace("100.25", "nan"), "row 3: price is 'nan'"),
        (GOOD.replace("100.25", "0.0000000001"), "row 3: price is '0.0000000001'"),
        (GOOD.replace("100.25", "99999999999"), "row 3: price is '99999999999'"),
        (GOOD.replace(",3,", ",-3,"), "row 3: size is '-3'"),
        (GOOD.replace(",3,", ",,"), "row 3: a row of kind add needs a size"),
        (GOOD.replace(",3,", ",halt,"), "row 3: size is 'halt'"),
        (GOOD.replace("7", "x7"), "row 3: order_id is 'x7'"),
        (GOOD.replace("7", ""), "row 3: a row of kind add needs order_id"),
        (GOOD + ",", "row 3: the row has 8 columns, 7 are needed"),
        ("", "row 3: ts_exchange is ''"),
    ],
)
def test_a_cell_that_is_not_of_its_kind_is_refused(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(DataError) as refused:
        events(write(tmp_path, (GOOD, row)))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (ReadOptions(mapping=tuple(ORDERS.items())), "does not say which symbol"),
        (ReadOptions(symbol="TINY"), "does not say where ts_exchange comes from"),
        (options({"ts_exchange": "when@ms"}), "does not say where kind comes from"),
        (options(ORDERS | {"colour": "note"}), "the mapping names 'colour'"),
        (options(ORDERS | {"price": "prize"}), "price is mapped to 'prize', and there is no such column; it has when"),
        (options(ORDERS | {"ts_exchange": "when@weeks"}), "ts_exchange the unit 'weeks'"),
        (options(ORDERS | {"price": "cost@0.0005"}), "price the unit '0.0005'"),
        (options(ORDERS | {"order_id": "order@ms"}), "order_id the unit 'ms'"),
        (options({"ts_exchange": "when@ms", "kind": "=print"}), "where price and size come from"),
        (
            options({name: column for name, column in ORDERS.items() if name != "order_id"}),
            "needs order_id; map order_id",
        ),
        (options(ORDERS, book="book.csv"), "book was given"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(tmp_path: Path, chosen: ReadOptions, said: str) -> None:
    with pytest.raises(DataError) as refused:
        events(write(tmp_path), chosen)
    assert said in str(refused.value)


def test_a_name_mapped_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="names kind twice"):
        events(write(tmp_path), ReadOptions(symbol="TINY", mapping=(*ORDERS.items(), ("kind", "=add"))))


def test_damaged_parquet_and_columns_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "made_up.parquet"
    cells = pl.DataFrame({"when": [1], "what": ["print"], "which": ["buy"], "cost": pl.Series([1.5], dtype=pl.Float32)})
    cells.with_columns(amount=pl.lit(1), order=pl.lit(1)).write_parquet(path)
    with pytest.raises(DataError, match="column 'cost' is of type float"):
        events(Source(path))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="it cannot be read as Parquet"):
        events(Source(path))
