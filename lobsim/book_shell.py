"""One order book for people who want a matching engine: natural units in, reports out; and in bulk at full speed.

``Book`` drives the compiled floor with the same kernels as every market.  Two ways in, one engine:

- one request at a time, in natural units (lobsim/book_requests.py);
- ``run``, which takes a MESSAGE array and answers with one REPORT array, in ticks and lots.

Invariants: a refusal is a report with a reason, never an exception; what cannot be an order at all (a side that does not exist, a price that is no
number) is an OrderError; the book makes room by itself and no answer depends on how much it began with.
Known limit: one fixed tick and lot per book.
"""

from __future__ import annotations

from copy import copy
from decimal import Decimal

import numpy as np

from lobsim.answers import Level
from lobsim.book_requests import Requests
from lobsim.core.audit import Broken, audit, audit_scratch
from lobsim.core.book import BookSize, new_book
from lobsim.core.book_hash import state_hash
from lobsim.core.depth import copy_levels
from lobsim.core.exchange import run_messages
from lobsim.core.ids import id_range
from lobsim.core.layout import Book as Arrays
from lobsim.core.world import book_size, resize_book, roomier_book
from lobsim.errors import LobsimError
from lobsim.message_arrays import checked_array, checked_messages, checked_terms
from lobsim.natural import Number, step_of
from lobsim.snapshot import Snapshot
from lobsim.types import MAX_SIZE_LOTS, REPORT, Phase, Side, Status
from lobsim.venue import VenueRules

_CHUNK_MESSAGES = 100_000
"""Messages per compiled call: some ten milliseconds, so Ctrl-C is heard within one."""
_ROOM = BookSize(window=2**16)
"""To begin with: a flow whose price runs far takes two thirds of the time it takes with 2^12 ticks, a quiet one the same."""
_DENSE_PER_MESSAGE = 4
_DENSE_SPARE = 1024


def check(arrays: Arrays) -> None:
    """Walk a book of the compiled floor; raises LobsimError naming the first broken invariant, its side and price in ticks."""
    marks, found = audit_scratch(arrays)
    broken = Broken(audit(arrays, marks, found))
    if broken != Broken.SOUND:
        place = f"{Side(int(found[0])).name.lower()} side, price {found[1]} ticks, slot {found[2]}"
        raise LobsimError(f"the book is not sound: {broken.name}", where=place, hint="please report this")


