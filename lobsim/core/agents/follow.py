"""What the world did by itself reaches the crowd: a participant's requests, recorded rows and time limits, as their notes tell (`lobsim.core.notes`).

Agents learn of their trades, everybody sees what was traded, and the log has its rows, so that the recorded day replays to the same book.
A snapshot that follows a CLEAR of the tape ranks in front of orders that were there before: in the log those leave and come again.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.venue import (
    begin_rows,
    end_rows,
    is_participants,
    publish_change,
    serial_of,
    settle_trade,
    write_row,
)
from lobsim.core.ids import find_id
from lobsim.core.jit import inline, kernel
from lobsim.core.layout import NAMELESS
from lobsim.core.own import own_id
from lobsim.types import Flag, Kind, MessageFlag, Reason, ReportKind


@inline
def _row_of_order(scene, kind, report, size):
    """One row about the order that a report names."""
    order_id = np.int64(report["order_id"])
    price_ticks = np.int64(report["price_ticks"])
    write_row(scene, kind, np.int64(report["side"]), price_ticks, size, serial_of(scene.crowd, order_id), 0, 0, 0)


@kernel
def _keeps_place(world, report):
    """Whether a replaced order kept its place in the queue, and what rested of it before.  Returns (kept, lots)."""
    if not is_participants(np.int64(report["order_id"])):
        return True, np.int64(report["remaining_lots"])
    mine = world.own[own_id(np.int64(report["order_id"]))]
    old = world.own[own_id(np.int64(report["other_id"]))]
    rested = np.int64(old["size_lots"] - old["cut_lots"] - old["filled_lots"])
    stays = mine["price_ticks"] == old["price_ticks"] and report["size_lots"] <= rested
    return stays and (mine["flags"] & MessageFlag.LOSE_PLACE) == 0, rested


@kernel
def _write_replacement(scene, report):
    """An order takes another's place, or leaves to enter anew.  Returns whether it keeps it."""
    kept, rested = _keeps_place(scene.world, report)
    old = serial_of(scene.crowd, np.int64(report["other_id"]))
    new = serial_of(scene.crowd, np.int64(report["order_id"]))
    side = np.int64(report["side"])
    if not kept:
        # Where it stood is written down nowhere but in the order itself.
        price_ticks = np.int64(scene.world.own[own_id(np.int64(report["other_id"]))]["price_ticks"])
        write_row(scene, Kind.DELETE, side, price_ticks, rested, old, 0, 0, 0)
    elif report["remaining_lots"] > 0:
        price_ticks = np.int64(report["price_ticks"])
        write_row(scene, Kind.REPLACE, side, price_ticks, np.int64(report["remaining_lots"]), old, new, 0, 0)
    return kept


@kernel
def _write_auction(scene, report, kind):
    """A trade of a recorded auction is no part of continuous trading: the log has it, and nobody counts it."""
    price_ticks = np.int64(report["price_ticks"])
    order = serial_of(scene.crowd, np.int64(report["order_id"]))
    write_row(
        scene, kind, np.int64(report["side"]), price_ticks, np.int64(report["size_lots"]), order, 0, 0, Flag.AUCTION
    )


@kernel
def _write_unseen(scene, report):
    """Somebody nobody saw traded."""
    head = scene.crowd.head[0]
    side = np.int64(report["side"])
    price_ticks = np.int64(report["price_ticks"])
    size = np.int64(report["size_lots"])
    head["last_ticks"] = price_ticks
    if side == 1:
        head["bought_lots"] += size
    elif side == 0:
        head["sold_lots"] += size
    # An execution of an order that was never announced changes no book: it is written as one of a hidden order.
    kind = Kind.PRINT if report["other_id"] == Kind.PRINT else Kind.EXECUTE_HIDDEN
    write_row(scene, kind, side, price_ticks, size, 0, 0, 0, 0)


@kernel
def _follow_trade(scene, report):
    """One trade of a participant's request or of history."""
    unseen = report["order_id"] == NAMELESS
    if report["reason"] == Reason.AUCTION:
        kind = np.int64(report["other_id"]) if unseen else np.int64(Kind.EXECUTE)
        _write_auction(scene, report, kind)
    elif unseen:
        _write_unseen(scene, report)
    else:
        settle_trade(scene, report)


