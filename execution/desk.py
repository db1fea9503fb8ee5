"""Running one parent order: the market moves to the next decision, the algorithm decides, its commands leave.

The end of a parent: when its time is up nothing is asked any more; one order leg later everything at work is withdrawn at the venue and
what is left crosses the book there at once, within the parent's limit price (fills END_OF_HORIZON).  It is paid for like any other fill.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from execution.algorithm import Algorithm, ChildOrder, CompiledAlgorithm, View, write_commands
from execution.core.desk import LIVE, TASK, VIEW, force_out, list_orders, observe, post_commands
from execution.parent import Parent
from lobsim.core.drift import touch_and_history
from lobsim.core.world import roomier_world
from lobsim.market import MarketRun
from lobsim.types import MAX_PRICE_TICKS, MESSAGE, NEVER, Side, Status


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

    run     a run at or before the parent's start, with a participant; it is used up
    """

    def __init__(self, run: MarketRun, parent: Parent, algorithm: Algorithm | CompiledAlgorithm) -> None:
        self.run = run
        self.parent = parent
        self.algorithm = algorithm
        self.gap = Gap()
        self.task = np.zeros(1, TASK)
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
        task["share_millionths"] = round((parent.max_participation or 0) * 1_000_000)

    def execute(self, progress: Callable[[int], None] | None = None) -> None:
        """Run the parent from start to end.

        progress  called now and then with the exchange time reached
        """
        self._begin()
        last_ns = self.parent.end_ns - 1
        while self.run.advance(last_ns) == Status.WAKE:
            self._decide()
            if progress is not None:
                progress(self.run.now_ns)
        self._finish()

    def _begin(self) -> None:
        head = self.run.world.head[0]
        if self.run.now_ns < self.parent.start_ns - 1:
            self.run.advance(self.parent.start_ns - 1)
            head = self.run.world.head[0]
        head["wake_ns"] = self.parent.start_ns
        head["wake_on_reports"] = bool(getattr(self.algorithm, "wake_on_reports", False))
        head["wake_on_touch"] = bool(getattr(self.algorithm, "wake_on_touch", False))
        self._started = False

    def _see(self) -> None:
        if not self._started:
            head = self.run.world.head[0]
            self.task[0]["volume_before"] = head["seen_volume"]
            self.task[0]["own_before"] = head["seen_own_volume"]
            self._started = True
        observe(self.run.world, self.task, self._view)
        touch_and_history(self.run.world, self._touch)
        self.gap.add(self._touch, int(self.run.world.head[0]["shift"]))

    def _orders(self) -> np.ndarray:
        while (count := list_orders(self.run.world, self._live)) == len(self._live):
            self._live = np.zeros(2 * len(self._live), LIVE)
        return self._live[:count]

    def _decide(self) -> None:
        self._see()
        orders = self._orders()
        if isinstance(self.algorithm, CompiledAlgorithm):
            commands = self.algorithm.commands
            count = self.algorithm.decide(self._view, orders, self.algorithm.state, commands)
        else:
            view = View(self.parent, self.run.world, self._view[0])
            commands = write_commands(self.algorithm.on_wake(view, _children(orders)), self.parent.side)
            count = len(commands)
        self._post(commands, count)

    def _post(self, commands: np.ndarray, count: int) -> None:
        while (status := post_commands(self.run.world, self.task, self._view, commands, count)) != Status.OK:
            self.run.world = roomier_world(self.run.world, status)

    def _finish(self) -> None:
        head = self.run.world.head[0]
        for name in ("wake_ns", "report_wake_ns", "touch_wake_ns"):
            head[name] = NEVER
        head["wake_on_reports"] = head["wake_on_touch"] = 0
        self.run.advance(self.parent.end_ns + int(head["order_ns"]))
        while True:
            self.run.make_room()
            status = force_out(self.run.world, self.task, self._message)
            if status == Status.OK:
                return
            self.run.world = roomier_world(self.run.world, status)


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
