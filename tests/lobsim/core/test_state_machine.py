"""The public book against the slow one, one request after the other as hypothesis likes: a failure shrinks to the fewest requests.

Each rule asks both for the same thing through `BookMachine.ask`, which compares every report and the state hash.  A new order type is a new
rule: it draws its fields, names the message, and calls the method of `lobsim.Book` that sends it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lobsim import Book
from lobsim.book_shell import Report, Reports
from lobsim.core.book import BookSize
from lobsim.types import NONE, MessageFlag, OrderType, Side, TimeInForce, Verb
from tests.conftest import SMALL
from tests.oracle.book import OracleBook as SlowBook

SIDES = st.sampled_from(Side)
IDS = st.integers(1, 12)
PRICES = st.integers(95, 105)
SIZES = st.sampled_from([0, 1, 2, 3, 5, 8, 50])
STEPS_NS = st.integers(0, 3)
TINY = BookSize(orders=4, window=64, far=2, ids=8, dense=1, timers=2)


def plain(report: Report) -> tuple[int, ...]:
    """A report of the book as the slow one writes it."""
    side = NONE if report.side is None else int(report.side)
    numbers = (report.price, report.size, report.remaining)
    return (int(report.kind), int(report.reason), side, report.order_id, report.other_id, *map(int, numbers))


class BookMachine(RuleBasedStateMachine):
    """One book and its slow twin."""

    @initialize()
    def begin(self) -> None:
        """Two empty books; the compiled one with hardly any room."""
        self.book = Book("1", room=TINY)
        self.slow = SlowBook()
        self.now_ns = 0

    def ask(self, call: Callable[..., Reports], step_ns: int, **message: int) -> None:
        """Both do the same and say the same.

        call     sends the message through the public book; takes ts_ns
        message  fields of MESSAGE
        """
        self.now_ns += step_ns
        expected = self.slow.process({"ts_ns": self.now_ns} | message)
        assert expected == [plain(report) for report in call(ts_ns=self.now_ns)]

    # --- requests

    @rule(
        order_id=IDS,
        side=SIDES,
        price=PRICES,
        size=SIZES,
        tif=st.sampled_from(TimeInForce),
        life_ns=STEPS_NS,
        step_ns=STEPS_NS,
    )
    def limit(
        self, order_id: int, side: Side, price: int, size: int, tif: TimeInForce, life_ns: int, step_ns: int
    ) -> None:
        """A limit order of any time in force; with a limit of 0 ns it is over when it arrives."""
        gtd = tif == TimeInForce.GTD
        expire_ns = self.now_ns + step_ns + life_ns
        fields = {"expire_ns": expire_ns} if gtd else {}
        self.ask(
            lambda **when: self.book.limit(order_id, side, price, size, tif, **fields, **when),
            step_ns,
            verb=Verb.NEW,
            order_id=order_id,
            side=side,
            price_ticks=price,
            size_lots=size,
            tif=tif,
            **fields,
        )

    @rule(order_id=IDS, side=SIDES, price=PRICES, size=SIZES, step_ns=STEPS_NS)
    def post_only(self, order_id: int, side: Side, price: int, size: int, step_ns: int) -> None:
        """A limit order that may only rest."""
        self.ask(
            lambda **when: self.book.limit(order_id, side, price, size, post_only=True, **when),
            step_ns,
            verb=Verb.NEW,
            order_id=order_id,
            side=side,
            price_ticks=price,
            size_lots=size,
            flags=MessageFlag.POST_ONLY,
        )

    @rule(
        order_id=IDS, side=SIDES, size=SIZES, tif=st.sampled_from([TimeInForce.IOC, TimeInForce.FOK]), step_ns=STEPS_NS
    )
    def market(self, order_id: int, side: Side, size: int, tif: TimeInForce, step_ns: int) -> None:
        """A market order."""
        self.ask(
            lambda **when: self.book.market(order_id, side, size, tif, **when),
            step_ns,
            verb=Verb.NEW,
            type=OrderType.MARKET,
            order_id=order_id,
            side=side,
            size_lots=size,
            tif=tif,
        )

    @rule(order_id=IDS, step_ns=STEPS_NS)
    def cancel(self, order_id: int, step_ns: int) -> None:
        """A cancel of an order that may be there."""
        self.ask(
            lambda **when: self.book.cancel(order_id, **when), step_ns, verb=Verb.CANCEL, order_id=order_id, side=NONE
        )

    @rule(order_id=IDS, size=SIZES, step_ns=STEPS_NS)
    def reduce(self, order_id: int, size: int, step_ns: int) -> None:
        """Size off an order that may be there."""
        self.ask(
            lambda **when: self.book.reduce(order_id, size, **when),
            step_ns,
            verb=Verb.REDUCE,
            order_id=order_id,
            side=NONE,
            size_lots=size,
        )

    @rule(
        order_id=IDS,
        new_id=IDS,
        price=PRICES,
        size=SIZES,
        post_only=st.booleans(),
        lose_place=st.booleans(),
        step_ns=STEPS_NS,
    )
    def replace(
        self, order_id: int, new_id: int, price: int, size: int, post_only: bool, lose_place: bool, step_ns: int
    ) -> None:
        """Another price, size or name for an order that may be there."""
        flags = {"post_only": post_only, "lose_place": lose_place}
        self.ask(
            lambda **when: self.book.replace(order_id, price, size, new_id=new_id, **flags, **when),
            step_ns,
            verb=Verb.REPLACE,
            order_id=order_id,
            new_id=new_id,
            side=NONE,
            price_ticks=price,
            size_lots=size,
            flags=MessageFlag.POST_ONLY * post_only | MessageFlag.LOSE_PLACE * lose_place,
        )

    @precondition(lambda self: self.book.orders > 0)
    @rule(data=st.data(), step_ns=STEPS_NS)
    def cancel_one_that_is_there(self, data: st.DataObject, step_ns: int) -> None:
        """So that books also get empty."""
        live = [order_id for order_id in range(1, 13) if self.slow.live(order_id)]
        self.cancel(data.draw(st.sampled_from(live)), step_ns)

    # --- at all times

    @invariant()
    def books_agree(self) -> None:
        """Every level, order and place."""
        assert self.slow.state_hash() == self.book.state_hash()

    @invariant()
    def the_book_is_sound(self) -> None:
        """What the audit looks for, and a positive spread."""
        self.book.audit()
        bid, ask = self.book.best_bid, self.book.best_ask
        assert bid is None or ask is None or bid < ask


BookMachine.TestCase.settings = settings(
    max_examples=20 if SMALL else 150, stateful_step_count=30 if SMALL else 60, deadline=None
)
TestRequestsAsHypothesisLikes: Any = BookMachine.TestCase
