"""Scenes built by hand: agents with their numbers, in an empty book, and a run that makes room as it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lobsim.core.agents.loop import advance_scene
from lobsim.core.agents.making import begin_scene, new_crowd, roomier_scene, start_log, take_log
from lobsim.core.agents.state import AGENT, Scene
from lobsim.core.book import BookSize
from lobsim.core.state import TAPE
from lobsim.core.world import WorldSize, new_world, scratch
from lobsim.types import AgentKind, Status

_BOOK = BookSize(orders=2**11, window=1024, far=256, ids=1024, dense=2**11)


class Entry(NamedTuple):
    """Some agents of one family."""

    kind: AgentKind
    numbers: Sequence[float]
    memory: int = 0  # so many places, zeros unless `start` says what is in them
    count: int = 1
    order_ns: int = 0
    answer_ns: int = 0
    feed_ns: int = 0
    hears: int = 0
    warned: int = 0
    start: Sequence[float] = ()


def new_scene(entries: Sequence[Entry], seed: int = 1, start_ns: int = 0, log: bool = True) -> Scene:
    """A scene that has begun, in an empty book; flows come first."""
    agents = np.zeros(sum(entry.count for entry in entries), AGENT)
    numbers: list[float] = []
    memory: list[float] = []
    index = 0
    for entry in entries:
        for _ in range(entry.count):
            agent = agents[index]
            agent["kind"], agent["first"], agent["memory"] = entry.kind, len(numbers), len(memory)
            for name in ("order_ns", "answer_ns", "feed_ns", "hears", "warned"):
                agent[name] = getattr(entry, name)
            memory += entry.start or [0.0] * entry.memory
            index += 1
        numbers += entry.numbers
    world = new_world(
        np.zeros(0, TAPE), np.zeros((0, 0), np.int64), np.zeros((0, 4), np.int64), {}, WorldSize(book=_BOOK)
    )
    flows = sum(entry.count for entry in entries if entry.kind < AgentKind.FUNDAMENTAL)
    scene = Scene(world, new_crowd(agents, np.array(numbers, float), np.array(memory), seed, flows))
    if log:
        scene = start_log(scene)
    begin_scene(scene, start_ns)
    return scene


def run_scene(scene: Scene, until_ns: int) -> Scene:
    """Everything that is due by then."""
    messages, spare = scratch()
    while True:
        status = Status(advance_scene(scene, until_ns, 10**9, messages, spare)[0])
        if status == Status.DONE:
            return scene
        if status != Status.CHUNK:
            scene = roomier_scene(scene, status)


def rows_of(scene: Scene) -> list[tuple[int, ...]]:
    """The log as tuples: time, kind, side, price, size, order, other, match."""
    rows = take_log(scene)
    names = ("ts_ns", "kind", "side", "price_ticks", "size", "order_id", "other_id", "match_id")
    return list(zip(*(rows[name].tolist() for name in names), strict=True))
