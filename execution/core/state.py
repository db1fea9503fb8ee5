"""Records between the desk and an algorithm: the parent as a task, what is seen, own orders, commands."""

from __future__ import annotations

import numpy as np

TASK = np.dtype(
    [
        ("side", "i8"),
        ("size_lots", "i8"),
        ("start_ns", "i8"),
        ("end_ns", "i8"),
        ("limit_ticks", "i8"),  # the worst price allowed; beyond every price if there is none
        ("share_millionths", "i8"),  # largest share of market volume; NONE = no bound
        ("volume_before", "i8"),  # market volume heard before the parent began, units
        ("own_before", "i8"),
        ("cut_lots", "i8"),  # what the desk took off commands
    ]
)
"""The parent order as the desk keeps it."""

VIEW = np.dtype(
    [
        ("now_ns", "i8"),
        ("bid_ticks", "i8"),  # NONE_PRICE if the side is empty
        ("bid_lots", "i8"),
        ("ask_ticks", "i8"),
        ("ask_lots", "i8"),
        ("last_ticks", "i8"),
        ("volume_lots", "i8"),  # of the market since the parent began, own volume included
        ("own_volume_lots", "i8"),
        ("executed_lots", "i8"),
        ("working_lots", "i8"),  # sent and neither filled nor heard to be gone
        ("phase", "i8"),
        ("side", "i8"),  # of the parent, as the four below
        ("size_lots", "i8"),
        ("start_ns", "i8"),
        ("end_ns", "i8"),
        ("limit_ticks", "i8"),  # the worst price allowed; beyond every price if there is none
    ]
)
"""What the participant knows at a decision."""

LIVE = np.dtype(
    [
        ("order", "i8"),
        ("side", "i8"),
        ("price_ticks", "i8"),
        ("size_lots", "i8"),
        ("filled_lots", "i8"),
        ("acknowledged", "i8"),
        ("leaving", "i8"),  # a cancel or replace is on its way
    ]
)
"""One own order that may still trade, as its owner knows it."""

COMMAND = np.dtype(
    [
        ("kind", "i8"),
        ("order", "i8"),
        ("price_ticks", "i8"),
        ("size_lots", "i8"),
        ("tif", "i8"),
        ("post_only", "i8"),
        ("time_ns", "i8"),
    ]
)
"""One command.

==========  =====================================================
kind        fields read
==========  =====================================================
LIMIT       price_ticks, size_lots, tif, post_only, time_ns (GTD)
MARKET      size_lots
CANCEL      order
REPLACE     order, price_ticks, size_lots, tif (NONE: as it was)
WAKE_AT     time_ns
==========  =====================================================
"""

LIMIT = 0
MARKET = 1
CANCEL = 2
REPLACE = 3
WAKE_AT = 4
