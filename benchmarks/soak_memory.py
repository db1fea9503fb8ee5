"""Resident memory over very many messages: ``python -m benchmarks.soak_memory --messages 1000000000``.

A block of messages after which the book is as empty as before is run again and again, with the reports in the same buffer.  One line per tenth: messages,
seconds, resident kilobytes.  Fails if memory grows by more than a megabyte in the second half.  A run of 10^9 showed
one step of 5.7 MB after a quarter and none after it; another of 2 * 10^8 none.  Why is not known, so the first half is printed and not judged.

Known limit: Linux only (it reads /proc).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from lobsim import Book
from lobsim.types import MESSAGE, REPORT, Side, Verb

_BLOCK = 200_000
_ALLOWED_KB = 1024


def block(count: int = _BLOCK, live: int = 1000, seed: int = 1) -> np.ndarray:
    """Messages that add, take and cancel around so many live orders, and cancel in the end what may be left."""
    rng = np.random.default_rng(seed)
    messages = np.zeros(count, MESSAGE)
    messages["order_id"] = np.arange(count) // 2
    messages["side"] = rng.integers(2, size=count)
    away = rng.geometric(0.1, count) - 2  # below 0: through the touch
    messages["price_ticks"] = np.where(messages["side"] == Side.BUY, 10_000 - away, 10_001 + away)
    messages["size_lots"] = rng.integers(1, 50, count)
    cancels = np.arange(1, count, 2)
    messages["verb"][cancels] = Verb.CANCEL
    messages["order_id"][cancels] = np.maximum(np.arange(len(cancels)) - live, 0)
    rest = np.zeros(live, MESSAGE)
    rest["verb"] = Verb.CANCEL
    rest["order_id"] = np.arange(count // 2 - live, count // 2)
    return np.concatenate([messages, rest])


def resident_kb() -> int:
    """Resident memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise OSError("this system does not say how much memory is resident")


def main(arguments: list[str] | None = None) -> int:
    """Run the soak; 0 if memory stayed flat."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=10**8)
    wanted = parser.parse_args(arguments).messages
    book, messages = Book("0.01"), block()
    reports = np.zeros(4 * len(messages), REPORT)
    done, marks, start = 0, [], time.perf_counter()
    while done < wanted:
        book.run(messages, reports)
        done += len(messages)
        if done * 10 >= wanted * (len(marks) + 1):
            marks.append(resident_kb())
            print(f"{done:,} messages, {time.perf_counter() - start:.0f} s, {marks[-1]:,} kB resident", flush=True)
    book.audit()
    grown = marks[-1] - marks[len(marks) // 2]
    print(f"grown by {grown} kB in the second half; {book.orders} orders left")
    return 0 if grown <= _ALLOWED_KB and book.orders == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
