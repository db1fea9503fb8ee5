"""A synthetic market: drawn orders meet in the real book, and what happens is written down as events.

A hidden fair value moves with news and with the surprise of each market order.  Limit orders are placed around it, wait for a drawn time and
are cancelled; orders that the fair value has come too close to are pulled; market orders come in runs of one side.  Whatever happens
may cause more a moment later (refills, new quotes, further market orders): a branching flow on top of arrivals at a rate that
follows the time of day and a slowly switching regime.

Every order goes through ``exchange.process``, and rows are written from its reports.  The one exception are hidden executions: nobody
saw the resting order, so it is not in the book, and its row is written as it is.

Invariants: the same seed gives the same rows on every platform; room is checked before a step is begun; each message has an instant of
its own, and its last row is LAST_IN_PACKET; the opening book is one packet at the first instant.
Units and tables: flow_state.py.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import room
from lobsim.core.exchange import process
from lobsim.core.flow_state import (
    FINE,
    STEP_BITS,
    TICK,
    TICK_QUANTA,
    Chance,
    Step,
    arrive,
    between,
    chance,
    draw,
    half_spread,
    later,
    life_ns_of,
    pick,
    soon,
)
from lobsim.core.ids import find_id
from lobsim.core.jit import borrow, inline, kernel
from lobsim.core.layout import SIDE_BIT
from lobsim.core.levels import fold
from lobsim.core.timers import pop_timer
from lobsim.types import MAX_SIZE_LOTS, NEVER, Flag, Kind, MessageFlag, Reason, ReportKind, Status, TimeInForce, Verb

_TIMERS_PER_STEP = 8


@kernel
def _write(flow, kind, side, price, size, order_id, other_id):
    """Write one row; executions carry the number of the market order in hand."""
    head = flow.head[0]
    traded = kind == Kind.EXECUTE or kind == Kind.EXECUTE_HIDDEN
    row = flow.events[head["rows"]]
    row["ts_exchange"] = head["stamp_ns"]
    row["ts_local"] = head["stamp_ns"]
    row["kind"] = kind
    row["side"] = side
    row["price"] = price
    row["size"] = size
    row["order_id"] = order_id
    row["other_id"] = other_id
    row["match_id"] = head["last_match"] if traded else 0
    row["flags"] = Flag.AGGRESSOR_KNOWN if traded else 0
    row["sequence"] = head["rows"]
    head["rows"] += 1


@kernel
def _submit(flow):
    """Send the message in hand to the venue and write its reports as rows.  changes: book, reports, events"""
    message = flow.message[0]
    message["ts_ns"] = flow.head[0]["stamp_ns"]
    count = process(flow.book, message, flow.book.no_terms, 0, MAX_SIZE_LOTS, 0, flow.reports, 0)
    rests = np.int64(0)
    for i in range(count):
        report = flow.reports[i]
        kind = report["kind"]
        side = np.int64(report["side"])
        price = np.int64(report["price_ticks"]) * TICK_QUANTA
        size = np.int64(report["size_lots"])
        order_id = np.int64(report["order_id"])
        if kind == ReportKind.TRADE:
            _write(flow, Kind.EXECUTE, side, price, size, order_id, np.int64(report["other_id"]))
        elif kind == ReportKind.REDUCED:
            _write(flow, Kind.REDUCE, side, price, size, order_id, 0)
        elif kind == ReportKind.CANCELLED and report["reason"] == Reason.REQUESTED:
            _write(flow, Kind.DELETE, side, price, size, order_id, 0)
        elif kind == ReportKind.ACCEPTED:
            rests = np.int64(report["remaining_lots"])
    if rests > 0:
        price = np.int64(message["price_ticks"]) * TICK_QUANTA
        _write(flow, Kind.ADD, np.int64(message["side"]), price, rests, np.int64(message["order_id"]), 0)


@kernel
def _enter(flow, side, key, size, tif, flags):
    """A new limit order at a folded price.  Returns its id."""
    head = flow.head[0]
    head["last_id"] += 1
    message = flow.message[0]
    message["verb"] = Verb.NEW
    message["side"] = side
    message["tif"] = tif
    message["flags"] = flags
    message["order_id"] = head["last_id"]
    message["price_ticks"] = fold(side, key)
    message["size_lots"] = size
    _submit(flow)
    return np.int64(head["last_id"])


@kernel
def _withdraw(flow, order_id, verb, size):
    """All or part of an order is cancelled.  verb: CANCEL, or REDUCE by size"""
    message = flow.message[0]
    message["verb"] = verb
    message["order_id"] = order_id
    message["size_lots"] = size
    _submit(flow)


@kernel
def _quote(flow, side, distance):
    """A limit order joins, so many ticks behind the quote that its owner thinks worth making, and never through the other side."""
    head = flow.head[0]
    opinion = fold(side, np.int64(head["fair"])) + half_spread(flow) + draw(head, FINE) - (TICK >> 1)
    key = -((-opinion) >> FINE) + distance
    opposite = np.int64(flow.book.sides[1 - side]["best_key"])
    if opposite != NEVER:
        key = max(key, 1 - opposite)
    size = pick(head, flow.tables.size)
    life_ns = life_ns_of(flow, distance)
    order_id = _enter(flow, side, key, size, TimeInForce.GTC, MessageFlag.POST_ONLY)
    later(flow, life_ns, Step.CANCEL, order_id)


@kernel
def _cancel(flow, order_id):
    """An order's time is up: it leaves, or now and then only half of it; its owner may quote again."""
    head = flow.head[0]
    slot = find_id(flow.book, order_id)
    if slot == 0:
        return
    node = flow.book.nodes[slot]
    size = np.int64(node["size"])
    side = np.int64(node["meta"]) & SIDE_BIT
    if size > 1 and chance(head, Chance.HALVES):
        _withdraw(flow, order_id, Verb.REDUCE, size >> 1)
        later(flow, life_ns_of(flow, 0), Step.CANCEL, order_id)
        return
    _withdraw(flow, order_id, Verb.CANCEL, 0)
    if chance(head, Chance.AGAIN):
        soon(flow, Step.QUOTE, side)


