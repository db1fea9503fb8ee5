"""Particles: many guesses at how much stands in front of one order in a queue of which only the total is shown.

Each particle holds one guess, in lots.  A print consumes from the front of all of them.  An unexplained decrease is split into clumps, the sizes of the orders
that were probably cancelled; each clump falls ahead of the order with the probability that the queue model gives its place (a share of the clump in the
deterministic model), so that the mean over the particles follows the deterministic model.  What joins, joins behind.

A forecast lets every particle live on by itself: executions come at a constant rate in the sizes of recent ones, cancels at a rate per lot that stands there, and each
cancel falls ahead by the queue model.  With one-lot orders, PROPORTIONAL and one-lot executions that is the death process with rate ``mu + theta ahead`` of
Cont, Stoikov and Talreja (2010).

Invariants: -own <= ahead <= shown for every particle; below 0 the order has traded that much.  Random numbers come from the seed and a count alone; the same calls give the same
particles on one platform.
Known limits: what stands behind is taken to stay as much as it is while a forecast runs; the price is taken to stay where it is.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import inline, kernel, splitmix64, wrapping_sum
from lobsim.core.queue_models import MILLION, pi
from lobsim.types import L2_SHIFT, Flag, Kind, QueueModel

MOST_CLUMPS = 64
"""A decrease is cut into at most so many: a larger one in larger clumps."""
_UNIT = 2.0**-53

QUEUE = np.dtype(
    [
        ("seed", "i8"),
        ("draws", "i8"),
        ("model", "i8"),
        ("power_millionths", "i8"),
        ("side", "i8"),
        ("price_ticks", "i8"),
        ("own_lots", "i8"),
        ("shown_lots", "i8"),  # of others at the price
        ("clump_lots", "i8"),  # how much one cancel takes
        ("half_life_ns", "i8"),  # of what is remembered of the past
        ("now_ns", "i8"),
        ("seconds", "f8"),  # time, and below it what happened in it, all forgotten alike
        ("lot_seconds", "f8"),
        ("executions", "f8"),
        ("executed_lots", "f8"),
        ("cancelled_lots", "f8"),
    ]
)
"""One queue, and what was measured of it."""


@inline
def _uniform(queue):
    """The next number in (0, 1]."""
    word = splitmix64(wrapping_sum(splitmix64(np.uint64(queue["seed"])), np.uint64(queue["draws"])))
    queue["draws"] += 1
    return (np.float64(np.int64(word >> np.uint64(11))) + 1.0) * _UNIT


@inline
def _is_ahead(queue, ahead, behind):
    """Whether the next cancel falls ahead of a place with so many lots ahead and behind."""
    if ahead <= 0:
        return False
    if behind <= 0:
        return True
    if queue["model"] == QueueModel.RISK_AVERSE:
        return False
    power = 1.0 if queue["model"] == QueueModel.PROPORTIONAL else queue["power_millionths"] / MILLION
    return _uniform(queue) <= pi(queue["model"], power, np.float64(ahead), np.float64(behind))


@kernel
def _ahead_after(queue, ahead, size):
    """What is left ahead of one particle when size of the lots shown is cancelled."""
    shown = np.int64(queue["shown_lots"])
    clump = max(np.int64(queue["clump_lots"]), (size + MOST_CLUMPS - 1) // MOST_CLUMPS)
    while size > 0:
        part = min(size, clump)
        behind = shown - max(ahead, 0)
        if _is_ahead(queue, ahead, behind):
            ahead -= min(part, ahead)
        elif part > behind:
            ahead -= part - behind
        shown -= part
        size -= part
    return ahead


@inline
def _pass_time(queue, ts_ns):
    """Time goes on to ts_ns: what was measured is forgotten by its half-life.  changes: the measures, now_ns"""
    seconds = max(ts_ns - np.int64(queue["now_ns"]), 0) * 1e-9
    kept = 0.5 ** (seconds * 1e9 / queue["half_life_ns"])
    queue["seconds"] = queue["seconds"] * kept + seconds
    queue["lot_seconds"] = queue["lot_seconds"] * kept + seconds * queue["shown_lots"]
    queue["executions"] *= kept
    queue["executed_lots"] *= kept
    queue["cancelled_lots"] *= kept
    queue["now_ns"] = max(np.int64(queue["now_ns"]), ts_ns)


@inline
def _trade(queue, ahead, size):
    """Size lots trade at the price, from the front.  changes: ahead [particles], the lots shown, the measures"""
    queue["executions"] += 1
    queue["executed_lots"] += size
    shown = np.int64(queue["shown_lots"])
    own = np.int64(queue["own_lots"])
    queue["shown_lots"] = max(shown - size, 0)
    for k in range(len(ahead)):
        ahead[k] = min(max(ahead[k] - size, -own), queue["shown_lots"])


@inline
def _show(queue, ahead, size):
    """The level shows size lots of others now: what is missing was cancelled, what is more joined behind.  changes: as `_trade`"""
    missing = np.int64(queue["shown_lots"]) - size
    if missing > 0:
        queue["cancelled_lots"] += missing
        for k in range(len(ahead)):
            ahead[k] = _ahead_after(queue, np.int64(ahead[k]), missing)
    queue["shown_lots"] = size


@kernel
def note_shown(queues, ahead, ts_ns, size):
    """The level shows size lots at ts_ns.  queues: QUEUE [1]; ahead: int64 [particles]"""
    _pass_time(queues[0], ts_ns)
    _show(queues[0], ahead, size)


@kernel
def note_traded(queues, ahead, ts_ns, size):
    """Size lots trade at the price at ts_ns.  queues: QUEUE [1]; ahead: int64 [particles]"""
    _pass_time(queues[0], ts_ns)
    _trade(queues[0], ahead, size)


@kernel
def follow_rows(queues, ahead, tape, first, end):
    """Rows first to end of a tape of levels act on the queue; rows of other prices only if they trade through it.

    queues  QUEUE [1];  ahead  int64 [particles];  tape  TAPE [rows]
    """
    queue = queues[0]
    for k in range(first, end):
        row = tape[k]
        if row["side"] != queue["side"] or row["flags"] & Flag.AUCTION:
            continue
        _pass_time(queue, np.int64(row["ts_ns"]))
        size = np.int64(row["size"]) >> L2_SHIFT
        beyond = (
            row["price_ticks"] - queue["price_ticks"] if queue["side"] else queue["price_ticks"] - row["price_ticks"]
        )
        if row["kind"] == Kind.LEVEL and beyond == 0:
            _show(queue, ahead, size)
        elif row["kind"] == Kind.PRINT and beyond == 0:
            _trade(queue, ahead, size)
        elif row["kind"] == Kind.PRINT and beyond > 0:
            for i in range(len(ahead)):
                ahead[i] = -np.int64(queue["own_lots"])


@inline
def _waits_s(queue, rate):
    """A waiting time with that rate per second."""
    return -np.log(_uniform(queue)) / rate


@kernel
def _fill_s(queue, ahead, execution_rate, execution_lots, cancel_rate, horizon_s):
    """Seconds until the order of one particle has traded whole, or more than the horizon.

    cancel_rate  per second and lot shown
    """
    own = np.int64(queue["own_lots"])
    clump = np.int64(queue["clump_lots"])
    behind = np.int64(queue["shown_lots"]) - max(ahead, 0)
    now_s = 0.0
    while ahead > -own and now_s <= horizon_s:
        front = max(ahead, 0)
        cancels = cancel_rate * (front + behind) / clump if front > 0 else 0.0
        if execution_rate + cancels <= 0.0:
            return np.inf
        now_s += _waits_s(queue, execution_rate + cancels)
        if _uniform(queue) * (execution_rate + cancels) <= execution_rate:
            size = execution_lots
            if execution_lots > 1.0:
                size = 1.0 + np.floor(np.log(_uniform(queue)) / np.log(1.0 - 1.0 / execution_lots))
            ahead -= min(np.int64(size), ahead + own)
        elif _is_ahead(queue, front, behind):
            ahead -= min(clump, front)
    return now_s


@kernel
def forecast_fills(queues, ahead, execution_rate, execution_lots, cancel_rate, horizon_s, out):
    """One future for each particle: the seconds until its order has traded whole.

    queues          QUEUE [1]
    ahead           int64 [particles], not changed
    execution_rate  executions at the price, per second
    execution_lots  their mean size (geometric), at least 1
    cancel_rate     lots cancelled per second and lot shown
    horizon_s       beyond it nobody looks
    out             float64 [particles], written; more than horizon_s, or inf: not within it
    """
    for k in range(len(ahead)):
        out[k] = _fill_s(
            queues[0], np.int64(ahead[k]), execution_rate, max(execution_lots, 1.0), cancel_rate, horizon_s
        )
