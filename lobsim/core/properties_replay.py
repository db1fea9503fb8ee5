"""The three properties on a replayed day, between simulated orders (docs/rules.md, section 2).

History need not have them: venues print crossed books and name makers out of turn.  What must hold is what the simulation adds.  The checker
reads the tape, the record of every event (`lobsim.core.trace`), the own orders and their fills, and keeps two ledgers of its own: history as the
tape tells it (`lobsim.core.shadow`), and the own orders.

Spread     after each event best bid < best ask, unless history itself is crossed there, or the cross arose outside continuous trading, or from
           a correction of a book cut to K levels (rules, section 3: own orders are never touched by one), and has not gone since.  Without own
           orders best prices and sizes are the recorded ones.
Priority   an own order is filled at its price, by a row that reaches it; never before an own order with priority (price, then arrival); where the two
           ledgers agree before an execution, own orders in front of the named maker get exactly what the execution brings, as far as they go, and own
           orders behind it get nothing; where they do not, at least (no surplus) or at most (no deficit) that.  An own taker gets prices
           within its limit, best first, and an immediate one leaves only when nothing within its limit is left.
Conservation  an own order is filled no more than its size, a row gives own orders no more than it brought, and at the end each order's fills are
           what the venue says.

Known limits: orders only, not levels.  In a book cut to K levels nobody can say who stands where once a price was out of sight: executions of such
makers are not asked about.  Under Impact.NONE own takers leave the book as it was: with own orders spread and leaving too early are not asked.
Under CrossPolicy.SLIDE a recorded maker may stand at a worse price than history says: there an execution is not held against its maker's place
and limit, and in a cut book spread is not asked once there are own orders.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.history import fold, history_row, trim_to_row
from lobsim.core.jit import borrow, inline, kernel
from lobsim.core.shadow import best_place, crossed, line_of, price_at, total_at
from lobsim.core.violations import Violation, note
from lobsim.types import (
    NONE,
    FillReason,
    Flag,
    Impact,
    Kind,
    MessageFlag,
    OrderState,
    OrderType,
    Phase,
    TimeInForce,
)


@inline
def _note(day, kind, event, order):
    """A violation at an event about an own order."""
    note(day.check, np.int64(kind), np.int64(day.trace[event]["cursor"]) - 1, event, -(order + 1))


@inline
def _gone(day, order, ts_ns):
    """Whether an own order was cancelled or expired by then (at that very instant counts)."""
    mine = day.own[order]
    left = mine["venue_state"] == OrderState.CANCELLED or mine["venue_state"] == OrderState.EXPIRED
    return left and mine["done_ns"] <= ts_ns


@inline
def _limit_key(own):
    """Folded limit of an own order; a market order has none."""
    if own["type"] == OrderType.MARKET:
        return np.int64(-(2**62))
    return fold(np.int64(own["side"]), np.int64(own["price_ticks"]))


@inline
def _ahead(day, order, key, joined):
    """Whether an own order stands in front of this folded price and place in time."""
    mine = day.mine[order]
    return mine["key"] < key or (mine["key"] == key and mine["joined"] < joined)


@kernel
def _arrive(day, event, order):
    """An own NEW or REPLACE has reached the venue."""
    own = day.own[order]
    mine = day.mine[order]
    shadow = day.check.shadow
    shadow.used[1] += 1
    mine["joined"] = shadow.used[1]
    mine["key"] = _limit_key(own)
    if own["venue_state"] == OrderState.REJECTED:
        return
    mine["rest"] = own["size_lots"] - own["cut_lots"]
    mine["before"] = mine["rest"]
    rests = own["tif"] == TimeInForce.GTC or own["tif"] == TimeInForce.GTD
    mine["live"] = 1 if rests and own["type"] == OrderType.LIMIT else 0
    old = np.int64(own["replaces"])
    if old != NONE:
        before = day.mine[old]
        if (
            before["key"] == mine["key"]
            and mine["rest"] <= before["rest"]
            and (own["flags"] & MessageFlag.LOSE_PLACE) == 0
        ):
            mine["joined"] = before["joined"]
        before["live"] = 0


@kernel
def _fill(day, event, fill):
    """One fill: at the order's own price or within its limit, no more than is left."""
    order = np.int64(fill["order"])
    mine = day.mine[order]
    own = day.own[order]
    key = fold(np.int64(own["side"]), np.int64(fill["price_ticks"]))
    if fill["passive"]:
        if key != mine["key"]:
            _note(day, Violation.NOT_RESTING_PRICE, event, order)
        if not mine["live"]:
            _note(day, Violation.NO_SUCH_ORDER, event, order)
    elif key < mine["key"]:
        _note(day, Violation.BEYOND_LIMIT, event, order)
    if fill["size_lots"] < 1 or fill["size_lots"] > mine["rest"]:
        _note(day, Violation.SIZE, event, order)
    if day.trace[event]["phase"] != Phase.CONTINUOUS:
        _note(day, Violation.PHASE, event, order)
    mine["rest"] -= fill["size_lots"]
    mine["filled"] += fill["size_lots"]
    if mine["rest"] <= 0:
        mine["live"] = 0


