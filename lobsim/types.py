"""The vocabulary: enumerations, record layouts, sentinels and units shared by every floor.

Units
-----
=============  ==============================================================================
name ends in   meaning
=============  ==============================================================================
``_ns``        nanoseconds, int64.  Exchange times are nanoseconds since 1970-01-01 UTC.
``_ticks``     price in ticks of the data set (the smallest book increment), int64
``_lots``      size in lots of the data set (the smallest size increment), int64
``_quanta``    price in quanta of the data set (the finest *printed* increment), int64
``_bps``       hundredths of a percent, float; a cost is positive when it is bad
=============  ==============================================================================

Enumerations count from 0.  Absent is ``NONE = -1`` for an index or an enumeration, ``NEVER`` for a
time, and slot ``0`` for a link inside the book (slot 0 of every pool is reserved, because index
``-1`` wraps silently in compiled code, even with bounds checking on).

Records are read by key (``nodes[i]["size"]``), never by attribute, so that every kernel also runs
uncompiled.

Length: one vocabulary is looked up in one place.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

NONE = -1
NEVER = 2**63 - 1
MAX_PRICE_TICKS = 2**46
MAX_SIZE_LOTS = 2**40
MAX_LEVEL_UNITS = 2**62
L2_SHIFT = 20
"""Sizes in an L2 world are kept in 2^-20 lot, so that one-lot cancels do not round a queue model away."""


PRESSURE_UNITS = 1024
"""Units of pressure in a lot taken (impact OVERLAY)."""


class Side(IntEnum):
    """Buy or sell.  In a recorded row: the side of the RESTING interest."""

    BUY = 0
    SELL = 1


class Kind(IntEnum):
    """What one row of the canonical event table says happened."""

    ADD = 0  # order_id joins the book: side, price, size
    REDUCE = 1  # size is taken off order_id; it keeps its place
    DELETE = 2  # order_id leaves the book; size is what was left (information only)
    REPLACE = 3  # order_id becomes other_id with the given price and size
    EXECUTE = 4  # resting order_id traded size at price
    EXECUTE_HIDDEN = 5  # an order nobody saw traded size at price; the book does not change
    LEVEL = 6  # the displayed quantity at (side, price) is now size
    PRINT = 7  # a trade of size at price, without saying which order
    CLEAR = 8  # the recorded book is emptied; snapshot rows follow
    PHASE = 9  # the venue changes phase; size holds the Phase


class Flag(IntEnum):
    """Bits of the ``flags`` column."""

    LAST_IN_PACKET = 1
    SNAPSHOT = 2
    AGGRESSOR_KNOWN = 4
    AUCTION = 8
    OFF_TICK = 16  # set when a tape is prepared: the printed price lies between two ticks
    RESIDUAL = 32  # set when a tape is prepared: this ADD is what an aggressor left over
    GROUP_END = 64  # set when a tape is prepared: last execution of one aggressor
    AWAITS_PRINT = 128  # set when a tape is prepared: a print of this level follows at the same instant
    TOLD_LATE = 256  # set when a tape is prepared: such a print


class Phase(IntEnum):
    """Trading phase of a venue."""

    CONTINUOUS = 0
    PRE_OPEN = 1
    AUCTION = 2
    HALT = 3
    QUOTING = 4  # quotes are accepted again, trading is not
    CLOSED = 5


class Fidelity(IntEnum):
    """How much a data set knows; every result carries it on."""

    L3_FULL = 0  # every order, every level
    L3_TOP_K = 1  # every order, cut to the best K levels
    L2_TRADES = 2  # displayed quantity per level, and trades
    L2_SNAPSHOTS = 3
    L1 = 4


class Verb(IntEnum):
    """What a message asks of a venue."""

    NEW = 0
    CANCEL = 1
    REDUCE = 2
    REPLACE = 3
    PHASE = 4  # the venue changes phase: size holds the Phase, price the reference price


class OrderType(IntEnum):
    """What an order is when it arrives (docs/rules.md, 1 and 1b); a market order is immediate at an unreachable limit."""

    LIMIT = 0
    MARKET = 1
    MARKET_TO_LIMIT = 2  # limit = the best opposite price on arrival
    STOP = 3  # waits for a trade at its stop price, then MARKET
    STOP_LIMIT = 4  # the same, then LIMIT
    PEGGED = 5  # follows a reference price


class TimeInForce(IntEnum):
    """How long an order lives."""

    GTC = 0
    IOC = 1
    FOK = 2
    GTD = 3  # until expire_ns: at that instant the order is gone


class MessageFlag(IntEnum):
    """Bits of a message's ``flags``."""

    POST_ONLY = 1
    LOSE_PLACE = 2  # a REPLACE goes to the back even if only its size falls
    HIDDEN = 4  # in no public total; behind the displayed orders of its price
    REDUCE_ONLY = 8  # may only bring its owner's position nearer to 0


