"""The friendly object: a data set in, a running market out.

``Market`` makes a data set ready for replay once (prices in ticks, aggressor groups, measured lifetimes) and hands out as many
independent runs of it as are asked for.  ``MarketRun`` drives one of them: it makes room when the compiled floor asks for it,
and keeps each compiled call short enough for Ctrl-C to be heard.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from lobsim.config import MarketConfig
from lobsim.core.loop import advance, record_history, room_for_event
from lobsim.core.state import World
from lobsim.core.world import WorldSize, copy_world, make_tape, new_world, roomier_world, scratch
from lobsim.core.world_hash import world_hash
from lobsim.errors import DataError
from lobsim.feeds.schema import Dataset
from lobsim.keyframes import Keyframes, keyframe_times
from lobsim.latency import Latency
from lobsim.latency_tables import LegArrays, leg_arrays
from lobsim.natural import natural
from lobsim.overlay import overlay_scale, squared_moves, traded_lots
from lobsim.tape_room import room_for
from lobsim.types import L2_SHIFT, NEVER, NONE_PRICE, Fidelity, Flag, Impact, Kind, Side, Status

_CHUNK_EVENTS = 200_000
"""Events per compiled call: some tens of milliseconds, so Ctrl-C is heard within one."""
_LEVEL_DATA = (Fidelity.L2_TRADES, Fidelity.L2_SNAPSHOTS, Fidelity.L1)
_DEFAULT_LIFE_NS = 10**9
_ORDER_KINDS = (Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.REPLACE, Kind.EXECUTE)


class MarketRun:
    """One run of a market: a world and the means to move it on."""

    def __init__(self, world: World, chosen: frozenset[str] = frozenset(), latency: Latency | None = None) -> None:
        self.world = world
        self.chosen = chosen
        """fields of the world's head that were set when it was made"""
        self.latency = latency
        """what it was started with; None where nobody said"""
        self._messages, self._spare = scratch()

    @property
    def now_ns(self) -> int:
        """Exchange time reached."""
        return int(self.world.head[0]["now_ns"])

    def advance(self, until_ns: int, progress: Callable[[int], None] | None = None) -> Status:
        """Run to the next decision (WAKE) or to until_ns (DONE).

        progress  called between compiled calls with the number of recorded rows done
        """
        while True:
            status = Status(advance(self.world, until_ns, _CHUNK_EVENTS, self._messages, self._spare))
            if status in (Status.WAKE, Status.DONE):
                return status
            if status != Status.CHUNK:
                self.world = roomier_world(self.world, status)
            if progress is not None:
                progress(int(self.world.head[0]["cursor"]))

    def advance_rows(self, rows: int) -> Status:
        """Run until so many rows of the tape, counted from its first, have happened (DONE), or to an earlier decision (WAKE)."""
        while (left := rows - int(self.world.head[0]["cursor"])) > 0:
            status = Status(advance(self.world, NEVER, min(left, _CHUNK_EVENTS), self._messages, self._spare))
            if status in (Status.WAKE, Status.DONE):
                return status
            if status != Status.CHUNK:
                self.world = roomier_world(self.world, status)
        return Status.DONE

    def make_room(self) -> None:
        """Make sure the next event fits, whatever it is."""
        while (status := room_for_event(self.world)) != Status.OK:
            self.world = roomier_world(self.world, status)

    def record(self, quotes: np.ndarray) -> None:
        """Replay to the end without a participant, writing the touch after every row."""
        while (status := record_history(self.world, quotes, self._messages, self._spare)) != Status.DONE:
            self.world = roomier_world(self.world, status)

    def copy(self) -> MarketRun:
        """An independent run in the same state."""
        return MarketRun(copy_world(self.world), self.chosen, self.latency)


