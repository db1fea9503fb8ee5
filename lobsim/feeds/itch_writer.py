"""Canonical rows of orders -> a day in the wire format of Nasdaq TotalView-ITCH 5.0, for tests: recorded ITCH days may not be passed on.

The inverse of ``lobsim.feeds.itch.reader``: reading what was written gives the rows again, with a PHASE CONTINUOUS in front and a PHASE CLOSED at the end of
each symbol, and writing those gives the same bytes.  ADD -> A; EXECUTE -> E, or C where its price is not the order's or it is flagged AUCTION (not
printable); REDUCE -> X; DELETE -> D; REPLACE -> U; EXECUTE_HIDDEN -> P; PRINT flagged AUCTION -> Q; PHASE -> H.  In front stand S (start of messages), the
directory R, the trading states H and S (start of system hours); at the end S (end of system hours) and S (end of messages).

What ITCH cannot say is refused (LEVEL, CLEAR, prints outside a cross, other phases, an execution of an order that is not there) or lost (the recorder's clock,
``match_id``, the taker's id of an execution, SNAPSHOT).  Executions are numbered from 1.
Known limit: the rows of all symbols are held in memory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.itch.messages import MESSAGES
from lobsim.feeds.itch.reader import TIME_ZONE
from lobsim.feeds.live_orders import Act, LiveOrders
from lobsim.feeds.schema import COLUMNS, Dataset
from lobsim.feeds.text import day_start_ns
from lobsim.types import NONE, Flag, Kind, Phase, Side
from lobsim.whole_files import whole_file

_STATES = {Phase.HALT: b"H", Phase.QUOTING: b"Q", Phase.CONTINUOUS: b"T"}
_LETTERS = {
    Kind.ADD: "A",
    Kind.REDUCE: "X",
    Kind.DELETE: "D",
    Kind.REPLACE: "U",
    Kind.EXECUTE: "E",
    Kind.EXECUTE_HIDDEN: "P",
    Kind.PRINT: "Q",
    Kind.PHASE: "H",
}
_ACTS = {
    Kind.ADD: Act.SET,
    Kind.REDUCE: Act.TAKE,
    Kind.EXECUTE: Act.TAKE,
    Kind.DELETE: Act.END,
    Kind.REPLACE: Act.END,
}
_DAY_NS = 86_400 * 10**9


def write_itch(path: str | os.PathLike[str], datasets: Sequence[Dataset]) -> int:
    """Write one day of one or more symbols; returns the number of messages.

    Rows of several symbols are merged by exchange time, at equal times in the order the symbols are given.  Ids must differ between symbols.
    Raises DataError for what ITCH cannot say; the file then is not there.
    """
    if not datasets or len({dataset.info.date for dataset in datasets}) != 1:
        raise DataError("data sets of one day are needed", file=path)
    midnight_ns = day_start_ns(datasets[0].info.date, TIME_ZONE)
    tables = [_table(dataset, locate, midnight_ns) for locate, dataset in enumerate(datasets, 1)]
    first = min(int(table["time"].min()) for table in tables if len(table))  # type: ignore[arg-type]
    last = max(int(table["time"].max()) for table in tables if len(table))  # type: ignore[arg-type]
    rows = pl.concat([_without_frame(table) for table in tables]).sort("time", maintain_order=True)
    symbols = [dataset.info.symbol for dataset in datasets]
    body = _encode(rows, symbols)
    end = _system(last, b"E") + _system(last, b"C")
    data = _opening(symbols, first) + body + end
    _replace_file(Path(path), data)
    return len(rows) + 2 * len(symbols) + 4


def _table(dataset: Dataset, locate: int, midnight_ns: int) -> pl.DataFrame:
    """The events of one symbol in ITCH's units, with ``time`` after midnight and ``locate``; refuses what cannot be said."""
    info, events = dataset.info, dataset.events
    quantum = info.price_decimal(1)
    factor = quantum * 10_000
    if factor != int(factor) or info.lots_decimal(1) != 1:
        raise DataError("its prices or sizes are finer or coarser than 1e-4 and 1 share", file=info.source)
    if len(info.symbol) > 8:
        raise DataError(f"the symbol {info.symbol} has more than 8 letters", file=info.source)
    table = events.with_columns(
        price=pl.col("price") * int(factor),
        time=pl.col("ts_exchange") - midnight_ns,
        locate=pl.lit(locate, dtype=pl.Int64),
    )
    kind, flags, size, price, time = (table[name].to_numpy() for name in ("kind", "flags", "size", "price", "time"))
    auction = (flags & Flag.AUCTION) != 0
    unsayable = ~np.isin(kind, list(_LETTERS)) | ((kind == Kind.PRINT) & ~auction)
    unsayable |= (kind == Kind.PHASE) & ~np.isin(size, [*_STATES, Phase.CLOSED])
    unsayable |= (
        (time < 0) | (time >= _DAY_NS) | (price < 0) | (price >= 2**32) | ((size >= 2**32) & (kind != Kind.PRINT))
    )
    if unsayable.any():
        at = int(np.argmax(unsayable))
        raise DataError(f"ITCH cannot say this {Kind(kind[at]).name}", file=info.source, row=at + 1)
    return table.select(*COLUMNS, "time", "locate")


