"""The outside referee: order tapes on which unrelated matching engines agree byte for byte.

The whole tapes go through the bulk path and must reproduce the published digests.  Where inputs are small the first 20,000 messages are held
against the slow book, which writes the report lines itself.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobsim import Book, DataError
from lobsim.order_tapes import read_tape, report_digest
from lobsim.types import ReportKind, Side, Verb
from tests.oracle.venue import OracleVenue

TAPES = ("normal_s23_n1000000.xz", "static_s23_n1000000.xz", "flash-crash_s23_n1000000.xz", "quantcup_feed.xz")
FIRST = 20_000


@cache
def manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """What each tape must give, by file name."""
    return {entry["file"]: entry for entry in json.loads((folder / "manifest.json").read_text())}


def slow_lines(messages: np.ndarray) -> Iterator[str]:
    """The report lines as the tapes define them, out of the slow book."""
    oracle = OracleVenue()
    for i, message in enumerate(messages):
        for kind, _, side, order_id, other_id, price, size, _ in oracle.process(message):
            if kind == ReportKind.ACCEPTED:
                yield f"0,{i},{side},{order_id},{price},{size}"
            elif kind == ReportKind.TRADE:
                yield f"1,{i},{price},{size},{order_id},{other_id}"
            elif kind == ReportKind.CANCELLED:
                yield f"2,{i},{side},{order_id},{price}"
            elif kind == ReportKind.REPLACED:
                yield f"3,{i},{side},{order_id},{price},{size}"
            else:
                yield f"{4 if message['verb'] == Verb.CANCEL else 5},{i},{order_id}"


def test_the_manifest_names_the_four_tapes(shared: Path) -> None:
    assert set(TAPES) == set(manifest(shared / "consensus_tapes"))


@pytest.mark.parametrize("name", TAPES)
def test_a_tape_reproduces_its_digest(shared: Path, small: bool, name: str) -> None:
    if small:
        pytest.skip("inputs are small here; the first messages are compared below")
    expected = manifest(shared / "consensus_tapes")[name]
    messages = read_tape(shared / "consensus_tapes" / name)
    assert expected["messages"] == len(messages)
    book = Book("1")
    reports = book.run(messages)
    assert expected["report_sha256"] == report_digest(reports)
    assert expected["reports"] == len(reports)
    assert expected["trades"] == np.count_nonzero(reports["kind"] == ReportKind.TRADE)
    assert expected["resting"] == book.orders
    assert (expected["best_bid"], expected["best_ask"]) == (book.best_bid, book.best_ask)
    book.audit()


@pytest.mark.parametrize("name", TAPES)
def test_the_first_messages_of_a_tape_are_answered_as_by_the_slow_book(shared: Path, small: bool, name: str) -> None:
    messages = read_tape(shared / "consensus_tapes" / name)[: FIRST if small else FIRST // 10]
    book = Book("1")
    expected = hashlib.sha256("\n".join(slow_lines(messages)).encode()).hexdigest()
    assert expected == report_digest(book.run(messages))
    book.audit()


def test_a_single_changed_order_changes_the_digest(shared: Path) -> None:
    messages = read_tape(shared / "consensus_tapes" / "quantcup_feed.xz")[:5000]
    before = report_digest(Book("1").run(messages))
    resting = np.flatnonzero((messages["verb"] == Verb.NEW) & (messages["side"] == Side.BUY))[-1]
    messages["size_lots"][resting] += 1
    assert before != report_digest(Book("1").run(messages))


def test_a_file_that_is_no_tape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.xz"
    path.write_bytes(lzma.compress(np.uint64(7).tobytes() + b"1234567890"))
    with pytest.raises(DataError, match="not an order tape: 7 rows do not fit 18 bytes"):
        read_tape(path)
