"""Made-up LOBSTER recordings of a few rows, written the way LOBSTER writes them."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lobsim.feeds.schema import COLUMNS, Dataset, DatasetInfo
from lobsim.types import Fidelity, Kind, Side
from tests.support.commands import run

__all__ = ["run"]

SYMBOL, DATE = "TINY", "2012-06-21"
DEPTH = 2
MISSING = 9999999999

# time, type, order id, size, price, direction: from two resting orders a side on
MESSAGES = (
    ("34200.000000001", 1, 11, 100, 1000100, -1),
    ("34200.05990197", 1, 12, 200, 1000200, -1),
    ("34201", 1, 13, 100, 999900, 1),
    ("34201.5", 1, 14, 300, 999800, 1),
    ("34201.5", 1, 15, 50, 999900, 1),
    ("34202.25", 2, 14, 100, 999800, 1),
    ("34203.000000002", 4, 13, 60, 999900, 1),
    ("34203.000000002", 4, 13, 40, 999900, 1),
    ("34204.1", 5, 0, 30, 1000050, -1),
    ("34205.1", 6, -1, 500, 1000000, -1),
    ("34206.1", 7, 0, 0, -1, -1),
    ("34206.2", 7, 0, 0, 0, -1),
    ("34206.3", 7, 0, 0, 1, -1),
    ("34207.1", 3, 11, 100, 1000100, -1),
)


def book_lines() -> list[str]:
    """The book after each message, best DEPTH levels, starting from one order far away on each side."""
    levels = {1: {999700: 10}, -1: {1000300: 10}}
    lines = []
    for _, kind, _, size, price, direction in MESSAGES:
        if kind <= 4:
            side = levels[direction]
            side[price] = side.get(price, 0) + (size if kind == 1 else -size)
            levels[direction] = {p: q for p, q in side.items() if q}
        asks, bids = sorted(levels[-1].items()), sorted(levels[1].items(), reverse=True)
        asks += [(MISSING, 0)] * DEPTH
        bids += [(-MISSING, 0)] * DEPTH
        cells = [str(n) for level in range(DEPTH) for n in (*asks[level], *bids[level])]
        lines.append(",".join(cells))
    return lines


class TinyRecording:
    """A message file and its book, to be written as they are or after an edit; rows count from 1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.messages = [",".join(str(value) for value in row) for row in MESSAGES]
        self.book = book_lines()
        self.message_name = f"{SYMBOL}_{DATE}_34200000_57600000_message_{DEPTH}.csv"
        self.book_name = self.message_name.replace("message", "orderbook")
        self.final_newline = {"message": True, "book": True}

    def set_field(self, row: int, column: int, value: object) -> TinyRecording:
        """Change one field of a message, counted from row 1 and column 0."""
        self.messages[row - 1] = _with_field(self.messages[row - 1], column, value)
        return self

    def set_cell(self, row: int, column: int, value: object) -> TinyRecording:
        """Change one cell of the book."""
        self.book[row - 1] = _with_field(self.book[row - 1], column, value)
        return self

    def set_line(self, file: str, row: int, line: str) -> TinyRecording:
        """Change a whole line of ``messages`` or ``book``."""
        getattr(self, file)[row - 1] = line
        return self

    def drop_last(self, file: str) -> TinyRecording:
        """Leave out the last line of ``messages`` or ``book``."""
        getattr(self, file).pop()
        return self

    def cut_book(self, columns: int) -> TinyRecording:
        """Keep only the first columns of the book."""
        self.book = [",".join(line.split(",")[:columns]) for line in self.book]
        return self

    def shift_book(self, quanta: int) -> TinyRecording:
        """Move every price of the book."""
        for row, line in enumerate(self.book, 1):
            for column, cell in enumerate(line.split(",")):
                if column % 2 == 0 and abs(int(cell)) != MISSING:
                    self.set_cell(row, column, int(cell) + quanta)
        return self

    def swap_files(self) -> TinyRecording:
        """The messages under the name of the book, and the other way round."""
        self.messages, self.book = self.book, self.messages
        return self

    def rename_book(self, old: str, new: str) -> TinyRecording:
        """Change part of the book's name."""
        self.book_name = self.book_name.replace(old, new)
        return self

    @property
    def message_bytes(self) -> bytes:
        """The whole message file."""
        return ("\n".join(self.messages) + "\n" * self.final_newline["message"]).encode()

    @property
    def book_bytes(self) -> bytes:
        """The whole orderbook file."""
        return ("\n".join(self.book) + "\n" * self.final_newline["book"]).encode()

    def write_csv(self, *, packed: bool = False, book: bool = True) -> Path:
        """Write message file and book side by side and return the message file."""
        files = {self.message_name: self.message_bytes} | ({self.book_name: self.book_bytes} if book else {})
        for name, data in files.items():
            path = self.folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(data, mtime=0) if packed else data)
        return self.folder / (f"{self.message_name}.gz" if packed else self.message_name)

    def write_zip(self, *, book: bool = True, name: str = "LOBSTER_SampleFile_TINY.zip") -> Path:
        """Write the archive as it is shipped and return it."""
        path = self.folder / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            if book:
                archive.writestr(self.book_name, self.book_bytes)
            archive.writestr(self.message_name, self.message_bytes)
            archive.writestr("LOBSTER_SampleFiles_ReadMe.txt", "made up")
        return path

    def write_zip_of_two_days(self) -> Path:
        """An archive with a second message file in it."""
        path = self.write_zip()
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(self.message_name.replace("06-21", "06-22"), self.message_bytes)
        return path

    def write_cut_csv(self, victim: str, n_bytes: int | None) -> Path:
        """The csv pair, with bytes missing at the end of one file (None: all of them)."""
        path = self.write_csv()
        file = self.folder / victim
        file.write_bytes(b"" if n_bytes is None else file.read_bytes()[:-n_bytes])
        return path

    def write_cut_gz(self) -> Path:
        """The packed pair, with the end of the message file missing."""
        path = self.write_csv(packed=True)
        path.write_bytes(path.read_bytes()[:-12])
        return path

    def write_damaged_gz(self) -> Path:
        """The packed pair, with a wrong checksum in the message file."""
        path = self.write_csv(packed=True)
        return _flip(path, len(path.read_bytes()) - 6)

    def write_gz_bomb(self, n_bytes: int) -> Path:
        """A small message file that unpacks to n_bytes."""
        path = self.write_csv(packed=True)
        path.write_bytes(gzip.compress(b"0" * n_bytes))
        return path

    def write_cut_zip(self, share: float) -> Path:
        """The first part of the archive."""
        path = self.write_zip()
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        return path

    def write_damaged_zip(self) -> Path:
        """The archive with a bit flipped inside the packed book."""
        return _flip(self.write_zip(), 120)


