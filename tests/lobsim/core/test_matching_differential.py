"""The compiled book against the slow one, and against itself under changes that must not matter.

Every report is compared in full, the state hash and the audit every hundred messages.  A failure names the seed and the shortest
prefix of its stream that shows it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobsim import Book
from lobsim.core.book import BookSize
from lobsim.types import (
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    MESSAGE,
    REPORT,
    MessageFlag,
    OrderType,
    Reason,
    ReportKind,
    Side,
    TimeInForce,
    Verb,
)
from tests.oracle.streams import random_messages
from tests.oracle.venue import OracleVenue

ROOT = Path(__file__).resolve().parents[3]
TINY = BookSize(orders=4, window=64, far=2, ids=8, dense=1, timers=2)
BATCH = 100
FIELDS = ["sequence", "kind", "reason", "side", "order_id", "other_id", "price_ticks", "size_lots", "remaining_lots"]


def small_book(room: BookSize = TINY) -> Book:
    """A book in ticks and lots that begins with hardly any room."""
    return Book("1", room=room)


def answers(book: Book, messages: np.ndarray, first: int = 0) -> list[tuple[int, ...]]:
    """What the compiled book says to each message, `first` added to the sequence."""
    reports = book.run(messages)
    refused = reports["kind"] == ReportKind.REJECTED
    assert np.array_equal(messages["verb"][reports["sequence"]][refused], reports["verb"][refused])
    reports["sequence"] += first
    return reports[FIELDS].tolist()


def oracle_answers(oracle: OracleVenue, messages: np.ndarray, first: int = 0) -> list[tuple[int, ...]]:
    """What the slow book says to each message."""
    return [(first + sequence, *line) for sequence, *line in oracle.run(messages)]


def difference(book: Book, oracle: OracleVenue, messages: np.ndarray, batch: int) -> tuple[int, str] | None:
    """Messages until the two part, and how; None if they never do."""
    for start in range(0, len(messages), batch):
        part = messages[start : start + batch]
        got, expected = answers(book, part, start), oracle_answers(oracle, part, start)
        if expected != got:
            place = next(
                i for i, pair in enumerate(zip([*expected, None], [*got, None], strict=False)) if len({*pair}) > 1
            )
            wanted, given = (lines[place] if place < len(lines) else None for lines in (expected, got))
            known = [line[0] for line in (wanted, given) if line is not None]
            return min(known) + 1, f"oracle {wanted}\ncore   {given}"
        if oracle.state_hash() != book.state_hash():
            return start + len(part), "the state hashes differ"
        book.audit()
    return None


def assert_agrees(messages: np.ndarray, story: str, room: BookSize = TINY) -> None:
    """Both books answer a stream alike, or fail with the shortest prefix that they do not."""
    found = difference(small_book(room), OracleVenue(), messages, BATCH)
    if found is None:
        return
    shortest = difference(small_book(room), OracleVenue(), messages[: found[0]], 1) or found
    last = dict(zip(MESSAGE.names or (), messages[shortest[0] - 1].tolist(), strict=True))
    pytest.fail(f"{story}: the first {shortest[0]} messages are enough\nlast   {last}\n{shortest[1]}", pytrace=False)


# against the slow book


@pytest.mark.parametrize(
    ("seed", "flow", "room"),
    [
        (1, {}, BookSize()),
        (2, {"keep": 1500}, TINY),
        (3, {"spread": 200, "center": 0}, TINY),
        (4, {"spread": 1, "center": -70_000, "keep": 60}, TINY._replace(window=128, orders=64)),
        (5, {"invalid": 0.3}, BookSize(ids=2, dense=64)),
    ],
    ids=["ordinary", "deep", "wide", "narrow", "invalid"],
)
def test_random_messages_get_the_answers_of_the_slow_book(
    seed: int, flow: dict[str, Any], room: BookSize, small: bool
) -> None:
    count = 1_000 if small else 21_000
    assert_agrees(random_messages(seed, count, **flow), f"random_messages({seed}, {count}, **{flow})", room)


def test_time_limits_that_fall_on_one_instant_end_as_in_the_slow_book(small: bool) -> None:
    messages = random_messages(6, 800 if small else 8_000)
    grid_ns = 500_000_000
    messages["expire_ns"] += -messages["expire_ns"] % grid_ns
    expired = small_book().run(messages)["kind"] == ReportKind.EXPIRED
    assert 20 < np.count_nonzero(expired)
    assert_agrees(messages, f"random_messages(6, {len(messages)}), time limits on whole half seconds")


def test_a_verb_that_does_not_exist_is_refused() -> None:
    messages = random_messages(8, 300, invalid=0)
    messages["verb"][200::7] = 5
    messages["verb"][203::7] = -1
    assert_agrees(messages, "verbs 5 and -1")
    assert Reason.BAD_FIELD in set(small_book().run(messages)["reason"])


def test_extreme_numbers_are_refused_and_never_wrap() -> None:
    rows = [
        (order_id, side, price, size, tif, expire_ns)
        for order_id, (side, price, size, tif, expire_ns) in enumerate(
            (side, price, size, tif, expire_ns)
            for side in (0, 1, 127, -128)
            for price in (2**63 - 1, -(2**63), MAX_PRICE_TICKS, -MAX_PRICE_TICKS, MAX_PRICE_TICKS + 1)
            for size in (2**63 - 1, -(2**63), MAX_SIZE_LOTS, MAX_SIZE_LOTS + 1, 1)
            for tif, expire_ns in ((TimeInForce.GTC, 0), (TimeInForce.GTD, 2**63 - 1), (TimeInForce.FOK, 0))
        )
    ]
    messages = np.zeros(len(rows), MESSAGE)
    for i, name in enumerate(("order_id", "side", "price_ticks", "size_lots", "tif", "expire_ns")):
        messages[name] = [row[i] for row in rows]
    messages["ts_ns"] = 2**62
    assert_agrees(messages, "extreme numbers")


def test_a_failure_names_the_shortest_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = random_messages(1, 200)
    broken = OracleVenue.process

    def forgetful(self: OracleVenue, message: Any) -> list[Any]:
        reports = broken(self, message)
        return reports if message["ts_ns"] < messages["ts_ns"][120] else reports[:-1]

    monkeypatch.setattr(OracleVenue, "process", forgetful)
    first = int(np.argmax(messages["ts_ns"] >= messages["ts_ns"][120]))
    with pytest.raises(pytest.fail.Exception, match=f"the first {first + 1} messages are enough"):
        assert_agrees(messages, "a slow book that forgets")


# against itself


@pytest.fixture(scope="module")
def stream() -> np.ndarray:
    """A flow with everything in it but numbers out of range, so that it can be moved about."""
    return random_messages(21, 2_500, invalid=0)


def test_mirrored_messages_get_mirrored_answers(stream: np.ndarray) -> None:
    mirrored = stream.copy()
    mirrored["side"] = 1 - stream["side"]
    mirrored["price_ticks"] = -stream["price_ticks"]
    expected = small_book().run(stream)
    known = expected["side"] >= 0
    expected["side"][known] = 1 - expected["side"][known]
    expected["price_ticks"] *= -1
    assert np.array_equal(expected, small_book().run(mirrored))


@pytest.mark.parametrize("ticks", [1, -10_000, 3_000_017, -(2**45)])
def test_shifted_prices_get_shifted_answers(stream: np.ndarray, ticks: int) -> None:
    shifted = stream.copy()
    shifted["price_ticks"] += ticks
    expected = small_book().run(stream)
    asked = stream[expected["sequence"]]
    of_market = (asked["verb"] == Verb.NEW) & (asked["type"] == OrderType.MARKET)
    unpriced = of_market & np.isin(expected["kind"], (ReportKind.ACCEPTED, ReportKind.CANCELLED))
    expected["price_ticks"] += np.where(unpriced, 0, ticks)
    assert np.array_equal(expected, small_book().run(shifted))


def test_ids_are_only_names(stream: np.ndarray) -> None:
    def renamed(ids: np.ndarray) -> np.ndarray:
        return (ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).view(np.int64)

    relabelled = stream.copy()
    expected = small_book().run(stream)
    for table, names in ((relabelled, ("order_id", "new_id")), (expected, ("order_id", "other_id"))):
        for name in names:
            table[name] = renamed(table[name])
    book = small_book()
    assert np.array_equal(expected, book.run(relabelled))
    book.audit()
    assert 1 == len(book.arrays.dense)  # hashed throughout, while small ids index a table
    direct = small_book()
    direct.run(stream)
    assert len(direct.arrays.dense) > stream["order_id"].max()


def test_a_batch_is_its_messages_one_by_one(stream: np.ndarray) -> None:
    part = stream[:600]
    expected = small_book().run(part)
    book = small_book()
    singly = [book.run(part[i : i + 1]) for i in range(len(part))]
    for i, reports in enumerate(singly):
        reports["sequence"] = i
    assert np.array_equal(expected, np.concatenate(singly))


def test_room_at_the_start_changes_no_answer(stream: np.ndarray) -> None:
    roomy = Book("1", room=BookSize(orders=2**14, window=2**12, far=2**10, ids=2**14, timers=2**12))
    expected = roomy.run(stream)
    tight = small_book()
    assert expected.tobytes() == tight.run(stream, np.zeros(3, REPORT)).tobytes()
    assert roomy.state_hash() == tight.state_hash()
    assert len(tight.arrays.nodes) > TINY.orders + 1
    tight.audit()


def test_compiled_and_uncompiled_give_the_same_bytes() -> None:
    code = (
        "import hashlib, sys; from lobsim import Book; from lobsim.core.book import BookSize;"
        "from tests.oracle.streams import random_messages;"
        "book = Book('1', room=BookSize(window=256)); reports = book.run(random_messages(31, 800));"
        "sys.stdout.write(f'{hashlib.sha256(reports.tobytes()).hexdigest()} {book.state_hash()}')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    book = Book("1", room=BookSize(window=256))
    reports = book.run(random_messages(31, 800))
    assert f"{hashlib.sha256(reports.tobytes()).hexdigest()} {book.state_hash()}" == done.stdout


def test_post_only_and_lose_place_may_stand_together() -> None:
    messages = np.zeros(4, MESSAGE)
    messages["order_id"] = (1, 2, 1, 3)
    messages["new_id"] = (0, 0, 1, 0)
    messages["verb"] = (Verb.NEW, Verb.NEW, Verb.REPLACE, Verb.NEW)
    messages["side"] = (Side.BUY, Side.BUY, Side.BUY, Side.SELL)
    messages["price_ticks"] = 5
    messages["size_lots"] = (4, 4, 4, 3)
    messages["flags"][2] = MessageFlag.POST_ONLY | MessageFlag.LOSE_PLACE
    reports = small_book().run(messages)
    assert [2] == reports["order_id"][reports["kind"] == ReportKind.TRADE].tolist()
