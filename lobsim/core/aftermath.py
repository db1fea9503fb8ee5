"""What the reports tell of call auctions, stops and pegged orders, held against the plain book of a property checker.

Known limits: whether a stop's price was reached, and whether a pegged order stands where its reference says, is not asked (a pegged order must
keep its limit, and the book must not cross); an auction is held to one price, limits, priority and conservation, not to the largest volume.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import kernel
from lobsim.core.meetings import (
    check_missed,
    check_nothing_owed,
    check_priority,
    check_refresh,
    enter,
    expect,
    here,
    meet_all,
    more,
    note_report,
    take_shown,
    within,
)
from lobsim.core.shadow import (
    LINE_REDUCING,
    LINE_WAITS,
    line_of,
    link,
    lose,
    new_line,
    place_of,
    price_at,
    unlink,
    whole_of_line,
)
from lobsim.core.violations import Violation
from lobsim.types import OrderType, Phase, Reason, ReportKind

FAR_LIMIT = 2**62
"""The limit of an order without one."""


@kernel
def rest_taker(checker, j, price_ticks, expire_ns, display, bits):
    """What is left of the taker at hand joins the book; an iceberg shows a part of it."""
    state = checker.state[0]
    left = np.int64(state["taker_left"])
    side = np.int64(state["taker_side"])
    place = place_of(checker.shadow, side, price_ticks)
    if left < 0 or place < 0:
        note_report(checker, Violation.SIZE, j, np.int64(state["taker_id"]))
        return
    if left == 0:
        return
    shown = min(display, left) if display > 0 else left
    line = new_line(checker.shadow, np.int64(state["taker_id"]), side, shown, expire_ns)
    mine = checker.shadow.lines[line]
    mine["place"] = place
    mine["reserve"] = left - shown
    mine["display"] = display
    mine["owner"] = state["taker_owner"]
    mine["bits"] = bits
    link(checker.shadow, line)


@kernel
def _check_side(checker, report, side, j):
    """One side of an auction trade: it rests, is first in its side, accepts the price, and gives what it shows."""
    order_id = np.int64(report["order_id"] if side else report["other_id"])
    size = np.int64(report["size_lots"])
    line = line_of(checker.shadow, order_id)
    if line == 0 or checker.shadow.lines[line]["side"] != side or checker.shadow.lines[line]["bits"] & LINE_WAITS:
        note_report(checker, Violation.NO_SUCH_ORDER, j, order_id)
        return
    mine = checker.shadow.lines[line]
    check_priority(checker, j, line)
    if not within(side, price_at(checker.shadow, side, np.int64(mine["place"])), np.int64(report["price_ticks"])):
        note_report(checker, Violation.BEYOND_LIMIT, j, order_id)
    if size < 1 or size > mine["rest"]:
        note_report(checker, Violation.SIZE, j, order_id)
    if side == 1 and report["remaining_lots"] != whole_of_line(checker.shadow, line) - size:
        note_report(checker, Violation.SIZE, j, order_id)
    take_shown(checker, line, size)


@kernel
def check_auction(checker, reports, j, may):
    """The trades of a call auction, all at one price.  Returns the next report.

    may  whether this change of phase uncrosses the book
    """
    state = checker.state[0]
    price_ticks = np.int64(0)
    any_trade = False
    state["taker_id"] = 0
    while here(checker, reports, j, ReportKind.TRADE) or here(checker, reports, j, ReportKind.REFRESHED):
        report = reports[j]
        if report["kind"] == ReportKind.REFRESHED:
            check_refresh(checker, report, j)
            j += 1
            continue
        if not any_trade:
            price_ticks = np.int64(report["price_ticks"])
            any_trade = True
        state["traded"] += 2 * report["size_lots"]
        state["trades"] += 1
        if not may:
            note_report(checker, Violation.PHASE, j, np.int64(report["order_id"]))
        if report["reason"] != Reason.AUCTION or report["price_ticks"] != price_ticks:
            note_report(checker, Violation.ANSWER, j, np.int64(report["order_id"]))
        _check_side(checker, report, 0, j)
        _check_side(checker, report, 1, j)
        j += 1
    check_nothing_owed(checker, j)
    return j


@kernel
def _check_trigger(checker, reports, j):
    """An elected stop enters, and meets whom it meets.  Returns the next report."""
    state = checker.state[0]
    report = reports[j]
    order_id = np.int64(report["order_id"])
    size = np.int64(report["size_lots"])
    line = line_of(checker.shadow, order_id)
    if line == 0 or checker.shadow.lines[line]["bits"] & LINE_WAITS == 0:
        note_report(checker, Violation.NO_SUCH_ORDER, j, order_id)
        return j + 1
    mine = checker.shadow.lines[line]
    rest = np.int64(mine["rest"])
    kind = mine["type"]
    side = np.int64(mine["side"])
    reducing = np.int64(mine["bits"]) & LINE_REDUCING
    expire_ns = np.int64(mine["expire_ns"])
    owner = np.int64(mine["owner"])
    limit = np.int64(mine["limit_ticks"])
    if kind == OrderType.STOP:
        limit = np.int64(-FAR_LIMIT) if side else np.int64(FAR_LIMIT)
    if state["phase"] != Phase.CONTINUOUS:
        note_report(checker, Violation.PHASE, j, order_id)
    if kind == OrderType.PEGGED or report["price_ticks"] != mine["stop_ticks"] or report["side"] != side:
        note_report(checker, Violation.ANSWER, j, order_id)
    if size < 1 or size > rest or (size < rest and not reducing):
        note_report(checker, Violation.SIZE, j, order_id)
    state["cancelled"] += rest - size
    lose(checker.shadow, line, rest)
    enter(checker, order_id, side, limit, size, owner)
    j = meet_all(checker, reports, j + 1)
    check_missed(checker, j)
    left = np.int64(state["taker_left"])
    if kind == OrderType.STOP_LIMIT:
        rest_taker(checker, j, limit, expire_ns, 0, reducing)
    elif left > 0 and expect(checker, reports, j, np.int64(ReportKind.CANCELLED), order_id, left, 0):
        state["cancelled"] += reports[j]["size_lots"]
        j += 1
    return j


@kernel
def _check_reprice(checker, report, j):
    """A pegged order goes to the back of another level, or out of the book."""
    order_id = np.int64(report["order_id"])
    line = line_of(checker.shadow, order_id)
    if line == 0 or checker.shadow.lines[line]["type"] != OrderType.PEGGED:
        note_report(checker, Violation.NO_SUCH_ORDER, j, order_id)
        return
    mine = checker.shadow.lines[line]
    side = np.int64(mine["side"])
    waits = report["remaining_lots"] == 0
    if report["size_lots"] != mine["rest"] or (not waits and report["remaining_lots"] != mine["rest"]):
        note_report(checker, Violation.SIZE, j, order_id)
    place = place_of(checker.shadow, side, np.int64(report["price_ticks"]))
    if not waits and (place < 0 or not within(side, np.int64(mine["limit_ticks"]), np.int64(report["price_ticks"]))):
        note_report(checker, Violation.BEYOND_LIMIT, j, order_id)
    if mine["bits"] & LINE_WAITS == 0:
        unlink(checker.shadow, line)
    elif waits:
        note_report(checker, Violation.ANSWER, j, order_id)
    mine["bits"] |= LINE_WAITS
    if not waits and place >= 0:
        mine["bits"] &= ~LINE_WAITS
        mine["place"] = place
        link(checker.shadow, line)


@kernel
def _check_refused_stop(checker, report, j):
    """A stop that could not enter is cancelled; says whether the report is that."""
    if report["reason"] != Reason.REDUCE_ONLY and report["reason"] != Reason.SIZE_OVERFLOW:
        return False
    line = line_of(checker.shadow, np.int64(report["order_id"]))
    if line == 0 or checker.shadow.lines[line]["bits"] & LINE_WAITS == 0:
        return False
    rest = np.int64(checker.shadow.lines[line]["rest"])
    if report["size_lots"] != rest or report["remaining_lots"] != 0:
        note_report(checker, Violation.SIZE, j, np.int64(report["order_id"]))
    checker.state[0]["cancelled"] += report["size_lots"]
    lose(checker.shadow, line, rest)
    return True


@kernel
def check_aftermath(checker, reports, j):
    """What follows a message: stops that enter, pegged orders that move.  Returns the next report that is neither."""
    while more(checker, reports, j):
        kind = reports[j]["kind"]
        if kind == ReportKind.TRIGGERED:
            j = _check_trigger(checker, reports, j)
            continue
        if kind == ReportKind.REPRICED:
            _check_reprice(checker, reports[j], j)
        elif kind != ReportKind.CANCELLED or not _check_refused_stop(checker, reports[j], j):
            break
        j += 1
    return j
