"""A participant in a simulated market, by hand: orders are sent, cancelled, and their fills read."""

from __future__ import annotations

import numpy as np

from lobsim.core.loop import post_cancel, post_new
from lobsim.core.world import roomier_world
from lobsim.simulation import SimulationRun
from lobsim.types import NEVER, NONE, OrderType, Status, TimeInForce


def _new_order(run: SimulationRun) -> tuple[int, np.ndarray]:
    """An empty own order, and its index; there is room for what becomes of it."""
    run.make_room()
    index = int(run.world.head[0]["own"])
    if index == len(run.world.own):
        run.world = roomier_world(run.world, Status.ROOM_OWN)
    run.world.head[0]["own"] += 1
    mine = run.world.own[index]
    mine["replaces"], mine["expire_ns"] = NONE, NEVER
    for name in ("arrived_ns", "acked_ns", "done_ns"):
        mine[name] = NEVER
    return index, mine


def post(
    run: SimulationRun, side: int, price_ticks: int, lots: int, *, market: bool = False, expire_ns: int = NEVER
) -> int:
    """The participant sends an order now.  Returns its index."""
    index, mine = _new_order(run)
    mine["side"], mine["price_ticks"], mine["size_lots"] = side, price_ticks, lots
    mine["type"] = OrderType.MARKET if market else OrderType.LIMIT
    mine["tif"] = TimeInForce.IOC if market else TimeInForce.GTC
    if expire_ns != NEVER:
        mine["tif"], mine["expire_ns"] = TimeInForce.GTD, expire_ns
    post_new(run.world, index)
    return index


def replace(run: SimulationRun, old: int, price_ticks: int, lots: int, tif: int, flags: int) -> int:
    """The participant gives an order another price and size.  Returns the index of the new one."""
    index, mine = _new_order(run)
    mine["side"], mine["price_ticks"], mine["size_lots"] = run.world.own[old]["side"], price_ticks, lots
    mine["tif"], mine["flags"], mine["replaces"] = tif, flags, old
    post_new(run.world, index)
    return index


def cancel(run: SimulationRun, index: int) -> None:
    """The participant asks for an order to be cancelled."""
    run.make_room()
    post_cancel(run.world, index)


def fills_of(run: SimulationRun) -> np.ndarray:
    """Everything the participant has traded: FILL [any]."""
    return run.world.fills[: run.world.head[0]["fills"]]
