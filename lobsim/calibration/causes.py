"""Why what happened to a re-inserted order is not what truly happened.

The cause is read off the first difference between the two, in time: who got the volume, and who stood where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from itertools import accumulate

import numpy as np

from lobsim.calibration.reinsertion import Outcome, OwnFill, Turns
from lobsim.calibration.stories import End, Fill, Story
from lobsim.types import FillReason, Kind


class Cause(StrEnum):
    """What the first difference was; the text says it in words."""

    SEEN_LATE = "the tape shows the order later than it was there: its id is older than its row"
    OLDER_STOOD_AHEAD = "it was executed while an older order stood at its price"
    BETTER_STOOD_AHEAD = "it was executed while a better price had orders"
    YOUNGER_HIT = "an execution hit a younger order at its price"
    WORSE_HIT = "an execution hit a worse price while it stood"
    HIDDEN_WORSE = "a hidden order traded at a worse price while it stood"
    ARRIVED_THROUGH = "a recorded order came to rest through its price"
    BEYOND_SHOWN = "more was executed against an order than it showed: a reserve"
    CROSSED_ON_ENTRY = "the other side stood at its price when it came: history was crossed"
    AUCTION = "it was executed outside continuous trading"
    ELSEWHERE = "its volume went to somebody else"


_BY_REASON = {
    FillReason.QUEUE_EXHAUSTED: Cause.YOUNGER_HIT,
    FillReason.TRADED_THROUGH: Cause.WORSE_HIT,
    FillReason.BOOK_CROSSED: Cause.ARRIVED_THROUGH,
    FillReason.OWN_AGGRESSION: Cause.CROSSED_ON_ENTRY,
}


def by_time(fills: Sequence[Fill] | Sequence[OwnFill]) -> dict[int, int]:
    """Lots filled at each time, rising; fills of one instant are one."""
    lots: Counter[int] = Counter()
    for fill in fills:
        lots[fill.ts_ns] += fill.size_lots
    return dict(sorted(lots.items()))


class Explainer:
    """Names causes on one tape.

    tape     TAPE [rows]
    turns    of its executions
    stories  all of them
    """

    def __init__(self, tape: np.ndarray, turns: Turns, stories: Sequence[Story]) -> None:
        self._tape, self._turns = tape, turns
        newest = list(accumulate((story.order_id for story in stories), max, initial=0))
        late = {story.row for story, before in zip(stories, newest, strict=False) if story.order_id < before}
        # Only where ids rise with time does an older id say anything.
        self._late = late if 100 * len(late) < len(stories) else set()

    def cause(self, story: Story, outcome: Outcome) -> Cause:
        """Why they differ, in quantity or in time."""
        if not outcome.entered:
            return Cause.CROSSED_ON_ENTRY
        truth, ours = by_time(story.fills), by_time(outcome.fills)
        for ts_ns in sorted(truth.keys() | ours.keys()):
            difference = ours.get(ts_ns, 0) - truth.get(ts_ns, 0)
            if difference > 0:
                return self._too_much(story, outcome, ts_ns)
            if difference < 0:
                return self._too_little(story, ts_ns)
        return Cause.AUCTION if story.end == End.AUCTION else Cause.ELSEWHERE

    def _too_much(self, story: Story, outcome: Outcome, ts_ns: int) -> Cause:
        fill = [fill for fill in outcome.fills if fill.ts_ns == ts_ns][-1]
        rows = self._rows_at(ts_ns, story.side)
        if fill.reason == FillReason.TRADED_THROUGH and Kind.EXECUTE not in self._tape["kind"][rows]:
            return Cause.HIDDEN_WORSE
        if fill.reason == FillReason.QUEUE_EXHAUSTED and any(order.row in rows for order in story.fills):
            return Cause.BEYOND_SHOWN
        return _BY_REASON.get(fill.reason, Cause.ELSEWHERE)

    def _too_little(self, story: Story, ts_ns: int) -> Cause:
        for fill in story.fills:
            turn = self._turns.at(fill.row) if fill.ts_ns == ts_ns else None
            if turn is None or turn == (0, True):
                continue
            if story.row in self._late:
                return Cause.SEEN_LATE
            return Cause.OLDER_STOOD_AHEAD if turn[0] else Cause.BETTER_STOOD_AHEAD
        return Cause.ELSEWHERE

    def _rows_at(self, ts_ns: int, side: int) -> np.ndarray:
        """Executions of a side at one instant."""
        first, last = np.searchsorted(self._tape["ts_ns"], (ts_ns, ts_ns + 1))
        rows = np.arange(first, last)
        kinds = (Kind.EXECUTE, Kind.EXECUTE_HIDDEN)
        return rows[np.isin(self._tape["kind"][rows], kinds) & (self._tape["side"][rows] == side)]
