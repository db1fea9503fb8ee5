"""Do the answers to a stream of messages have the three properties of a continuous double auction?

Positive bid-ask spread, price-time priority and conservation: together they determine every trade (Garg and Sarswat, "Maximum matching and
uniqueness of continuous double auctions", arXiv 2412.08624), so in a FIFO book answers without a violation are the only right ones.  The checker
reads messages and reports and keeps a plain book of its own (`lobsim.core.shadow`); it never sees the book that answered.  It follows every order type and
rule of docs/rules.md 1b as far as the reports tell them: displayed before hidden, refreshed icebergs behind what is displayed, stops and
pegged orders in and out of the book.

After a violation it believes the report as far as it can and goes on, so that one mistake is not counted for ever.

Known limits: books that share a level out (PRO_RATA, TOP_N) are exempt from time priority among displayed orders; positions, elections, pegs and auctions are
followed only as `lobsim.core.meetings` and `lobsim.core.aftermath` say; whether a refusal was right is not asked.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.aftermath import FAR_LIMIT, check_aftermath, check_auction, rest_taker
from lobsim.core.jit import borrow, borrow_array, inline, kernel
from lobsim.core.meetings import check_missed, enter, expect, here, meet_all, more, note_report
from lobsim.core.shadow import (
    LINE_HIDDEN,
    LINE_REDUCING,
    LINE_WAITS,
    best_place,
    crossed,
    line_of,
    lose,
    name,
    new_line,
    place_of,
    price_at,
    whole_of_line,
)
from lobsim.core.violations import Violation
from lobsim.types import (
    NEVER,
    MessageFlag,
    OrderType,
    Phase,
    ReportKind,
    TimeInForce,
    Verb,
)


@inline
def _limit_of(checker, message):
    """The worst price a NEW accepts."""
    side = np.int64(message["side"])
    if message["type"] == OrderType.MARKET:
        return np.int64(-FAR_LIMIT) if side else np.int64(FAR_LIMIT)
    if message["type"] == OrderType.MARKET_TO_LIMIT:
        best = best_place(checker.shadow, 1 - side)
        return price_at(checker.shadow, 1 - side, best) if best >= 0 else np.int64(0)
    return np.int64(message["price_ticks"])


@inline
def _bits_of(message):
    """What a line remembers of a message's flags."""
    bits = np.int64(0)
    if message["flags"] & MessageFlag.HIDDEN:
        bits |= LINE_HIDDEN
    if message["flags"] & MessageFlag.REDUCE_ONLY:
        bits |= LINE_REDUCING
    return bits


@inline
def _until(message):
    """The time limit of a NEW."""
    return np.int64(message["expire_ns"]) if message["tif"] == TimeInForce.GTD else np.int64(NEVER)


@kernel
def _accepted(checker, message, terms, reports, j):
    """Report j must accept this NEW; says whether it does."""
    state = checker.state[0]
    order_id = np.int64(message["order_id"])
    if not here(checker, reports, j, ReportKind.ACCEPTED) or reports[j]["order_id"] != order_id:
        note_report(checker, Violation.ANSWER, j, order_id)
        return False
    if line_of(checker.shadow, order_id) != 0:
        note_report(checker, Violation.ANSWER, j, order_id)
    size = reports[j]["size_lots"]
    cut = message["flags"] & MessageFlag.REDUCE_ONLY and 1 <= size < message["size_lots"]
    if (size != message["size_lots"] and not cut) or reports[j]["side"] != message["side"]:
        note_report(checker, Violation.SIZE, j, order_id)
    state["entered"] += size
    if not 0 <= message["terms"] < len(terms) and state["unknown"] < 0:
        state["unknown"] = state["first"] + state["sequence"]
    return True


@kernel
def _check_outside(checker, message, terms, reports, j):
    """A stop or a pegged order that was accepted waits outside the queues.  Returns the next report."""
    order_id = np.int64(message["order_id"])
    size = np.int64(reports[j]["size_lots"])
    pegged = message["type"] == OrderType.PEGGED
    if reports[j]["remaining_lots"] != (0 if pegged else size):
        note_report(checker, Violation.SIZE, j, order_id)
    line = new_line(checker.shadow, order_id, np.int64(message["side"]), size, _until(message))
    mine = checker.shadow.lines[line]
    mine["bits"] = _bits_of(message) | LINE_WAITS
    mine["owner"] = message["owner"]
    mine["type"] = message["type"]
    mine["limit_ticks"] = message["price_ticks"]
    mine["stop_ticks"] = terms["stop_ticks"]
    return j + 1


