"""The standard algorithms: schedules turned into child orders, participation, and the two extremes.

A schedule says how much should be done by when; an execution style says how a slice's child order gets there:

========  ==========================================================================================
CROSS     at the start of the slice a market order for what the slice wants
JOIN      at the start of the slice a limit order at the near touch; what is left at its end crosses
PEG       limit orders kept at the near touch; they cross only when behind by more than a band
========  ==========================================================================================

Known limit: the near touch counts own orders, so a peg that stands alone at the best price stays there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from execution.algorithm import ChildOrder, Command, Limit, Market, Replace, View, WakeAt
from execution.schedules import NS_PER_SECOND, Schedule, pov_child
from lobsim.types import MAX_PRICE_TICKS, Side, TimeInForce


class Style(Enum):
    """How a child order goes about its slice."""

    CROSS = "cross"
    JOIN = "join"
    PEG = "peg"


def _through(view: View) -> int:
    """A price that trades with everything on the other side."""
    return MAX_PRICE_TICKS if view.parent.side == Side.BUY else -MAX_PRICE_TICKS


def _cross_open(orders: Sequence[ChildOrder], view: View) -> Iterable[Command]:
    """Turn every open order into one that trades at once, in place (no gap in which both or neither is at work)."""
    for order in orders:
        if not order.leaving:
            yield Replace(order.order, _through(view), order.open_lots, TimeInForce.IOC)


@dataclass
class Scheduled:
    """Follows a target curve in one of the styles.

    schedule        target by time, in lots
    style           see the head of this file
    band            PEG: how far behind the schedule it may fall before it crosses, as a share of the parent
    """

    schedule: Schedule
    style: Style = Style.JOIN
    band: float = 0.1
    wake_on_reports: bool = field(init=False)
    wake_on_touch: bool = field(init=False)

    def __post_init__(self) -> None:
        self.wake_on_touch = self.wake_on_reports = self.style is Style.PEG
        self._slice = -1

    def _slice_at(self, time_ns: int) -> int:
        return int((self.schedule.times_ns[1:] <= time_ns).sum())

    def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        """One decision."""
        place = self._slice_at(view.now_ns)
        new_slice = place != self._slice
        self._slice = place
        if new_slice and place + 1 < len(self.schedule.times_ns):
            yield WakeAt(int(self.schedule.times_ns[place + 1]))
        if self.style is Style.CROSS:
            if new_slice:
                yield from self._cross(view)
        elif self.style is Style.JOIN:
            yield from self._join(view, orders, new_slice, place)
        else:
            yield from self._peg(view, orders, place)

    def _cross(self, view: View) -> Iterable[Command]:
        wanted = self.schedule.target(view.now_ns) - view.executed_lots - view.working_lots
        if wanted > 0:
            yield Market(wanted)

    def _join(self, view: View, orders: Sequence[ChildOrder], new_slice: bool, place: int) -> Iterable[Command]:
        behind = int(self.schedule.cumulative_lots[place]) - view.executed_lots
        if new_slice and behind > 0:
            yield from _cross_open(orders, view)
            missing = behind - view.working_lots
            if missing > 0:
                yield Market(missing)
        wanted = self.schedule.target(view.now_ns) - view.executed_lots - view.working_lots
        if new_slice and behind > view.working_lots:
            wanted -= behind - view.working_lots
        if new_slice and wanted > 0 and view.join_ticks is not None:
            yield Limit(view.join_ticks, wanted)

    def _peg(self, view: View, orders: Sequence[ChildOrder], place: int) -> Iterable[Command]:
        behind = int(self.schedule.cumulative_lots[place]) - view.executed_lots
        if behind > self.band * view.parent.size_lots:
            yield from _cross_open(orders, view)
            if behind > view.working_lots:
                yield Market(behind - view.working_lots)
            return
        near = view.join_ticks
        if near is None:
            return
        for order in orders:
            if order.acknowledged and not order.leaving and order.price_ticks != near:
                yield Replace(order.order, near, order.open_lots)
        wanted = self.schedule.target(view.now_ns) - view.executed_lots - view.working_lots
        if wanted > 0:
            yield Limit(near, wanted)


@dataclass
class PercentOfVolume:
    """Keeps a share of everything that trades, its own trades included.

    rate         share of total volume, 0 to 1
    interval_ns  between looks at the tape
    style        CROSS takes at once; JOIN and PEG rest at the near touch and cross what is a whole interval late
    """

    rate: float
    interval_ns: int = 10 * NS_PER_SECOND
    style: Style = Style.JOIN
    wake_on_reports: bool = False
    wake_on_touch: bool = False

    def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        """One look at the tape: what was not filled since the last look crosses, then the new child joins."""
        yield WakeAt(view.now_ns + self.interval_ns)
        if self.style is not Style.CROSS:
            yield from _cross_open(orders, view)
        left = view.remaining_lots - view.working_lots
        child = pov_child(self.rate, view.others_volume_lots, view.executed_lots, view.working_lots, left)
        if child <= 0:
            return
        if self.style is Style.CROSS or view.join_ticks is None:
            yield Market(child)
        else:
            yield Limit(view.join_ticks, child)


@dataclass
class SubmitAndLeave:
    """The whole order at the near touch, left there; the end-of-horizon rule takes what remains."""

    wake_on_reports: bool = False
    wake_on_touch: bool = False

    def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        """Post once; if there is no touch yet, look again a second later."""
        if view.executed_lots + view.working_lots > 0:
            return
        if view.join_ticks is None:
            yield WakeAt(view.now_ns + NS_PER_SECOND)
        else:
            yield Limit(view.join_ticks, view.remaining_lots)


@dataclass
class AllAtOnce:
    """A market order for the whole at the start; what the book could not fill follows each second."""

    wake_on_reports: bool = False
    wake_on_touch: bool = False

    def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        """Take what is there."""
        left = view.remaining_lots - view.working_lots
        if left > 0:
            yield Market(left)
        if view.remaining_lots > 0:
            yield WakeAt(view.now_ns + NS_PER_SECOND)
