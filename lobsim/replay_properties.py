"""Is a replayed day a continuous double auction, as far as history lets it be?  (docs/rules.md, section 2)

`check_market` replays a market without own orders and checks it; `TracedRun` is a run of a market that remembers every event, so that a
run with own orders, by hand or by a desk, can be held against the properties afterwards: `check_run`.

What must hold, and what history may break, stands in `lobsim.core.properties_replay`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lobsim.core.history import MINE, REPLAY, Replayed
from lobsim.core.properties_replay import check_replay
from lobsim.core.shadow import new_shadow
from lobsim.core.state import World
from lobsim.core.trace import TRACE, advance_traced, write_trace
from lobsim.core.violations import new_checker
from lobsim.core.world import copy_world, roomier_world, scratch
from lobsim.errors import ConfigError
from lobsim.market import Market, MarketRun
from lobsim.properties import Findings, findings_of
from lobsim.types import NEVER, CrossPolicy, Kind, Status

_CHUNK_EVENTS = 200_000
_FACTS = ("history_crossed", "crossed_by_correction", "away_from_best", "out_of_turn", "asked", "asked_exactly")


class TracedRun(MarketRun):
    """A run that remembers every event: some 90 bytes each.

    world  of a run that has not begun
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._scratch = scratch()
        self._trace = np.zeros(1024, TRACE)
        self._events = 0

    def advance(self, until_ns: int, progress: Callable[[int], None] | None = None) -> Status:
        """As `MarketRun.advance`."""
        while True:
            self._room(self._events + 1)
            part = self._trace[: self._events + _CHUNK_EVENTS]
            status, self._events = advance_traced(self.world, until_ns, part, self._events, *self._scratch)
            if status in (Status.WAKE, Status.DONE):
                return Status(status)
            if status != Status.CHUNK:
                self.world = roomier_world(self.world, status)
            if progress is not None:
                progress(int(self.world.head[0]["cursor"]))

    def copy(self) -> TracedRun:
        """An independent run in the same state, with the same memory."""
        other = TracedRun(copy_world(self.world))
        other._trace, other._events = self._trace.copy(), self._events
        return other

    @property
    def trace(self) -> np.ndarray:
        """TRACE [events + 1]: the market after every event, and as it is now."""
        self._room(self._events + 1)
        write_trace(self.world, self._trace, self._events, np.zeros((1, 3), np.int64))
        return self._trace[: self._events + 1]

    def _room(self, events: int) -> None:
        if events > len(self._trace):
            self._trace = np.concatenate([self._trace, np.zeros(len(self._trace), TRACE)])


def check_run(run: TracedRun) -> Findings:
    """Check a run from its beginning to where it stands.

    Findings count rows and events from 0; an own order with index i is order -(i + 1).  ``facts`` has what history itself did (rows after which it was
    crossed, executions away from the best price, executions out of turn; the first only without own orders), and how many executions met own
    orders, in all and where the ledgers agreed.

    Raises ConfigError for a market of levels.
    """
    head, trace = run.world.head[0], run.trace
    if head["shift"]:
        raise ConfigError("the properties are checked order by order", hint="give order data (L3)")
    day = _day(run.world, trace)
    check_replay(day)
    facts = {
        "rows": int(head["cursor"]),
        "events": len(trace) - 1,
        "own_orders": len(day.own),
        "own_fills": len(day.fills),
    }
    return findings_of(day.check, facts | {name: int(day.state[0][name]) for name in _FACTS})


def _day(world: World, trace: np.ndarray) -> Replayed:
    head = world.head[0]
    tape, rows = world.tape, world.rows
    state = np.zeros(1, REPLAY)
    state[0]["impact"] = head["impact"]
    state[0]["slides"] = head["cross"] == CrossPolicy.SLIDE
    state[0]["hidden_at_equal"] = head["hidden_at_equal"]
    state[0]["depth_rows"] = 0 < len(rows) == len(tape)
    state[0]["seen_0"] = state[0]["seen_1"] = NEVER
    state[0]["whole"] = len(rows) == 0
    joins = int(np.isin(tape["kind"], (Kind.ADD, Kind.REPLACE)).sum())
    check = new_checker(new_shadow(np.unique(tape["price_ticks"]), joins))
    own = world.own[: head["own"]]
    return Replayed(check, state, tape, rows, trace, own, world.fills[: head["fills"]], np.zeros(len(own), MINE))


def check_market(market: Market, progress: Callable[[int], None] | None = None) -> Findings:
    """Replay the whole recording without own orders, and check it; errors as for `check_run`."""
    run = TracedRun(market.start(participant=False).world)
    run.advance(NEVER, progress)
    return check_run(run)
