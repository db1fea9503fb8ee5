"""A taker meets the orders of the other side, as the reports tell it, held against the plain book of a property checker.

Price-time priority is asked of every trade in a FIFO book.  Where a level is shared out (PRO_RATA, TOP_N) displayed orders of the best price are exempt
from time priority and from the size of their share: any of them may trade, with at most what it shows; that the best price comes first,
that hidden orders come last and by time, and that nothing possible is missed still holds there.

Self-trade prevention and reduce-only orders: what leaves the book for such a reason must be an order of the taker's owner, or a reduce-only one;
positions are not followed, so whether a reduce-only order had to shrink is not asked.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import inline, kernel
from lobsim.core.shadow import (
    LINE_HIDDEN,
    LINE_REDUCING,
    LINE_WAITS,
    best_place,
    line_of,
    lose,
    price_at,
    show,
    take,
    whole_of_line,
)
from lobsim.core.violations import Violation, note
from lobsim.types import Allocation, Phase, Reason, ReportKind, SelfTrade


@inline
def note_report(checker, kind, j, order_id):
    """A violation in report j about the message at hand."""
    state = checker.state[0]
    note(checker, np.int64(kind), state["first"] + state["sequence"], j, order_id)


@inline
def more(checker, reports, j):
    """Whether report j belongs to the message at hand."""
    return j < len(reports) and reports[j]["sequence"] == checker.state[0]["sequence"]


@inline
def here(checker, reports, j, kind):
    """Whether report j belongs to the message at hand and is of a kind."""
    return more(checker, reports, j) and reports[j]["kind"] == kind


@kernel
def expect(checker, reports, j, kind, order_id, size, remaining):
    """Report j must be this; says whether its kind is (size -1: any)."""
    if not here(checker, reports, j, kind):
        note_report(checker, Violation.ANSWER, j, order_id)
        return False
    report = reports[j]
    if report["order_id"] != order_id:
        note_report(checker, Violation.ANSWER, j, order_id)
    if (size >= 0 and report["size_lots"] != size) or report["remaining_lots"] != remaining:
        note_report(checker, Violation.SIZE, j, order_id)
    return True


@inline
def within(side, limit_ticks, price_ticks):
    """Whether an order of side with this limit may trade at a price."""
    return price_ticks >= limit_ticks if side else price_ticks <= limit_ticks


@inline
def enter(checker, order_id, side, limit, size, owner):
    """An order comes in and becomes the taker at hand."""
    state = checker.state[0]
    state["taker_id"] = order_id
    state["taker_side"] = side
    state["taker_limit"] = limit
    state["taker_left"] = size
    state["taker_traded"] = 0
    state["taker_owner"] = owner


@kernel
def check_priority(checker, j, maker):
    """The order must stand at the best price of its side, first in its queue (shared out: any displayed one)."""
    shadow = checker.shadow
    mine = shadow.lines[maker]
    side = np.int64(mine["side"])
    order_id = np.int64(mine["order_id"])
    if mine["bits"] & LINE_WAITS:
        note_report(checker, Violation.NO_SUCH_ORDER, j, order_id)
    elif mine["place"] != best_place(shadow, side):
        note_report(checker, Violation.NOT_BEST_PRICE, j, order_id)
    elif checker.state[0]["allocation"] == Allocation.FIFO or mine["bits"] & LINE_HIDDEN:
        if shadow.queues[side, mine["place"]]["first"] != maker:
            note_report(checker, Violation.NOT_OLDEST, j, order_id)


@kernel
def take_shown(checker, line, size):
    """Size goes off what an order shows; what it owes is remembered."""
    mine = checker.shadow.lines[line]
    shown = mine["rest"] > 0
    take(checker.shadow, line, max(size, 0))
    if shown and mine["rest"] == 0 and mine["reserve"] > 0:
        checker.state[0]["owing"] += 1


@kernel
def _check_trade(checker, report, j):
    """One trade of the taker at hand with a maker."""
    state = checker.state[0]
    maker_id = np.int64(report["order_id"])
    size = np.int64(report["size_lots"])
    side = np.int64(state["taker_side"])
    state["traded"] += 2 * size
    state["taker_traded"] += size
    state["trades"] += 1
    if state["phase"] != Phase.CONTINUOUS:
        note_report(checker, Violation.PHASE, j, maker_id)
    if report["other_id"] != state["taker_id"] or report["side"] != 1 - side or report["reason"] != Reason.NONE:
        note_report(checker, Violation.ANSWER, j, maker_id)
    maker = line_of(checker.shadow, maker_id)
    if maker == 0 or checker.shadow.lines[maker]["side"] == side or checker.shadow.lines[maker]["bits"] & LINE_WAITS:
        note_report(checker, Violation.NO_SUCH_ORDER, j, maker_id)
        state["taker_left"] -= size
        return
    check_priority(checker, j, maker)
    mine = checker.shadow.lines[maker]
    if report["price_ticks"] != price_at(checker.shadow, 1 - side, np.int64(mine["place"])):
        note_report(checker, Violation.NOT_RESTING_PRICE, j, maker_id)
    if not within(side, np.int64(state["taker_limit"]), np.int64(report["price_ticks"])):
        note_report(checker, Violation.BEYOND_LIMIT, j, maker_id)
    if mine["expire_ns"] <= state["clock_ns"]:
        note_report(checker, Violation.TIME_LIMIT, j, maker_id)
    if state["self_trade"] != SelfTrade.NONE and state["taker_owner"] != 0 and mine["owner"] == state["taker_owner"]:
        note_report(checker, Violation.SELF_TRADE, j, maker_id)
    most = min(np.int64(mine["rest"]), np.int64(state["taker_left"]))
    shared = state["allocation"] != Allocation.FIFO and mine["bits"] & LINE_HIDDEN == 0
    fits = 1 <= size <= most if shared else size == most
    if not fits or report["remaining_lots"] != whole_of_line(checker.shadow, maker) - size:
        note_report(checker, Violation.SIZE, j, maker_id)
    take_shown(checker, maker, size)
    state["taker_left"] -= size


@kernel
def check_refresh(checker, report, j):
    """An iceberg shows again: only where it shows nothing any more."""
    order_id = np.int64(report["order_id"])
    line = line_of(checker.shadow, order_id)
    if line == 0:
        note_report(checker, Violation.NO_SUCH_ORDER, j, order_id)
        return
    mine = checker.shadow.lines[line]
    if mine["rest"] != 0 or mine["reserve"] == 0:
        note_report(checker, Violation.ANSWER, j, order_id)
        return
    show(checker.shadow, line)
    checker.state[0]["owing"] -= 1
    if report["size_lots"] != mine["rest"] or report["remaining_lots"] != mine["rest"] + mine["reserve"]:
        note_report(checker, Violation.SIZE, j, order_id)


@kernel
def _meets_own(checker):
    """Whether the taker at hand meets an order of its owner next (shared out: anywhere in its next level)."""
    state = checker.state[0]
    shadow = checker.shadow
    other = 1 - np.int64(state["taker_side"])
    best = best_place(shadow, other)
    if best < 0 or not within(state["taker_side"], np.int64(state["taker_limit"]), price_at(shadow, other, best)):
        return False
    line = np.int64(shadow.queues[other, best]["first"])
    while line != 0:
        if shadow.lines[line]["owner"] == state["taker_owner"]:
            return True
        if state["allocation"] == Allocation.FIFO:
            return False
        line = np.int64(shadow.lines[line]["next"])
    return False


@kernel
def _taker_gives(checker, report, j):
    """The taker at hand loses size because it met an order of its owner."""
    state = checker.state[0]
    size = np.int64(report["size_lots"])
    state["taker_left"] -= size
    state["cancelled"] += size
    done = report["kind"] == ReportKind.CANCELLED
    if size < 1 or (done and state["taker_left"] != 0) or report["remaining_lots"] != state["taker_left"]:
        note_report(checker, Violation.SIZE, j, np.int64(report["order_id"]))
    if report["reason"] != Reason.SELF_TRADE or state["self_trade"] == SelfTrade.NONE or state["taker_owner"] == 0:
        note_report(checker, Violation.ANSWER, j, np.int64(report["order_id"]))
    elif state["self_trade"] == SelfTrade.CANCEL_NEWEST and not _meets_own(checker):
        note_report(checker, Violation.ANSWER, j, np.int64(report["order_id"]))


@kernel
def _maker_gives(checker, report, line, j):
    """A maker loses size, or leaves, because of its owner or of what it may reduce."""
    state = checker.state[0]
    mine = checker.shadow.lines[line]
    order_id = np.int64(report["order_id"])
    size = np.int64(report["size_lots"])
    whole = whole_of_line(checker.shadow, line)
    own = state["taker_owner"] != 0 and mine["owner"] == state["taker_owner"]
    prevented = report["reason"] == Reason.SELF_TRADE
    if mine["side"] == state["taker_side"] or state["taker_left"] <= 0:
        note_report(checker, Violation.ANSWER, j, order_id)
    if prevented and not (own and state["self_trade"] != SelfTrade.NONE):
        note_report(checker, Violation.ANSWER, j, order_id)
    if not prevented and mine["bits"] & LINE_REDUCING == 0:
        note_report(checker, Violation.ANSWER, j, order_id)
    if state["allocation"] == Allocation.FIFO:
        check_priority(checker, j, line)
    right = 1 <= size < whole
    if report["kind"] == ReportKind.CANCELLED:
        right = size == whole and report["remaining_lots"] == 0
    elif prevented:
        right = size == min(np.int64(mine["rest"]), np.int64(state["taker_left"]))
        right = right and report["remaining_lots"] == whole - size
    if not right:
        note_report(checker, Violation.SIZE, j, order_id)
    state["cancelled"] += size
    if prevented and report["kind"] == ReportKind.REDUCED:
        take_shown(checker, line, size)
    else:
        lose(checker.shadow, line, whole if report["kind"] == ReportKind.CANCELLED else max(size, 0))


@kernel
def _gives(checker, report, j):
    """A report that somebody lost size without trading; says whether it belongs to the taker's way through the book."""
    if report["reason"] != Reason.SELF_TRADE and report["reason"] != Reason.REDUCE_ONLY:
        return False
    if report["order_id"] == checker.state[0]["taker_id"]:
        _taker_gives(checker, report, j)
        return True
    line = line_of(checker.shadow, np.int64(report["order_id"]))
    if line == 0:
        note_report(checker, Violation.NO_SUCH_ORDER, j, np.int64(report["order_id"]))
        checker.state[0]["cancelled"] += report["size_lots"]
        return True
    if checker.shadow.lines[line]["bits"] & LINE_WAITS:
        return False
    _maker_gives(checker, report, line, j)
    return True


