"""One way to play commands against either engine of the rules: the slow venue, or the compiled core.

An engine takes MESSAGE records and answers (sequence, kind, reason, side, order_id, other_id, price, size, remaining) of every
report; it can be asked for the hash of its state and be audited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import pytest

from lobsim.core import audit, book, book_hash, exchange
from lobsim.core.layout import Book
from lobsim.core.world import roomier_book
from lobsim.types import MAX_SIZE_LOTS, REPORT, TERMS, Status
from tests.oracle.typed_streams import rules_record
from tests.oracle.venue import OracleVenue

Answer = tuple[int, ...]
FIELDS = ["sequence", "kind", "reason", "side", "order_id", "other_id", "price_ticks", "size_lots", "remaining_lots"]

core_has_rules = pytest.mark.skipif("rules" not in Book._fields, reason="the core has no venue rules yet")
"""The compiled half of a test begins to run when books carry rules."""


class Engine(Protocol):
    """What plays commands."""

    def play(self, messages: np.ndarray) -> list[Answer]:
        """All answers to these messages; their sequence goes on from the last call."""
        ...

    def state_hash(self) -> int:
        """The hash of docs/rules.md."""
        ...

    def audit(self) -> None:
        """Raise if an invariant is broken."""
        ...


EngineMaker = Callable[[Mapping[str, int], np.ndarray], Engine]
"""(rules, terms) to a fresh engine."""


class OracleEngine:
    """The slow venue."""

    def __init__(self, rules: Mapping[str, int], terms: np.ndarray) -> None:
        self.venue, self.played = OracleVenue(rules, terms), 0

    def play(self, messages: np.ndarray) -> list[Answer]:
        """As an Engine does."""
        start = self.played
        self.played += len(messages)
        return [(start + sequence, *line) for sequence, *line in self.venue.run(messages)]

    def state_hash(self) -> int:
        """As an Engine does."""
        return self.venue.state_hash()

    def audit(self) -> None:
        """A queue is never empty; what is live is in a queue or waits; a continuous book is not crossed."""
        standing = [order for side in self.venue.queues for queue in side.values() for order in queue]
        assert all(queue for side in self.venue.queues for queue in side.values())
        assert sorted(map(id, self.venue.orders.values())) == sorted(map(id, standing + self.venue.waiting))
        bid, ask = (self.venue.best_of_any_kind(side) for side in (0, 1))
        assert self.venue.phase != 0 or bid is None or ask is None or bid < ask


class CoreEngine:
    """The compiled core, driven as its shell does: where the reports are full they are given more room."""

    def __init__(self, rules: Mapping[str, int], terms: np.ndarray, size: book.BookSize | None = None) -> None:
        make: Any = book.new_book
        self.book = make(size or book.BookSize(), rules_record(dict(rules)))
        self.terms = terms if len(terms) else np.zeros(1, TERMS)
        self.out, self.played = np.zeros(64, REPORT), 0

    def play(self, messages: np.ndarray) -> list[Answer]:
        """As an Engine does."""
        run: Any = exchange.run_messages
        written, done, status = 0, 0, Status.ROOM_REPORTS if len(messages) else Status.OK
        while status != Status.OK:
            status, done, written = run(
                self.book, messages, self.terms, done, len(messages), MAX_SIZE_LOTS, self.out, written
            )
            if status == Status.ROOM_REPORTS:
                self.out = np.concatenate([self.out, np.zeros(len(self.out), REPORT)])
            elif status != Status.OK:
                self.book = roomier_book(self.book, status)
        reports = self.out[:written].copy()
        reports["sequence"] += self.played
        self.played += len(messages)
        return reports[FIELDS].tolist()

    def state_hash(self) -> int:
        """As an Engine does."""
        return int(book_hash.state_hash(self.book))

    def audit(self) -> None:
        """The core's own walk."""
        marks, found = audit.audit_scratch(self.book)
        broken = audit.Broken(audit.audit(self.book, marks, found))
        assert audit.Broken.SOUND == broken, f"{broken.name} at {found[:3].tolist()}"


ENGINES = [pytest.param(OracleEngine, id="oracle"), pytest.param(CoreEngine, id="core", marks=core_has_rules)]
"""What a test of the rules runs against."""
