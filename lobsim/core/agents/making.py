"""Making scenes: their memory, their first moment, and more room when a kernel asks for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lobsim.core.agents.clocks import wind_clock
from lobsim.core.agents.metaorders import METAORDER
from lobsim.core.agents.orders import send_limit
from lobsim.core.agents.state import (
    ASKED,
    CROWD,
    CROWD_MAIL,
    CROWD_ORDER,
    HEARD,
    OPEN_ORDER,
    REPLY,
    TOUCH,
    Crowd,
    Scene,
)
from lobsim.core.agents.venue import serial_of, write_row
from lobsim.core.agents.view import note_touch_change
from lobsim.core.calendar import new_calendar, push_wait, roomier_calendar
from lobsim.core.chance import begin_event, key_of
from lobsim.core.jit import borrow, kernel
from lobsim.core.layout import OWN
from lobsim.core.levels import first_level, fold, next_level
from lobsim.core.state import TAPE
from lobsim.core.world import copy_world, roomier_world
from lobsim.types import MESSAGE, NEVER, NONE_PRICE, AgentKind, Flag, Kind, Status

FIRST_OWN_SERIAL = 2**52
"""In the log of a market without a tape, an own child order with index i has this number + i."""


class CrowdSize(NamedTuple):
    """Capacities of a crowd to begin with; all grow as needed by doubling."""

    orders: int = 4096
    mail: int = 8192
    touches: int = 1024  # a power of two
    log: int = 2**15
    metaorders: int = 64
    replies: int = 256


def new_crowd(
    agents: np.ndarray,
    numbers: np.ndarray,
    memory: np.ndarray,
    seed: int,
    flows: int,
    size: CrowdSize = CrowdSize(),
    base: int = 0,
) -> Crowd:
    """A crowd before its first event.

    agents   AGENT [n], flows first; what changes while they trade is set here
    numbers  float64 [any], their parameters;  memory  float64 [any], what they remember at first
    flows    how many of them have clocks
    base     ids base + 1 and up are the crowd's, in the book; above 0: those up to it are a tape's
    """
    outside = int(np.count_nonzero(agents["kind"] == AgentKind.OUTSIDE))
    crowd = Crowd(
        head=np.zeros(1, CROWD),
        agents=agents.copy(),
        numbers=np.ascontiguousarray(numbers, np.float64),
        memory=np.array(memory, np.float64),
        orders=np.zeros(size.orders + 1, CROWD_ORDER),
        waits=new_calendar(max(size.mail, 2 * len(agents))),
        mail=np.zeros(max(size.mail, 2 * len(agents)) + 1, CROWD_MAIL),
        touches=np.zeros(size.touches, TOUCH),
        log=np.zeros(size.log, TAPE),
        metaorders=np.zeros(size.metaorders, METAORDER),
        message=np.zeros(1, MESSAGE),
        asked=np.zeros(outside + 1, ASKED),
        opens=np.zeros(size.orders + 1 if outside else 1, OPEN_ORDER),
        replies=np.zeros(size.replies if outside else 1, REPLY),
        news=np.zeros(size.mail if outside else 1, HEARD),
    )
    crowd.head["outside"] = outside
    crowd.head["seed"] = seed
    crowd.head["flows"] = flows
    crowd.head["base"] = crowd.head["serial"] = base
    crowd.head["meta"] = OWN if base > 0 else 0
    crowd.head["first_own_serial"] = base + FIRST_OWN_SERIAL
    crowd.head["fresh"] = crowd.head["mail_fresh"] = 1
    crowd.head["last_ticks"] = NONE_PRICE
    crowd.head["feed_most_ns"] = int(agents["feed_ns"].max(initial=0))
    crowd.head["touching"] = int(flows < len(agents))
    noticing = (agents["kind"] == AgentKind.EFFICIENT_PRICE) | (agents["kind"] == AgentKind.QUOTERS)
    crowd.head["noticing"] = int(noticing.sum())
    crowd.head["warned"] = int(agents["warned"].sum())
    crowd.agents["due_ns"] = NEVER
    crowd.agents["until_ns"] = NEVER
    return crowd


@kernel
def begin_scene(scene, start_ns):
    """Give every agent its key and its first time: flows wind their clocks, all others wake at once, to say when they want to."""
    scene = borrow(scene)
    crowd = scene.crowd
    head = crowd.head[0]
    scene.world.head[0]["now_ns"] = start_ns
    scene.world.head[0]["followed"] = 1
    scene.world.head[0]["answered"] = 0
    for index in range(len(crowd.agents)):
        agent = crowd.agents[index]
        agent["key"] = key_of(head["seed"], index)
        if index < head["flows"]:
            begin_event(agent)
            wind_clock(scene, index)
        elif agent["kind"] != AgentKind.NONE:
            head["sequence"] += 1
            push_wait(crowd.waits, start_ns, np.int64(head["sequence"]), -index - 1)
            if agent["kind"] == AgentKind.OUTSIDE:
                agent["due_ns"] = start_ns
                agent["since_ns"] = start_ns - 1
    note_touch_change(scene)


@kernel
def place_opening(scene, index, orders):
    """An agent's orders stand in the book before anything happens; room was made.

    orders  int64 [any, 3]: side, price in ticks, lots
    """
    scene = borrow(scene)
    for k in range(orders.shape[0]):
        send_limit(scene, index, orders[k, 0], orders[k, 1], orders[k, 2])


@kernel
def _log_book(scene):
    """The book as it stands goes into the log, as a snapshot."""
    scene = borrow(scene)
    crowd = scene.crowd
    book = scene.world.book
    for side in range(2):
        level = first_level(book, side)
        while level != 0:
            price_ticks = np.int64(book.nodes[level]["key"])
            slot = np.int64(book.nodes[level]["next"])
            while slot != level:
                size = np.int64(book.nodes[slot]["size"])
                if size > 0:
                    serial = serial_of(crowd, np.int64(book.nodes[slot]["key"]))
                    write_row(scene, Kind.ADD, side, price_ticks, size, serial, 0, 0, Flag.SNAPSHOT)
                slot = np.int64(book.nodes[slot]["next"])
            level = next_level(book, side, fold(side, price_ticks))
    if crowd.head[0]["logged"] > 0:
        crowd.log[crowd.head[0]["logged"] - 1]["flags"] |= Flag.LAST_IN_PACKET


def start_log(scene: Scene) -> Scene:
    """Write events down from now on, beginning with the book as it stands."""
    orders = int(scene.world.book.sides["orders"].sum())
    while len(scene.crowd.log) < orders + 8:
        scene = roomier_scene(scene, Status.ROOM_LOG)
    scene.crowd.head["logging"] = 1
    _log_book(scene)
    return scene


def take_log(scene: Scene) -> np.ndarray:
    """The rows written so far, TAPE [any]; the log is empty then."""
    head = scene.crowd.head[0]
    rows = scene.crowd.log[: head["logged"]].copy()
    head["logged"] = 0
    return rows


def take_metaorders(scene: Scene) -> np.ndarray:
    """The metaorders that were done since they were taken last, METAORDER [any], by the time they were closed."""
    head = scene.crowd.head[0]
    records = scene.crowd.metaorders[: head["metaorders"]].copy()
    head["metaorders"] = 0
    return records


def copy_scene(scene: Scene) -> Scene:
    """An independent scene in the same state; the tape, its rows and the parameters are shared."""
    crowd = scene.crowd
    parts = {name: part.copy() for name, part in crowd._asdict().items() if isinstance(part, np.ndarray)}
    waits = type(crowd.waits)(*(part.copy() for part in crowd.waits))
    return Scene(copy_world(scene.world), crowd._replace(**parts | {"waits": waits, "numbers": crowd.numbers}))


def _longer(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, np.zeros(len(array), array.dtype)])


def _longer_touches(crowd: Crowd) -> np.ndarray:
    """The ring twice as long, every entry it still holds at its new place."""
    old = crowd.touches
    new = np.zeros(2 * len(old), old.dtype)
    written = int(crowd.head[0]["touches"])
    kept = np.arange(max(0, written - len(old)), written)
    new[kept & (len(new) - 1)] = old[kept & (len(old) - 1)]
    return new


def roomier_scene(scene: Scene, status: int) -> Scene:
    """The same scene with more room of the kind a status asked for."""
    crowd = scene.crowd
    if status == Status.ROOM_CROWD_ORDERS:
        orders = np.zeros(2 * len(crowd.orders) - 1, CROWD_ORDER)
        orders[: len(crowd.orders)] = crowd.orders
        opens = _longer(crowd.opens) if crowd.head[0]["outside"] else crowd.opens
        return scene._replace(crowd=crowd._replace(orders=orders, opens=opens))
    if status == Status.ROOM_CROWD_MAIL:
        mail = np.zeros(2 * len(crowd.mail) - 1, CROWD_MAIL)
        mail[: len(crowd.mail)] = crowd.mail
        return scene._replace(crowd=crowd._replace(mail=mail, waits=roomier_calendar(crowd.waits)))
    if status == Status.ROOM_TOUCHES:
        return scene._replace(crowd=crowd._replace(touches=_longer_touches(crowd)))
    if status == Status.ROOM_NEWS:
        return scene._replace(crowd=crowd._replace(news=_longer(crowd.news)))
    if status == Status.ROOM_LOG:
        return scene._replace(crowd=crowd._replace(log=_longer(crowd.log)))
    if status == Status.ROOM_METAORDERS:
        return scene._replace(crowd=crowd._replace(metaorders=_longer(crowd.metaorders)))
    return scene._replace(world=roomier_world(scene.world, status))
