"""LOBSTER message and orderbook files -> the canonical event table.

Accepts the zip as shipped, csv and csv.gz, six or seven columns (the seventh, an MPID or ``null``, is
ignored), a message file with its book, or a message file alone with a first book row to seed from.

======  =========================  ====================================================================
type    becomes                    remark
======  =========================  ====================================================================
1       ADD
2       REDUCE                     size is what is taken off
3       DELETE                     size is what was left
4       EXECUTE, AGGRESSOR_KNOWN   the aggressor is the other side
5       EXECUTE_HIDDEN, same flag  the price may be off tick, the id is 0
6       PRINT, AUCTION             side -1: nobody aggresses in a cross; odd ids are kept
7       PHASE                      price -1 HALT, 0 QUOTING, 1 CONTINUOUS
======  =========================  ====================================================================

Invariants: book row k belongs to event k; prices in 1e-4 dollars, sizes in shares, times exact (a time with more than
9 decimals is refused, unless they are the noise of a program that kept it in a 64-bit float: then it is counted).
The whole import succeeds or one DataError names file and row.
A message file may lack its last newline when its last row is whole (its last field says so).  A book may only
when the rows agree in number and its last cell follows from the row before; otherwise it may have been cut inside a number.
Known limits: one day is held in memory; ids are not followed (a replay counts unknown ones); other file names mean 09:30 to 16:00.
"""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.book_rows import refuse_foreign_book
from lobsim.feeds.exact import exact, without_float_noise
from lobsim.feeds.schema import COLUMNS, Dataset, DatasetInfo, Rule, refuse_first, validate
from lobsim.feeds.text import (
    Column,
    Text,
    archive_members,
    archive_text,
    day_start_ns,
    integer_column,
    integer_rows,
    plain_text,
    read_bytes,
    text_columns,
)
from lobsim.types import NONE, NONE_PRICE, Fidelity, Flag, Kind, Phase, Side

_AnyPath = str | os.PathLike[str]
_NAME = re.compile(
    r"(?P<symbol>[A-Za-z0-9.\-]+)_(?P<date>\d{4}-\d\d-\d\d)_(?P<start_ms>\d{1,8})_(?P<end_ms>\d{1,8})"
    r"_(?P<role>message|orderbook)_(?P<depth>\d{1,4})(?:\.[\w\-]+)*\.csv(?:\.gz)?"
)
_COLUMNS = (
    Column("time", r"[0-9]{1,5}(?:\.[0-9]{1,18})?", "seconds after midnight are needed"),
    Column("type", "[1-7]", "a type from 1 to 7 is needed"),
    Column("order id", "-?[0-9]{1,18}", "a whole number is needed"),
    Column("size", "[0-9]{1,18}", "a whole number of 0 or more is needed"),
    Column("price", "-?[0-9]{1,18}", "a whole number is needed"),
    Column("direction", "-1|0|1", "1 (buy) or -1 (sell) is needed"),
)
_MPID = Column("MPID", "[^,]*", "any text")

_KIND_OF_TYPE = np.array(
    [NONE, Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.EXECUTE, Kind.EXECUTE_HIDDEN, Kind.PRINT, Kind.PHASE], dtype=np.int8
)
_PHASE_OF_PRICE = np.array([Phase.HALT, Phase.QUOTING, Phase.CONTINUOUS], dtype=np.int64)  # price -1, 0, 1
_MISSING_ASK, _MISSING_BID = 9_999_999_999, -9_999_999_999
_DAY_NS = 86_400 * 10**9
_REGULAR_HOURS_MS = (34_200_000, 57_600_000)
_TIME_ZONE = "America/New_York"
_BOOK_FIELDS = ("ask price", "ask size", "bid price", "bid size")
_CUT_HINT = "fetch it again, or add the newline if the last row is whole"
_PAIR_HINT = "give the two files of one pair"


@dataclass(frozen=True)
class FileName:
    """What the name of a LOBSTER file says; times in milliseconds after midnight, New York."""

    symbol: str
    date: str
    start_ms: int
    end_ms: int
    role: str
    depth: int


class _Sources(NamedTuple):
    """The texts of one import, and the SHA-256 of the files in the order they were given."""

    messages: Text
    book: Text | None
    seed_book: Text | None
    truth: Text | None
    sha256: str