@inline
def _too_close(flow, side):
    """Whether the best price of a side is one that the fair value has nearly reached."""
    best = np.int64(flow.book.sides[side]["best_key"])
    return best != NEVER and (best << FINE) < fold(side, np.int64(flow.head[0]["fair"])) + (TICK >> 2)


@inline
def _too_far(flow, side):
    """Whether a side lacks a quote that is worth making."""
    best = np.int64(flow.book.sides[side]["best_key"])
    return best == NEVER or (best << FINE) > fold(side, np.int64(flow.head[0]["fair"])) + half_spread(flow) + TICK + (
        TICK >> 1
    )


@kernel
def _look(flow):
    """Stale orders will be pulled and missing quotes made; one of each at a time is on its way."""
    for side in range(2):
        if _too_close(flow, side) and flow.pending[side, Step.PULL] == 0:
            flow.pending[side, Step.PULL] = 1
            soon(flow, Step.PULL, side)
        if _too_far(flow, side) and flow.pending[side, Step.REFILL] == 0:
            flow.pending[side, Step.REFILL] = 1
            soon(flow, Step.REFILL, side)


@kernel
def _pull(flow, side):
    """The youngest order at a stale best price is withdrawn; mostly its owner quotes again."""
    if not _too_close(flow, side):
        return
    level = flow.book.sides[side]["best"]
    youngest = flow.book.nodes[level]["prev"]
    _withdraw(flow, np.int64(flow.book.nodes[youngest]["key"]), Verb.CANCEL, 0)
    if chance(flow.head[0], Chance.AGAIN_AT_ONCE):
        soon(flow, Step.QUOTE, side)


