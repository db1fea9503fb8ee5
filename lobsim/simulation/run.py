"""One run of a simulated market: a scene and the means to move it on."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lobsim.core.agents.loop import advance_scene
from lobsim.core.agents.making import copy_scene, roomier_scene, start_log, take_log, take_metaorders
from lobsim.core.agents.state import REPLY, Scene
from lobsim.core.jit import ready, types_of
from lobsim.core.loop import room_for_event
from lobsim.core.state import World
from lobsim.core.world import roomier_world, scratch
from lobsim.errors import ConfigError
from lobsim.latency import Latency
from lobsim.types import AgentKind, Status

_CHUNK_EVENTS = 100_000
_COUNTS = ("wakes", "requests", "answers", "rejected", "trades", "traded_lots")


Decider = Callable[["SimulationRun"], None]
"""Looks at `SimulationRun.asked` and replies."""


@dataclass(frozen=True)
class Counts:
    """What a crowd has done since its market began, or since it is written down.

    wakes        turns of agents who chose their time; the events of flows are requests and nothing more
    requests     orders and cancels that reached the venue;  rejected: of these, refused
    answers      of the venue that travelled to an agent
    trades, traded_lots
    """

    wakes: int
    requests: int
    answers: int
    rejected: int
    trades: int
    traded_lots: int

    @property
    def messages(self) -> int:
        """What passed between agents and venue, and the turns of agents who wake by themselves."""
        return self.wakes + self.requests + self.answers


class SimulationRun:
    """One run of a simulated market: a scene and the means to move it on."""

    def __init__(self, scene: Scene, latency: Latency | None = None) -> None:
        self.scene = scene
        self.latency = latency
        self.rows: list[np.ndarray] = []
        """Events so far, where they are written down: TAPE arrays"""
        self.decider: Decider | None = None
        """Who decides for the agents outside; without, `advance` returns when they are asked"""
        self._messages, self._spare = scratch()
        self._entry: Any = None
        self._entry_types: Any = None
        self._entry_scene: Scene | None = None

    @property
    def world(self) -> World:
        """The book, and the participant."""
        return self.scene.world

    @world.setter
    def world(self, world: World) -> None:
        self.scene = self.scene._replace(world=world)

    @property
    def now_ns(self) -> int:
        """Exchange time reached."""
        return int(self.world.head[0]["now_ns"])

    @property
    def counts(self) -> Counts:
        """What the crowd has done so far."""
        head = self.scene.crowd.head[0]
        return Counts(*(int(head[name]) for name in _COUNTS))

    def advance(self, until_ns: int, progress: Callable[[int], None] | None = None) -> Status:
        """Run to the participant's next decision, or that of agents outside without a decider (WAKE), or to until_ns (DONE).

        progress  called between compiled calls with the exchange time reached
        """
        while True:
            entry = self._ready()
            number, _ = entry(self.scene, until_ns, _CHUNK_EVENTS, self._messages, self._spare)
            if number == Status.WAKE and self.decider is not None and self.scene.crowd.head[0]["asked"] > 0:
                self.decider(self)
                continue
            status = Status(number)
            if status in (Status.WAKE, Status.DONE):
                return status
            if status == Status.ROOM_LOG and 2 * self.scene.crowd.head[0]["logged"] > len(self.scene.crowd.log):
                self.rows.append(take_log(self.scene))
            elif status != Status.CHUNK:
                self.scene = roomier_scene(self.scene, status)
            if progress is not None:
                progress(self.now_ns)

    def _ready(self) -> Any:
        """The compiled way to move the scene on."""
        if self._entry_scene is not self.scene:
            types = types_of(self.scene)
            if self._entry is None or types != self._entry_types:
                self._entry = ready(advance_scene, self.scene, 0, 0, self._messages, self._spare)
            self._entry_types, self._entry_scene = types, self.scene
        return self._entry

    @property
    def asked(self) -> np.ndarray:
        """Agents outside whose turn it is, in the order of their turns: ASKED [any] (`lobsim.core.agents.state`), valid until the next `advance`."""
        return self.scene.crowd.asked[: self.scene.crowd.head[0]["asked"]]

    @property
    def opens(self) -> np.ndarray:
        """The open orders of those who are asked, each agent's from its first_open on: OPEN_ORDER [any], valid as long."""
        return self.scene.crowd.opens[: self.scene.crowd.head[0]["opens"]]

    def reply(self, replies: np.ndarray) -> None:
        """What agents outside have decided leaves with the next `advance`, in this order; it stands for earlier replies.  replies: REPLY [any]

        Raises ConfigError for an agent that does not decide outside.
        """
        index = replies["agent"]
        if len(replies) and not (index.min() >= 0 and index.max() < len(self.outside) and self.outside[index].all()):
            raise ConfigError("a reply names an agent that does not decide outside", where="reply")
        self.put_replies(replies)

    def put_replies(self, replies: np.ndarray | list[tuple[int, ...]]) -> None:
        """`reply` for who knows that the agents are right; also of rows as tuples."""
        crowd = self.scene.crowd
        if len(replies) > len(crowd.replies):
            crowd = crowd._replace(replies=np.zeros(2 * len(replies), REPLY))
            self.scene = self.scene._replace(crowd=crowd)
        crowd.replies[: len(replies)] = replies
        crowd.head["replies"] = len(replies)

    @cached_property
    def outside(self) -> np.ndarray:
        """Which agents decide outside: bool [agents]."""
        return self.scene.crowd.agents["kind"] == AgentKind.OUTSIDE

    def take_news(self) -> np.ndarray:
        """What agents outside who want it have heard since this was called last, in order of time: HEARD [any]."""
        crowd = self.scene.crowd
        news = crowd.news[: crowd.head[0]["news"]].copy()
        crowd.head["news"] = 0
        return news

    def make_room(self) -> None:
        """Make sure the next event fits, whatever it is."""
        while (status := room_for_event(self.world)) != Status.OK:
            self.world = roomier_world(self.world, status)

    def record(self) -> None:
        """Write down from now on what happens, beginning with the book as it stands: a participant's orders and a tape's among those of the crowd.

        Raises ConfigError beside a tape that is cut to some levels: what came into view of it is not told order by order.
        """
        if self.world.rows.shape[0] > 0:
            raise ConfigError(
                "a market beside a tape that is cut to some levels is not written down",
                hint="take a recording of all levels",
            )
        for name in _COUNTS:
            self.scene.crowd.head[name] = 0
        self.scene = start_log(self.scene)

    @property
    def recorded(self) -> int:
        """How many events have been written down and not been taken."""
        return sum(len(rows) for rows in self.rows) + int(self.scene.crowd.head[0]["logged"])

    def take_rows(self) -> np.ndarray:
        """The events since `record`, or since this was called last: TAPE [any]."""
        rows = np.concatenate([*self.rows, take_log(self.scene)])
        self.rows = []
        return rows

    def take_metaorders(self) -> np.ndarray:
        """The metaorders that were done since `record`, or since this was called last: METAORDER [any]."""
        return take_metaorders(self.scene)

    def copy(self) -> SimulationRun:
        """An independent run in the same state; who decides for agents outside is copied with it."""
        run = SimulationRun(copy_scene(self.scene), self.latency)
        run.rows = list(self.rows)
        run.decider = deepcopy(self.decider)
        return run
