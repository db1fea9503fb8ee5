"""Time per message of each verb alone: blocks of 64 like messages in a book that keeps its number of resting orders.

==========  ====================================================================  ============================
verb        timed block                                                           before it, not timed
==========  ====================================================================  ============================
add         64 passive limits                                                     64 cancels
cancel      64 cancels of uniformly chosen live orders                            64 passive limits
match       64 immediate orders, each takes exactly one resting order, in turns   64 passive limits
            from either side
replace     64 replaces of uniformly chosen orders, each to a new price           none
==========  ====================================================================  ============================

Sizes are 1 lot and prices stand around a fixed fair value, so no passive order ever trades and the answers are known beforehand: every add is accepted and
rests, every cancel and replace finds its order, every take trades once.  They are counted, and the book is audited at the end.

The clock is read inside the compiled loop.  What reading it twice and calling an empty block costs is measured the same way and
reported beside the figures, not taken off them.  Wall time: a block during which the machine did something else counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lobsim.bench.answers import WrongAnswer
from lobsim.bench.drive import BLOCK, NO_KIND, NO_TERMS, apply_messages, fresh_book, report_buffer, time_blocks
from lobsim.bench.percentiles import Distribution
from lobsim.bench.streams import PRICES, distance_table, random_words, shape_of
from lobsim.book_shell import check
from lobsim.core.jit import kernel
from lobsim.core.layout import Book
from lobsim.types import MESSAGE, MessageFlag, ReportKind, Status, TimeInForce, Verb

_FAIR = PRICES // 2
_EXPECTED = {
    "add": ReportKind.ACCEPTED,
    "cancel": ReportKind.CANCELLED,
    "match": ReportKind.TRADE,
    "replace": ReportKind.REPLACED,
}
VERBS = tuple(_EXPECTED)


@dataclass(frozen=True)
class VerbTimes:
    """Block times of one verb at one size, and of empty blocks between the same two readings of the clock."""

    times: Distribution
    empty: Distribution

    def summary(self) -> dict[str, float]:
        """Nanoseconds per message, and what of it the timer is (median, per message)."""
        return self.times.summary() | {"timer_ns": round(self.empty.at(50.0), 2)}


@kernel
def _turn_over(live, words, first_id, chosen):
    """Who leaves when, block after block, 64 chosen uniformly, 64 new orders come for them.

    live      int64 [resting], the ids in the book; changes
    words     uint64 [64 * blocks], random
    first_id  id of the first new order; they are counted up
    chosen    int64 [64 * blocks], the ids that leave

    changes: live, chosen.
    """
    for start in range(0, len(words), BLOCK):
        for k in range(BLOCK):
            end = len(live) - 1 - k
            place = np.int64(words[start + k] >> np.uint64(1)) % (end + 1)
            chosen[start + k] = live[place]
            live[place] = live[end]
            live[end] = first_id + start + k


def _limits(ids: np.ndarray, words: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Passive limits of 1 lot, buys and sells in turns by id."""
    messages = np.zeros(len(ids), MESSAGE)
    side = ids & 1
    distance = distances[(words >> np.uint64(40)).astype(np.int64) % len(distances)]
    messages["verb"] = Verb.NEW
    messages["side"] = side
    messages["order_id"] = ids
    messages["price_ticks"] = np.where(side == 0, _FAIR - distance, _FAIR + 1 + distance)
    messages["size_lots"] = 1
    return messages


def _cancels(ids: np.ndarray) -> np.ndarray:
    messages = np.zeros(len(ids), MESSAGE)
    messages["verb"] = Verb.CANCEL
    messages["order_id"] = ids
    return messages


def _takes(ids: np.ndarray) -> np.ndarray:
    """Immediate orders of 1 lot, buys and sells in turns, at any price."""
    messages = np.zeros(len(ids), MESSAGE)
    messages["side"] = ids & 1
    messages["order_id"] = ids
    messages["price_ticks"] = np.where(ids & 1 == 0, PRICES, 0)
    messages["size_lots"] = 1
    messages["tif"] = TimeInForce.IOC
    return messages


def _replaces(ids: np.ndarray, words: np.ndarray, distances: np.ndarray) -> np.ndarray:
    messages = _limits(ids, words, distances)
    messages["verb"] = Verb.REPLACE
    messages["new_id"] = ids
    messages["flags"] = MessageFlag.LOSE_PLACE
    return messages


def _in_turns(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A block of the one, a block of the other, and so on."""
    return np.stack([first.reshape(-1, BLOCK), second.reshape(-1, BLOCK)], axis=1).reshape(-1)


def verb_messages(verb: str, resting: int, blocks: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Messages that fill a book with `resting` orders (at least 64), and the blocks of one verb of `VERBS`.

    Returns (MESSAGE [resting], MESSAGE [blocks * 64] for replace, else [blocks * 128]: each timed block follows its untimed one).
    """
    distances = distance_table(*shape_of(resting))
    words = random_words(seed, resting + 2 * blocks * BLOCK)
    first = np.arange(1, resting + 1, dtype=np.int64)
    fill = _limits(first, words[:resting], distances)
    pick, draw = words[resting:].reshape(2, -1)
    new = np.arange(resting + 1, resting + 1 + blocks * BLOCK, dtype=np.int64)
    if verb == "replace":
        chosen = first[(pick >> np.uint64(1)).astype(np.int64) % resting]
        return fill, _replaces(chosen, draw, distances)
    limits = _limits(new, draw, distances)
    if verb == "match":
        return fill, _in_turns(limits, _takes(new + blocks * BLOCK))
    chosen = np.zeros(blocks * BLOCK, np.int64)
    _turn_over(first.copy(), pick, resting + 1, chosen)
    cancels = _cancels(chosen)
    return fill, _in_turns(cancels, limits) if verb == "add" else _in_turns(limits, cancels)


def measure_verb(verb: str, resting: int, blocks: int, seed: int) -> VerbTimes:
    """Block times of one verb in a book of `resting` orders.

    Raises WrongAnswer if any message is answered otherwise than it must be, LobsimError if the book is not sound at the end.
    """
    fill, messages = verb_messages(verb, resting, blocks, seed)
    both = np.concatenate([fill, messages])
    book = fresh_book(both, resting + BLOCK)
    reports = report_buffer(max(resting, BLOCK), resting + BLOCK)
    apply_messages(book, both, 0, resting, reports)
    prepare = 0 if verb == "replace" else BLOCK
    spent_ns = np.zeros(blocks, np.int64)
    empty_ns = np.zeros(blocks, np.int64)
    time_blocks(book, messages[:0], NO_TERMS, 0, NO_KIND, reports, empty_ns)
    status, found = time_blocks(book, messages, NO_TERMS, prepare, int(_EXPECTED[verb]), reports, spent_ns)
    _check(book, verb, resting, (Status(status), int(found)), blocks)
    return VerbTimes(Distribution.of(spent_ns, BLOCK), Distribution.of(empty_ns, BLOCK))


def _check(book: Book, verb: str, resting: int, end: tuple[Status, int], blocks: int) -> None:
    """Every message was answered as it must be, and the book holds what it must hold."""
    where = f"{verb} at {resting:,} resting orders"
    status, found = end
    if status != Status.OK:
        raise WrongAnswer(f"the book of a measurement is too small: {status.name}", where=where)
    if found != blocks * BLOCK:
        raise WrongAnswer(f"{found:,} of {blocks * BLOCK:,} messages were answered as they must be", where=where)
    left = int(book.sides["orders"].sum())
    if left != resting:
        raise WrongAnswer(f"{left:,} orders rest at the end", where=where)
    check(book)
