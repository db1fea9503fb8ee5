"""The World: everything one simulated market consists of, as arrays.

A world is a set of event sources, each with a next time: time limits in the book, the recorded tape, messages in flight, the
participant's next decision.  An absent source answers NEVER.  ``loop.advance`` takes the earliest, ties in that order.

What the participant knows is kept apart from what is: ``own`` holds both the venue's truth and, after the response leg, what was
heard; ``view`` is a second book, fed from the publication ring after the feed leg.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lobsim.core.calendar import Calendar
from lobsim.core.layout import Book

TAPE = np.dtype(
    [
        ("ts_ns", "i8"),
        ("order_id", "i8"),
        ("other_id", "i8"),
        ("match_id", "i8"),
        ("price_ticks", "i8"),  # an off-tick print: rounded to the worse tick for the resting side
        ("size", "i8"),  # units
        ("limit_ticks", "i8"),  # EXECUTE: how far its aggressor would have gone
        ("kind", "i1"),
        ("side", "i1"),
        ("flags", "i2"),
        ("pad", "i4"),
    ]
)
"""One recorded row, ready for replay, 64 bytes."""

MAIL = np.dtype(
    [
        ("order", "i8"),  # index of the own order spoken of
        ("price_ticks", "i8"),
        ("size", "i8"),  # units
        ("remaining", "i8"),
        ("verb", "i1"),  # to the venue: Verb;  to the participant: ReportKind
        ("reason", "i1"),
        ("to_venue", "i1"),
        ("flags", "i1"),  # to the venue: 1 if it is to reject it
        ("free", "i4"),  # next free slot of the pool
    ]
)
"""One message in flight."""

PUBLISHED = np.dtype(
    [
        ("ts_ns", "i8"),  # when it was published; where feed delays vary and head.dated is past it: when it is heard
        ("price_ticks", "i8"),
        ("size", "i8"),
        ("own", "i8"),  # a trade: units of it that were own
        ("kind", "i1"),
        ("side", "i1"),
        ("pad", "i2"),
        ("pad_4", "i4"),
    ]
)
"""One public event: kind 0 a level's new total, 1 a trade, 2 a phase, 3 the offset of all levels (size: ticks)."""

PUBLISHED_LEVEL = 0
PUBLISHED_TRADE = 1
PUBLISHED_PHASE = 2
PUBLISHED_OFFSET = 3

OWN_ORDER = np.dtype(
    [
        ("price_ticks", "i8"),
        ("size_lots", "i8"),
        ("expire_ns", "i8"),
        ("replaces", "i8"),  # index of the order it replaced, -1
        ("filled_lots", "i8"),  # the venue's truth
        ("known_filled_lots", "i8"),  # what its owner has heard
        ("cut_lots", "i8"),  # a REPLACE: taken off size_lots at the venue, until its owner hears the answer
        ("ahead_entry_lots", "i8"),
        ("sent_ns", "i8"),
        ("arrived_ns", "i8"),  # at the venue, NEVER until then
        ("acked_ns", "i8"),  # heard by the owner
        ("done_ns", "i8"),  # left the venue
        ("side", "i1"),
        ("type", "i1"),
        ("tif", "i1"),
        ("flags", "i1"),
        ("state", "i1"),  # OrderState as known to the owner
        ("venue_state", "i1"),  # OrderState at the venue
        ("reason", "i1"),  # of a reject or cancel
        ("cancel_sent", "i1"),
        ("forced", "i8"),  # 1: sent by the end-of-horizon rule
    ]
)
"""One child order of the participant."""

LEG = np.dtype(
    [
        ("kind", "i8"),  # a LEG_ of lobsim.core.latency
        ("constant_ns", "i8"),
        ("floor_ns", "i8"),  # what no load makes shorter
        ("first", "i8"),  # where its numbers begin in World.delays
        ("count", "i8"),  # points of a recorded leg
        (
            "rejects",
            "i8",
        ),  # where the times begin between which requests are rejected: `reject_count` starts, then as many ends
        ("reject_count", "i8"),
        ("rho", "i8"),  # 2^-26
        ("root", "i8"),  # sqrt(1 - rho^2) in 2^-26
        ("growth", "i8"),  # where in World.delays the table begins of what load multiplies it by; 0: by nothing
    ]
)
"""How one leg delays."""

DRAWS = np.dtype(
    [
        ("count", "i8"),  # messages so far
        ("begun", "i8"),  # 1: z is that of an earlier draw
        ("z", "i8"),  # 2^-32
        ("packet_ns", "i8"),  # a channel: the last packet that was dated
        ("due_ns", "i8"),  # and when it is heard
        ("read", "i8"),  # entries of the ring that its reader has passed
    ]
)
"""What one leg remembers of its draws."""

GAP = np.dtype([("key", "i8"), ("size", "i8")])