@inline
def _goes_on(world):
    """Whether the recorded row that has just happened comes from the aggressor of the one before it."""
    k = np.int64(world.head[0]["cursor"]) - 1
    if k < 1 or world.tape[k]["kind"] != Kind.EXECUTE or world.tape[k - 1]["kind"] != Kind.EXECUTE:
        return False
    return world.tape[k - 1]["flags"] & Flag.GROUP_END == 0


@kernel
def _begin_match(scene, n):
    """The trades among the first n notes, if there are any, have one number in the log."""
    world = scene.world
    for i in range(n):
        report = world.reports[i]
        if report["kind"] == ReportKind.TRADE:
            if report["other_id"] != 0 or not _goes_on(world):
                scene.crowd.head[0]["matches"] += 1
            return


@inline
def _enters(world, report):
    """Whether a note says that an order joins the book at the back of its level."""
    if report["kind"] == ReportKind.REPLACED:
        kept, _ = _keeps_place(world, report)
        return not kept
    return report["kind"] == ReportKind.ACCEPTED


@inline
def _has_left(world, order_id):
    """Whether a participant's order is not in the book."""
    return is_participants(order_id) and find_id(world.book, order_id) == 0


@kernel
def _only_passed(world, i):
    """Whether the order of note i, which leaves, came only by the same event: a replacement that is immediate.  The log knows nothing of it."""
    order_id = np.int64(world.reports[i]["order_id"])
    if not _has_left(world, order_id):
        return False
    passed = False
    for j in range(i):
        passed = passed or (world.reports[j]["order_id"] == order_id and _enters(world, world.reports[j]))
    return passed


@kernel
def _write_those_behind(scene, order_id):
    """A recorded order has joined in front of others: in the log these go behind it."""
    book = scene.world.book
    slot = find_id(book, order_id)
    if slot == 0:
        return
    level = np.int64(book.nodes[slot]["level"])
    side = np.int64(book.nodes[level]["meta"]) & 1
    price_ticks = np.int64(book.nodes[level]["key"])
    slot = np.int64(book.nodes[slot]["next"])
    while slot != level:
        size = np.int64(book.nodes[slot]["size"])
        if size > 0:
            serial = serial_of(scene.crowd, np.int64(book.nodes[slot]["key"]))
            write_row(scene, Kind.DELETE, side, price_ticks, size, serial, 0, 0, 0)
            write_row(scene, Kind.ADD, side, price_ticks, size, serial, 0, 0, 0)
        slot = np.int64(book.nodes[slot]["next"])


@kernel
def _follow_entries(scene, n):
    """Orders that joined the book, among the first n notes; what left it was seen to before."""
    world = scene.world
    for i in range(n):
        report = world.reports[i]
        rests = _enters(world, report) and report["remaining_lots"] > 0
        if rests and not _has_left(world, np.int64(report["order_id"])):
            _row_of_order(scene, Kind.ADD, report, np.int64(report["remaining_lots"]))
            if report["order_id"] > 0:
                _write_those_behind(scene, np.int64(report["order_id"]))


@kernel
def follow_world(scene, ends):
    """All notes of one event of the world.  Room was checked.  ends: whether it ends its packet"""
    world = scene.world
    n = np.int64(world.head[0]["answered"])
    begin_rows(scene)
    for i in range(n):
        if world.reports[i]["kind"] == ReportKind.REPLACED:
            _write_replacement(scene, world.reports[i])
    _begin_match(scene, n)
    for i in range(n):
        report = world.reports[i]
        kind = report["kind"]
        if kind == ReportKind.TRADE:
            _follow_trade(scene, report)
        elif kind == ReportKind.REDUCED and not _only_passed(world, i):
            gone = report["remaining_lots"] == 0
            _row_of_order(scene, Kind.DELETE if gone else Kind.REDUCE, report, np.int64(report["size_lots"]))
        elif kind == ReportKind.PHASE_CHANGED:
            write_row(scene, Kind.PHASE, -1, 0, np.int64(report["size_lots"]), 0, 0, 0, 0)
    _follow_entries(scene, n)
    if ends:
        end_rows(scene)
    world.head[0]["answered"] = 0
    publish_change(scene)