@kernel
def _trade_hidden(flow, side, size):
    """An order nobody saw gives a market order a better price: at mid, or at a tick inside the spread.

    side  of the hidden order
    """
    head = flow.head[0]
    best = np.int64(flow.book.sides[side]["best_key"])
    spread = best + np.int64(flow.book.sides[1 - side]["best_key"])
    better = spread * (TICK_QUANTA >> 1)
    if spread > 1 and not chance(head, Chance.AT_MID):
        better = (1 + ((draw(head, 16) * (spread - 1)) >> 16)) * TICK_QUANTA
    _write(flow, Kind.EXECUTE_HIDDEN, side, fold(side, best * TICK_QUANTA - better), size, 0, 0)


@kernel
def _take_size(flow, shown):
    """How much a market order wants when the best level shows so much: often all of it, mostly not more.

    Returns (size, ticks that it goes further).
    """
    size = pick(flow.head[0], flow.tables.take_size)
    manner = draw(flow.head[0], 10)
    if manner < Chance.TAKES_ALL and shown <= 4 * size:
        return shown, 0
    if manner < 1024 - Chance.TAKES_FURTHER:
        return min(size, shown), 0
    return size, draw(flow.head[0], 2)


@kernel
def _take(flow, side):
    """A market order: a hidden order may meet all or part of it, the book the rest; a few leave a remainder there.

    Returns its size.
    """
    head = flow.head[0]
    other = 1 - side
    if flow.book.sides[other]["best"] == 0 or flow.book.sides[side]["best"] == 0:
        return np.int64(0)
    head["last_match"] += 1
    size, further = _take_size(flow, np.int64(flow.book.nodes[flow.book.sides[other]["best"]]["size"]))
    luck = draw(head, 10)
    if luck < Chance.ALL_HIDDEN:
        _trade_hidden(flow, other, size)
        return size
    if luck < Chance.ALL_HIDDEN + Chance.PART_HIDDEN:
        _trade_hidden(flow, other, min(size, pick(head, flow.tables.take_size)))
    rests = chance(head, Chance.LEAVES_REST)
    tif = TimeInForce.GTC if rests else TimeInForce.IOC
    life_ns = life_ns_of(flow, 0)
    order_id = _enter(flow, side, -(flow.book.sides[other]["best_key"] + further), size, tif, 0)
    if rests:
        later(flow, life_ns, Step.CANCEL, order_id)
    if chance(head, Chance.REFILLED):
        soon(flow, Step.REFILL, other)
    if chance(head, Chance.FOLLOWED):
        soon(flow, Step.QUOTE, side)
    return size


@kernel
def _next_side(flow):
    """The side of the next market order: mostly that of the present run, else any."""
    head = flow.head[0]
    if chance(head, Chance.ANY_SIDE):
        return draw(head, 1)
    if head["run_left"] == 0:
        head["run_side"] = draw(head, 1)
        head["run_left"] = pick(head, flow.tables.run)
    head["run_left"] -= 1
    return np.int64(head["run_side"])


@kernel
def _take_in_run(flow):
    """A market order of the present run; it moves the fair value as far as it surprises, and another may follow."""
    head = flow.head[0]
    side = _next_side(flow)
    size = _take(flow, side)
    if size == 0:
        return
    same = side == head["seen_side"]
    expected = np.int64(flow.tables.persistence[min(np.int64(head["seen_run"]), len(flow.tables.persistence) - 1)])
    surprise = 1024 - expected if same else 1024 + expected
    impact = flow.tables.impact
    head["fair"] -= fold(side, (surprise * (impact[0] + min(size, impact[1])) * impact[2]) >> 10)
    head["seen_run"] = head["seen_run"] + 1 if same else 1
    head["seen_side"] = side
    if chance(head, Chance.NEXT_AT_ONCE):
        later(flow, between(head, flow.tables.pause_ns), Step.TAKE, 0)


