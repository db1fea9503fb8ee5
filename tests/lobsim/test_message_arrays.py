"""Arrays of messages and tables of terms, checked where they come in."""

from __future__ import annotations

import numpy as np
import pytest

from lobsim import message_arrays
from lobsim.errors import OrderError
from lobsim.message_arrays import checked_messages, checked_terms
from lobsim.types import MESSAGE, TERMS


def test_more_messages_than_reports_can_count_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_arrays, "MAX_MESSAGES", 3)
    assert 3 == len(checked_messages(np.zeros(3, MESSAGE)))
    with pytest.raises(OrderError, match="4 messages in one call, at most 3 fit"):
        checked_messages(np.zeros(4, MESSAGE))


def test_every_second_message_of_an_array_becomes_an_array_of_its_own() -> None:
    messages = np.zeros(6, MESSAGE)
    messages["order_id"] = np.arange(6)
    taken = checked_messages(messages[::2])
    assert taken.flags.c_contiguous
    assert [0, 2, 4] == taken["order_id"].tolist()


@pytest.mark.parametrize("terms", [None, np.zeros(0, TERMS)])
def test_no_terms_are_one_row_that_means_nothing(terms: np.ndarray | None) -> None:
    assert np.array_equal(np.zeros(1, TERMS), checked_terms(terms))


def test_a_first_row_that_means_something_is_refused() -> None:
    with pytest.raises(OrderError, match="row 0 of terms means nothing"):
        checked_terms(np.ones(2, TERMS))


@pytest.mark.parametrize("wrong", [np.zeros(3), np.zeros((2, 2), MESSAGE), [1, 2]])
def test_what_is_no_array_of_messages_is_refused(wrong: object) -> None:
    with pytest.raises(OrderError, match=r"messages are a one-dimensional array of lobsim\.types\.MESSAGE"):
        checked_messages(wrong)
