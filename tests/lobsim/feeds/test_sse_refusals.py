"""Small made-up logs of the Shanghai format: what the recorded day does not hold, and what is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds import sse
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import Flag, Kind, Phase, Side

DAY = ReadOptions(date="2023-02-07")
_HEAD = "//SecurityIDSource={source} MsgType={type} MsgLen=64 SecurityID={symbol}           ChannelNo=6 ApplSeqNum=1 TradingPhase=0 "


def order(
    index: int,
    number: int,
    price: int,
    size: int,
    *,
    way: int = 66,
    code: int = 65,
    clock: int = 9300000,
    **head: object,
) -> str:
    """A line about an order."""
    start = _HEAD.format(**({"source": 101, "symbol": "600000"} | head), type=192)
    return (
        f"{start}OrderNo={number}    Price={price} OrderQty={size}   OrdType={code} Side={way} "
        f"TransactTime={clock} resv=     BizIndex={index}   "
    )


def trade(index: int, bid: int, offer: int, price: int, size: int, *, code: int = 66, clock: int = 9300000) -> str:
    """A line about a trade."""
    start = _HEAD.format(source=101, symbol="600000", type=191)
    return (
        f"{start}BidApplSeqNum={bid}  OfferApplSeqNum={offer} LastPx={price} LastQty={size}  ExecType={code} "
        f"TransactTime={clock} resv=     BizIndex={index}   "
    )


def rows(folder: Path, lines: list[str], options: ReadOptions = DAY, window_rows: int = 100) -> pl.DataFrame:
    """The rows of a log with these lines."""
    path = folder / "made_up.log"
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())
    return pl.concat([piece.events for piece in sse.read(Source(path), options, window_rows=window_rows)])


def test_trades_and_orders_are_put_in_the_order_of_bizindex(tmp_path: Path) -> None:
    lines = [
        trade(3, 9, 1, 10000, 500),
        order(4, 9, 10000, 200),
        order(1, 1, 10000, 500, way=83),
        order(2, 2, 9990, 100),
    ]
    events = rows(tmp_path, lines).filter(pl.col("kind") != Kind.PHASE)
    assert [1, 2, 3, 4] == events["sequence"].to_list()
    assert [Kind.ADD, Kind.ADD, Kind.EXECUTE, Kind.ADD] == events["kind"].to_list()
    assert (Side.SELL, 1, 9) == events.select("side", "order_id", "match_id").row(2)


def test_the_older_side_of_a_trade_is_the_one_that_rested(tmp_path: Path) -> None:
    events = rows(tmp_path, [order(1, 1, 10000, 500), trade(2, 1, 7, 10000, 500, code=83)])
    row = events.row(-1, named=True)
    assert (Side.BUY, 1, 7, 500) == (row["side"], row["order_id"], row["match_id"], row["size"])
    assert Flag.AGGRESSOR_KNOWN | Flag.LAST_IN_PACKET == row["flags"]


def test_a_trade_of_a_call_auction_executes_both_orders(tmp_path: Path) -> None:
    lines = [
        order(1, 1, 10010, 500, clock=9150000),
        order(2, 2, 10000, 500, way=83, clock=9160000),
        trade(3, 1, 2, 10010, 500, code=78, clock=9250012),
    ]
    events = rows(tmp_path, lines)
    phases = [(int(Phase.PRE_OPEN), 0), (int(Phase.AUCTION), 2)]
    assert phases == events.filter(pl.col("kind") == Kind.PHASE).select("size", "sequence").rows()
    both = events.tail(2)
    assert [(Side.SELL, 2, 500, 10010), (Side.BUY, 1, 500, 10010)] == both.select(
        "side", "order_id", "size", "price"
    ).rows()
    assert [Flag.AUCTION, Flag.AUCTION | Flag.LAST_IN_PACKET] == both["flags"].to_list()


def test_a_deletion_names_what_was_left(tmp_path: Path) -> None:
    events = rows(tmp_path, [order(1, 1, 10000, 500), order(2, 1, 10000, 500, code=68)])
    assert (Kind.DELETE, 500, 1) == events.select("kind", "size", "order_id").row(-1)


def test_the_securities_of_one_log_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "two.log"
    path.write_text(f"{order(1, 1, 10000, 500)}\n{order(1, 1, 20000, 700, symbol='600001')}\n")
    pieces = list(sse.read(Source(path), DAY))
    assert ["600000", "600001"] == [piece.instrument.symbol for piece in pieces]


@pytest.mark.parametrize(
    ("lines", "options", "said"),
    [
        ([order(1, 1, 1, 1)], ReadOptions(), "does not say which day"),
        ([order(1, 1, 1, 1)], ReadOptions(date="2023-02-30"), "date is '2023-02-30'"),
        (
            [order(1, 1, 1, 1)],
            ReadOptions(date="2023-02-07", symbol="600519"),
            "row 1: it holds security 600000, not 600519",
        ),
        ([order(1, 1, 1, 1)], ReadOptions(date="2023-02-07", book="b.csv"), "book was given"),
        ([order(1, 1, 1, 1, source=102)], DAY, "row 1: it is of the Shenzhen exchange"),
        ([order(1, 1, 1, 1), "//SecurityIDSource=101 MsgTy"], DAY, "row 2: the line is"),
        ([order(1, 1, 1, 1), order(2, 2, 1, 1).replace("OrderQty=1 ", "OrderQty=-1 ")], DAY, "row 2: the message 192"),
        ([order(1, 1, 1, 1, code=66)], DAY, "row 1: the message 192"),
        ([trade(1, 1, 2, 1, 1, code=70)], DAY, "row 1: the message 191"),
        ([order(1, 1, 1, 1, clock=9610000)], DAY, "TransactTime is 9610000"),
        ([order(1, 1, 1, 1), order(1, 2, 1, 1)], DAY, "BizIndex 1 is there twice"),
        ([order(1, 1, 1, 1, clock=9310000), order(2, 2, 1, 1, clock=9300000)], DAY, "row 2: TransactTime is 9300000"),
    ],
)
def test_what_cannot_be_right_is_refused(tmp_path: Path, lines: list[str], options: ReadOptions, said: str) -> None:
    with pytest.raises(DataError) as refused:
        rows(tmp_path, lines, options)
    assert said in str(refused.value)


def test_a_row_that_comes_later_than_the_window_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "late.log"
    lines = [order(index, index, 10000, 100) for index in range(2, 200)] + [order(1, 1, 10000, 100)]
    path.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(DataError, match="row 199: BizIndex 1 comes too late"):
        list(sse.read(Source(path), DAY, nbytes=4000, window_rows=50))


def test_a_log_that_was_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.log"
    path.write_text(f"{order(1, 1, 1, 1)}\n{order(2, 2, 1, 1)[:-40]}")
    with pytest.raises(DataError, match="row 2: it has no newline at its end"):
        list(sse.read(Source(path), DAY))


def test_other_files_are_not_taken_for_this_log(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("time,price\n1,2\n")
    assert not sse.recognise(Source(path))