@kernel
def _check_taker(day, event, first, last):
    """Own aggression in fills[first:last]: best first, from the touch on, and all of it that was possible."""
    order = np.int64(NONE)
    worst = np.int64(0)
    for f in range(first, last):
        fill = day.fills[f]
        if fill["passive"]:
            continue
        key = fold(1 - np.int64(fill["side"]), np.int64(fill["price_ticks"]))
        if fill["order"] == order and key <= worst:
            _note(day, Violation.NOT_BEST_PRICE, event, order)
        order = np.int64(fill["order"])
        worst = key


@kernel
def _check_left(day, event, order):
    """An own taker that did not get all it wanted and does not rest: nothing within its limit may be left."""
    own = day.own[order]
    mine = day.mine[order]
    if own["venue_state"] == OrderState.REJECTED or mine["live"] or mine["rest"] <= 0:
        return
    if day.state[0]["impact"] == Impact.NONE:
        return
    now = day.trace[event]
    side = np.int64(own["side"])
    units = np.int64(now["bid_units"] if side else now["ask_units"])
    best = np.int64(now["bid_ticks"] if side else now["ask_ticks"])
    if units > 0 and fold(side, best) >= mine["key"]:
        _note(day, Violation.MISSED_TRADE, event, order)


@inline
def _reaches(day, row, side, key):
    """Whether a row trades with an own order of this side at this folded price."""
    kind = row["kind"]
    price = np.int64(row["price_ticks"])
    if kind == Kind.EXECUTE:
        if day.state[0]["slides"]:
            return row["side"] == side
        return row["side"] == side and key <= max(fold(side, np.int64(row["limit_ticks"])), fold(side, price))
    if kind == Kind.EXECUTE_HIDDEN:
        at_equal = 0 if row["flags"] & Flag.OFF_TICK else day.state[0]["hidden_at_equal"]
        return row["side"] == side and key < fold(side, price) + at_equal
    if kind == Kind.ADD or kind == Kind.REPLACE:
        return row["side"] != side and key <= fold(side, price)
    return False


@kernel
def _check_row_fills(day, event, row, first, last):
    """Passive fills[first:last] that a recorded row caused.  Returns the lots."""
    total = np.int64(0)
    last_key = np.int64(-(2**63))
    last_joined = np.int64(0)
    for f in range(first, last):
        fill = day.fills[f]
        if not fill["passive"] or fill["reason"] == FillReason.OWN_AGGRESSION:
            continue
        order = np.int64(fill["order"])
        mine = day.mine[order]
        total += fill["size_lots"]
        if not _reaches(day, row, np.int64(fill["side"]), np.int64(mine["key"])):
            _note(day, Violation.BUDGET, event, order)
        if mine["key"] > last_key or (mine["key"] == last_key and mine["joined"] > last_joined):
            last_key = np.int64(mine["key"])
            last_joined = np.int64(mine["joined"])
    brought = np.int64(row["size"])
    if row["kind"] == Kind.ADD and row["flags"] & Flag.RESIDUAL:
        brought += day.state[0]["group_brought"]
    if total > brought:
        _note(day, Violation.BUDGET, event, np.int64(day.fills[first]["order"]))
    if total > 0:
        side = np.int64(day.fills[last - 1]["side"])
        for order in range(len(day.mine)):
            if day.mine[order]["live"] and day.own[order]["side"] == side and _ahead(day, order, last_key, last_joined):
                if not _gone(day, order, np.int64(row["ts_ns"])):
                    _note(day, Violation.PASSED_OVER, event, order)
    return total


@kernel
def _check_execution(day, event, row, total):
    """An execution names its maker: own orders in front of it are served first, those behind it only from a shortage."""
    line = line_of(day.check.shadow, np.int64(row["order_id"]))
    if line == 0 or day.trace[event]["phase"] != Phase.CONTINUOUS or event == 0:
        return
    maker = day.check.shadow.lines[line]
    if maker["blind"]:
        return
    side = np.int64(maker["side"])
    key = fold(side, price_at(day.check.shadow, side, np.int64(maker["place"])))
    ahead = np.int64(0)
    sure = np.int64(0)
    for order in range(len(day.mine)):
        mine = day.mine[order]
        if mine["before"] > 0 and day.own[order]["side"] == side and _ahead(day, order, key, np.int64(maker["joined"])):
            ahead += mine["before"]
            if not _gone(day, order, np.int64(row["ts_ns"])):
                sure += mine["before"]
    brought = min(np.int64(row["size"]), np.int64(maker["rest"]))
    before = day.trace[event - 1]
    if ahead > 0 or total > 0:
        day.state[0]["asked"] += 1
        day.state[0]["asked_exactly"] += 1 if before["surplus"] == 0 and before["deficit"] == 0 else 0
    if before["surplus"] == 0 and total < min(brought, sure):
        _note(day, Violation.PASSED_OVER, event, np.int64(0))
    if before["deficit"] == 0 and total > min(np.int64(row["size"]), ahead):
        _note(day, Violation.JUMPED, event, np.int64(0))


