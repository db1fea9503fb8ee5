"""The first instant at which an order can be worked in a recording: both sides of the book are there, uncrossed, in continuous trading."""

from __future__ import annotations

import numpy as np

from lobsim.errors import DataError
from lobsim.market import Market
from lobsim.types import NEVER, Kind, Phase


def first_full_book_ns(market: Market) -> int:
    """The first instant, not before the session's start, after whose rows bid and ask are there, the bid below the ask, in continuous trading.

    A recording that tells no phases is in continuous trading throughout.  It is the book that is looked at, not its depth: a recording that begins without
    a book (Bitstamp's) shows both sides long before it shows all of them.

    Raises DataError where there is no such instant.
    """
    info = market.dataset.info
    quotes = market.quotes
    times_ns = quotes["ts_ns"].to_numpy()
    last_of_instant = np.append(times_ns[1:] != times_ns[:-1], True)
    full = last_of_instant & (quotes["bid"] < quotes["ask"]).fill_null(False).to_numpy()
    begins = np.flatnonzero(full)
    ends_ns = np.append(times_ns[np.flatnonzero(last_of_instant)][1:], NEVER)[full[last_of_instant]]
    for first_ns, until_ns in _continuous(market):
        start_ns = max(first_ns, info.session_start_ns)
        open_ns = np.maximum(times_ns[begins], start_ns)
        usable = np.flatnonzero((open_ns < ends_ns) & (open_ns < until_ns))
        if usable.size:
            return int(open_ns[usable[0]])
    raise DataError(
        "the book never has both sides in continuous trading", file=info.source, hint="name an instant with --start"
    )


def _continuous(market: Market) -> list[tuple[int, int]]:
    """From when to before when the venue traded continuously, in order of time."""
    tape = market.tape
    rows = tape[tape["kind"] == Kind.PHASE]
    times_ns = [int(tape["ts_ns"][0]), *rows["ts_ns"].tolist(), int(NEVER)]
    phases = [int(Phase.CONTINUOUS), *rows["size"].tolist()]
    spans = []
    for place, phase in enumerate(phases):
        if phase == Phase.CONTINUOUS and times_ns[place] < times_ns[place + 1]:
            spans.append((times_ns[place], times_ns[place + 1]))
    return spans
