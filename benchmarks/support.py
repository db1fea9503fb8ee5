"""Driving the compiled book without the shell around it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from lobsim.core.book import BookSize, new_book
from lobsim.core.exchange import run_messages
from lobsim.core.layout import Book
from lobsim.types import MAX_SIZE_LOTS, MESSAGE, Status, Verb

_ORDERS = 200_000
_WINDOW = 2**17
_IDS = 2**18

_MANY_STREAMS = """
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
from gen_stream import MD, distance_table, generate, quantity_table
out, streams, count, live = sys.argv[2], *map(int, sys.argv[3:])
found = np.zeros((streams, 5, count), np.int32)
for k in range(streams):
    kind, side = np.zeros(count, np.uint8), np.zeros(count, np.uint8)
    price, qty, order_id = (np.zeros(count, np.int32) for _ in range(3))
    market = np.zeros(3 * count, MD), np.zeros(3 * count, MD), np.zeros(16, np.int64)
    generate(count, live, 0, distance_table(6, 40), quantity_table(), 1000 + k, 26_000, 39_000,
             kind, side, price, qty, order_id, *market)
    found[k] = kind, side, price, qty, order_id
np.save(out, found)
"""
DENSE = 1024
"""Ids of `many_streams` are below this: an order that lives long enough to meet its id again is one in millions."""


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


def many_streams(yardstick: Path, folder: Path, streams: int, count: int, live: int) -> np.ndarray:
    """The yardstick's mix (uniform cancels) in so many streams of their own, each around so many live orders.

    Returns MESSAGE [streams, count]; ids are used again after DENSE orders.
    """
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    out = folder / "streams.npy"
    command = [sys.executable, "-c", _MANY_STREAMS, str(yardstick), str(out), *map(str, (streams, count, live))]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    kind, side, price, size, order_id = np.load(out).transpose(1, 0, 2)
    messages = np.zeros((streams, count), MESSAGE)
    messages["verb"] = np.where(kind == 0, Verb.NEW, Verb.CANCEL)
    for name, values in {"side": side, "price_ticks": price, "size_lots": size, "order_id": order_id % DENSE}.items():
        messages[name] = values
    return messages
