"""Real orders followed as shadow orders through the level replay, and through the order by order truth.

A shadow order has the size of a recorded order and joins right before the packet that brought it, so that the recorded order itself stands behind it and never counts as ahead.
It is left out where that is another place in the queue: where others joined or left at its price in the instant before it came, or it came through prices of that instant.
It changes nothing (Impact.NONE), is alone in its market, is made smaller when a part of the recorded order was cancelled, and is taken back when that was cancelled or lost its
place.  Where the recorded order was filled the shadow waits on, at most HORIZON_NS after it joined.

Invariants: every model starts from the same level replay; what is compared was looked at after whole packets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lobsim.calibration.reinsertion import is_gone, places_at
from lobsim.calibration.stories import Change, End, Story
from lobsim.core.own import own_id
from lobsim.core.reinsertion import follow_owner, stand_in, take_back
from lobsim.market import Market, MarketRun
from lobsim.snapshot import Snapshot
from lobsim.types import L2_SHIFT, Kind, OrderState, QueueModel

HORIZON_NS = 600 * 10**9
"""No shadow order is followed for longer."""
MOST_LOOKS = 48
"""At most so many looks at the queue of one order, evenly spread over its life."""


class Model(NamedTuple):
    """A queue model and its exponent (3 where it has none)."""

    queue_model: QueueModel
    queue_power: float = 3.0

    @property
    def has_power(self) -> bool:
        """Whether the exponent means anything."""
        return self.queue_model in (QueueModel.POWER, QueueModel.POWER2, QueueModel.POWER3)

    def __str__(self) -> str:
        name = self.queue_model.name.lower()
        return f"{name} {self.queue_power:g}" if self.has_power else name


class Shadow(NamedTuple):
    """One order to be followed.

    story     of the recorded order, without what came after it lost its place
    join_row  rows of the level feed before its packet
    end_row   rows of the level feed after which it is taken back, or given up
    changes   with the rows of the level feed after which they happen
    looks     int64 [any]: rows of the level feed after which the queue is looked at
    ahead     int64 [any]: lots truly in front of the order then
    queue     int64 [any]: lots at its price
    filled_ns after how long it was filled, -1 if it was not within the horizon
    """

    story: Story
    join_row: int
    end_row: int
    changes: tuple[Change, ...]
    looks: np.ndarray
    ahead: np.ndarray
    queue: np.ndarray
    filled_ns: int


class Followed(NamedTuple):
    """What became of a shadow order under one model.

    ahead      float [looks]: lots in front of it; 0 once it is filled
    filled_ns  after how long it was filled, -1 if it was not
    """

    ahead: np.ndarray
    filled_ns: int


def stays_until(story: Story) -> tuple[End, int, tuple[Change, ...]]:
    """How, and with which row, a story ends if losing its place ends it; and the changes before that."""
    for place, change in enumerate(story.changes):
        if change.moves:
            return End.CANCELLED, change.row + 1, tuple(story.changes[:place])
    return story.end, story.end_row, tuple(story.changes)


class _Feed:
    """Where things are in the level feed.

    orders, levels  TAPE [rows] of the order by order tape and of the level feed
    """

    def __init__(self, orders: np.ndarray, levels: np.ndarray) -> None:
        self.orders_ns, self.levels_ns = orders["ts_ns"], levels["ts_ns"]
        shows = np.flatnonzero(levels["kind"] == Kind.LEVEL)
        keys = list(zip(levels["side"][shows].tolist(), levels["price_ticks"][shows].tolist(), strict=True))
        self._rows: dict[tuple[int, int], list[int]] = {}
        for key, row in zip(keys, shows.tolist(), strict=True):
            self._rows.setdefault(key, []).append(row)

    def before(self, ts_ns: int) -> int:
        """Rows of the level feed before an instant."""
        return int(np.searchsorted(self.levels_ns, ts_ns))

    def after(self, ts_ns: int) -> int:
        """Rows of the level feed up to and with an instant."""
        return int(np.searchsorted(self.levels_ns, ts_ns, side="right"))

    def looks(self, story: Story, first_ns: int, before_ns: int) -> np.ndarray:
        """Times of the packets that speak of an order's level, at most MOST_LOOKS."""
        rows = np.array(self._rows.get((story.side, story.price_ticks), []), np.int64)
        times = np.unique(self.levels_ns[rows]) if len(rows) else np.zeros(0, np.int64)
        times = times[(times >= first_ns) & (times < before_ns)]
        if len(times) > MOST_LOOKS:
            times = times[np.linspace(0, len(times) - 1, MOST_LOOKS).astype(np.int64)]
        return times


def make_shadows(orders: Market, levels: Market, sample: Sequence[Story]) -> list[Shadow]:
    """Prepare recorded orders, given in the order of their rows, and read the truth about their queues from one replay."""
    feed = _Feed(orders.tape, levels.tape)
    prepared = [_prepare(feed, story) for story in sample]
    stops = [
        (int(np.searchsorted(feed.orders_ns, ts_ns, side="right")), _id_at(shadow.story, ts_ns, feed), place, look)
        for place, (shadow, times) in enumerate(prepared)
        for look, ts_ns in enumerate(times.tolist())
    ]
    stops.sort()
    table = np.array([stop[:2] for stop in stops], np.int64).reshape(-1, 2)
    for (_, _, place, look), found in zip(stops, places_at(orders.start(participant=False), table), strict=True):
        shadow = prepared[place][0]
        shadow.ahead[look], shadow.queue[look] = found[0], found[1]
    return [shadow for shadow, _ in prepared]