def parse_name(name: str) -> FileName | None:
    """What a file name says, or None where it is not LOBSTER's; extra parts as in ``_10.part1.csv`` are tolerated."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return FileName(
        found["symbol"], found["date"], int(found["start_ms"]), int(found["end_ms"]), found["role"], int(found["depth"])
    )


def recognise(path: _AnyPath) -> bool:
    """Whether the name, or a name inside the archive, is LOBSTER's.  Reads no more than an archive's directory."""
    path = Path(path)
    if path.suffix.lower() != ".zip":
        return parse_name(path.name) is not None
    try:
        with zipfile.ZipFile(path) as archive:
            return any(parse_name(name) for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return path.name.upper().startswith("LOBSTER")  # let the reader say what is wrong with it


def read_lobster(
    path: _AnyPath,
    *,
    book: _AnyPath | None = None,
    seed_book: _AnyPath | None = None,
    truth: _AnyPath | None = None,
    symbol: str | None = None,
    date: str | None = None,
    tick_quanta: int = 100,
) -> Dataset:
    """Import one LOBSTER day.

    path         the zip as shipped, or a message file (csv, csv.gz); its book is looked for beside it
    book         the orderbook file, where it lies elsewhere or is called otherwise
    seed_book    messages alone: an orderbook file whose first row is the book after the first message
    truth        messages alone: level 1 after each message (4 columns), kept to compare a replay with
    symbol, date needed where the file name does not tell them; refused where they contradict it
    tick_quanta  smallest price step in 1e-4 dollars: 100 for US stocks of a dollar or more

    Raises DataError naming file and row for anything that cannot be right.
    """
    if tick_quanta < 1:
        raise DataError(f"tick_quanta is {tick_quanta}, at least 1 is needed", file=path)
    sources = _collect(Path(path), book, seed_book, truth)
    name = _label(sources, symbol, date)
    fields, noisy = _read_messages(sources.messages, tick_quanta)
    file = sources.messages.name
    midnight_ns = day_start_ns(name.date, _TIME_ZONE, file=file)
    events = _canonical(fields, midnight_ns)
    rows = _read_book(sources.book, 4 * name.depth, events, whole=True)
    level_1 = _read_book(sources.truth, 4, events, whole=False)
    seed_row = _read_seed(sources.seed_book, level_1)
    depth = rows.shape[1] // 4 if rows is not None else name.depth or (0 if seed_row is None else len(seed_row) // 4)
    info = DatasetInfo(
        symbol=name.symbol,
        venue="NASDAQ",
        date=name.date,
        currency="USD",
        price_quantum="0.0001",
        tick_quanta=tick_quanta,
        lot="1",
        fidelity=Fidelity.L3_TOP_K if depth else Fidelity.L3_FULL,
        depth=depth,
        session_start_ns=midnight_ns + name.start_ms * 10**6,
        session_end_ns=midnight_ns + name.end_ms * 10**6,
        source=Path(path).name,
        source_sha256=sources.sha256,
        notes=_notes(fields, tick_quanta, noisy),
    )
    dataset = Dataset(info, events, rows, seed_row, level_1)
    validate(dataset, file=file, rows_file=(sources.book or sources.truth or sources.messages).name)
    return dataset


def _collect(path: Path, book: _AnyPath | None, seed_book: _AnyPath | None, truth: _AnyPath | None) -> _Sources:
    """Read every file of an import whole, and refuse combinations that make no sense."""
    if book is not None and seed_book is not None:
        raise DataError("a book and a seed book were both given", file=path, hint="give one of them")
    sha = hashlib.sha256()

    def text(other: _AnyPath | None) -> Text | None:
        if other is None:
            return None
        raw = read_bytes(Path(other))
        sha.update(raw)
        return plain_text(Path(other), raw)

    if path.suffix.lower() == ".zip":
        raw = read_bytes(path)
        sha.update(raw)
        messages, own_book = _from_archive(path, raw)
    else:
        messages, own_book = text(path), None
        if book is None and seed_book is None and truth is None:
            book = _book_beside(path)
    assert messages is not None
    if own_book is not None and book is not None:
        raise DataError("the archive holds a book and another was given", file=path, hint="leave one out")
    return _Sources(messages, own_book or text(book), text(seed_book), text(truth), sha.hexdigest())


def _from_archive(path: Path, raw: bytes) -> tuple[Text, Text | None]:
    """The message member and, where there is one, the orderbook member of a zip."""
    members = archive_members(path, raw)
    names = {role: [m for m in members if (n := parse_name(m)) and n.role == role] for role in ("message", "orderbook")}
    for member in members:
        if ".csv" in member.lower() and parse_name(member) is None:
            raise DataError(f"member {member} is not named as LOBSTER names files", file=path, hint="repack it")
    if len(names["message"]) != 1 or len(names["orderbook"]) > 1:
        raise DataError(
            f"the archive holds {len(names['message'])} message and {len(names['orderbook'])} orderbook files",
            file=path,
            hint="one message file, and at most one orderbook file, named as LOBSTER names them are needed",
        )
    books = [archive_text(path, raw, member) for member in names["orderbook"]]
    return archive_text(path, raw, names["message"][0]), books[0] if books else None


def _book_beside(path: Path) -> Path | None:
    """The orderbook file that lies beside a message file under the matching name, packed or not."""
    if "_message_" not in path.name:
        return None
    twin = path.name.replace("_message_", "_orderbook_").removesuffix(".gz")
    suffixes = (".gz", "") if path.name.endswith(".gz") else ("", ".gz")
    candidates = [path.with_name(twin + suffix) for suffix in suffixes]
    return next((candidate for candidate in candidates if candidate.exists()), None)


def _label(sources: _Sources, symbol: str | None, date: str | None) -> FileName:
    """What is imported, from the names and the arguments; refuses names that do not belong together."""
    named = parse_name(sources.messages.base)
    file = sources.messages.name
    if named is None:
        if not symbol or not date:
            raise DataError("its name does not tell symbol and date", file=file, hint="say which with symbol and date")
        book = parse_name(sources.book.base) if sources.book else None
        named = FileName(symbol, date, *_REGULAR_HOURS_MS, "message", book.depth if book else 0)
    if named.role != "message":
        raise DataError("this is an orderbook file", file=file, hint="give the message file; its book lies beside it")
    if named.start_ms > named.end_ms:
        raise DataError(f"by its name it ends ({named.end_ms}) before it starts ({named.start_ms})", file=file)
    for field, wanted in (("symbol", symbol), ("date", date)):
        if wanted and wanted != getattr(named, field):
            raise DataError(f"by its name it is of {field} {getattr(named, field)}, not {wanted}", file=file)
    for other in (sources.book, sources.seed_book, sources.truth):
        if other is not None and (theirs := parse_name(other.base)) is not None:
            _refuse_other_recording(sources.messages, named, other, theirs, is_book=other is sources.book)
    return named


def _refuse_other_recording(messages: Text, named: FileName, other: Text, theirs: FileName, *, is_book: bool) -> None:
    """Refuse a book whose name speaks of another recording than the messages do."""
    if theirs.role != "orderbook":
        raise DataError("this is a message file where a book is needed", file=other.name)
    known = parse_name(messages.base) is not None
    fields = ("symbol", "date", *(("start_ms", "end_ms") if known else ()), *(("depth",) if is_book else ()))
    for field in fields:
        if getattr(theirs, field) != getattr(named, field):
            raise DataError(
                f"by its name it is of {field} {getattr(theirs, field)}, the messages in {messages.base} are of"
                f" {getattr(named, field)}",
                file=other.name,
                hint=_PAIR_HINT,
            )


def _read_messages(text: Text, tick_quanta: int) -> tuple[dict[str, np.ndarray], int]:
    """The six columns as integers, the time in nanoseconds after midnight, and how many times carried float noise.

    Raises DataError for the first row that cannot be.
    """
    columns = (*_COLUMNS, _MPID) if text.columns == len(_COLUMNS) + 1 else _COLUMNS
    frame, noisy = without_float_noise(text_columns(text, columns), "time", 9)
    too_fine = frame["time"].str.contains(r"\.[0-9]{10}").to_numpy()
    refuse_first([Rule(too_fine, "time", frame["time"], "at most 9 decimals are needed")], file=text.name)
    integers = frame.select(exact(pl.col("time"), 9), *(pl.col(c.name).cast(pl.Int64) for c in _COLUMNS[1:]))
    fields = {column.name: integers[column.name].to_numpy() for column in _COLUMNS}
    time, kind, price = fields["time"], fields["type"], fields["price"]
    backwards = np.zeros(len(time), dtype=bool)
    backwards[1:] = time[1:] < time[:-1]
    on_book, executed, phase = kind <= 4, kind <= 5, kind == 7
    rules = [
        Rule(backwards, "time", frame["time"], "which is earlier than the row before it"),
        Rule(time >= _DAY_NS, "time", frame["time"], "less than 86400 seconds are needed"),
        Rule(on_book & (fields["order id"] < 1), "order id", fields["order id"], "1 or more is needed"),
        Rule(executed & (fields["size"] < 1), "size", fields["size"], "1 or more is needed"),
        Rule(executed & (price < 1), "price", price, "a price above 0 is needed"),
        Rule(
            on_book & (price % tick_quanta != 0),
            "price",
            price,
            f"which is off the tick of {tick_quanta} (prices are in 1e-4 dollars)",
        ),
        Rule((kind == 6) & (price < 0), "price", price, "a price of 0 or more is needed"),
        Rule(phase & (np.abs(price) > 1), "price", price, "a halt has -1 (halted), 0 (quoting) or 1 (trading)"),
        Rule(executed & (fields["direction"] == 0), "direction", fields["direction"], "1 (buy) or -1 (sell) is needed"),
    ]
    refuse_first(rules, file=text.name)
    return fields, noisy


def _canonical(fields: dict[str, np.ndarray], midnight_ns: int) -> pl.DataFrame:
    """The canonical table of checked message columns."""
    kind_code, price = fields["type"], fields["price"]
    phase, sided = kind_code == 7, kind_code <= 5
    time = fields["time"] + midnight_ns
    absent = np.zeros(len(time), dtype=np.int64)
    executed = np.isin(kind_code, (4, 5))
    columns = {
        "ts_exchange": time,
        "ts_local": time,
        "kind": _KIND_OF_TYPE[kind_code],
        "side": np.where(sided, np.where(fields["direction"] == 1, Side.BUY, Side.SELL), NONE),
        "price": np.where(phase, 0, price),
        "size": np.where(phase, _PHASE_OF_PRICE[np.clip(price, -1, 1) + 1], fields["size"]),
        "order_id": np.where(phase, 0, fields["order id"]),
        "other_id": absent,
        "match_id": absent,
        "flags": np.where(executed, Flag.AGGRESSOR_KNOWN, 0) | np.where(kind_code == 6, Flag.AUCTION, 0),
        "sequence": np.arange(len(time), dtype=np.int64),
    }
    return pl.DataFrame([pl.Series(name, columns[name]).cast(kind) for name, kind in COLUMNS.items()])


def _read_book(text: Text | None, width: int, events: pl.DataFrame, *, whole: bool) -> np.ndarray | None:
    """Book rows aligned with the events, int64 [rows, width]; ``whole``: the book shows all that the messages touch."""
    if text is None:
        return None
    rows = _book_cells(text, width or text.columns)
    if len(rows) != len(events):
        raise DataError(
            f"it has {len(rows)} rows, the messages are {len(events)}",
            file=text.name,
            row=min(len(rows), len(events)) + 1,
            hint="the two are not a pair, or one of them is cut",
        )
    if not text.ends_with_newline and not _last_cell_follows(rows, events):
        raise DataError("it has no newline at its end and may be cut", file=text.name, row=len(rows), hint=_CUT_HINT)
    refuse_foreign_book(rows, events, file=text.name, whole=whole)
    return rows


def _read_seed(text: Text | None, level_1: np.ndarray | None) -> np.ndarray | None:
    """The first row of a book file, int64 [4 K']; it must agree with the truth where there is one."""
    if text is None:
        return None
    head, newline, _ = text.data.partition(b"\n")
    if not newline:
        raise DataError("it has no newline at its end and may be cut", file=text.name, row=1, hint=_CUT_HINT)
    name = parse_name(text.base)
    row = _book_cells(replace(text, data=head + newline), 4 * name.depth if name else text.columns)[0]
    if level_1 is not None and not np.array_equal(row[:4], level_1[0]):
        raise DataError("level 1 differs from the truth file's", file=text.name, row=1, hint=_PAIR_HINT)
    return row


def _book_cells(text: Text, width: int) -> np.ndarray:
    """The cells of a book file, with NONE_PRICE for a level that is not there."""
    if text.columns != width or width % 4:
        raise DataError(
            f"the row has {text.columns} columns, {width if width % 4 == 0 else 'four for each level'} are needed",
            file=text.name,
            row=1,
            hint=_PAIR_HINT,
        )
    names = [f"{what} {level + 1}" for level in range(width // 4) for what in _BOOK_FIELDS]
    rows = integer_rows(text, [integer_column(name) for name in names])
    for first, missing in ((0, _MISSING_ASK), (2, _MISSING_BID)):
        prices = rows[:, first::4]
        prices[prices == missing] = NONE_PRICE
    return rows


def _last_cell_follows(rows: np.ndarray, events: pl.DataFrame) -> bool:
    """Whether the very last size is what the row before it and the last message make of it, so that no digit is missing."""
    price, size = rows[-1, -2:]
    if size == 0 or len(rows) < 2:
        return bool(size == 0)
    before = rows[-2].reshape(-1, 2, 2)[:, 1]
    old = int(before[before[:, 0] == price, 1].sum())
    message = events.row(-1, named=True)
    touched = message["side"] == Side.BUY and message["price"] == price
    return abs(int(size) - old) == (message["size"] if touched and message["kind"] != Kind.EXECUTE_HIDDEN else 0)


def _notes(fields: dict[str, np.ndarray], tick_quanta: int, noisy: int) -> tuple[str, ...]:
    """Rows by type, hidden executions off tick, and times that carried float noise."""
    counts = np.bincount(fields["type"], minlength=8)
    off_tick = int(((fields["type"] == 5) & (fields["price"] % tick_quanta != 0)).sum())
    by_type = (f"type {code}: {counts[code]}" for code in range(1, 8))
    return (*by_type, f"hidden executions off tick: {off_tick}", f"times with float noise taken off: {noisy}")
