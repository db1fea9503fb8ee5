"""The simulated market: a preset and a seed in, a running market or a recorded day out.

Everything that happens follows from the preset, the seed and what the participant does: two runs of the same are the same to the byte.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from lobsim.config import MarketConfig
from lobsim.core.agents.making import (
    begin_scene,
    new_crowd,
    place_opening,
    roomier_scene,
)
from lobsim.core.agents.metaorders import METAORDER
from lobsim.core.agents.places import give_delays
from lobsim.core.agents.state import AGENT, Scene
from lobsim.core.book import BookSize
from lobsim.core.state import TAPE, World
from lobsim.core.world import WorldSize, new_world
from lobsim.errors import ConfigError
from lobsim.feeds.schema import COLUMNS, Dataset, DatasetInfo
from lobsim.latency import Latency
from lobsim.latency_tables import leg_arrays
from lobsim.simulation.families import Setting
from lobsim.simulation.outside import wakes_at
from lobsim.simulation.preset import Preset
from lobsim.simulation.run import Counts, Decider, SimulationRun
from lobsim.simulation.tape import RecordedTape
from lobsim.types import Fidelity, Flag, Impact, Side, Status

_BOOK = BookSize(orders=2**13, window=4096, far=512, ids=1024, dense=2**12, timers=256)


@dataclass(frozen=True, eq=False)
class SimulatedDay:
    """A recorded day of a simulated market: its event table, what the crowd did in it, and whose orders were one metaorder (`metaorder_table`)."""

    dataset: Dataset
    counts: Counts
    metaorders: pl.DataFrame


class Simulation:
    """A simulated market before it begins.

    preset       who trades (`lobsim.simulation.load_preset`)
    seed         any whole number of 64 bits
    duration_ns  of the session, instead of the preset's own
    config       how a participant's orders travel
    tape         a recorded day of orders (L3) that goes on in the same book, in place of the preset's listing, session and opening: agents begin when the
                 recorded book stands, at its middle

    Raises ConfigError for a seed or duration out of range, an impact other than REMATCH, and what `lobsim.simulation.tape` says of a tape.
    """

    def __init__(
        self,
        preset: Preset,
        seed: int = 0,
        *,
        duration_ns: int | None = None,
        config: MarketConfig | None = None,
        tape: Dataset | None = None,
    ) -> None:
        if not -(2**63) <= seed < 2**63:
            raise ConfigError(f"seed is {seed}, a number of 64 bits is needed", where="simulation")
        if duration_ns is not None and duration_ns < 1:
            raise ConfigError(f"the duration is {duration_ns} ns, it must be above 0", where="simulation")
        self.preset = preset
        self.seed = seed
        self.config = config or MarketConfig(seed=seed)
        if self.config.impact_for(Fidelity.L3_FULL) != Impact.REMATCH:
            raise ConfigError("among agents the impact is rematch", where="simulation", hint="leave the impact out")
        self.tape = None if tape is None else RecordedTape(tape, self.config)
        self.info: DatasetInfo = (
            preset.info(duration_ns, seed)
            if self.tape is None
            else self.tape.info(preset.name, preset.digest, seed, duration_ns)
        )

    def start(
        self, *, participant: bool = False, latency: Latency | None = None, decider: Decider | None = None
    ) -> SimulationRun:
        """A new run at the open, its warm-up behind it.

        participant  whether anybody listens
        latency      of the participant, instead of the config's own
        decider      decides for agents outside, from the first moment on; without, they are asked first at the open
        """
        latency = latency or self.config.latency
        if self.tape is not None:
            run = SimulationRun(self._open_scene(self.tape.start(participant, latency)), latency)
        else:
            run = SimulationRun(self._open_scene(self._empty_world(participant, latency)), latency)
        run.decider = decider
        while run.advance(self.info.session_start_ns) == Status.WAKE:
            run.reply(wakes_at(run.asked["agent"], self.info.session_start_ns))
        return run

    def _empty_world(self, participant: bool, latency: Latency) -> World:
        """A world without a tape, in which nothing has happened."""
        params: dict[str, Any] = self.config.params(Fidelity.L3_FULL, 1, 0)
        params["publish"] = int(participant)
        legs = leg_arrays(latency, None, np.zeros(0, np.int64))
        params |= legs.head
        return new_world(
            np.zeros(0, TAPE),
            np.zeros((0, 0), np.int64),
            np.zeros((0, 4), np.int64),
            params,
            WorldSize(book=_BOOK),
            *legs[1:],
        )

    def _setting(self) -> Setting:
        """What families are told of the market."""
        setting = self.preset.setting(self.info)
        if self.tape is None:
            return setting
        return replace(setting, start_ticks=self.tape.opening[1], begin_ns=self.info.session_start_ns)

    def _open_scene(self, world: World) -> Scene:
        """The scene before the warm-up: agents, their parameters, and the opening book."""
        setting = self._setting()
        families = self.preset.in_turn
        agents = np.zeros(sum(family.count for family in families), AGENT)
        numbers: list[float] = []
        memory: list[float] = []
        index = 0
        for group, family in enumerate(families):
            first = len(numbers)
            numbers += family.numbers(setting)
            for _ in range(family.count):
                agents[index]["kind"] = family.agent_kind
                agents[index]["group"] = group
                agents[index]["first"] = first
                agents[index]["memory"] = len(memory)
                agents[index]["warned"] = family.warned
                memory += family.memory(setting)
                index += 1
            begin = index - family.count
            if any(family.delays_ns):
                for name, delay_ns in zip(("order_ns", "answer_ns", "feed_ns"), family.delays_ns, strict=True):
                    agents[name][begin:index] = delay_ns
                agents["hears"][begin:index] = 1
            if family.line_ns > 0 or family.computing_ns > 0:
                give_delays(agents, self.seed, begin, index, family.line_ns, family.computing_ns)
        flows = sum(family.count for family in families if family.is_flow)
        base = 0 if self.tape is None else self.tape.last_id
        crowd = new_crowd(
            agents, np.array(numbers, np.float64), np.array(memory, np.float64), self.seed, flows, base=base
        )
        scene = Scene(world, crowd)
        scene.world.head["now_ns"] = setting.begin_ns
        if self.tape is None:
            opening = _opening_orders(self.preset)
            scene = _room_for(scene, len(opening))
            place_opening(scene, 0, opening)
        begin_scene(scene, setting.begin_ns)
        return scene

    def day(self, progress: Callable[[int], None] | None = None) -> SimulatedDay:
        """The whole session as a recording, order by order.  progress: called now and then with the exchange time reached"""
        run = self.start()
        run.record()
        run.advance(self.info.session_end_ns, progress)
        return SimulatedDay(self.dataset_of(run), run.counts, metaorder_table(run.take_metaorders()))

    def dataset_of(self, run: SimulationRun) -> Dataset:
        """What a run of this market has written down."""
        return Dataset(self.info, events_of(run.take_rows(), self.info.tick_quanta))


def metaorder_table(records: np.ndarray) -> pl.DataFrame:
    """The table of metaorders, one row each in the order they were done: agent, serial, start_ns, end_ns, side (8 bits), size_lots, children; times in ns of exchange time."""
    columns = {name: np.ascontiguousarray(records[name]) for name in METAORDER.names or ()}
    table = pl.DataFrame(columns).rename({"lots": "size_lots"})
    return table.select("agent", "serial", "start_ns", "end_ns", pl.col("side").cast(pl.Int8), "size_lots", "children")


def events_of(rows: np.ndarray, tick_quanta: int = 1) -> pl.DataFrame:
    """The canonical event table of TAPE rows.

    tick_quanta  quanta in a tick, even where somebody traded in the middle between two (such a row has the worse tick for who rested)
    """
    between = (rows["flags"] & Flag.OFF_TICK) != 0
    nearer = np.where(rows["side"] == Side.BUY, tick_quanta // 2, -(tick_quanta // 2))
    columns = {
        "ts_exchange": rows["ts_ns"],
        "ts_local": rows["ts_ns"],
        "kind": rows["kind"],
        "side": rows["side"],
        "price": rows["price_ticks"] * tick_quanta + between * nearer,
        "size": rows["size"],
        "order_id": rows["order_id"],
        "other_id": rows["other_id"],
        "match_id": rows["match_id"],
        "flags": rows["flags"].astype(np.int32) & ~int(Flag.OFF_TICK),
        "sequence": np.arange(len(rows)),
    }
    return pl.DataFrame({name: np.ascontiguousarray(values) for name, values in columns.items()}, schema=COLUMNS)


def _opening_orders(preset: Preset) -> np.ndarray:
    """The orders of the opening book: side, price in ticks, lots."""
    opening = preset.opening
    start = preset.listing.start_ticks
    orders = []
    for level in range(opening.levels):
        away = opening.distance + level * opening.step
        for side, price_ticks in ((Side.BUY, start - away), (Side.SELL, start + away)):
            orders += [(int(side), price_ticks, opening.lots)] * opening.orders
    return np.array(orders, np.int64).reshape(-1, 3)


def _room_for(scene: Scene, orders: int) -> Scene:
    """The scene with room for its opening book."""
    while len(scene.crowd.orders) < 2 * orders:
        scene = roomier_scene(scene, Status.ROOM_CROWD_ORDERS)
    while len(scene.crowd.waits.waits) < 4 * orders:
        scene = roomier_scene(scene, Status.ROOM_CROWD_MAIL)
    while len(scene.world.book.nodes) < 4 * orders + 2 * _BOOK.window:
        scene = roomier_scene(scene, Status.ROOM_ORDERS)
    while len(scene.world.book.far) < 4 * orders:
        scene = roomier_scene(scene, Status.ROOM_LEVELS)
    while len(scene.crowd.touches) < 2 * orders:
        scene = roomier_scene(scene, Status.ROOM_TOUCHES)
    return scene