def _without_frame(table: pl.DataFrame) -> pl.DataFrame:
    """Without a first PHASE CONTINUOUS and a last PHASE CLOSED, which the system events say."""
    is_phase = (table["kind"] == Kind.PHASE).to_numpy()
    size = table["size"].to_numpy()
    start = int(len(size) > 0 and is_phase[0] and size[0] == Phase.CONTINUOUS)
    end = int(len(size) > 0 and is_phase[-1] and size[-1] == Phase.CLOSED)
    rest = table.slice(start, len(table) - start - end)
    closed = ((rest["kind"] == Kind.PHASE) & (rest["size"] == Phase.CLOSED)).to_numpy()
    if closed.any():
        raise DataError("ITCH cannot say this PHASE", row=start + int(np.argmax(closed)) + 1)
    return rest


def _head(records: np.ndarray, letter: str, locate: np.ndarray | int, time: np.ndarray | int) -> None:
    """Fill what every message begins with.  changes: records"""
    records["type"] = letter.encode()
    records["locate"] = locate
    records["time_high"] = np.asarray(time) >> 32
    records["time_low"] = np.asarray(time) & 0xFFFFFFFF


def _framed(records: np.ndarray) -> np.ndarray:
    """uint8 [message, 2 + length]: each message with its length in front."""
    size = records.dtype.itemsize
    framed = np.empty((len(records), size + 2), dtype=np.uint8)
    framed[:, 0], framed[:, 1] = size >> 8, size & 255
    framed[:, 2:] = records.view(np.uint8).reshape(len(records), size)
    return framed


def _system(time: int, event: bytes) -> bytes:
    """One system event."""
    records = np.zeros(1, dtype=MESSAGES["S"])
    _head(records, "S", 0, time)
    records["event"] = event
    return _framed(records).tobytes()


def _opening(symbols: Sequence[str], time: int) -> bytes:
    """Start of messages, directory, trading states, start of system hours."""
    count = len(symbols)
    stocks = np.array([symbol.ljust(8).encode() for symbol in symbols], dtype="S8")
    directory, states = np.zeros(count, dtype=MESSAGES["R"]), np.zeros(count, dtype=MESSAGES["H"])
    for records, letter in ((directory, "R"), (states, "H")):
        _head(records, letter, np.arange(1, count + 1), time)
        records["stock"] = stocks
    plain = {
        "category": b"Q",
        "financial_status": b"N",
        "round_lots_only": b"N",
        "issue_class": b"C",
        "issue_subtype": b"Z ",
    }
    plain |= {
        "authenticity": b"P",
        "short_sale_threshold": b"N",
        "new_issue": b"N",
        "limit_band_tier": b"1",
        "fund": b"N",
        "inverse": b"N",
    }
    for name, value in plain.items():
        directory[name] = value
    directory["round_lot"] = 100
    states["state"], states["reserved"], states["reason"] = b"T", b" ", b"    "
    return _system(time, b"O") + _framed(directory).tobytes() + _framed(states).tobytes() + _system(time, b"S")


