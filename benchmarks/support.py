"""Driving the compiled book without the shell around it."""

from __future__ import annotations

import numpy as np

from lobsim.core.book import BookSize, new_book
from lobsim.core.exchange import run_messages
from lobsim.core.layout import Book
from lobsim.types import MAX_SIZE_LOTS, Status

_ORDERS = 200_000
_WINDOW = 2**17
_IDS = 2**18


def fresh_book(messages: np.ndarray, dense: bool = True) -> Book:
    """An empty book with room for a stream; dense: ids index a table, else they are hashed."""
    ids = int(messages["order_id"].max()) + 1 if dense else 1
    return new_book(BookSize(orders=_ORDERS, window=_WINDOW, ids=_IDS, dense=ids))


def run_all(book: Book, messages: np.ndarray, start: int, stop: int, reports: np.ndarray, n: int = 0) -> int:
    """Apply messages[start:stop]; returns how many reports there are.  Fails if room runs out: that would time the growing."""
    status, _, count = run_messages(book, messages, book.no_terms, start, stop, MAX_SIZE_LOTS, reports, n)
    if status != Status.OK:
        raise RuntimeError(f"the benchmark's book is too small: {Status(status).name}")
    return count