class ReportKind(IntEnum):
    """What a venue answers."""

    ACCEPTED = 0  # size = size entered, remaining = what rests when the message is done
    TRADE = 1  # order_id = maker, other_id = taker, price = the resting price, remaining = maker's
    CANCELLED = 2  # size = what was taken out: a cancel, or the remainder of IOC and market orders
    REDUCED = 3  # size = what was taken off, remaining = what rests
    REPLACED = 4  # size = size asked, remaining = what rests when the message is done
    REJECTED = 5  # reason says why; nothing changed
    EXPIRED = 6  # time limit reached
    TRIGGERED = 7  # a stop enters: size = what enters, price = its stop price
    REFRESHED = 8  # an iceberg shows size again, remaining = with its reserve
    REPRICED = 9  # a pegged order moved to price
    PHASE_CHANGED = 10  # size = the Phase


class Reason(IntEnum):
    """Why a message was refused, or why an order left."""

    NONE = 0
    UNKNOWN_ORDER = 1
    DUPLICATE_ID = 2
    BAD_SIZE = 3
    BAD_PRICE = 4
    OFF_TICK = 5
    POST_ONLY_WOULD_TRADE = 6
    FOK_NOT_FILLABLE = 7
    BAD_FIELD = 8  # a side, type or time in force that does not exist
    ALREADY_EXPIRED = 9
    SIZE_OVERFLOW = 10  # the level's total would leave 62 bits
    HALTED = 11
    NO_LIQUIDITY = 12  # remainder of an immediate order
    REQUESTED = 13  # cancelled by its owner
    TIME_LIMIT = 14
    OFF_LOT = 15
    TOO_LATE = 16  # the order was already filled, cancelled or expired
    NOT_IN_PHASE = 17  # this kind of order is not taken outside continuous trading
    OUTSIDE_BAND = 18
    REDUCE_ONLY = 19  # nothing (any more) that it could reduce
    MIN_NOT_FILLABLE = 20
    SELF_TRADE = 21  # prevented: it met an order of its own owner
    AUCTION = 22  # a trade at the price of a call auction
    OVERLOAD = 23  # the venue was overrun (docs/rules.md, 6)
    RATE_LIMIT = 24  # too many requests within its window


class FillReason(IntEnum):
    """Why an own order traded."""

    OWN_AGGRESSION = 0  # it crossed the spread itself
    QUEUE_EXHAUSTED = 1  # a recorded aggressor reached it in its queue
    TRADED_THROUGH = 2  # a recorded trade happened at a worse price for the aggressor
    BOOK_CROSSED = 3  # a recorded order arrived through its price
    AUCTION = 4
    END_OF_HORIZON = 5  # forced out when the parent's time was up


class Impact(IntEnum):
    """What own orders do to replayed history (DESIGN.md, Replay with own orders)."""

    NONE = 0
    CONSUME = 1
    DECAY = 2
    REMATCH = 3
    OVERLAY = 4


class CrossPolicy(IntEnum):
    """A recorded order arrives through an own resting order."""

    MATCH = 0  # it trades with it
    SLIDE = 1  # it rests one tick away, at most until the own order is gone


class SurplusPolicy(IntEnum):
    """What becomes of quantity that history executed and the simulation did not."""

    LIFETIME = 0  # it stays for a drawn lifetime, as an order that will be cancelled
    EVICT = 1  # it leaves at once: own fills are extra volume
    PERSIST = 2  # it stays until traded or crossed


class QueueModel(IntEnum):
    """How an unexplained decrease of a level is split: share of it that leaves ahead of a place with A lots ahead, B behind, W = A + B."""

    RISK_AVERSE = 0  # 0: everything from the back
    PROPORTIONAL = 1  # A / W
    POWER3 = 2  # (A / W)^n
    POWER = 3  # A^n / (A^n + B^n)
    LOG = 4  # ln(1 + A) / (ln(1 + A) + ln(1 + B))
    LOG2 = 5  # 1 - ln(1 + B) / ln(1 + W)
    POWER2 = 6  # 1 - (B / W)^n


class SelfTrade(IntEnum):
    """What happens when a taker meets a maker of its own owner group."""

    NONE = 0  # they trade
    CANCEL_NEWEST = 1
    CANCEL_OLDEST = 2
    CANCEL_BOTH = 3
    DECREMENT = 4


class Allocation(IntEnum):
    """How a taker is shared out among the displayed orders of one level."""

    FIFO = 0
    PRO_RATA = 1
    TOP_N = 2  # the first orders by time, the rest pro rata


class Peg(IntEnum):
    """What a pegged order follows."""

    NONE = 0
    PRIMARY = 1  # the best price of its own side
    MID = 2
    MARKET = 3  # the best price of the other side