def _encode(rows: pl.DataFrame, symbols: Sequence[str]) -> bytes:
    """The messages of all rows, in their order."""
    column = {name: rows[name].to_numpy().astype(np.int64) for name in rows.columns}
    letters = _letter_codes()[column["kind"]]
    resting = _resting_prices(column)
    at_other_price = (column["kind"] == Kind.EXECUTE) & (
        (resting != column["price"]) | ((column["flags"] & Flag.AUCTION) != 0)
    )
    letters = np.where(at_other_price, ord("C"), letters)
    stocks = np.array(["".ljust(8), *(symbol.ljust(8) for symbol in symbols)], dtype="S8")
    match = np.cumsum(np.isin(letters, [ord(letter) for letter in "ECPQ"]))
    lengths = np.zeros(256, dtype=np.int64)
    for letter, dtype in MESSAGES.items():
        lengths[ord(letter)] = dtype.itemsize + 2
    sizes = lengths[letters]
    starts = np.cumsum(sizes) - sizes
    data = np.zeros(int(sizes.sum()), dtype=np.uint8)
    for letter in "AXDUECPQH":
        at = np.flatnonzero(letters == ord(letter))
        if len(at):
            picked = {name: values[at] for name, values in column.items()}
            framed = _framed(_records(letter, picked, stocks, match[at]))
            data[starts[at][:, None] + np.arange(framed.shape[1])] = framed
    return data.tobytes()


def _letter_codes() -> np.ndarray:
    """Kind -> the code of its letter."""
    codes = np.zeros(max(Kind) + 1, dtype=np.int64)
    for kind, letter in _LETTERS.items():
        codes[kind] = ord(letter)
    return codes


def _resting_prices(column: dict[str, np.ndarray]) -> np.ndarray:
    """The price of the order each execution names; refuses an order that is not there or has less."""
    act = np.full(max(Kind) + 1, NONE)
    for kind, what in _ACTS.items():
        act[kind] = what
    acts = act[column["kind"]]
    at = np.flatnonzero(acts != NONE)
    repeats = 1 + (column["kind"][at] == Kind.REPLACE)
    line = np.repeat(at, repeats)
    second = np.concatenate([[False], line[1:] == line[:-1]])[: len(line)]
    found = LiveOrders().follow(
        np.where(second, Act.SET, acts[line]),
        np.where(second, column["other_id"][line], column["order_id"][line]),
        column["size"][line],
        np.where(second, NONE, column["side"][line]),
        column["price"][line],
    )
    kinds = column["kind"][line]
    takes = np.isin(kinds, (Kind.EXECUTE, Kind.REDUCE))
    bad = np.where(takes, found.size < column["size"][line], (found.size == 0) & ~second & (kinds != Kind.ADD))
    bad |= (column["order_id"][line] < 1) | ((kinds == Kind.ADD) & (found.size > 0))
    if bad.any():
        first = int(np.argmax(bad))
        row = column["sequence"][line[first]]
        raise DataError(
            f"order {column['order_id'][line[first]]} is not there, or has less, or is added twice (sequence {row})"
        )
    resting = np.zeros(len(acts), dtype=np.int64)
    resting[line[~second]] = found.price[~second]
    return resting


def _records(letter: str, column: dict[str, np.ndarray], stocks: np.ndarray, match: np.ndarray) -> np.ndarray:
    """The messages of one type."""
    records = np.zeros(len(match), dtype=MESSAGES[letter])
    _head(records, letter, column["locate"], column["time"])
    names = records.dtype.names or ()
    values = {
        "order_id": column["order_id"],
        "new_id": column["other_id"],
        "side": np.where(column["side"] == Side.BUY, b"B", b"S"),
        "shares": column["size"],
        "stock": stocks[column["locate"]],
        "price": column["price"],
        "match": match,
        "printable": np.where(column["flags"] & Flag.AUCTION, b"N", b"Y"),
        "cross": np.full(len(match), b"I"),
        "reserved": np.full(len(match), b" "),
        "reason": np.full(len(match), b"    "),
    }
    for name, value in values.items():
        if name in names:
            records[name] = value
    if letter == "H":
        records["state"] = [_STATES[Phase(size)] for size in column["size"].tolist()]
    return records


def _replace_file(path: Path, data: bytes) -> None:
    """Write whole or not at all."""
    try:
        with whole_file(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise DataError(f"it cannot be written ({error.strerror})", file=path) from error
