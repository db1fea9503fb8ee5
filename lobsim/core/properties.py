"""Do the answers to a stream of messages have the three properties of a continuous double auction?

Positive bid-ask spread, price-time priority and conservation: together they determine every trade (Garg and Sarswat, "Maximum matching and
uniqueness of continuous double auctions", arXiv 2412.08624), so answers without a violation are the only right ones.  The checker
reads messages and reports and keeps a plain book of its own (`lobsim.core.shadow`); it never sees the book that answered.

After a violation it believes the report as far as it can and goes on, so that one mistake is not counted for ever.

Known limits: the order types and rules of docs/rules.md 1b other than phases are not understood (the first such message that is accepted
is named in ``unknown``); the trades of a call auction are held to limits, one price and conservation, not to the largest volume; whether a refusal was right
is not asked.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import borrow, borrow_array, inline, kernel
from lobsim.core.shadow import best_place, crossed, join, line_of, name, place_of, price_at, take
from lobsim.core.violations import Violation, note
from lobsim.types import (
    NEVER,
    MessageFlag,
    OrderType,
    Phase,
    Reason,
    ReportKind,
    TimeInForce,
    Verb,
)


@inline
def _note(checker, kind, j, order_id):
    """A violation in report j about the message at hand."""
    state = checker.state[0]
    note(checker, np.int64(kind), state["first"] + state["sequence"], j, order_id)


@inline
def _here(checker, reports, j, kind):
    """Whether report j belongs to the message at hand and is of a kind."""
    return j < len(reports) and reports[j]["sequence"] == checker.state[0]["sequence"] and reports[j]["kind"] == kind


@kernel
def _expect(checker, reports, j, kind, order_id, size, remaining):
    """Report j must be this; says whether its kind is (size -1: any)."""
    if not _here(checker, reports, j, kind):
        _note(checker, Violation.ANSWER, j, order_id)
        return False
    report = reports[j]
    if report["order_id"] != order_id:
        _note(checker, Violation.ANSWER, j, order_id)
    if (size >= 0 and report["size_lots"] != size) or report["remaining_lots"] != remaining:
        _note(checker, Violation.SIZE, j, order_id)
    return True


@inline
def _within(side, limit_ticks, price_ticks):
    """Whether an order of side with this limit may trade at a price."""
    return price_ticks >= limit_ticks if side else price_ticks <= limit_ticks


@kernel
def _check_priority(checker, j, maker):
    """The maker must be the oldest at the best price of its side."""
    shadow = checker.shadow
    mine = shadow.lines[maker]
    side = np.int64(mine["side"])
    order_id = np.int64(mine["order_id"])
    if mine["place"] != best_place(shadow, side):
        _note(checker, Violation.NOT_BEST_PRICE, j, order_id)
    elif shadow.queues[side, mine["place"]]["first"] != maker:
        _note(checker, Violation.NOT_OLDEST, j, order_id)


@kernel
def _check_trade(checker, report, j):
    """One trade of the taker at hand with a maker."""
    state = checker.state[0]
    maker_id = np.int64(report["order_id"])
    size = np.int64(report["size_lots"])
    side = np.int64(state["taker_side"])
    state["traded"] += 2 * size
    state["trades"] += 1
    if state["phase"] != Phase.CONTINUOUS:
        _note(checker, Violation.PHASE, j, maker_id)
    if report["other_id"] != state["taker_id"] or report["side"] != 1 - side:
        _note(checker, Violation.ANSWER, j, maker_id)
    maker = line_of(checker.shadow, maker_id)
    if maker == 0 or checker.shadow.lines[maker]["side"] == side:
        _note(checker, Violation.NO_SUCH_ORDER, j, maker_id)
        state["taker_left"] -= size
        return
    _check_priority(checker, j, maker)
    mine = checker.shadow.lines[maker]
    price_ticks = price_at(checker.shadow, 1 - side, np.int64(mine["place"]))
    if report["price_ticks"] != price_ticks:
        _note(checker, Violation.NOT_RESTING_PRICE, j, maker_id)
    if not _within(side, np.int64(state["taker_limit"]), np.int64(report["price_ticks"])):
        _note(checker, Violation.BEYOND_LIMIT, j, maker_id)
    if mine["expire_ns"] <= state["clock_ns"]:
        _note(checker, Violation.TIME_LIMIT, j, maker_id)
    rest = np.int64(mine["rest"])
    if size != min(rest, np.int64(state["taker_left"])) or report["remaining_lots"] != rest - size:
        _note(checker, Violation.SIZE, j, maker_id)
    take(checker.shadow, maker, max(size, 0))
    state["taker_left"] -= size


@kernel
def _trades(checker, reports, j):
    """The trades of the taker at hand, and whether one more was possible.  Returns the next report."""
    state = checker.state[0]
    while _here(checker, reports, j, ReportKind.TRADE):
        _check_trade(checker, reports[j], j)
        j += 1
    if state["taker_left"] > 0 and state["phase"] == Phase.CONTINUOUS:
        other = 1 - np.int64(state["taker_side"])
        best = best_place(checker.shadow, other)
        limit = np.int64(state["taker_limit"])
        if best >= 0 and _within(state["taker_side"], limit, price_at(checker.shadow, other, best)):
            _note(checker, Violation.MISSED_TRADE, j, np.int64(state["taker_id"]))
    return j


@inline
def _enter(checker, order_id, side, limit, size):
    """An order comes in and becomes the taker at hand."""
    state = checker.state[0]
    state["taker_id"] = order_id
    state["taker_side"] = side
    state["taker_limit"] = limit
    state["taker_left"] = size


@kernel
def _rest(checker, j, price_ticks, expire_ns):
    """What is left of the taker at hand joins the book."""
    state = checker.state[0]
    place = place_of(checker.shadow, state["taker_side"], price_ticks)
    if state["taker_left"] < 0 or place < 0:
        _note(checker, Violation.SIZE, j, np.int64(state["taker_id"]))
    elif state["taker_left"] > 0:
        side = np.int64(state["taker_side"])
        join(checker.shadow, np.int64(state["taker_id"]), side, place, np.int64(state["taker_left"]), expire_ns)


@inline
def _not_understood(message):
    """Whether a NEW uses what this checker does not follow."""
    beyond = MessageFlag.HIDDEN | MessageFlag.REDUCE_ONLY
    return message["type"] > OrderType.MARKET or message["terms"] != 0 or (message["flags"] & beyond) != 0


@kernel
def _check_new(checker, message, reports, j):
    """A NEW that was not refused.  Returns the next report."""
    state = checker.state[0]
    order_id = np.int64(message["order_id"])
    side = np.int64(message["side"])
    market = message["type"] == OrderType.MARKET
    tif = message["tif"]
    if _not_understood(message) and state["unknown"] < 0:
        state["unknown"] = state["first"] + state["sequence"]
    accepted = j
    if not _here(checker, reports, j, ReportKind.ACCEPTED) or reports[j]["order_id"] != order_id:
        _note(checker, Violation.ANSWER, j, order_id)
        return j
    if line_of(checker.shadow, order_id) != 0:
        _note(checker, Violation.ANSWER, j, order_id)
    if reports[j]["size_lots"] != message["size_lots"] or reports[j]["side"] != side:
        _note(checker, Violation.SIZE, j, order_id)
    limit = np.int64(message["price_ticks"])
    if market:
        limit = np.int64(-(2**62)) if side else np.int64(2**62)
    _enter(checker, order_id, side, limit, np.int64(message["size_lots"]))
    state["entered"] += reports[j]["size_lots"]
    j = _trades(checker, reports, j + 1)
    left = np.int64(state["taker_left"])
    immediate = market or tif == TimeInForce.IOC or tif == TimeInForce.FOK
    if reports[accepted]["remaining_lots"] != (0 if immediate else left):
        _note(checker, Violation.SIZE, accepted, order_id)
    if not immediate:
        _rest(checker, j, limit, np.int64(message["expire_ns"]) if tif == TimeInForce.GTD else np.int64(NEVER))
        return j
    if tif == TimeInForce.FOK and left != 0:
        _note(checker, Violation.SIZE, j, order_id)
    if left > 0 and _expect(checker, reports, j, np.int64(ReportKind.CANCELLED), order_id, left, 0):
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
        _note(checker, Violation.NO_SUCH_ORDER, j, order_id)
        return j + 1
    rest = np.int64(checker.shadow.lines[line]["rest"])
    size = rest
    kind = np.int64(ReportKind.CANCELLED)
    if message["verb"] == Verb.REDUCE and message["size_lots"] < rest:
        size = np.int64(message["size_lots"])
        kind = np.int64(ReportKind.REDUCED)
    if not _expect(checker, reports, j, kind, order_id, size, rest - size):
        return j
    state["cancelled"] += reports[j]["size_lots"]
    take(checker.shadow, line, size)
    return j + 1


@kernel
def _replaced(checker, reports, j, order_id, new_id, size, remaining):
    """Report j must be this REPLACED.  Returns the next report."""
    if not _expect(checker, reports, j, np.int64(ReportKind.REPLACED), new_id, size, remaining):
        return j
    if reports[j]["other_id"] != order_id:
        _note(checker, Violation.ANSWER, j, new_id)
    checker.state[0]["entered"] += reports[j]["size_lots"]
    return j + 1


@kernel
def _check_replace(checker, message, reports, j):
    """A REPLACE that was not refused: the order leaves and enters anew, in its old place or at the back.  Returns the next report."""
    order_id = np.int64(message["order_id"])
    new_id = np.int64(message["new_id"])
    line = line_of(checker.shadow, order_id)
    if line == 0:
        _note(checker, Violation.NO_SUCH_ORDER, j, order_id)
        return j + 1
    mine = checker.shadow.lines[line]
    rest = np.int64(mine["rest"])
    side = np.int64(mine["side"])
    expire_ns = np.int64(mine["expire_ns"])
    size = np.int64(message["size_lots"])
    price_ticks = np.int64(message["price_ticks"])
    checker.state[0]["cancelled"] += rest
    at_its_price = mine["place"] == place_of(checker.shadow, side, price_ticks)
    if at_its_price and size <= rest and (message["flags"] & MessageFlag.LOSE_PLACE) == 0:
        take(checker.shadow, line, rest - size)
        if new_id != order_id:
            name(checker.shadow, new_id, line)
        return _replaced(checker, reports, j, order_id, new_id, size, size)
    take(checker.shadow, line, rest)
    _enter(checker, new_id, side, price_ticks, size)
    j = _trades(checker, reports, j)
    j = _replaced(checker, reports, j, order_id, new_id, size, np.int64(checker.state[0]["taker_left"]))
    _rest(checker, j, price_ticks, expire_ns)
    return j


@kernel
def _check_auction(checker, reports, j):
    """The trades of a call auction: both sides rest, all at one price that both accept.  Returns the next report."""
    state = checker.state[0]
    first = j
    while _here(checker, reports, j, ReportKind.TRADE):
        report = reports[j]
        size = np.int64(report["size_lots"])
        state["traded"] += 2 * size
        state["trades"] += 1
        if report["reason"] != Reason.AUCTION or report["price_ticks"] != reports[first]["price_ticks"]:
            _note(checker, Violation.ANSWER, j, np.int64(report["order_id"]))
        for side in range(2):
            order_id = np.int64(report["order_id"] if side else report["other_id"])
            line = line_of(checker.shadow, order_id)
            if line == 0 or checker.shadow.lines[line]["side"] != side:
                _note(checker, Violation.NO_SUCH_ORDER, j, order_id)
                continue
            limit = price_at(checker.shadow, side, np.int64(checker.shadow.lines[line]["place"]))
            if not _within(side, limit, np.int64(report["price_ticks"])):
                _note(checker, Violation.BEYOND_LIMIT, j, order_id)
            if size < 1 or take(checker.shadow, line, size) != size:
                _note(checker, Violation.SIZE, j, order_id)
        j += 1
    return j


@kernel
def _check_phase(checker, message, reports, j):
    """A change of phase, and the auction it may end.  Returns the next report."""
    state = checker.state[0]
    if not _here(checker, reports, j, ReportKind.PHASE_CHANGED) or reports[j]["size_lots"] != message["size_lots"]:
        _note(checker, Violation.ANSWER, j, 0)
        return j
    state["phase"] = message["size_lots"]
    return _check_auction(checker, reports, j + 1)


@kernel
def _expiries(checker, reports, j):
    """Orders whose time limit has come.  Returns the next report."""
    state = checker.state[0]
    while _here(checker, reports, j, ReportKind.EXPIRED):
        order_id = np.int64(reports[j]["order_id"])
        line = line_of(checker.shadow, order_id)
        if line == 0:
            _note(checker, Violation.NO_SUCH_ORDER, j, order_id)
        else:
            mine = checker.shadow.lines[line]
            if mine["expire_ns"] > state["clock_ns"]:
                _note(checker, Violation.TIME_LIMIT, j, order_id)
            if mine["rest"] != reports[j]["size_lots"]:
                _note(checker, Violation.SIZE, j, order_id)
            take(checker.shadow, line, np.int64(mine["rest"]))
        state["expired"] += reports[j]["size_lots"]
        j += 1
    return j


@kernel
def _check_message(checker, message, reports, j):
    """One message with all its reports.  Returns the next report."""
    state = checker.state[0]
    state["clock_ns"] = max(np.int64(state["clock_ns"]), np.int64(message["ts_ns"]))
    order_id = np.int64(message["order_id"])
    j = _expiries(checker, reports, j)
    if j == len(reports) or reports[j]["sequence"] != state["sequence"]:
        _note(checker, Violation.ANSWER, j, order_id)
        return j
    verb = message["verb"]
    if reports[j]["kind"] == ReportKind.REJECTED:
        j = j + _expect(checker, reports, j, np.int64(ReportKind.REJECTED), order_id, -1, 0)
    elif verb == Verb.NEW:
        j = _check_new(checker, message, reports, j)
    elif verb == Verb.CANCEL or verb == Verb.REDUCE:
        j = _check_cancel(checker, message, reports, j)
    elif verb == Verb.REPLACE:
        j = _check_replace(checker, message, reports, j)
    elif verb == Verb.PHASE:
        j = _check_phase(checker, message, reports, j)
    while j < len(reports) and reports[j]["sequence"] == state["sequence"]:
        _note(checker, Violation.ANSWER, j, np.int64(reports[j]["order_id"]))
        j += 1
    return j


@kernel
def check_messages(checker, messages, reports, first):
    """Check a stretch of a stream with all its reports.

    messages  MESSAGE [any]
    reports   REPORT [any], sequence counted from the first of the messages
    first     index of the first of the messages in the whole stream

    changes: checker, all of it
    """
    checker = borrow(checker)
    messages = borrow_array(messages)
    reports = borrow_array(reports)
    state = checker.state[0]
    state["first"] = first
    j = np.int64(0)
    for i in range(len(messages)):
        state["sequence"] = i
        while j < len(reports) and reports[j]["sequence"] < i:
            _note(checker, Violation.ANSWER, j, np.int64(reports[j]["order_id"]))
            j += 1
        j = _check_message(checker, messages[i], reports, j)
        if state["phase"] == Phase.CONTINUOUS and crossed(checker.shadow):
            _note(checker, Violation.SPREAD, j - 1, np.int64(messages[i]["order_id"]))
    if j < len(reports):
        _note(checker, Violation.ANSWER, j, np.int64(reports[j]["order_id"]))