WORLD = np.dtype(
    [
        # where it stands
        ("now_ns", "i8"),
        ("cursor", "i8"),  # next row of the tape
        ("phase", "i8"),
        ("group_unfilled", "i8"),
        ("answered", "i8"),  # reports of what has just happened: world.reports[:answered]
        ("followed", "i8"),  # 1: a scene follows this world (core/notes.py)
        ("crowd_units", "i8"),  # what the recorded row at hand gave to orders of a crowd
        # what was chosen (params)
        ("shift", "i8"),  # a lot is 2^shift units
        ("impact", "i8"),
        ("cross", "i8"),
        ("surplus_policy", "i8"),
        ("queue_model", "i8"),
        ("queue_power_millionths", "i8"),
        ("half_life_ns", "i8"),  # Impact.DECAY
        ("hidden_at_equal", "i8"),
        ("own_first", "i8"),
        ("median_life_ns", "i8"),
        ("seed", "i8"),
        ("publish", "i8"),
        ("feed_ns", "i8"),
        ("order_ns", "i8"),
        ("response_ns", "i8"),
        ("legs_vary", "i8"),  # 1: the three constants above do not say it all, World.legs does
        ("feed_varies", "i8"),  # 1: so with market data
        ("feed_most_ns", "i8"),  # no entry is heard later than this after its publication, nor after one before it
        ("load_window_ns", "i8"),
        ("load_mean", "i8"),  # 2^-16, as are the next two
        ("load_sd", "i8"),
        ("overload_above", "i8"),
        ("overload_share", "i8"),  # 2^-62
        ("rate_window_ns", "i8"),
        ("wake_on_reports", "i8"),
        ("wake_on_touch", "i8"),
        # next decisions
        ("wake_ns", "i8"),
        ("report_wake_ns", "i8"),
        ("touch_wake_ns", "i8"),
        ("touch_due_ns", "i8"),  # when the last change of the touch is heard of
        ("computing_ns", "i8"),  # what the last decision takes
        ("ready_ns", "i8"),  # nothing is decided before
        # logs, pools, ring
        ("own", "i8"),
        ("fills", "i8"),
        ("mail_free", "i8"),
        ("mail_fresh", "i8"),
        ("mail_sequence", "i8"),
        ("last_to_venue_ns", "i8"),
        ("last_to_owner_ns", "i8"),
        ("written", "i8"),  # entries ever published
        ("read", "i8"),  # entries the reader has taken in, on the slower channel
        ("dated", "i8"),  # where feed delays vary: entries whose time is that of being heard
        ("arrivals", "i8"),  # requests that reached the venue, where their rate is limited
        ("read_ns", "i8"),
        # the touch before the event, for the fills it causes
        ("touch_bid", "i8"),
        ("touch_ask", "i8"),
        # the row check of a book cut to K levels
        ("gaps_0", "i8"),
        ("gaps_1", "i8"),
        ("worst_0", "i8"),
        ("worst_1", "i8"),
        ("short", "i8"),  # units the present row takes from its price (or adds, below 0) and history did not
        ("rows", "i8"),
        ("rows_matching", "i8"),
        ("rows_entering", "i8"),
        ("first_mismatch", "i8"),
        ("truth_rows", "i8"),
        ("truth_exact", "i8"),
        ("truth_first", "i8"),
        ("crossed", "i8"),
        # the drift meter (units)
        ("evicted", "i8"),
        ("unfilled_history", "i8"),
        ("history_crossed", "i8"),
        ("crossing_fills", "i8"),
        ("unknown", "i8"),
        ("overdrawn", "i8"),  # executions beyond what history said their maker had
        ("moved", "i8"),  # a book cut to K levels: hist moved between orders of one level
        ("duplicates", "i8"),
        ("seeded_rows", "i8"),
        ("seeded", "i8"),
        ("missing_rows", "i8"),
        ("missing", "i8"),
        ("excess_rows", "i8"),
        ("excess", "i8"),
        ("gone_rows", "i8"),
        ("gone", "i8"),
        # public trading as the reader has seen it
        ("seen_volume", "i8"),
        ("seen_own_volume", "i8"),
        ("seen_price_ticks", "i8"),
        ("seen_phase", "i8"),
        # Impact.OVERLAY: own trading moves history (core/pressure.py, core/overlay.py)
        ("offset_ticks", "i8"),  # a public price is the price in the book plus this
        ("seen_offset_ticks", "i8"),  # the same, as the reader has heard
        ("pressure", "i8"),
        ("pressure_step", "i8"),
        ("overlay_scale", "i8"),
        ("passive_weight", "i8"),
        ("overlay_ns", "i8"),  # when there is something to do
        ("overlay_order", "i8"),  # 1 + index of the own taker of which a part waits, 0: none
        ("shifts", "i8"),
        ("reentered", "i8"),
    ]
)
"""Everything of a world that is one number."""


class World(NamedTuple):
    """One market and one participant.

    head     WORLD [1]
    book     the simulated book
    seen     the participant's book: one block per level, fed from the ring
    tape     TAPE [rows], read only
    rows     int64 [rows, 4 K], the recorded book after each row (ask price, ask size, bid price, bid size), prices in ticks; [0, 0] if there is none
    truth    int64 [rows, 4], level 1 after each row; [0, 0] if there is none
    gaps     GAP [2, any], differences between history and the last row, per side
    own      OWN_ORDER [any]
    fills    FILL [any]
    reports  REPORT [any], scratch for one own message
    mail     MAIL [any], slot 0 reserved
    transit  the messages in flight by due time; ref: slot of mail
    ring     PUBLISHED [power of two]
    legs     LEG [8], read only
    delays   int64 [any], read only: the numbers the legs draw from
    draws    DRAWS [9]
    arrivals int64 [requests a window takes]: when the last ones reached the venue; [0] without a limit
    """

    head: np.ndarray
    book: Book
    seen: Book
    tape: np.ndarray
    rows: np.ndarray
    truth: np.ndarray
    gaps: np.ndarray
    own: np.ndarray
    fills: np.ndarray
    reports: np.ndarray
    mail: np.ndarray
    transit: Calendar
    ring: np.ndarray
    legs: np.ndarray
    delays: np.ndarray
    draws: np.ndarray
    arrivals: np.ndarray
