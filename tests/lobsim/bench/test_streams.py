"""Streams with known answers: the same every time, and the answers are those of the slow book."""

from __future__ import annotations

import numpy as np
import pytest

from lobsim.bench.answers import Answers, FillLog, WrongAnswer, compare
from lobsim.bench.drive import BLOCK_MESSAGES, fresh_book, replay_in_blocks, report_buffer
from lobsim.bench.flow import time_blocks_of, time_whole
from lobsim.bench.ids import arbitrary_ids, dense_ids
from lobsim.bench.streams import Stream, distance_table, make_stream, random_words, size_table
from lobsim.errors import ConfigError
from lobsim.types import NEVER, REPORT, ReportKind, Verb
from tests.oracle.venue import OracleVenue


@pytest.fixture(scope="module")
def stream() -> Stream:
    return make_stream(60, 900, seed=3)


def oracle_answers(stream: Stream) -> tuple[Answers, list[tuple[int, ...]]]:
    """What the slow book comes to, and every report of it that is no acceptance, cancel or trade."""
    book = OracleVenue()
    trades, others = [], []
    for message in stream.messages:
        for report in book.process(message):
            kind = report[0]
            if kind == ReportKind.TRADE:
                trades.append((report[3], report[4], report[5], report[6]))
            elif kind not in (ReportKind.ACCEPTED, ReportKind.CANCELLED):
                others.append(report)
    rows = np.zeros(len(trades), REPORT)
    rows["kind"] = ReportKind.TRADE
    for place, name in enumerate(("order_id", "other_id", "price_ticks", "size_lots")):
        rows[name] = [trade[place] for trade in trades]
    log = FillLog()
    log(rows)
    empty = fresh_book(stream.messages, stream.live)
    touch = [book.best(0), book.best(1)]
    for side, sign in ((0, -1), (1, 1)):
        price = touch[side]
        empty.sides[side]["best_key"] = NEVER if price is None else sign * price
        empty.sides[side]["orders"] = sum(len(book.queue(side, price)) for price in book.prices(side))
    return log.answers(empty), others


def test_the_answers_are_those_of_the_slow_book(stream: Stream) -> None:
    answers, others = oracle_answers(stream)
    assert answers == stream.answers
    assert [] == others
    assert answers.fills > 20


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(stream: Stream) -> None:
    assert make_stream(60, 900, seed=3).messages.tobytes() == stream.messages.tobytes()
    assert make_stream(60, 900, seed=4).messages.tobytes() != stream.messages.tobytes()


def test_the_filling_only_adds_and_the_book_stays_near_its_size(stream: Stream) -> None:
    assert 60 == stream.warm
    assert np.all(stream.messages["verb"][: stream.warm] == Verb.NEW)
    assert 40 < stream.answers.live < stream.live < 90
    cancels = stream.messages["verb"][stream.warm :] == Verb.CANCEL
    assert 0.38 < cancels.mean() < 0.5


def test_the_core_gives_the_answers_with_dense_and_with_arbitrary_ids(stream: Stream) -> None:
    assert time_blocks_of(stream) > 0
    assert time_whole(stream) > 0
    assert time_blocks_of(stream.with_arbitrary_ids(), dense=False) > 0


def test_a_wrong_answer_is_refused(stream: Stream) -> None:
    wrong = stream._replace(messages=stream.messages.copy())
    taker = np.flatnonzero(wrong.messages["verb"] == Verb.NEW)[-1]
    wrong.messages["size_lots"][taker] += 1000
    wrong.messages["price_ticks"][taker] += np.where(wrong.messages["side"][taker] == 0, 50, -50)
    with pytest.raises(WrongAnswer, match="it must be"):
        time_blocks_of(wrong, where="changed stream")


def test_fills_in_another_order_are_another_answer(stream: Stream) -> None:
    log, turned = FillLog(), FillLog()
    book = fresh_book(stream.messages, stream.live)
    kept = []
    reports = report_buffer(BLOCK_MESSAGES, stream.live)
    replay_in_blocks(book, stream.messages, 0, len(stream.messages), reports, lambda block: kept.append(block.copy()))
    log(np.concatenate(kept))
    turned(np.concatenate(kept)[::-1])
    compare(stream.answers, log.answers(book), "in order")
    with pytest.raises(WrongAnswer, match="fill_hash"):
        compare(stream.answers, turned.answers(book), "turned round")


def test_arbitrary_ids_are_unique_and_lead_back() -> None:
    ids = np.arange(1, 5000, dtype=np.int64)
    mixed = arbitrary_ids(ids)
    assert len(ids) == len(np.unique(mixed))
    assert ids.tolist() == dense_ids(mixed).tolist()
    assert 0.4 < (mixed < 0).mean() < 0.6


def test_random_words_are_splitmix64() -> None:
    assert [16294208416658607535, 7960286522194355700] == random_words(0, 2).tolist()


def test_tables_have_the_means_they_are_made_for() -> None:
    table = distance_table(150, 900)
    near = table[: len(table) * 85 // 100]
    assert 148 < near.mean() < 152
    assert 0 == table.min()
    assert 1 == size_table().min()
    assert 20 < size_table().mean() < 23


def test_a_stream_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1 resting order"):
        make_stream(0, 10, seed=1)
