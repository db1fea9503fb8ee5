"""Scenes of a few agents, built by hand from the numbers of the compiled floor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lobsim.core.agents.loop import advance_scene
from lobsim.core.agents.making import begin_scene, new_crowd, place_opening, roomier_scene, start_log, take_log
from lobsim.core.agents.state import AGENT, TOUCH, Scene
from lobsim.core.book import BookSize
from lobsim.core.state import TAPE
from lobsim.core.world import WorldSize, new_world, scratch
from lobsim.types import NEVER, AgentKind, Status
from tests.oracle.agents.flow_market import Row

START = 1000
_BOOK = BookSize(orders=2**12, window=4096, far=64, ids=64, dense=2**12)
_SCRATCH = scratch()

Agent = tuple[AgentKind, Sequence[float], Sequence[float]]
"""kind, numbers, memory"""


def flow_scene(
    agents: Sequence[Agent],
    seed: int = 1,
    *,
    opening: Sequence[tuple[int, int, int]] = (),
    flows: int | None = None,
    touches: int = 0,
    logging: bool = False,
    start_ns: int = 0,
) -> Scene:
    """A scene at its first moment.

    opening  (side, price, lots) of orders that the first agent owns;  flows: how many of the agents have clocks (all)
    touches  > 0: room for so many entries, a power of two, which are written although nobody looks
    """
    table = np.zeros(len(agents), AGENT)
    numbers: list[float] = []
    memory: list[float] = []
    for record, (kind, own_numbers, own_memory) in zip(table, agents, strict=True):
        record["kind"], record["first"], record["memory"] = kind, len(numbers), len(memory)
        numbers += own_numbers
        memory += own_memory
    empty = np.zeros((0, 0), np.int64)
    world = new_world(np.zeros(0, TAPE), empty, np.zeros((0, 4), np.int64), {}, WorldSize(book=_BOOK))
    crowd = new_crowd(table, np.array(numbers, float), np.array(memory, float), seed, flows or len(agents))
    if touches:
        crowd = crowd._replace(touches=np.zeros(touches, TOUCH))
        crowd.head["touching"] = 1
    scene = Scene(world, crowd)
    if opening:
        place_opening(scene, 0, np.array(opening, np.int64))
    if logging:
        scene = start_log(scene)
        take_log(scene)
    begin_scene(scene, start_ns)
    return scene


def run_events(scene: Scene, events: int, until_ns: int = NEVER - 1) -> Scene:
    """The scene after so many events, or at until_ns."""
    while True:
        number, events = advance_scene(scene, until_ns, events, *_SCRATCH)
        if number in (Status.CHUNK, Status.DONE):
            return scene
        scene = roomier_scene(scene, Status(number))


def rows_of(scene: Scene) -> list[Row]:
    """What was written down, as the twins write it."""
    names = ("ts_ns", "kind", "side", "price_ticks", "size", "order_id", "other_id", "match_id")
    rows = take_log(scene)
    return [tuple(int(row[name]) for name in names) for row in rows]  # type: ignore[return-value]


def touches_of(scene: Scene) -> np.ndarray:
    """The touches written so far, oldest first; the ring held them all."""
    written = int(scene.crowd.head[0]["touches"])
    assert written <= len(scene.crowd.touches), "the ring was too short"
    return scene.crowd.touches[:written]


def open_orders(scene: Scene, index: int) -> int:
    """How many orders an agent has in the book."""
    return int(scene.crowd.agents[index]["open_orders"])


def orders_at(scene: Scene, side: int, price: int) -> int:
    """How many orders of the crowd stand at a price."""
    orders = scene.crowd.orders[: scene.crowd.head[0]["fresh"]]
    return int(((orders["live"] == 1) & (orders["side"] == side) & (orders["price_ticks"] == price)).sum())
