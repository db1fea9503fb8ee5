"""Blocks of like messages: each is answered as it must be, in a book that keeps its size."""

from __future__ import annotations

import numpy as np
import pytest

from lobsim.bench.answers import WrongAnswer
from lobsim.bench.drive import BLOCK
from lobsim.bench.verbs import VERBS, measure_verb, verb_messages
from lobsim.types import ReportKind
from tests.oracle.venue import OracleVenue

RESTING, BLOCKS = 100, 3
ANSWER = {"add": ReportKind.ACCEPTED, "cancel": ReportKind.CANCELLED, "match": ReportKind.TRADE}


@pytest.mark.parametrize("verb", VERBS)
def test_the_slow_book_answers_every_timed_message_as_it_must_be(verb: str) -> None:
    fill, messages = verb_messages(verb, RESTING, BLOCKS, seed=5)
    book = OracleVenue()
    for message in fill:
        book.process(message)
    prepare = 0 if verb == "replace" else BLOCK
    expected = ANSWER.get(verb, ReportKind.REPLACED)
    for start in range(0, len(messages), prepare + BLOCK):
        block = messages[start : start + prepare + BLOCK]
        for message in block[:prepare]:
            book.process(message)
        for message in block[prepare:]:
            kinds = [report[0] for report in book.process(message)]
            assert 1 == kinds.count(expected), (verb, kinds)
        assert RESTING == len(book.orders)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_is_measured(verb: str) -> None:
    found = measure_verb(verb, RESTING, BLOCKS, seed=5)
    assert BLOCKS == found.summary()["count"]
    assert np.all(found.times.values > 0)
    assert found.summary()["timer_ns"] >= 0


def test_a_wrong_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    real = verb_messages

    def one_cancel_of_nobody(*arguments: object) -> tuple[np.ndarray, np.ndarray]:
        fill, messages = real(*arguments)  # pyright: ignore[reportArgumentType]
        messages["order_id"][-1] = 10**6
        return fill, messages

    monkeypatch.setattr("lobsim.bench.verbs.verb_messages", one_cancel_of_nobody)
    with pytest.raises(WrongAnswer, match="191 of 192 messages"):
        measure_verb("cancel", RESTING, BLOCKS, seed=5)
