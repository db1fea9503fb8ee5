"""The event loop: one `advance` for every kind of world.

The earliest source goes first; at one instant: time limits, the overlay of own impact, the recorded row, messages in flight, the participant's decision (with ``own_first`` messages
come before the recorded row).  `advance` returns at a decision, at ``until_ns``, when its budget of events is used up, or, with nothing of the event
applied, when room must be made.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import remove_order, room
from lobsim.core.calendar import first_wait_ns
from lobsim.core.calm import replay_calmly
from lobsim.core.gate import deliver, take_turn
from lobsim.core.jit import borrow, borrow_array, inline, kernel
from lobsim.core.latency import compute_delay
from lobsim.core.layout import OWN
from lobsim.core.mailbox import mail_room, send
from lobsim.core.notes import note_off_at
from lobsim.core.own import leave, remember_touch
from lobsim.core.publication import hear, next_touch_wake_ns, note_touch, publish_level, ring_room
from lobsim.core.reconcile import check_row, check_truth
from lobsim.core.requests import next_expired
from lobsim.core.tape import apply_row
from lobsim.core.timers import next_limit_ns, timer_room
from lobsim.types import NEVER, Flag, Impact, OrderState, Phase, Reason, Status, Verb

_SLACK = 8


@inline
def _next_row_ns(world):
    """When the next recorded row happened, or NEVER."""
    cursor = world.head[0]["cursor"]
    if cursor < len(world.tape):
        return np.int64(world.tape[cursor]["ts_ns"])
    return np.int64(NEVER)


@inline
def _next_mail_ns(world):
    """When the next message in flight arrives, or NEVER."""
    return first_wait_ns(world.transit)


@inline
def _next_wake_ns(world):
    """When the participant decides next, or NEVER."""
    head = world.head[0]
    wake_ns = min(np.int64(head["wake_ns"]), min(np.int64(head["report_wake_ns"]), np.int64(head["touch_wake_ns"])))
    return max(wake_ns, np.int64(head["ready_ns"]))  # no decision while the last one is still being computed


@inline
def first_early_ns(world):
    """When what comes before a crowd at the same instant happens next: a time limit, the overlay, a recorded row; or NEVER."""
    return min(next_limit_ns(world.book), min(np.int64(world.head[0]["overlay_ns"]), _next_row_ns(world)))


@inline
def first_late_ns(world):
    """When what comes after a crowd happens next: a message arrives, the participant decides; or NEVER."""
    return min(_next_mail_ns(world), _next_wake_ns(world))


@kernel
def event_room(world):
    """Whether the next event fits, whatever it turns out to be.

    One event can touch every order of a level (an aggressor sweeps it, a price comes into view): what is published, and in a cut book
    the time limits that surplus gets, are bounded by the number of orders only.
    """
    head = world.head[0]
    book = world.book
    depth = world.rows.shape[1] >> 1
    orders = book.sides[0]["orders"] + book.sides[1]["orders"]
    resting = book.head[0]["own_resting"]
    moving = resting if head["impact"] == Impact.OVERLAY else 0
    status = room(book, _SLACK + 2 * depth + moving)
    if status != Status.OK:
        return status
    limits = orders if depth > 0 and book.head[0]["surplus"] > 0 else 0
    if not timer_room(book, limits + 3):
        return Status.ROOM_TIMERS
    told = orders if head["followed"] else max(book.sides[0]["orders"], book.sides[1]["orders"])
    if len(world.reports) < 8 + resting + told:
        return Status.ROOM_REPORTS
    levels = book.sides[0]["levels"] + book.sides[1]["levels"]
    if head["fills"] + resting + levels + 2 > len(world.fills):
        return Status.ROOM_FILLS
    if not mail_room(world, resting + levels + 8):
        return Status.ROOM_MAILBOX
    entries = _SLACK + 2 * (orders + depth) + 4 * resting
    if head["publish"] != 0 and not ring_room(world, entries):
        status = hear(world, np.int64(head["now_ns"]))
        if status != Status.OK:
            return status
        if not ring_room(world, entries):
            return Status.ROOM_RING
    return Status.OK


@kernel
def room_for_event(world):
    """Whether the next event fits, asked from outside (`event_room` asks from within)."""
    return event_room(borrow(world))


@kernel
def _expire(world):
    """The orders whose time limit has come leave."""
    book = world.book
    slot = next_expired(book)
    while slot != 0:
        if book.nodes[slot]["meta"] & OWN:
            leave(world, slot, OrderState.EXPIRED, Reason.TIME_LIMIT)
        else:
            node = book.nodes[slot]
            side = np.int64(node["meta"]) & 1
            price_ticks = np.int64(book.nodes[node["level"]]["key"])
            book.head[0]["surplus"] -= np.int64(node["size"])
            note_off_at(world, slot, np.int64(node["size"]))
            remove_order(book, slot)
            publish_level(world, side, price_ticks)
        slot = next_expired(book)


@kernel
def _replay_row(world, spare):
    """The next recorded row, then its checks."""
    head = world.head[0]
    k = np.int64(head["cursor"])
    row = world.tape[k]
    apply_row(world, row)
    if k < world.rows.shape[0]:
        check_row(world, k, spare)
        if world.rows.shape[0] == 1 and len(world.tape) > 1:
            head["worst_0"] = NEVER
            head["worst_1"] = NEVER
    if k < world.truth.shape[0]:
        check_truth(world, k)
    crossed = -world.book.sides[0]["best_key"] >= world.book.sides[1]["best_key"]
    if crossed and row["flags"] & Flag.LAST_IN_PACKET and head["phase"] == Phase.CONTINUOUS:
        head["crossed"] += 1  # within a packet a level book may stand crossed, outside continuous trading any book
    head["cursor"] = k + 1


@kernel
def _wake(world, now_ns):
    """The participant's turn: it hears what is due.  Returns WAKE, or the room its view lacks."""
    head = world.head[0]
    status = hear(world, now_ns)
    if status != Status.OK:
        return status
    if head["wake_ns"] <= now_ns:
        head["wake_ns"] = NEVER
    if head["report_wake_ns"] <= now_ns:
        head["report_wake_ns"] = NEVER
    if head["touch_wake_ns"] <= now_ns:
        head["touch_wake_ns"] = next_touch_wake_ns(world, now_ns)
    if head["legs_vary"]:
        head["computing_ns"] = compute_delay(world)
        head["ready_ns"] = now_ns + head["computing_ns"] if head["computing_ns"] > 0 else -NEVER
    return Status.WAKE