@kernel
def _hear_news(flow):
    """The fair value moves; somebody fast may take what has become stale."""
    head = flow.head[0]
    move = between(head, flow.tables.news)
    side = draw(head, 1)
    head["fair"] += head["drift"] - fold(side, move)
    if move > TICK and chance(head, Chance.SNIPED):
        soon(flow, Step.SNIPE, side)


@kernel
def _open(flow):
    """One order of the opening book: the sides take turns, two orders at every distance, near ones first."""
    head = flow.head[0]
    done = np.int64(head["opened"])
    head["stamp_ns"] = head["now_ns"]
    head["opened"] += 1
    _quote(flow, done & 1, done >> 2)
    row = flow.events[head["rows"] - 1]
    row["flags"] = Flag.SNAPSHOT
    if head["opened"] == head["opening_orders"]:
        row["flags"] |= Flag.LAST_IN_PACKET


@kernel
def _do(flow, step, extra):
    """One step.  extra: the order id of a CANCEL, else a side"""
    if step == Step.QUOTE:
        _quote(flow, extra, between(flow.head[0], flow.tables.distance))
    elif step == Step.CANCEL:
        _cancel(flow, extra)
    elif step == Step.REFILL:
        flow.pending[extra, Step.REFILL] = 0
        _quote(flow, extra, between(flow.head[0], flow.tables.near))
    elif step == Step.PULL:
        flow.pending[extra, Step.PULL] = 0
        _pull(flow, extra)
    elif step == Step.TAKE:
        _take_in_run(flow)
    elif step == Step.NEWS:
        _hear_news(flow)
    elif _too_close(flow, 1 - extra):
        _take(flow, extra)
    if step != Step.QUOTE:
        _look(flow)


@kernel
def _next(flow):
    """The clock moves on to what is due first.  Returns (step, extra).  changes: head's clocks, timers"""
    head = flow.head[0]
    due_ns = np.int64(flow.timers[0]["ts_ns"]) if head["timers"] > 0 else np.int64(NEVER)
    head["now_ns"] = max(np.int64(head["now_ns"]), min(due_ns, np.int64(head["arrival_ns"])))
    head["stamp_ns"] = max(np.int64(head["now_ns"]), np.int64(head["stamp_ns"]) + 1)
    if due_ns > head["arrival_ns"]:
        return arrive(flow)
    ref = np.int64(flow.timers[0]["ref"])
    pop_timer(flow.timers, head["timers"])
    head["timers"] -= 1
    return ref & ((1 << STEP_BITS) - 1), ref >> STEP_BITS


@inline
def _flow_room(flow):
    """Whether the next step fits, whatever it turns out to be: a ROOM_ status, ROOM_RING for the events."""
    head = flow.head[0]
    book = flow.book
    rows = 4 + max(book.sides[0]["orders"], book.sides[1]["orders"])
    if head["timers"] + _TIMERS_PER_STEP > len(flow.timers):
        return Status.ROOM_TIMERS
    if rows > len(flow.reports):
        return Status.ROOM_REPORTS
    if head["rows"] + rows > len(flow.events):
        return Status.ROOM_RING
    return room(book, 2)


@kernel
def generate(flow):
    """Run a generator on until its session ends or limit_rows are written.

    Returns DONE, or a ROOM_ status with nothing of the next step done: make room, then call again.
    changes: everything of flow but the tables
    """
    flow = borrow(flow)
    head = flow.head[0]
    while head["rows"] < head["limit_rows"]:
        status = _flow_room(flow)
        if status != Status.OK:
            return status
        if head["opened"] < head["opening_orders"]:
            _open(flow)
            continue
        step, extra = _next(flow)
        if head["stamp_ns"] >= head["end_ns"]:
            break
        before = np.int64(head["rows"])
        _do(flow, step, extra)
        if head["rows"] > before:
            flow.events[head["rows"] - 1]["flags"] |= Flag.LAST_IN_PACKET
    return Status.DONE