class AgentKind(IntEnum):
    """Which family a background agent belongs to (lobsim.core.agents)."""

    NONE = 0  # it owns orders and does nothing
    ZERO_INTELLIGENCE = 1
    CONT_STOIKOV_TALREJA = 2
    CHERIDITO_WEISS = 3
    STRATEGIC = 4
    QUEUE_REACTIVE = 5
    HAWKES = 6
    SPLIT_ORDERS = 7
    SCHEDULED = 8
    ZERO_PROFIT = 9
    EFFICIENT_PRICE = 10  # it does not trade
    METAORDER_TAKERS = 11
    QUOTERS = 12
    LIQUIDITY_RESPONSE = 19
    FUNDAMENTAL = 20  # it knows the value, and does not trade
    NOISE = 21
    VALUE = 22
    MOMENTUM = 23
    MARKET_MAKER = 24
    EXECUTION = 25
    AVELLANEDA_STOIKOV = 26
    PRICE_HISTORY = 27  # it notes prices, and does not trade
    FCN = 28
    CHIARELLA = 29
    ZIC = 30
    ZIP = 31
    GVWY = 32
    SHVR = 33
    OUTSIDE = 50  # it decides outside the compiled floor


class OrderState(IntEnum):
    """What the owner of a child order knows about it."""

    PENDING = 0  # sent, not acknowledged
    LIVE = 1
    FILLED = 2
    CANCELLED = 3
    REJECTED = 4
    EXPIRED = 5


class Status(IntEnum):
    """What a kernel answers.  Below WAKE all is well; a ROOM_ status means: make room, then resume."""

    OK = 0
    WAKE = 1
    DONE = 2
    ROOM_ORDERS = 3
    ROOM_IDS = 4
    ROOM_LEVELS = 5
    ROOM_TIMERS = 6
    ROOM_REPORTS = 7
    ROOM_RING = 8
    ROOM_MAILBOX = 9
    ROOM_FILLS = 10
    ROOM_OWN = 11
    CHUNK = 12  # the event budget of this call is used up; call again
    ROOM_VIEW_ORDERS = 13
    ROOM_VIEW_LEVELS = 14
    ROOM_EXTRAS = 15
    ROOM_OWNERS = 16
    ROOM_CROWD_ORDERS = 17
    ROOM_CROWD_MAIL = 18
    ROOM_TOUCHES = 19
    ROOM_LOG = 20  # of a crowd's events: empty it, or make it longer
    ROOM_NEWS = 21  # of what agents heard who decide outside: empty it, or make it longer
    ROOM_METAORDERS = 22


MESSAGE = np.dtype(
    [
        ("ts_ns", "i8"),
        ("verb", "i1"),
        ("side", "i1"),
        ("type", "i1"),
        ("tif", "i1"),
        ("flags", "i4"),
        ("order_id", "i8"),
        ("new_id", "i8"),  # REPLACE: the id afterwards (may equal order_id)
        ("price_ticks", "i8"),
        ("size_lots", "i8"),
        ("expire_ns", "i8"),  # GTD
        ("owner", "i4"),  # owner group from 1, 0 = none
        ("terms", "i4"),  # row of a TERMS table, 0 = none
    ]
)
"""One request to a venue, 64 bytes."""

TERMS = np.dtype(
    [
        ("stop_ticks", "i8"),
        ("display_lots", "i8"),  # iceberg: shown at a time, 0 = all
        ("min_lots", "i8"),  # 0 = any
        ("peg_ticks", "i8"),  # distance from the reference, away from the other side
        ("peg", "i8"),  # Peg
        ("has_stop", "i8"),  # 1: stop_ticks is meant
    ]
)
"""What only some orders need, 48 bytes; row 0 of a table means nothing."""

RULES = np.dtype(
    [
        ("self_trade", "i8"),
        ("allocation", "i8"),
        ("top_orders", "i8"),
        ("tick_step", "i8"),
        ("lot_step", "i8"),
        ("band_low_ticks", "i8"),
        ("band_high_ticks", "i8"),
        ("phase", "i8"),
        ("reference_ticks", "i8"),
    ]
)
"""What a venue has chosen, and the phase it is in."""

MAX_OWNER = 2**20 - 1

REPORT = np.dtype(
    [
        ("sequence", "i4"),  # index of the message it answers
        ("kind", "i1"),
        ("reason", "i1"),
        ("side", "i1"),
        ("verb", "i1"),  # REJECTED: what the message asked
        ("order_id", "i8"),
        ("other_id", "i8"),
        ("price_ticks", "i8"),
        ("size_lots", "i8"),
        ("remaining_lots", "i8"),
    ]
)
"""One answer of a venue, 48 bytes.  For a TRADE ``side`` is the maker's."""

MAX_MESSAGES = 2**31 - 1
"""Messages in one call: reports count them in 32 bits."""

FILL = np.dtype(
    [
        ("ts_ns", "i8"),  # exchange time
        ("order", "i8"),  # index of the own order, from 0
        ("side", "i1"),
        ("reason", "i1"),
        ("passive", "i1"),
        ("pad", "i1"),
        ("level", "i4"),
        ("price_ticks", "i8"),
        ("size_lots", "i8"),
        ("ahead_entry_lots", "i8"),
        ("ahead_fill_lots", "i8"),
        ("bid_ticks", "i8"),  # touch just before the event that caused the fill; NONE_PRICE if absent
        ("ask_ticks", "i8"),
    ]
)
"""One fill of an own order."""

NONE_PRICE = -(2**62)
"""A price that is not there (an empty side)."""