@dataclass(frozen=True)
class ReplayCheck:
    """What a replay without own orders found.

    rows                     recorded rows replayed
    rows_matching            rows whose message alone explains the change of the recorded book; None without recorded book rows
    rows_entering            rows that show a price the row before could not show
    first_mismatch           index of the first row that does not match, -1 if all do; None without recorded book rows
    crossed                  packets (rows, where nothing is said of packets) of continuous trading after which the best bid was at or above the best ask
    unknown                  rows about orders that were never announced
    corrections              by cause: rows and lots by which history was corrected at prices coming into view
    truth_rows, truth_exact  rows held against an independent best bid and ask, and rows where prices and sizes agree
    truth_first              index of the first row that disagrees, -1 if none
    trace                    (rows replayed, state hash of the world) every so many rows, if asked for
    """

    rows: int
    rows_matching: int | None
    rows_entering: int | None
    first_mismatch: int | None
    crossed: int
    unknown: int
    corrections: dict[str, dict[str, int]]
    truth_rows: int | None
    truth_exact: int | None
    truth_first: int | None
    trace: tuple[tuple[int, int], ...] = ()


def _to_ticks(price: np.ndarray, side: np.ndarray, tick_quanta: int) -> tuple[np.ndarray, np.ndarray]:
    """Prices in ticks, a price between two ticks rounded to the worse one for the resting side; and which were."""
    low = price // tick_quanta
    off = low * tick_quanta != price
    return low + (off & (side == Side.SELL)), off