def _flip(path: Path, position: int) -> Path:
    data = bytearray(path.read_bytes())
    data[position] ^= 16
    path.write_bytes(data)
    return path


def _with_field(line: str, column: int, value: object) -> str:
    fields = line.split(",")
    fields[column] = str(value)
    return ",".join(fields)


@pytest.fixture
def tiny(tmp_path: Path) -> TinyRecording:
    """A made-up recording of fourteen messages that holds every type, two levels deep."""
    return TinyRecording(tmp_path)


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    """``make_dataset(depth, **columns)``: a valid data set of three additions, with columns replaced."""

    def build(depth: int = 0, **columns: list[int]) -> Dataset:
        values: dict[str, list[int]] = {
            "ts_exchange": [10, 20, 20],
            "ts_local": [11, 21, 22],
            "kind": [Kind.ADD] * 3,
            "side": [Side.BUY, Side.SELL, Side.BUY],
            "price": [999900, 1000100, 999800],
            "size": [5, 6, 7],
            "order_id": [1, 2, 3],
            "other_id": [0] * 3,
            "match_id": [0] * 3,
            "flags": [0] * 3,
            "sequence": [0, 1, 2],
        } | columns
        info = DatasetInfo(
            symbol=SYMBOL,
            venue="NASDAQ",
            date=DATE,
            currency="USD",
            price_quantum="0.0001",
            tick_quanta=100,
            lot="1",
            fidelity=Fidelity.L3_TOP_K if depth else Fidelity.L3_FULL,
            depth=depth,
            session_start_ns=0,
            session_end_ns=100,
            source="made_up.csv",
            source_sha256="0" * 64,
            notes=("made up",),
        )
        rows = None
        if depth:
            level = [[1000100 + 100 * k, 6, 999900 - 100 * k, 5] for k in range(depth)]
            rows = np.tile(np.array(level, dtype=np.int64).reshape(1, -1), (3, 1))
        return Dataset(info, pl.DataFrame(values, schema=COLUMNS), rows)

    return build