# --- the touch


@inline
def _history_is_crossed(day, k):
    """Whether the recorded market is crossed or locked after row k."""
    if day.state[0]["depth_rows"]:
        row = day.rows[k]
        return row[1] > 0 and row[3] > 0 and row[2] >= row[0]
    return crossed(day.check.shadow)


@kernel
def _check_touch(day, event, k):
    """The touch after an event; k: the row it was, or the last row before it."""
    state = day.state[0]
    now = day.trace[event]
    locked = now["bid_units"] > 0 and now["ask_units"] > 0 and now["bid_ticks"] >= now["ask_ticks"]
    history = k >= 0 and _history_is_crossed(day, k)
    corrected = event > 0 and now["corrected"] > day.trace[event - 1]["corrected"]
    state["crossed_by_correction"] += 1 if locked and corrected and not state["pardoned"] else 0
    pardoned = state["pardoned"] or corrected or now["phase"] != Phase.CONTINUOUS
    state["pardoned"] = 1 if locked and pardoned else 0
    asked = len(day.own) == 0 or (state["impact"] != Impact.NONE and not (state["slides"] and state["depth_rows"]))
    if locked and not history and not state["pardoned"] and asked:
        _note(day, Violation.SPREAD, event, np.int64(-1))
    if len(day.own) > 0 or k < 0:
        return
    state["history_crossed"] += 1 if history else 0
    if state["depth_rows"]:
        row = day.rows[k]
        same = _same(now["ask_ticks"], now["ask_units"], row[0], row[1])
        same = same and _same(now["bid_ticks"], now["bid_units"], row[2], row[3])
    elif state["whole"]:
        same = _same_as_history(day, 0, now["bid_ticks"], now["bid_units"])
        same = same and _same_as_history(day, 1, now["ask_ticks"], now["ask_units"])
    else:
        return
    if not same:
        _note(day, Violation.TOUCH, event, np.int64(-1))


@inline
def _same(price_ticks, units, recorded_ticks, recorded_units):
    """Whether two touches agree; an empty side has no price."""
    return units == recorded_units and (units == 0 or price_ticks == recorded_ticks)


@kernel
def _same_as_history(day, side, price_ticks, units):
    """Whether the touch of a side is that of history."""
    shadow = day.check.shadow
    place = best_place(shadow, side)
    if place < 0:
        return units == 0
    return price_ticks == price_at(shadow, side, place) and units == total_at(shadow, side, place)


# --- all together


@kernel
def _check_event(day, event):
    """One event of the run."""
    now = day.trace[event]
    cursor = np.int64(day.trace[event - 1]["cursor"]) if event > 0 else np.int64(0)
    first = np.int64(day.trace[event - 1]["fills"]) if event > 0 else np.int64(0)
    arrived = np.int64(day.trace[event - 1]["arrived"]) if event > 0 else np.int64(0)
    last = np.int64(now["fills"])
    is_row = now["cursor"] > cursor
    k = np.int64(now["cursor"]) - 1
    for order in range(arrived, now["arrived"]):
        _arrive(day, event, order)
    busy = last > first or (is_row and day.tape[k]["kind"] == Kind.EXECUTE)
    if busy:
        for order in range(len(day.mine)):
            day.mine[order]["before"] = day.mine[order]["rest"] if day.mine[order]["live"] else 0
    for f in range(first, last):
        _fill(day, event, day.fills[f])
    _check_taker(day, event, first, last)
    for order in range(arrived, now["arrived"]):
        _check_left(day, event, order)
    total = np.int64(0)
    if is_row:
        row = day.tape[k]
        if last > first:
            total = _check_row_fills(day, event, row, first, last)
        if row["kind"] == Kind.EXECUTE:
            if k == 0 or day.tape[k - 1]["flags"] & Flag.GROUP_END:
                day.state[0]["group_brought"] = 0
            day.state[0]["group_brought"] += row["size"]
            if len(day.mine) > 0 and not day.state[0]["slides"]:
                _check_execution(day, event, row, total)
        history_row(day, row)
        if day.state[0]["depth_rows"]:
            trim_to_row(day, k)
        if row["kind"] != Kind.EXECUTE:
            day.state[0]["group_brought"] = 0
    else:
        for f in range(first, last):
            if day.fills[f]["passive"] and day.fills[f]["reason"] != FillReason.OWN_AGGRESSION:
                _note(day, Violation.BUDGET, event, np.int64(day.fills[f]["order"]))
    _check_touch(day, event, k)


@kernel
def check_replay(day):
    """Check a run from its first event to its last.

    changes: day.check, day.state, day.mine
    """
    day = borrow(day)
    for event in range(len(day.trace)):
        _check_event(day, event)
    for order in range(len(day.own)):
        own = day.own[order]
        mine = day.mine[order]
        if own["filled_lots"] != mine["filled"]:
            _note(day, Violation.TOTAL, np.int64(len(day.trace)) - 1, order)
        if own["venue_state"] == OrderState.FILLED and mine["rest"] != 0:
            _note(day, Violation.TOTAL, np.int64(len(day.trace)) - 1, order)