@kernel
def step(world, until_ns, messages, spare):
    """Let the next event happen, if it is due by until_ns.

    Returns a Status: OK (it happened), WAKE, DONE (nothing is due), or a ROOM_ status with nothing of it applied.
    """
    head = world.head[0]
    limit_ns = next_limit_ns(world.book)
    row_ns = _next_row_ns(world)
    mail_ns = _next_mail_ns(world)
    overlay_ns = np.int64(head["overlay_ns"])
    now_ns = min(min(limit_ns, min(overlay_ns, row_ns)), min(mail_ns, _next_wake_ns(world)))
    if now_ns > until_ns or now_ns == NEVER:
        if until_ns != NEVER:
            head["now_ns"] = max(np.int64(head["now_ns"]), until_ns)
        return Status.DONE
    status = event_room(world)
    if status != Status.OK:
        return status
    head["now_ns"] = max(np.int64(head["now_ns"]), now_ns)
    world.book.head[0]["clock_ns"] = max(np.int64(world.book.head[0]["clock_ns"]), now_ns)
    bid_key = world.book.sides[0]["best_key"]
    ask_key = world.book.sides[1]["best_key"]
    if limit_ns == now_ns:
        _expire(world)
    elif overlay_ns == now_ns:
        remember_touch(world)
        if take_turn(world, messages):
            bid_key = ask_key = NEVER - 1
    elif row_ns == now_ns and not (head["own_first"] and mail_ns == now_ns):
        remember_touch(world)
        _replay_row(world, spare)
    elif mail_ns == now_ns:
        remember_touch(world)
        deliver(world, messages)
    else:
        return _wake(world, now_ns)
    note_touch(world, bid_key, ask_key)
    return Status.OK


@kernel
def advance(world, until_ns, budget, messages, spare):
    """Run the world to its next decision.

    until_ns  events at this time still happen
    budget    how many events at most in this call
    messages  MESSAGE [1], scratch
    spare     GAP [any], scratch of the row check

    Returns a Status: WAKE (decide now), DONE (until_ns reached), CHUNK (call again), or a ROOM_ status with nothing of the next event applied.
    It is a plain number: to hand over a member Numba runs Python code, where a Ctrl-C that came meanwhile ends as a SystemError.
    """
    world = borrow(world)
    messages = borrow_array(messages)
    spare = borrow_array(spare)
    while budget > 0:
        budget -= replay_calmly(world, until_ns, budget)
        if budget == 0:
            break
        status = step(world, until_ns, messages, spare)
        if status != Status.OK:
            return np.int64(status)
        budget -= 1
    return np.int64(Status.CHUNK)


@kernel
def post_new(world, order):
    """The participant sends own order `order`, already written into world.own."""
    mine = world.own[order]
    mine["sent_ns"] = world.head[0]["now_ns"]
    if mine["replaces"] >= 0:
        old = world.own[mine["replaces"]]
        old["cancel_sent"] = 1
        send(world, 1, Verb.REPLACE, order, 0, 0, np.int64(old["known_filled_lots"]), 0)
    else:
        send(world, 1, Verb.NEW, order, 0, 0, 0, 0)


@kernel
def post_cancel(world, order):
    """The participant asks for own order `order` to be cancelled."""
    world.own[order]["cancel_sent"] = 1
    send(world, 1, Verb.CANCEL, order, 0, 0, 0, 0)


@kernel
def record_history(world, quotes, messages, spare):
    """Replay to the end of the tape without a participant and write the touch after each row.

    quotes  int64 [rows, 4]: bid price in ticks, bid units, ask price in ticks, ask units; units 0 if a side is empty

    Returns a Status: DONE, or a ROOM_ status with nothing of the next row applied (call again).
    """
    world = borrow(world)
    quotes = borrow_array(quotes)
    messages = borrow_array(messages)
    spare = borrow_array(spare)
    head = world.head[0]
    while head["cursor"] < len(world.tape):
        k = np.int64(head["cursor"])
        status = step(world, np.int64(world.tape[k]["ts_ns"]), messages, spare)
        if status > Status.DONE:
            return np.int64(status)
        if head["cursor"] == k:
            continue
        for side in range(2):
            best = np.int64(world.book.sides[side]["best"])
            quotes[k, 2 * side] = world.book.nodes[best]["key"] if best != 0 else 0
            quotes[k, 2 * side + 1] = world.book.nodes[best]["size"] if best != 0 else 0
    return np.int64(Status.DONE)