@kernel
def _check_new(checker, message, table, reports, j):
    """A NEW that was not refused.  Returns the next report."""
    state = checker.state[0]
    order_id = np.int64(message["order_id"])
    kind = message["type"]
    if not _accepted(checker, message, table, reports, j):
        return j
    terms = table[message["terms"] if 0 <= message["terms"] < len(table) else 0]
    if kind == OrderType.STOP or kind == OrderType.STOP_LIMIT or kind == OrderType.PEGGED:
        return _check_outside(checker, message, terms, reports, j)
    accepted = j
    side = np.int64(message["side"])
    size = np.int64(message["size_lots"])
    if message["flags"] & MessageFlag.REDUCE_ONLY:
        size = min(size, max(np.int64(reports[j]["size_lots"]), np.int64(1)))
    limit = _limit_of(checker, message)
    alone = kind == OrderType.MARKET_TO_LIMIT and best_place(checker.shadow, 1 - side) < 0
    if kind == OrderType.MARKET_TO_LIMIT and reports[j]["price_ticks"] != limit:
        note_report(checker, Violation.ANSWER, j, order_id)
    enter(checker, order_id, side, limit, size, np.int64(message["owner"]))
    j = meet_all(checker, reports, j + 1)
    left = np.int64(state["taker_left"])
    immediate = alone or kind == OrderType.MARKET
    immediate = immediate or message["tif"] == TimeInForce.IOC or message["tif"] == TimeInForce.FOK
    least = min(np.int64(terms["min_lots"]), size)
    if least == 0 or left < size or not immediate:
        check_missed(checker, j)
    if 0 < state["taker_traded"] < least:
        note_report(checker, Violation.SIZE, j, order_id)
    if reports[accepted]["remaining_lots"] != (0 if immediate else left):
        note_report(checker, Violation.SIZE, accepted, order_id)
    if not immediate:
        display = np.int64(terms["display_lots"]) if terms["display_lots"] < size else np.int64(0)
        rest_taker(checker, j, limit, _until(message), display, _bits_of(message))
        return j
    if message["tif"] == TimeInForce.FOK and left != 0:
        note_report(checker, Violation.SIZE, j, order_id)
    if left > 0 and expect(checker, reports, j, np.int64(ReportKind.CANCELLED), order_id, left, 0):
        state["cancelled"] += reports[j]["size_lots"]
        j += 1
    return j


@kernel
def _check_cancel(checker, message, reports, j):
    """A CANCEL or REDUCE that was not refused.  Returns the next report."""
    state = checker.state[0]
    order_id = np.int64(message["order_id"])
    line = line_of(checker.shadow, order_id)
    if line == 0:
        note_report(checker, Violation.NO_SUCH_ORDER, j, order_id)
        return j + 1
    whole = whole_of_line(checker.shadow, line)
    size = whole
    kind = np.int64(ReportKind.CANCELLED)
    if message["verb"] == Verb.REDUCE and message["size_lots"] < whole:
        size = np.int64(message["size_lots"])
        kind = np.int64(ReportKind.REDUCED)
    if not expect(checker, reports, j, kind, order_id, size, whole - size):
        return j
    state["cancelled"] += reports[j]["size_lots"]
    lose(checker.shadow, line, size)
    return j + 1


@kernel
def _replaced(checker, reports, j, order_id, new_id, size, remaining):
    """Report j must be this REPLACED.  Returns the next report."""
    if not expect(checker, reports, j, np.int64(ReportKind.REPLACED), new_id, size, remaining):
        return j
    if reports[j]["other_id"] != order_id:
        note_report(checker, Violation.ANSWER, j, new_id)
    checker.state[0]["entered"] += reports[j]["size_lots"]
    return j + 1


@kernel
def _size_that_reenters(checker, message, reports, j, bits):
    """The size a REPLACE enters with: a reduce-only order may be cut, which only its REPLACED tells."""
    size = np.int64(message["size_lots"])
    while bits & LINE_REDUCING and more(checker, reports, j):
        if reports[j]["kind"] == ReportKind.REPLACED and reports[j]["order_id"] == message["new_id"]:
            return min(size, max(np.int64(reports[j]["size_lots"]), np.int64(1)))
        j += 1
    return size


@kernel
def _check_replace(checker, message, reports, j):
    """A REPLACE that was not refused: the order leaves and enters anew, in its old place or at the back.  Returns the next report."""
    order_id = np.int64(message["order_id"])
    new_id = np.int64(message["new_id"])
    line = line_of(checker.shadow, order_id)
    if line == 0:
        note_report(checker, Violation.NO_SUCH_ORDER, j, order_id)
        return j + 1
    mine = checker.shadow.lines[line]
    whole = whole_of_line(checker.shadow, line)
    side = np.int64(mine["side"])
    bits = np.int64(mine["bits"])
    size = np.int64(message["size_lots"])
    price_ticks = np.int64(message["price_ticks"])
    checker.state[0]["cancelled"] += whole
    if bits & LINE_WAITS:
        mine["rest"] = size
        mine["limit_ticks"] = price_ticks
        name(checker.shadow, new_id, line)
        return _replaced(checker, reports, j, order_id, new_id, size, size)
    at_its_price = mine["place"] == place_of(checker.shadow, side, price_ticks)
    if at_its_price and size <= whole and (message["flags"] & MessageFlag.LOSE_PLACE) == 0:
        lose(checker.shadow, line, whole - size)
        if new_id != order_id:
            name(checker.shadow, new_id, line)
        return _replaced(checker, reports, j, order_id, new_id, size, size)
    expire_ns = np.int64(mine["expire_ns"])
    display = np.int64(mine["display"])
    lose(checker.shadow, line, whole)
    size = _size_that_reenters(checker, message, reports, j, bits)
    enter(checker, new_id, side, price_ticks, size, np.int64(mine["owner"]))
    j = meet_all(checker, reports, j)
    check_missed(checker, j)
    j = _replaced(checker, reports, j, order_id, new_id, size, np.int64(checker.state[0]["taker_left"]))
    rest_taker(checker, j, price_ticks, expire_ns, display, bits)
    return j