@kernel
def meet_all(checker, reports, j):
    """The whole way of the taker at hand through the other side.  Returns the next report."""
    while more(checker, reports, j):
        kind = reports[j]["kind"]
        if kind == ReportKind.TRADE:
            _check_trade(checker, reports[j], j)
        elif kind == ReportKind.REFRESHED:
            check_refresh(checker, reports[j], j)
        elif kind != ReportKind.CANCELLED and kind != ReportKind.REDUCED:
            break
        elif not _gives(checker, reports[j], j):
            break
        j += 1
    check_nothing_owed(checker, j)
    return j


@kernel
def check_nothing_owed(checker, j):
    """Every iceberg that was traded empty has shown again."""
    state = checker.state[0]
    if state["owing"] != 0:
        note_report(checker, Violation.SIZE, j, np.int64(state["taker_id"]))
        state["owing"] = 0


@kernel
def check_missed(checker, j):
    """With something left no trade may be possible any more."""
    state = checker.state[0]
    if state["taker_left"] > 0 and state["phase"] == Phase.CONTINUOUS:
        other = 1 - np.int64(state["taker_side"])
        best = best_place(checker.shadow, other)
        limit = np.int64(state["taker_limit"])
        if best >= 0 and within(state["taker_side"], limit, price_at(checker.shadow, other, best)):
            note_report(checker, Violation.MISSED_TRADE, j, np.int64(state["taker_id"]))
