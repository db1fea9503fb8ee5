"""The messages of TotalView-ITCH 5.0 as numpy types, and their framing: a 2-byte length, big-endian, before each message.

Every message begins with type, stock locate, tracking number and nanoseconds since midnight in New York (6 bytes).  Prices are in 1e-4 dollars.
Source: Nasdaq TotalView-ITCH 5.0 specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from lobsim.errors import DataError
from lobsim.feeds.source import BLOCK_BYTES, Source

_HEAD = [("type", "S1"), ("locate", ">u2"), ("tracking", ">u2"), ("time_high", ">u2"), ("time_low", ">u4")]
_STOCK = [("stock", "S8")]
_ADD = [("order_id", ">u8"), ("side", "S1"), ("shares", ">u4"), *_STOCK, ("price", ">u4")]
_EXECUTED = [("order_id", ">u8"), ("shares", ">u4"), ("match", ">u8")]

_BODIES: dict[str, list[tuple[str, str]]] = {
    "S": [("event", "S1")],
    "R": [
        *_STOCK,
        ("category", "S1"),
        ("financial_status", "S1"),
        ("round_lot", ">u4"),
        ("round_lots_only", "S1"),
        ("issue_class", "S1"),
        ("issue_subtype", "S2"),
        ("authenticity", "S1"),
        ("short_sale_threshold", "S1"),
        ("new_issue", "S1"),
        ("limit_band_tier", "S1"),
        ("fund", "S1"),
        ("fund_leverage", ">u4"),
        ("inverse", "S1"),
    ],
    "H": [*_STOCK, ("state", "S1"), ("reserved", "S1"), ("reason", "S4")],
    "Y": [*_STOCK, ("short_sale", "S1")],
    "L": [("participant", "S4"), *_STOCK, ("primary", "S1"), ("mode", "S1"), ("state", "S1")],
    "V": [("level_1", ">u8"), ("level_2", ">u8"), ("level_3", ">u8")],
    "W": [("level", "S1")],
    "K": [*_STOCK, ("release_seconds", ">u4"), ("qualifier", "S1"), ("price", ">u4")],
    "J": [*_STOCK, ("reference", ">u4"), ("upper", ">u4"), ("lower", ">u4"), ("extension", ">u4")],
    "h": [*_STOCK, ("market", "S1"), ("action", "S1")],
    "A": _ADD,
    "F": [*_ADD, ("participant", "S4")],
    "E": _EXECUTED,
    "C": [*_EXECUTED, ("printable", "S1"), ("price", ">u4")],
    "X": [("order_id", ">u8"), ("shares", ">u4")],
    "D": [("order_id", ">u8")],
    "U": [("order_id", ">u8"), ("new_id", ">u8"), ("shares", ">u4"), ("price", ">u4")],
    "P": [*_ADD, ("match", ">u8")],
    "Q": [("shares", ">u8"), *_STOCK, ("price", ">u4"), ("match", ">u8"), ("cross", "S1")],
    "B": [("match", ">u8")],
    "I": [
        ("paired", ">u8"),
        ("imbalance", ">u8"),
        ("direction", "S1"),
        *_STOCK,
        ("far", ">u4"),
        ("near", ">u4"),
        ("reference", ">u4"),
        ("cross", "S1"),
        ("variation", "S1"),
    ],
    "N": [*_STOCK, ("interest", "S1")],
    "O": [
        *_STOCK,
        ("eligible", "S1"),
        ("lowest", ">u4"),
        ("highest", ">u4"),
        ("near", ">u4"),
        ("near_time", ">u8"),
        ("lower_collar", ">u4"),
        ("upper_collar", ">u4"),
    ],
}
MESSAGES: dict[str, np.dtype] = {letter: np.dtype([*_HEAD, *body]) for letter, body in _BODIES.items()}
"""Letter -> the message, without its 2-byte length."""

LENGTHS = np.zeros(256, dtype=np.int64)
for _letter, _dtype in MESSAGES.items():
    LENGTHS[ord(_letter)] = _dtype.itemsize
_CUT_HINT = "the file is cut or damaged, or not ITCH 5.0: fetch it again"


class Block(NamedTuple):
    """Some consecutive messages.

    first    number of the first in the file, from 0
    letters  code of each
    locate   stock locate of each, int64
    time     nanoseconds since midnight of each, int64
    places   letter -> index of each of its messages in the block
    records  letter -> its messages
    """

    first: int
    letters: np.ndarray
    locate: np.ndarray
    time: np.ndarray
    places: dict[str, np.ndarray]
    records: dict[str, np.ndarray]


def looks_framed(head: bytes) -> bool:
    """Whether the first 16 messages, as far as they are there, have the length of their type."""
    at = count = 0
    while at + 3 <= len(head) and count < 16:
        length = head[at] << 8 | head[at + 1]
        if length == 0 or LENGTHS[head[at + 2]] != length:
            return False
        at += 2 + length
        count += 1
    return count > 0


def blocks(source: Source) -> Iterator[Block]:
    """All messages of a file, block by block; raises DataError for an unknown type, a wrong length, a cut."""
    rest, first = b"", 0
    for data in source.blocks(BLOCK_BYTES):
        whole = rest + data
        starts, end = _starts(whole)
        rest = whole[end:]
        if starts:
            block = _block(whole, np.array(starts, dtype=np.int64), first, source.name)
            first += len(starts)
            yield block
    if rest:
        raise DataError("it ends inside a message", file=source.name, row=first + 1, hint=_CUT_HINT)


def _starts(data: bytes) -> tuple[list[int], int]:
    """Where each whole message begins, and where the first that is not whole would."""
    starts, at, limit = [], 0, len(data) - 1
    add = starts.append
    while at < limit:
        after = at + 2 + (data[at] << 8 | data[at + 1])
        if after > limit + 1:
            break
        add(at + 2)
        at = after
    return starts, at


def _block(data: bytes, starts: np.ndarray, first: int, file: str) -> Block:
    """Parse whole messages."""
    raw = np.frombuffer(data, dtype=np.uint8)
    lengths = raw[starts - 2].astype(np.int64) << 8 | raw[starts - 1]
    letters = raw[np.minimum(starts, len(raw) - 1)]
    wrong = (LENGTHS[letters] != lengths) | (lengths == 0)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise DataError(
            f"a message of type {chr(letters[at])!r} and {lengths[at]} bytes is not one of ITCH 5.0",
            file=file,
            row=first + at + 1,
            hint=_CUT_HINT,
        )
    count = len(starts)
    locate, time = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    places, records = {}, {}
    for letter, dtype in MESSAGES.items():
        place = np.flatnonzero(letters == ord(letter))
        if len(place) == 0:
            continue
        rows = raw[starts[place][:, None] + np.arange(dtype.itemsize)].view(dtype)[:, 0]
        places[letter], records[letter] = place, rows
        locate[place] = rows["locate"]
        time[place] = rows["time_high"].astype(np.int64) << 32 | rows["time_low"]
    return Block(first, letters, locate, time, places, records)