@kernel
def _check_phase(checker, message, reports, j):
    """A change of phase, and the auction it may end.  Returns the next report."""
    state = checker.state[0]
    if not here(checker, reports, j, ReportKind.PHASE_CHANGED) or reports[j]["size_lots"] != message["size_lots"]:
        note_report(checker, Violation.ANSWER, j, 0)
        return j
    before = state["phase"]
    state["phase"] = message["size_lots"]
    gathered = before == Phase.PRE_OPEN or before == Phase.QUOTING or before == Phase.AUCTION
    closes = state["phase"] == Phase.CLOSED and gathered
    return check_auction(checker, reports, j + 1, closes or state["phase"] == Phase.CONTINUOUS)


@kernel
def _expiries(checker, reports, j):
    """Orders whose time limit has come.  Returns the next report."""
    state = checker.state[0]
    while here(checker, reports, j, ReportKind.EXPIRED):
        order_id = np.int64(reports[j]["order_id"])
        line = line_of(checker.shadow, order_id)
        if line == 0:
            note_report(checker, Violation.NO_SUCH_ORDER, j, order_id)
        else:
            whole = whole_of_line(checker.shadow, line)
            if checker.shadow.lines[line]["expire_ns"] > state["clock_ns"]:
                note_report(checker, Violation.TIME_LIMIT, j, order_id)
            if whole != reports[j]["size_lots"]:
                note_report(checker, Violation.SIZE, j, order_id)
            lose(checker.shadow, line, whole)
        state["expired"] += reports[j]["size_lots"]
        j += 1
    return j


@kernel
def _check_message(checker, message, table, reports, j):
    """One message with all its reports.  Returns the next report."""
    state = checker.state[0]
    state["clock_ns"] = max(np.int64(state["clock_ns"]), np.int64(message["ts_ns"]))
    order_id = np.int64(message["order_id"])
    j = _expiries(checker, reports, j)
    if not more(checker, reports, j):
        note_report(checker, Violation.ANSWER, j, order_id)
        return j
    verb = message["verb"]
    if reports[j]["kind"] == ReportKind.REJECTED:
        j = j + expect(checker, reports, j, np.int64(ReportKind.REJECTED), order_id, -1, 0)
    elif verb == Verb.NEW:
        j = _check_new(checker, message, table, reports, j)
    elif verb == Verb.CANCEL or verb == Verb.REDUCE:
        j = _check_cancel(checker, message, reports, j)
    elif verb == Verb.REPLACE:
        j = _check_replace(checker, message, reports, j)
    elif verb == Verb.PHASE:
        j = _check_phase(checker, message, reports, j)
    j = check_aftermath(checker, reports, j)
    while more(checker, reports, j):
        note_report(checker, Violation.ANSWER, j, np.int64(reports[j]["order_id"]))
        j += 1
    return j


@kernel
def check_messages(checker, messages, table, reports, first):
    """Check a stretch of a stream with all its reports.

    messages  MESSAGE [any]
    table     TERMS [any] of which row 0 means nothing
    reports   REPORT [any], sequence counted from the first of the messages
    first     index of the first of the messages in the whole stream

    changes: checker, all of it
    """
    checker = borrow(checker)
    messages = borrow_array(messages)
    table = borrow_array(table)
    reports = borrow_array(reports)
    state = checker.state[0]
    state["first"] = first
    j = np.int64(0)
    for i in range(len(messages)):
        state["sequence"] = i
        while j < len(reports) and reports[j]["sequence"] < i:
            note_report(checker, Violation.ANSWER, j, np.int64(reports[j]["order_id"]))
            j += 1
        j = _check_message(checker, messages[i], table, reports, j)
        if state["phase"] == Phase.CONTINUOUS and crossed(checker.shadow):
            note_report(checker, Violation.SPREAD, j - 1, np.int64(messages[i]["order_id"]))
    if j < len(reports):
        note_report(checker, Violation.ANSWER, j, np.int64(reports[j]["order_id"]))