def _id_at(story: Story, ts_ns: int, feed: _Feed) -> int:
    """What the order is called after an instant."""
    order_id = story.order_id
    for change in story.changes:
        if feed.orders_ns[change.row] > ts_ns:
            break
        order_id = change.order_id
    return order_id


def _prepare(feed: _Feed, story: Story) -> tuple[Shadow, np.ndarray]:
    """A shadow whose truth is still to be read, and the times of its looks."""
    end, end_row, changes = stays_until(story)
    start_ns = int(feed.orders_ns[story.row])
    over_ns = int(feed.orders_ns[end_row - 1]) if end in (End.CANCELLED, End.FILLED) else int(feed.orders_ns[-1]) + 1
    if end in (End.CLEARED, End.AUCTION):
        over_ns = int(feed.orders_ns[end_row])
    filled_ns = over_ns - start_ns if end == End.FILLED else -1
    horizon_ns = start_ns + HORIZON_NS
    if end == End.FILLED or over_ns > horizon_ns:
        end_at = feed.after(horizon_ns)
    else:
        # A cancel goes before what else happened in its instant, unless the order itself traded in it.
        same = bool(story.fills) and story.fills[-1].ts_ns == over_ns
        end_at = feed.after(over_ns) if same else feed.before(over_ns)
    times = feed.looks(story, start_ns, min(over_ns, horizon_ns + 1))
    shadow = Shadow(
        story=story,
        join_row=feed.before(start_ns),
        end_row=max(end_at, feed.before(start_ns)),
        changes=tuple(
            change._replace(row=feed.after(int(feed.orders_ns[change.row])))
            for change in changes
            if feed.orders_ns[change.row] < min(over_ns, horizon_ns)
        ),
        looks=np.array([feed.after(ts_ns) for ts_ns in times.tolist()], np.int64),
        ahead=np.zeros(len(times), np.int64),
        queue=np.zeros(len(times), np.int64),
        filled_ns=filled_ns if filled_ns <= HORIZON_NS else -1,
    )
    return shadow, times


class ShadowRuns:
    """Runs shadow orders through one level feed, in the order of their rows.

    levels  a market by levels under Impact.NONE
    """

    def __init__(self, levels: Market) -> None:
        self._base = levels.start(participant=False)
        self._run = levels.start(participant=False)

    def follow(self, shadow: Shadow, models: Sequence[Model]) -> list[Followed] | None:
        """What becomes of a shadow under each model; None where it would stand elsewhere than the recorded order, or trade on arrival."""
        self._base.advance_rows(shadow.join_row)
        snapshot = Snapshot(self._base.world)
        found = []
        for model in models:
            self._run.world = snapshot.restore(self._run.world)
            head = self._run.world.head[0]
            head["queue_model"] = int(model.queue_model)
            head["queue_power_millionths"] = round(model.queue_power * 10**6)
            followed = _follow(self._run, shadow)
            if followed is None:
                return None
            found.append(followed)
        return found


def _follow(run: MarketRun, shadow: Shadow) -> Followed | None:
    story = shadow.story
    run.make_room()
    if stand_in(run.world, 0, story.side, story.price_ticks, story.size_lots, run._messages) != OrderState.LIVE:
        return None
    if len(shadow.looks) and run.world.own[0]["ahead_entry_lots"] != shadow.ahead[0]:
        return None
    ahead = np.zeros(len(shadow.looks))
    done = 0
    for change in shadow.changes:
        until = int(np.searchsorted(shadow.looks, change.row, side="right"))
        _look(run, shadow, ahead, done, until)
        done = until
        run.advance_rows(change.row)
        run.make_room()
        follow_owner(run.world, 0, change.change_lots, change.price_ticks, False)
    _look(run, shadow, ahead, done, len(shadow.looks))
    if not is_gone(run):
        run.advance_rows(shadow.end_row)
    is_filled = run.world.own[0]["venue_state"] == OrderState.FILLED
    filled_ns = int(run.world.own[0]["done_ns"]) - int(run.world.tape["ts_ns"][shadow.join_row]) if is_filled else -1
    if not is_gone(run):
        run.make_room()
        take_back(run.world)
    return Followed(ahead, filled_ns)


def _look(run: MarketRun, shadow: Shadow, ahead: np.ndarray, start: int, stop: int) -> None:
    """Fill in some of the looks."""
    if start == stop or is_gone(run):
        return
    stops = np.stack([shadow.looks[start:stop], np.full(stop - start, own_id(0))], axis=1).astype(np.int64)
    places = places_at(run, stops)
    there = places[:, 0] >= 0
    ahead[start:stop][there] = places[there, 0] / 2**L2_SHIFT
