"""Re-insertion: one recorded order is taken out of history, the same order is put in as our own, and both are compared.

The recorded order leaves the simulated book in the instant it joins, and an own order of its size stands at that very place; it is made smaller, moved
and taken back when the owner of the recorded one did so (lobsim.core.reinsertion).  What the tape says was executed against the recorded order then goes to
whoever stands first, as rule (c) of docs/rules.md, section 2, has it: the own order is never told that it was meant.  Everything else is what history says.

Invariants: samples do not see each other (each goes on from the same replay without own orders); the result depends on nothing but tape, configuration and sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lobsim.calibration.stories import End, Story
from lobsim.core.reinsertion import follow_owner, record_places, stand_in, take_back
from lobsim.core.world import roomier_world
from lobsim.market import Market, MarketRun
from lobsim.snapshot import Snapshot
from lobsim.types import FillReason, Flag, Kind, OrderState, Phase, Status

PATIENCE_NS = 60 * 10**9
"""A larger order goes on resting for so long after the recorded one was full: nobody knows how long its owner would have waited."""


class OwnFill(NamedTuple):
    """One fill of the order that was put in."""

    ts_ns: int
    size_lots: int
    reason: FillReason


class Outcome(NamedTuple):
    """What became of one sample.

    entered  whether it rested: False where it would have traded on arrival, because history itself was crossed there
    """

    entered: bool
    fills: tuple[OwnFill, ...]

    @property
    def filled_lots(self) -> int:
        """Lots filled."""
        return sum(fill.size_lots for fill in self.fills)


class Reinsertion:
    """Puts samples into one market, in the order of their rows.

    market  order by order data
    """

    def __init__(self, market: Market) -> None:
        self._base = market.start(participant=False)
        self._run = market.start(participant=False)

    def outcomes(self, story: Story, multiples: Sequence[int]) -> list[Outcome]:
        """What happens to an order of so many times the size; stories must come with rising rows."""
        self._base.advance_rows(story.row + 1)
        snapshot = Snapshot(self._base.world)
        found = []
        for multiple in multiples:
            self._run.world = snapshot.restore(self._run.world)
            found.append(play(self._run, story, story.order_id, multiple))
        return found


def play(run: MarketRun, story: Story, order_id: int, multiple: int = 1) -> Outcome:
    """Put an order in, do with it what its owner did, and say what became of it (up to PATIENCE_NS after a recorded one was full).

    run       stands right behind the row that brought the order
    order_id  of the recorded order to take out
    """
    run.make_room()
    size_lots = multiple * story.size_lots
    state = stand_in(run.world, order_id, story.side, story.price_ticks, size_lots, run._messages)
    if state != OrderState.LIVE:
        return Outcome(False, ())
    for change in story.changes:
        run.advance_rows(change.row + 1)
        if is_gone(run):
            break
        run.make_room()
        follow_owner(run.world, change.order_id, multiple * change.change_lots, change.price_ticks, change.moves)
    if not is_gone(run):
        run.advance_rows(story.end_row)
    if multiple > 1 and story.end == End.FILLED:
        run.advance(story.fills[-1].ts_ns + PATIENCE_NS)
    if story.end == End.CANCELLED and not is_gone(run):
        run.make_room()
        take_back(run.world)
    return Outcome(True, fills_of(run))


def is_gone(run: MarketRun) -> bool:
    """Whether the order that was put in rests no more."""
    return run.world.own[0]["venue_state"] != OrderState.LIVE


def fills_of(run: MarketRun) -> tuple[OwnFill, ...]:
    """The fills of the order that was put in."""
    fills = run.world.fills[: int(run.world.head[0]["fills"])]
    columns = (fills[name].tolist() for name in ("ts_ns", "size_lots", "reason"))
    return tuple(OwnFill(ts_ns, size, FillReason(reason)) for ts_ns, size, reason in zip(*columns, strict=True))


def places_at(run: MarketRun, stops: np.ndarray) -> np.ndarray:
    """Where orders stand at some moments of a run.

    stops  int64 [any, 2]: after how many rows, rising; id in the book

    Returns int64 [any, 3]: units in front of it at its price (-1: it is not there), units at that price, 1 if no better price has any.
    """
    places = np.zeros((len(stops), 3), np.int64)
    progress = np.zeros(1, np.int64)
    while True:
        status = record_places(run.world, stops, places, progress, run._messages, run._spare)
        if status == Status.DONE:
            return places
        run.world = roomier_world(run.world, status)


class Turns(NamedTuple):
    """Whether recorded executions hit who stood first.

    rows    int64 [any]: executions in the book whose order is known, rising
    places  int64 [any, 3] of these, as of `places_at`, right before the row
    """

    rows: np.ndarray
    places: np.ndarray

    @property
    def oldest_first_share(self) -> float | None:
        """Share of executions that hit the oldest order at their price; None if there are none."""
        return float(np.mean(self.places[:, 0] == 0)) if len(self.rows) else None

    @property
    def best_first_share(self) -> float | None:
        """Share of executions at the best price of their side; None if there are none."""
        return float(np.mean(self.places[:, 2] == 1)) if len(self.rows) else None

    def at(self, row: int) -> tuple[int, bool] | None:
        """Lots in front of the order that an execution hit, and whether it was the best price; None if the row is none of these."""
        place = int(np.searchsorted(self.rows, row))
        if place == len(self.rows) or self.rows[place] != row:
            return None
        return int(self.places[place, 0]), bool(self.places[place, 2])


def _in_auction(tape: np.ndarray) -> np.ndarray:
    """bool [rows]: executions that did not happen in continuous trading."""
    phases = np.flatnonzero(tape["kind"] == Kind.PHASE)
    place = np.searchsorted(phases, np.arange(len(tape)), side="right") - 1
    phase = np.full(len(tape), int(Phase.CONTINUOUS), np.int64)
    inside = place >= 0
    phase[inside] = tape["size"][phases[place[inside]]]
    return (phase != Phase.CONTINUOUS) | ((tape["flags"] & Flag.AUCTION) != 0)


def read_turns(market: Market) -> Turns:
    """Look at every recorded execution in continuous trading."""
    rows = np.flatnonzero((market.tape["kind"] == Kind.EXECUTE) & ~_in_auction(market.tape))
    stops = np.stack([rows, market.tape["order_id"][rows]], axis=1).astype(np.int64)
    places = places_at(market.start(participant=False), stops)
    known = (places[:, 0] >= 0) & (stops[:, 1] != 0)
    return Turns(rows[known], places[known])