def _row_ticks(rows: np.ndarray | None, tick_quanta: int) -> np.ndarray:
    """Recorded book rows with prices in ticks; [0, 0] for None."""
    if rows is None:
        return np.zeros((0, 0), np.int64)
    out = np.array(np.atleast_2d(rows), np.int64)
    out[:, 0::2] = np.where(out[:, 0::2] == NONE_PRICE, 0, out[:, 0::2] // tick_quanta)
    return np.ascontiguousarray(out)


class Market:
    """A data set made ready for replay.

    dataset  orders (L3) or levels (L2, L1); without trades waiting orders are filled only where the book crosses them
    config   how own orders are treated

    Raises DataError for data that cannot be replayed, ConfigError for settings that do not fit it.
    """

    def __init__(self, dataset: Dataset, config: MarketConfig | None = None) -> None:
        config = config or MarketConfig()
        self.dataset = dataset
        self.config = config
        info = dataset.info
        self.by_levels = info.fidelity in _LEVEL_DATA
        self.shift = L2_SHIFT if self.by_levels else 0
        self.impact = config.impact_for(info.fidelity)
        if dataset.events.height == 0:
            raise DataError("the data set has no rows", file=info.source)
        self.tape = self._make_tape()
        rows = dataset.rows if dataset.rows is not None else dataset.seed_row
        self.rows = _row_ticks(rows, info.tick_quanta)
        self.truth = _row_ticks(dataset.truth, info.tick_quanta)
        for shared in (self.tape, self.rows, self.truth):
            shared.flags.writeable = False
        self._keyframes: Keyframes | None = None
        self._legs: dict[Latency, LegArrays] = {}

    def _need_book(self) -> None:
        """Raise DataError where nothing but trades was recorded."""
        if self.by_levels and not np.any(self.tape["kind"] == Kind.LEVEL):
            raise DataError(
                "it holds trades and no book, and there is nothing to trade with",
                file=self.dataset.info.source,
                hint="import the book of the same day together with it",
            )

    def with_latency(self, latency: Latency) -> Market:
        """The same market with other delays; what was made ready or measured is shared."""
        other = copy(self)
        other.config = replace(self.config, latency=latency)
        other._keyframes = None
        return other

    def _make_tape(self) -> np.ndarray:
        events = self.dataset.events
        column = {name: events[name].to_numpy() for name in events.columns}
        named = np.isin(column["kind"], _ORDER_KINDS)
        for field in ("order_id", "other_id"):
            below = np.flatnonzero(named & (column[field] < 0))
            if below.size:
                raise DataError(
                    "order ids below 0 are kept for own orders",
                    field=field,
                    row=int(below[0]) + 1,
                    file=self.dataset.info.source,
                )
        side = column["side"]
        price_ticks, off = _to_ticks(column["price"], side, self.dataset.info.tick_quanta)
        size = column["size"].astype(np.int64)
        if self.shift:
            size = np.where(column["kind"] == Kind.PHASE, size, size << self.shift)
        tape = make_tape(
            {
                "ts_ns": column["ts_exchange"],
                "order_id": np.where(named, column["order_id"], 0),
                "other_id": column["other_id"],
                "match_id": column["match_id"],
                "price_ticks": price_ticks,
                "size": size,
                "kind": column["kind"],
                "side": side,
                "flags": column["flags"].astype(np.int16) | np.where(off, np.int16(Flag.OFF_TICK), np.int16(0)),
            }
        )
        if not np.any(tape["flags"] & Flag.LAST_IN_PACKET):
            tape["flags"] |= Flag.LAST_IN_PACKET  # nothing is said of packets: every row is one
        return tape

    @cached_property
    def median_life_ns(self) -> int:
        """Median time from arrival to cancellation over the recording's cancelled orders (1 s if it has none)."""
        events = self.dataset.events.lazy()
        added = events.filter(pl.col("kind") == Kind.ADD).select("order_id", start="ts_exchange")
        gone = events.filter(pl.col("kind") == Kind.DELETE).select("order_id", end="ts_exchange")
        lives = gone.join(added, on="order_id").select((pl.col("end") - pl.col("start")).sort()).collect().to_series()
        return int(lives[len(lives) // 2]) if len(lives) else _DEFAULT_LIFE_NS

    @cached_property
    def _room(self) -> WorldSize:
        return room_for(self.tape, by_levels=self.by_levels, cells=self.rows.shape[1])

    @cached_property
    def overlay_scale(self) -> int:
        """Impact OVERLAY: lots that move the market by one tick, in 2^-10 lot, as set or as measured from the recording.

        Raises ConfigError where the recording shows nothing to measure.
        """
        settings = self.config.overlay
        if settings.daily_volume_lots is not None:
            return overlay_scale(settings, 0, Fraction(0))
        touch = self._touch_after_rows()
        return overlay_scale(settings, traded_lots(self.tape), squared_moves(self.tape["ts_ns"], touch))

    def _touch_after_rows(self) -> np.ndarray:
        """Bid price in ticks, bid units, ask price, ask units after every row, without us."""
        touch = np.zeros((len(self.tape), 4), np.int64)
        self.start(participant=False).record(touch)
        return touch

    def start(self, *, participant: bool, latency: Latency | None = None) -> MarketRun:
        """A new run at the beginning of the recording.

        participant  whether anybody listens: without, nothing is published
        latency      to use instead of the market's own

        Raises ConfigError or DataError where the feed delay is to be the recorded one and the data set does not tell it.
        """
        latency = latency or self.config.latency
        needs_life = not self.by_levels and participant
        life_ns = self.median_life_ns if needs_life else 1
        scale = self.overlay_scale if participant and self.impact == Impact.OVERLAY else 1
        params = self.config.params(self.dataset.info.fidelity, life_ns, self.shift, scale)
        params["publish"] = int(participant)
        if latency not in self._legs:
            self._legs[latency] = leg_arrays(latency, self.dataset, self.tape["ts_ns"])
        legs = self._legs[latency]
        params |= legs.head
        world = new_world(self.tape, self.rows, self.truth, params, self._room, *legs[1:])
        return MarketRun(world, frozenset(params), latency)

    def keyframes(self, *, every_ns: int | None = None, count: int | None = None) -> Keyframes:
        """Take snapshots along the recording (one replay of it), from which `start_at` begins.

        every_ns  one every so often, from the first row on
        count     or so many, with about equally many rows between them

        Raises ConfigError unless exactly one of the two is given, above 0.
        """
        self._keyframes = Keyframes(self, keyframe_times(self, every_ns, count))
        return self._keyframes

    def start_at(self, ts_ns: int, *, participant: bool, latency: Latency | None = None) -> MarketRun:
        """A new run in which everything up to and at ts_ns has happened, as if it had been replayed from the open.

        It goes on from the last of the ``keyframes`` that will do; without any it replays from the open.
        """
        run = self.start(participant=participant, latency=latency)
        if self._keyframes is not None:
            self._keyframes.move(run, ts_ns)
        run.advance(ts_ns)
        return run

    def replay(self, progress: Callable[[int], None] | None = None, *, hash_every: int = 0) -> ReplayCheck:
        """Replay the whole recording without own orders and hold it against what was recorded beside it.

        hash_every  take the state hash after every so many rows and after the last, 0: never
        """
        self._need_book()
        run = self.start(participant=False)
        trace = []
        for done in range(hash_every, len(self.tape) + hash_every, hash_every) if hash_every else ():
            run.advance_rows(min(done, len(self.tape)))
            trace.append((min(done, len(self.tape)), world_hash(run.world)))
            if progress is not None:
                progress(trace[-1][0])
        run.advance(NEVER, progress)
        return replace(_check_of(run.world), trace=tuple(trace))

    @cached_property
    def quotes(self) -> pl.DataFrame:
        """The touch of the market without us, one row per change.

        Columns: ts_ns, bid, bid_size, ask, ask_size in natural units, null where a side is empty; the state valid from ts_ns on.
        """
        self._need_book()
        touch = self._touch_after_rows()
        changed = np.ones(len(touch), bool)
        changed[1:] = np.any(touch[1:] != touch[:-1], axis=1)
        touch = touch[changed]
        tick = Fraction(self.dataset.info.price_quantum) * self.dataset.info.tick_quanta
        lot = Fraction(self.dataset.info.lot)
        columns: dict[str, Any] = {"ts_ns": self.tape["ts_ns"][changed]}
        for place, name in enumerate(("bid", "ask")):
            size = touch[:, 2 * place + 1] >> self.shift
            columns[name] = pl.Series(natural(touch[:, 2 * place], tick)).set(pl.Series(size == 0), None)
            columns[f"{name}_size"] = pl.Series(natural(size, lot))
        return pl.DataFrame(columns)

    @cached_property
    def prints(self) -> pl.DataFrame:
        """Every recorded trade: ts_ns, price, size, side (of the resting order), hidden, auction; natural units."""
        info = self.dataset.info
        traded = (int(Kind.EXECUTE), int(Kind.EXECUTE_HIDDEN), int(Kind.PRINT))
        rows = self.dataset.events.filter(pl.col("kind").is_in(traded))
        return rows.select(
            ts_ns="ts_exchange",
            price=pl.Series(natural(rows["price"].to_numpy(), Fraction(info.price_quantum))),
            size=pl.Series(natural(rows["size"].to_numpy(), Fraction(info.lot))),
            side="side",
            hidden=pl.col("kind") == Kind.EXECUTE_HIDDEN,
            auction=(pl.col("flags") & Flag.AUCTION) != 0,
        )


def _check_of(world: World) -> ReplayCheck:
    head = world.head[0]
    causes = ("seeded", "missing", "excess", "gone")
    has_rows = world.rows.shape[0] > 1 or len(world.tape) == world.rows.shape[0]
    has_truth = world.truth.shape[0] > 0
    return ReplayCheck(
        rows=len(world.tape),
        rows_matching=int(head["rows_matching"]) if has_rows else None,
        rows_entering=int(head["rows_entering"]) if has_rows else None,
        first_mismatch=int(head["first_mismatch"]) if has_rows else None,
        crossed=int(head["crossed"]),
        unknown=int(head["unknown"]),
        corrections={cause: {"rows": int(head[f"{cause}_rows"]), "lots": int(head[cause])} for cause in causes},
        truth_rows=int(head["truth_rows"]) if has_truth else None,
        truth_exact=int(head["truth_exact"]) if has_truth else None,
        truth_first=int(head["truth_first"]) if has_truth else None,
    )
