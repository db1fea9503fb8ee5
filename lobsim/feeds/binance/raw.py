"""Raw websocket captures of Binance spot, USD-M and COIN-M: ``<local time> <JSON>``, with REST snapshots among the lines.

What becomes of the messages: depth updates become LEVEL packets at their matching time (T; on spot, which has none, the event time E), from a snapshot on, by
the venue's rules of order (``chain``); trades become prints, the side of the maker known.  Book tickers are truth to compare with (``book_tickers``), not events.

Trades whose origin X is not MARKET (INSURANCE_FUND, ADL) are left out with a count: they were settled outside the book, no order in a queue met them.
Aggregate trades count only in a recording that has no plain ones.  A receive time before the exchange's time is kept as recorded, and counted.
A snapshot of spot has no time: it gets that of the first update that is applied to it.

Known limit: spot and futures of one symbol belong in two recordings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from lobsim.feeds.binance.instrument import DIGITS
from lobsim.feeds.binance.messages import messages, tickers
from lobsim.feeds.binance.recording import Recording
from lobsim.feeds.json_text import exact_column
from lobsim.feeds.lines import line_frames
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.refusals import refuse_options
from lobsim.feeds.reorder import reorder
from lobsim.feeds.source import Source

NAME = "Binance websocket capture"
WINDOW_NS = 5 * 10**9
"""How much later than the book's time a trade may come and still find its place; 0.17 s is the most that was seen."""
_STAMPED = re.compile(rb"[0-9]{13,19} \{")
_SYMBOL = re.compile(rb'"s"\s*:\s*"([A-Z0-9_]+)"')
_FUTURES = re.compile(rb'"(?:pu|ps|X)"\s*:')
_OURS = re.compile(rb'"(?:depthUpdate|lastUpdateId|aggTrade|bookTicker)"|"stream"\s*:\s*"[a-z0-9_]+@')


def recognise(source: Source) -> bool:
    """Whether the first line is a stamp and a message of Binance."""
    return _STAMPED.match(source.head) is not None and _OURS.search(source.head) is not None


def read(source: Source, options: ReadOptions) -> Iterator[Piece]:
    """The canonical rows of one capture.

    options.book    the capture before this one, or a REST snapshot, where this one begins without
    options.symbol  the one to take, where a capture holds several

    Raises DataError for lines that cannot be right, updates without a snapshot, and a gap that no later snapshot mends.
    """
    return read_all([source], options)


def read_all(sources: Sequence[Source], options: ReadOptions) -> Iterator[Piece]:
    """The same of files that one recorder has written one after another."""
    refuse_options(sources[0].name, options, ("symbol", "date", "venue", "tick", "lot", "book"))
    return reorder(_pieces(sources, options), WINDOW_NS, prints_first=True, file=sources[0].name)


def order_of(source: Source) -> tuple[tuple[frozenset[bytes], bool], tuple[int, ...]]:
    """Of which symbols and which kind of market a capture is, by its first messages, and when it begins by its own clock (ns)."""
    stamp = int(source.head.partition(b" ")[0])
    stamp *= 10**6 if stamp < 10**13 else 10**3 if stamp < 10**16 else 1
    symbols = frozenset(_SYMBOL.findall(source.head))
    return (symbols, _FUTURES.search(source.head) is not None), (stamp,)


def book_tickers(source: Source) -> pl.DataFrame:
    """Best prices as the venue tells them, to compare a book with.

    Columns: symbol, last (id of the update they hold after), ts_local, bid, bid_size, ask, ask_size in 10^-8.
    """
    frames = []
    for lines in line_frames(source):
        frame = tickers(lines, file=source.name)
        for field in ("bid", "bid_size", "ask", "ask_size"):
            frame = exact_column(frame, field, DIGITS, file=source.name)
        frames.append(frame.drop("row").rename({"local": "ts_local"}))
    return pl.concat(frames)


def _pieces(sources: Sequence[Source], options: ReadOptions) -> Iterator[Piece]:
    recording = Recording(options)
    if options.book is not None:
        recording.begin_with(Source(Path(options.book)))
    for source in sources:
        recording.file = source.name
        for lines in line_frames(source):
            yield from recording.take(messages(lines, file=source.name))
    yield from recording.finish()
