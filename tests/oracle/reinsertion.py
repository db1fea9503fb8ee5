"""Re-insertion, slow and obvious: the story of one recorded order found by reading all rows after it, and the order played by an own one on the slow book.

Written from docs/rules.md, section 2, and from what re-insertion is to mean: the recorded order is there, without size; an own order of the same size stands right behind it;
it is made smaller, moved and taken back as its owner did; nothing else differs from history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lobsim.types import Flag, Kind, OrderType, Phase, TimeInForce, Verb
from tests.oracle import Row
from tests.oracle.replay_l3 import OracleReplay

OWN_ID = -1


class Act(NamedTuple):
    """What one row did to the order: lots executed, or the change of what was left; and what was left after it."""

    row: int
    executed: int
    changed: int
    moved_to: int | None
    order_id: int
    left: int


class Truth(NamedTuple):
    """What happened to an order: its acts, how it ended (filled, cancelled, tape, cleared or auction), and how many rows of the tape that took."""

    acts: list[Act]
    ended: str
    rows: int


def truth_of(rows: Sequence[Row], start: int) -> Truth:
    """Everything that happened to the order that row `start` brought."""
    order_id, price, left = rows[start].order_id, rows[start].price_ticks, rows[start].size_lots
    acts: list[Act] = []
    for k in range(start + 1, len(rows)):
        row = rows[k]
        if row.kind == Kind.CLEAR:
            return Truth(acts, "cleared", k)
        if row.order_id != order_id or row.kind not in (Kind.EXECUTE, Kind.REDUCE, Kind.DELETE, Kind.REPLACE):
            continue
        if row.kind == Kind.EXECUTE:
            if phase_at(rows, k) != Phase.CONTINUOUS or row.flags & Flag.AUCTION:
                return Truth(acts, "auction", k)
            lots = min(row.size_lots, left)
            left -= lots
            acts.append(Act(k, lots, 0, None, order_id, left))
            if left == 0:
                return Truth(acts, "filled", k + 1)
        elif row.kind == Kind.DELETE or (row.kind == Kind.REDUCE and row.size_lots >= left):
            acts.append(Act(k, 0, -left, None, order_id, 0))
            return Truth(acts, "cancelled", k + 1)
        elif row.kind == Kind.REDUCE:
            left -= row.size_lots
            acts.append(Act(k, 0, -row.size_lots, None, order_id, left))
        else:
            keeps = row.price_ticks == price and row.size_lots <= left
            acts.append(
                Act(k, 0, row.size_lots - left, None if keeps else row.price_ticks, row.other_id, row.size_lots)
            )
            order_id, price, left = row.other_id, row.price_ticks, row.size_lots
    return Truth(acts, "tape", len(rows))


def phase_at(rows: Sequence[Row], k: int) -> int:
    """The phase in which row k happens."""
    phases = [row.size_lots for row in rows[:k] if row.kind == Kind.PHASE]
    return phases[-1] if phases else int(Phase.CONTINUOUS)


def reinsert(rows: Sequence[Row], start: int, **settings: object) -> list[tuple[int, int]]:
    """Time and lots of every fill of the own order that plays the one row `start` brought.

    rows  prepared (tests.oracle.prepare)
    """
    truth = truth_of(rows, start)
    by_row = {act.row: act for act in truth.acts}
    replay = OracleReplay(**settings)  # pyright: ignore[reportArgumentType]
    for k, row in enumerate(rows[: truth.rows]):
        replay.apply(row)
        if k == start:
            _enter(replay, row)
        elif k in by_row:
            _follow(replay, by_row[k])
    return [(fill[0], fill[6]) for fill in replay.fills]


def _enter(replay: OracleReplay, row: Row) -> None:
    replay.orders[row.order_id].size = 0
    replay.submit(
        {
            "ts_ns": row.ts_ns,
            "verb": int(Verb.NEW),
            "side": row.side,
            "type": int(OrderType.LIMIT),
            "tif": int(TimeInForce.GTC),
            "order_id": OWN_ID,
            "price_ticks": row.price_ticks,
            "size_lots": row.size_lots,
        }
    )


def _follow(replay: OracleReplay, act: Act) -> None:
    """After the row: the own order changes as the recorded one did."""
    if act.moved_to is not None and act.order_id in replay.orders:
        replay.orders[act.order_id].size = 0
    own = replay.orders.get(OWN_ID)
    if own is None or act.executed:
        return
    left = own.size + act.changed
    if left <= 0 or act.left == 0:
        replay.remove(own)
    elif act.moved_to is None:
        own.size = left
    else:
        replay.remove(own)
        own.price, own.size = act.moved_to, left
        replay.join(own)