class Book(Requests):
    """A limit order book with price-time priority, and a venue's rules where it is given some (docs/rules.md, sections 1 and 1b).

    tick_size  smallest price step, decimal text
    lot_size   smallest size step, decimal text
    rules      of the venue, None: none
    room       capacities to begin with; the book grows by itself

    Raises ConfigError for a tick or lot that is no decimal above 0, and for rules that contradict each other.
    """

    def __init__(
        self,
        tick_size: Number = "0.01",
        lot_size: Number = "1",
        *,
        rules: VenueRules | None = None,
        room: BookSize | None = None,
    ) -> None:
        super().__init__(step_of(tick_size, "tick_size"), step_of(lot_size, "lot_size"))
        record = None if rules is None else rules.record(self.tick_size, self.lot_size)
        self.arrays = new_book(room or _ROOM, record)
        self._messages_run = 0

    # bulk

    def run(
        self, messages: np.ndarray, reports: np.ndarray | None = None, *, terms: np.ndarray | None = None
    ) -> np.ndarray:
        """Apply an array of messages at full speed.

        messages  MESSAGE [any]; prices in ticks, sizes in lots
        reports   REPORT [any] to write into, if it is to be used again; more room is made where it does not do
        terms     TERMS [any], the table that ``terms`` of a message is a row of; row 0 means nothing

        Returns REPORT [number of reports]: all answers in order, ``sequence`` the index of the message.
        Raises OrderError for another kind of array.  Ctrl-C is heard between two messages: the book stays sound and holds what was applied.
        """
        messages, table = checked_messages(messages), checked_terms(terms)
        if reports is not None:
            checked_array("reports", reports, REPORT, "REPORT")
        if reports is None or not (reports.flags.c_contiguous and reports.flags.writeable):
            reports = np.empty(len(messages) + len(messages) // 2 + 256, REPORT)
        reports, count = self._run(messages, table, reports)
        return reports[:count]

    def _run(self, messages: np.ndarray, table: np.ndarray, reports: np.ndarray) -> tuple[np.ndarray, int]:
        """Apply all messages.  Returns (a report buffer, this one or a larger, how many it holds)."""
        done = count = 0
        while done < len(messages):
            stop = min(done + _CHUNK_MESSAGES, len(messages))
            self._index_directly(messages, done, stop)
            status = Status.ROOM_REPORTS
            while status != Status.OK:
                status, done, count = run_messages(
                    self.arrays, messages, table, done, stop, MAX_SIZE_LOTS, reports, count
                )
                if status == Status.ROOM_REPORTS:
                    reports = np.concatenate([reports[:count], np.empty(len(reports) + 64, REPORT)])
                elif status != Status.OK:
                    self.arrays = roomier_book(self.arrays, status)
        self._messages_run += len(messages)
        return reports, count

    def _index_directly(self, messages: np.ndarray, start: int, stop: int) -> None:
        """Let small ids index a table: the direct way, where ids are counted up from 0 or so."""
        lowest, highest = id_range(messages, start, stop)
        worthwhile = _DENSE_PER_MESSAGE * (self._messages_run + len(messages)) + _DENSE_SPARE
        size = book_size(self.arrays)
        if lowest >= 0 and size.dense <= highest <= worthwhile:
            self.arrays = resize_book(self.arrays, size._replace(dense=1 << int(highest).bit_length()))

    # keeping aside

    def snapshot(self) -> Snapshot[Arrays]:
        """The state of the book at this moment, kept aside."""
        return Snapshot(self.arrays)

    def restore(self, snapshot: Snapshot[Arrays]) -> None:
        """Put a snapshot of a book of the same tick and lot back: it goes on as the book did."""
        self.arrays = snapshot.restore(self.arrays)

    def copy(self) -> Book:
        """An independent book in the same state."""
        other = copy(self)
        other.arrays = self.snapshot().restore(new_book(book_size(self.arrays)))
        for scratch in ("_one", "_table", "_answers"):
            setattr(other, scratch, getattr(self, scratch).copy())
        return other

    # questions

    def bids(self, count: int = 10) -> list[Level]:
        """The best buy levels, best first."""
        return self._levels(Side.BUY, count)

    def asks(self, count: int = 10) -> list[Level]:
        """The best sell levels, best first."""
        return self._levels(Side.SELL, count)

    @property
    def best_bid(self) -> Decimal | None:
        """Highest price anybody pays, None if nobody does."""
        return next((level.price for level in self.bids(1)), None)

    @property
    def best_ask(self) -> Decimal | None:
        """Lowest price anybody sells at, None if nobody does."""
        return next((level.price for level in self.asks(1)), None)

    @property
    def orders(self) -> int:
        """How many orders stand in the queues; stops wait outside."""
        return int(self.arrays.sides["orders"].sum())

    @property
    def phase_now(self) -> Phase:
        """The phase the venue is in."""
        return Phase(int(self.arrays.rules[0]["phase"]))

    @property
    def last_price(self) -> Decimal | None:
        """The price of the last trade, None before the first."""
        head = self.arrays.head[0]
        return self.tick_size * int(head["last_trade_ticks"]) if head["traded"] else None

    def position(self, owner: int) -> Decimal:
        """What an owner has bought less what it has sold."""
        positions = self.arrays.positions
        return self.lot_size * int(positions[owner]) if 0 < owner < len(positions) else Decimal(0)

    def state_hash(self) -> int:
        """64-bit hash of every level and order (docs/rules.md, section 1)."""
        return int(state_hash(self.arrays))

    def audit(self) -> None:
        """Walk the book; raises LobsimError naming the first broken invariant."""
        check(self.arrays)

    def __repr__(self) -> str:
        """The touch and the number of orders."""
        bid, ask = (levels[0] if levels else None for levels in (self.bids(1), self.asks(1)))
        words = [f"{side.size} @ {side.price}" if side else "nobody" for side in (bid, ask)]
        return f"<Book {' | '.join(words)}, {self.orders} orders>"

    # inside

    def _levels(self, side: Side, count: int) -> list[Level]:
        rows = np.zeros((min(max(count, 0), int(self.arrays.sides[side]["levels"])), 3), np.int64)
        rows = rows[: copy_levels(self.arrays, int(side), rows)]
        return [Level(self.tick_size * int(p), self.lot_size * int(s), int(orders)) for p, s, orders in rows]
