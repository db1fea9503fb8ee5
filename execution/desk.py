"""Running one parent order: the market moves to the next decision, the algorithm decides, its commands leave.

The end of a parent: when its time is up nothing is asked any more; one order leg later everything at work is withdrawn at the venue and
what is left crosses the book there at once, within the parent's limit price and its largest share of the volume heard of by then (fills
END_OF_HORIZON).  It is paid for like any other fill; what these bounds or an empty book leave undone is the opportunity part of the cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from execution.algorithm import Algorithm, ChildOrder, CompiledAlgorithm, View, write_commands
from execution.core.desk import force_out, list_orders, observe, post_commands
from execution.core.state import LIVE, TASK, VIEW
from execution.parent import Parent
from lobsim.core.drift import touch_and_history
from lobsim.core.latency import forced_due_ns
from lobsim.core.world import roomier_world
from lobsim.errors import ConfigError
from lobsim.latency import DAY_NS
from lobsim.market import MarketRun
from lobsim.types import MAX_PRICE_TICKS, MESSAGE, NEVER, NONE, Side, Status

MOST_DECISIONS_AT_ONCE = 1000
"""An algorithm that decides more often at one instant (sends what is refused, at no delay, for ever) is stopped."""

WORLD_COUNTERS = ("evicted", "unfilled_history", "crossing_fills", "missing", "excess", "gone")
"""Counters of a world that may have moved before the parent began."""


@dataclass
class Gap:
    """How far the simulated touch was from history, over the decisions of a run (ticks and lots, means of absolute values)."""

    decisions: int = 0
    mid_ticks: float = 0.0
    largest_mid_ticks: float = 0.0
    depth_lots: float = 0.0

    def add(self, touch: np.ndarray, shift: int) -> None:
        """One decision; a moment with an empty side is left out."""
        if not np.all(touch[1::2] > 0):
            return
        mid = abs(int(touch[0] + touch[2] - touch[4] - touch[6])) / 2
        depth = abs(int(touch[1] + touch[3] - touch[5] - touch[7])) / (1 << shift)
        self.decisions += 1
        self.mid_ticks += (mid - self.mid_ticks) / self.decisions
        self.depth_lots += (depth - self.depth_lots) / self.decisions
        self.largest_mid_ticks = max(self.largest_mid_ticks, mid)


class Desk:
    """One parent order, one algorithm, one run of a market.

    run         a run that has not passed the parent's start, with a participant; it is used up
    clock_ns    measures what each decision takes in nanoseconds; that delays its messages and the next decision in place of the compute leg
    compute_ns  the same out of a list, one for each decision (``computed_ns`` of an earlier run, to repeat it exactly)

    Raises ConfigError for a run without a participant, or beyond the parent's start, or for both a clock and a list.
    """

    def __init__(
        self,
        run: MarketRun,
        parent: Parent,
        algorithm: Algorithm | CompiledAlgorithm,
        *,
        clock_ns: Callable[[], int] | None = None,
        compute_ns: Sequence[int] | None = None,
    ) -> None:
        if not run.world.head[0]["publish"]:
            raise ConfigError("the run has no participant", where="desk", hint="start it with participant=True")
        if run.now_ns > parent.start_ns:
            raise ConfigError("the run has passed the parent's start", where="desk", hint="use a fresh run or a copy")
        if clock_ns is not None and compute_ns is not None:
            raise ConfigError("a clock and a list of computing times are given", where="desk", hint="leave one out")
        self.run = run
        self.parent = parent
        self.algorithm = algorithm
        self.computed_ns: list[int] = []
        """what each decision took, where it was measured or given"""
        self._clock_ns = clock_ns
        self._given_ns = None if compute_ns is None else iter(compute_ns)
        self.gap = Gap()
        self.task = np.zeros(1, TASK)
        self.before: dict[str, int] = {}
        self._old_filled = np.zeros(len(run.world.own), np.int64)
        self._view = np.zeros(1, VIEW)
        self._live = np.zeros(64, LIVE)
        self._message = np.zeros(1, MESSAGE)
        self._touch = np.zeros(8, np.int64)
        self._write_task()

    def _write_task(self) -> None:
        task, parent = self.task[0], self.parent
        task["side"] = parent.side
        task["size_lots"] = parent.size_lots
        task["start_ns"], task["end_ns"] = parent.start_ns, parent.end_ns
        unbounded = MAX_PRICE_TICKS if parent.side == Side.BUY else -MAX_PRICE_TICKS
        task["limit_ticks"] = unbounded if parent.limit_price_ticks is None else parent.limit_price_ticks
        share = parent.max_participation
        task["share_millionths"] = NONE if share is None else int(Decimal(repr(float(share))) * 1_000_000)

    def execute(self, progress: Callable[[int], None] | None = None) -> None:
        """Run the parent from start to end.

        progress  called now and then with the exchange time reached

        Raises ConfigError for an algorithm that answers with something else than commands, or never stops deciding at one instant.
        """
        self._begin()
        last_ns = self.parent.end_ns - 1
        decided_ns, decisions = -1, 0
        while self.run.advance(last_ns) == Status.WAKE:
            decisions = decisions + 1 if self.run.now_ns == decided_ns else 1
            decided_ns = self.run.now_ns
            if decisions > MOST_DECISIONS_AT_ONCE:
                raise ConfigError(
                    f"the algorithm decided {MOST_DECISIONS_AT_ONCE} times at one instant",
                    where="on_wake",
                    hint="do not send again at once what was refused",
                )
            self._decide()
            if progress is not None:
                progress(self.run.now_ns)
        self._finish()

    def _begin(self) -> None:
        if self.run.now_ns < self.parent.start_ns - 1:
            self.run.advance(self.parent.start_ns - 1)
        head = self.run.world.head[0]
        head["wake_ns"] = self.parent.start_ns
        head["wake_on_reports"] = bool(getattr(self.algorithm, "wake_on_reports", False))
        head["wake_on_touch"] = bool(getattr(self.algorithm, "wake_on_touch", False))
        self.before = {name: int(head[name]) for name in WORLD_COUNTERS}
        self._started = False

    def _see(self) -> None:
        if not self._started:
            head = self.run.world.head[0]
            self.task[0]["volume_before"] = head["seen_volume"]
            self.task[0]["own_before"] = head["seen_own_volume"]
            self._started = True
        observe(self.run.world, self.task, self._old_filled, self._view)
        touch_and_history(self.run.world, self._touch)
        self.gap.add(self._touch, int(self.run.world.head[0]["shift"]))

    def _orders(self) -> np.ndarray:
        while (count := list_orders(self.run.world, self._live)) == len(self._live):
            self._live = np.zeros(2 * len(self._live), LIVE)
        return self._live[:count]

    def _decide(self) -> None:
        self._see()
        orders = self._orders()
        begun_ns = 0 if self._clock_ns is None else self._clock_ns()
        commands, count = self._ask(orders)
        if self._clock_ns is not None:
            self._take_time(self._clock_ns() - begun_ns)
        elif self._given_ns is not None:
            self._take_time(next(self._given_ns, 0))
        self._post(commands, count)

    def _ask(self, orders: np.ndarray) -> tuple[np.ndarray, int]:
        if isinstance(self.algorithm, CompiledAlgorithm):
            return self.algorithm.commands, self.algorithm.answer(self._view, orders)
        view = View(self.parent, self.run.world, self._view[0])
        commands = write_commands(self.algorithm.on_wake(view, _children(orders)), self.parent.side)
        return commands, len(commands)

    def _take_time(self, compute_ns: int) -> None:
        """The decision took so long: its messages leave only then, and nothing is decided meanwhile."""
        compute_ns = min(max(int(compute_ns), 0), DAY_NS)
        self.computed_ns.append(compute_ns)
        head = self.run.world.head[0]
        head["computing_ns"] = compute_ns
        head["ready_ns"] = head["now_ns"] + compute_ns

    def _post(self, commands: np.ndarray, count: int) -> None:
        while True:
            status = post_commands(self.run.world, self.task, self._old_filled, self._view, commands, count)
            if status == Status.OK:
                return
            self.run.world = roomier_world(self.run.world, status)
            missing = len(self.run.world.own) - len(self._old_filled)
            self._old_filled = np.concatenate([self._old_filled, np.zeros(missing, np.int64)])

    def _finish(self) -> None:
        """Nobody is asked any more: what is known at the end decides how much is swept up one order leg later."""
        head = self.run.world.head[0]
        head["report_wake_ns"] = head["touch_wake_ns"] = NEVER
        head["wake_on_reports"] = head["wake_on_touch"] = 0
        head["wake_ns"] = self.parent.end_ns
        head["ready_ns"] = -NEVER
        self.run.advance(self.parent.end_ns)
        observe(self.run.world, self.task, self._old_filled, self._view)
        self.run.advance(int(forced_due_ns(self.run.world)))
        while True:
            self.run.make_room()
            status = force_out(self.run.world, self.task, self._view, self._message)
            if status == Status.OK:
                break
            self.run.world = roomier_world(self.run.world, status)
        self._go_on()

    def _go_on(self) -> None:
        """Impact OVERLAY: a taker that moved history has still to go on at this instant.  In a simulated market the crowd hears whom it traded with."""
        head = self.run.world.head[0]
        if head["overlay_ns"] <= self.run.now_ns:
            self.run.advance(self.run.now_ns)
        elif head["followed"]:
            self.run.advance(self.run.now_ns - 1)


def _children(live: np.ndarray) -> list[ChildOrder]:
    return [
        ChildOrder(
            order=int(entry["order"]),
            side=Side(int(entry["side"])),
            price_ticks=int(entry["price_ticks"]),
            size_lots=int(entry["size_lots"]),
            filled_lots=int(entry["filled_lots"]),
            acknowledged=bool(entry["acknowledged"]),
            leaving=bool(entry["leaving"]),
        )
        for entry in live
    ]
