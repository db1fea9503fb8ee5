"""A participant in a simulated market, by hand: orders are sent, cancelled, and their fills read."""

from __future__ import annotations

import numpy as np

from lobsim.core.loop import post_cancel, post_new
from lobsim.core.world import roomier_world
from lobsim.simulation import SimulationRun
from lobsim.types import NEVER, NONE, OrderType, Status, TimeInForce


def post(run: SimulationRun, side: int, price_ticks: int, lots: int, *, market: bool = False) -> int:
    """The participant sends an order now.  Returns its index."""
    run.make_room()
    head = run.world.head[0]
    index = int(head["own"])
    if index == len(run.world.own):
        run.world = roomier_world(run.world, Status.ROOM_OWN)
        head = run.world.head[0]
    head["own"] += 1
    mine = run.world.own[index]
    mine["side"], mine["price_ticks"], mine["size_lots"] = side, price_ticks, lots
    mine["type"] = OrderType.MARKET if market else OrderType.LIMIT
    mine["tif"] = TimeInForce.IOC if market else TimeInForce.GTC
    mine["replaces"], mine["expire_ns"] = NONE, NEVER
    for name in ("arrived_ns", "acked_ns", "done_ns"):
        mine[name] = NEVER
    post_new(run.world, index)
    return index


def cancel(run: SimulationRun, index: int) -> None:
    """The participant asks for an order to be cancelled."""
    run.make_room()
    post_cancel(run.world, index)


def fills_of(run: SimulationRun) -> np.ndarray:
    """Everything the participant has traded: FILL [any]."""
    return run.world.fills[: run.world.head[0]["fills"]]
