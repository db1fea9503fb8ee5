"""The compiled core against the slow venue, one request after the other as hypothesis likes: a failure shrinks to the fewest requests.

Every order type, rule and phase of docs/rules.md 1b.  A book begins with rules that hypothesis draws and with hardly any room; each rule of the machine
asks both for the same thing through `VenueMachine.ask`, which compares every report.  Fields are drawn freely, so combinations that the
rules refuse come too.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lobsim.core.book import BookSize
from lobsim.types import (
    MESSAGE,
    NONE,
    TERMS,
    Allocation,
    MessageFlag,
    OrderType,
    Peg,
    Phase,
    SelfTrade,
    Side,
    TimeInForce,
    Verb,
)
from tests.conftest import SMALL
from tests.oracle.streams import records
from tests.support.engines import CoreEngine, OracleEngine

SIDES = st.sampled_from(Side)
IDS = st.integers(1, 12)
PRICES = st.integers(96, 104)
SIZES = st.sampled_from([0, 1, 2, 3, 4, 6, 8, 50])
OWNERS = st.integers(0, 2)
STEPS_NS = st.integers(0, 3)
RESTING = st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.GTD])
TINY = BookSize(orders=4, window=64, far=2, ids=8, dense=1, timers=2)

PARTS = [
    {"display_lots": display, "min_lots": least}
    for display, least in product((0, 1, 2, 3), (0, 1, 2, 4))
    if display + least
]
STOPS = [{"has_stop": 1, "stop_ticks": price} for price in range(96, 105)]
PEGS = [{"peg": int(peg), "peg_ticks": ticks} for peg, ticks in product(Peg, (0, 1, 3)) if peg != Peg.NONE]
TABLE = records([{}, *PARTS, *STOPS, *PEGS], TERMS)
"""Every set of terms a request of the machine can name."""

_AFTER_PARTS = 1 + len(PARTS)
_AFTER_STOPS = _AFTER_PARTS + len(STOPS)
WITH_PARTS = st.one_of(st.just(0), st.integers(1, len(PARTS)))
WITH_STOP = st.integers(_AFTER_PARTS, _AFTER_STOPS - 1)
WITH_PEG = st.integers(_AFTER_STOPS, len(TABLE) - 1)
FLAGS = st.sampled_from([0, 0, 0, *MessageFlag, MessageFlag.POST_ONLY | MessageFlag.HIDDEN])


@st.composite
def venue_rules(draw: st.DrawFn) -> dict[str, int]:
    """Fields of RULES; DECREMENT goes with FIFO only."""
    allocation = draw(st.sampled_from([Allocation.FIFO, Allocation.FIFO, Allocation.PRO_RATA, Allocation.TOP_N]))
    modes = [mode for mode in SelfTrade if allocation == Allocation.FIFO or mode != SelfTrade.DECREMENT]
    rules = {
        "allocation": allocation,
        "self_trade": draw(st.sampled_from(modes)),
        "top_orders": draw(st.integers(0, 2)),
        "lot_step": draw(st.sampled_from([1, 1, 2])),
        "tick_step": draw(st.sampled_from([1, 1, 2])),
        "phase": draw(st.sampled_from([Phase.CONTINUOUS, Phase.CONTINUOUS, Phase.PRE_OPEN])),
    }
    if draw(st.integers(0, 3)) == 0:
        rules |= {"band_low_ticks": 97, "band_high_ticks": 103}
    return {name: int(value) for name, value in rules.items()}


class VenueMachine(RuleBasedStateMachine):
    """One book and its slow twin."""

    @initialize(rules=venue_rules())
    def begin(self, rules: dict[str, int]) -> None:
        """Two empty books under the same rules."""
        self.core, self.slow = CoreEngine(rules, TABLE, TINY), OracleEngine(rules, TABLE)
        self.now_ns = 0

    def ask(self, step_ns: int, **message: int) -> None:
        """Both do the same and say the same.

        step_ns  by how much the clock goes on before
        message  fields of MESSAGE
        """
        self.now_ns += step_ns
        asked = records([{"ts_ns": self.now_ns} | {name: int(value) for name, value in message.items()}], MESSAGE)
        assert self.slow.play(asked) == self.core.play(asked)

    def new(self, kind: OrderType, step_ns: int, life_ns: int = 0, **fields: int) -> None:
        """An order; what is GTD lives for `life_ns`."""
        expire_ns = self.now_ns + step_ns + life_ns if fields.get("tif") == TimeInForce.GTD else 0
        self.ask(step_ns, verb=Verb.NEW, type=kind, expire_ns=expire_ns, **fields)

    # --- orders

    @rule(
        order_id=IDS,
        side=SIDES,
        price_ticks=PRICES,
        size_lots=SIZES,
        owner=OWNERS,
        tif=st.sampled_from([*TimeInForce, TimeInForce.GTC]),
        terms=WITH_PARTS,
        flags=FLAGS,
        life_ns=STEPS_NS,
        step_ns=STEPS_NS,
    )
    def limit(self, step_ns: int, life_ns: int, **fields: int) -> None:
        """A limit order: any time in force, iceberg, minimum, post-only, hidden, reduce-only."""
        self.new(OrderType.LIMIT, step_ns, life_ns, **fields)

    @rule(order_id=IDS, side=SIDES, price_ticks=PRICES, size_lots=SIZES, owner=OWNERS, step_ns=STEPS_NS)
    def plain_limit(self, step_ns: int, **fields: int) -> None:
        """A limit order with nothing special about it, so that there is a market."""
        self.new(OrderType.LIMIT, step_ns, **fields)

    @rule(
        order_id=IDS,
        side=SIDES,
        size_lots=SIZES,
        owner=OWNERS,
        tif=st.sampled_from(TimeInForce),
        terms=WITH_PARTS,
        flags=st.sampled_from([0, 0, MessageFlag.REDUCE_ONLY]),
        step_ns=STEPS_NS,
    )
    def market(self, step_ns: int, **fields: int) -> None:
        """A market order."""
        self.new(OrderType.MARKET, step_ns, **fields)

    @rule(
        order_id=IDS,
        side=SIDES,
        size_lots=SIZES,
        owner=OWNERS,
        tif=RESTING,
        flags=st.sampled_from([0, 0, MessageFlag.REDUCE_ONLY]),
        life_ns=STEPS_NS,
        step_ns=STEPS_NS,
    )
    def market_to_limit(self, step_ns: int, life_ns: int, **fields: int) -> None:
        """A market order that rests with what is left."""
        self.new(OrderType.MARKET_TO_LIMIT, step_ns, life_ns, **fields)

    @rule(
        kind=st.sampled_from([OrderType.STOP, OrderType.STOP_LIMIT]),
        order_id=IDS,
        side=SIDES,
        price_ticks=PRICES,
        size_lots=SIZES,
        owner=OWNERS,
        tif=RESTING,
        terms=WITH_STOP,
        flags=st.sampled_from([0, 0, MessageFlag.REDUCE_ONLY]),
        life_ns=STEPS_NS,
        step_ns=STEPS_NS,
    )
    def stop(self, kind: OrderType, step_ns: int, life_ns: int, **fields: int) -> None:
        """A stop or a stop-limit."""
        self.new(kind, step_ns, life_ns, **fields)

    @rule(
        order_id=IDS,
        side=SIDES,
        price_ticks=PRICES,
        size_lots=SIZES,
        owner=OWNERS,
        tif=RESTING,
        terms=WITH_PEG,
        flags=st.sampled_from([0, 0, MessageFlag.HIDDEN]),
        life_ns=STEPS_NS,
        step_ns=STEPS_NS,
    )
    def pegged(self, step_ns: int, life_ns: int, **fields: int) -> None:
        """A pegged order, its limit near the market."""
        self.new(OrderType.PEGGED, step_ns, life_ns, **fields)

    # --- changes of orders

    @rule(order_id=IDS, step_ns=STEPS_NS)
    def cancel(self, order_id: int, step_ns: int) -> None:
        """A cancel of an order that may be there."""
        self.ask(step_ns, verb=Verb.CANCEL, order_id=order_id, side=NONE)

    @rule(order_id=IDS, size_lots=SIZES, step_ns=STEPS_NS)
    def reduce(self, step_ns: int, **fields: int) -> None:
        """Size off an order that may be there."""
        self.ask(step_ns, verb=Verb.REDUCE, side=NONE, **fields)

    @rule(
        order_id=IDS,
        new_id=IDS,
        price_ticks=PRICES,
        size_lots=SIZES,
        flags=st.sampled_from([0, 0, MessageFlag.POST_ONLY, MessageFlag.LOSE_PLACE]),
        step_ns=STEPS_NS,
    )
    def replace(self, step_ns: int, **fields: int) -> None:
        """Another price, size or name for an order that may be there."""
        self.ask(step_ns, verb=Verb.REPLACE, side=NONE, **fields)

    @precondition(lambda self: self.slow.venue.orders)
    @rule(data=st.data(), step_ns=STEPS_NS)
    def change_one_that_is_there(self, data: st.DataObject, step_ns: int) -> None:
        """So that books also get empty, and places are kept."""
        order = self.slow.venue.orders[data.draw(st.sampled_from(sorted(self.slow.venue.orders)))]
        verb = data.draw(st.sampled_from([Verb.CANCEL, Verb.REDUCE, Verb.REPLACE]))
        size = data.draw(st.integers(1, order.whole + 1))
        self.ask(
            step_ns, verb=verb, order_id=order.id, new_id=order.id, side=NONE, price_ticks=order.price, size_lots=size
        )

    # --- phases

    @rule(phase=st.sampled_from(Phase), price_ticks=PRICES, step_ns=STEPS_NS)
    def change_phase(self, phase: Phase, price_ticks: int, step_ns: int) -> None:
        """Any phase; a call auction where one ends."""
        self.ask(step_ns, verb=Verb.PHASE, side=NONE, size_lots=phase, price_ticks=price_ticks)

    @precondition(lambda self: self.slow.venue.phase != Phase.CONTINUOUS)
    @rule(price_ticks=PRICES, step_ns=STEPS_NS)
    def open_again(self, price_ticks: int, step_ns: int) -> None:
        """Back to continuous trading, so that most requests meet it."""
        self.ask(step_ns, verb=Verb.PHASE, side=NONE, size_lots=Phase.CONTINUOUS, price_ticks=price_ticks)

    # --- at all times

    @invariant()
    def books_agree(self) -> None:
        """Every level, order and place, and what waits outside."""
        assert self.slow.state_hash() == self.core.state_hash()

    @invariant()
    def the_slow_book_is_sound(self) -> None:
        """A positive spread in continuous trading, among others."""
        self.slow.audit()

    def teardown(self) -> None:
        """What the core's audit looks for; uncompiled it takes longer than all the rest, so it comes once."""
        if hasattr(self, "core"):
            self.core.audit()


VenueMachine.TestCase.settings = settings(
    max_examples=40 if SMALL else 120, stateful_step_count=40 if SMALL else 50, deadline=None
)
TestRequestsAsHypothesisLikes: Any = VenueMachine.TestCase
