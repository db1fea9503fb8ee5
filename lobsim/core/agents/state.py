"""The Scene: a world with a crowd in it, as arrays.

The crowd's orders stand in the world's book like any others, under the id ``base + slot`` of their place in ``Crowd.orders``: what the book says of an id leads to
its owner without a search.  Slots are used again; the number an order has for ever is its ``serial``, and that is what the log of events names.

Two kinds of agents take turns.  *Flows* (zero intelligence, Cont-Stoikov-Talreja, queue-reactive, Hawkes) stand for a whole population: each has an intensity that
depends on the book, and a clock of one exponential number which runs at that speed.  They come first in ``agents``.  All others wake at times they chose, which wait in a calendar, as
do messages on their way.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lobsim.core.calendar import Calendar
from lobsim.core.state import World

AGENT = np.dtype(
    [
        ("kind", "i8"),  # AgentKind
        ("first", "i8"),  # where its parameters begin in Crowd.numbers
        ("memory", "i8"),  # where what it remembers begins in Crowd.memory
        ("group", "i8"),  # which entry of the preset it comes from
        ("order_ns", "i8"),  # a request takes so long to the venue
        ("answer_ns", "i8"),  # an answer so long back
        ("feed_ns", "i8"),  # it sees the market as it was so long ago
        ("hears", "i8"),  # 1: answers travel; 0: it knows at once
        ("warned", "i8"),  # 1: it is woken when the book becomes one-sided (imbalance.py)
        ("key", "u8"),  # this and the next three are chance's
        ("stream", "u8"),
        ("draws", "u8"),
        ("events", "i8"),
        ("until_ns", "i8"),  # a flow wakes by then at the latest; this and the next four are its clock
        ("due_ns", "i8"),
        ("clock", "f8"),  # what was left of it at since_ns
        ("rate", "f8"),  # per second
        ("since_ns", "i8"),  # without a clock: when it began
        ("open_orders", "i8"),  # as it knows
        ("first_order", "i8"),  # head of the list of them, newest first
        ("position_lots", "i8"),  # the venue's truth
        ("cash_ticks", "i8"),
        ("known_lots", "i8"),  # its position as it knows it
        ("known_cash_ticks", "i8"),
        ("wakes", "i8"),
        ("requests", "i8"),
        ("traded_lots", "i8"),
    ]
)
"""One agent."""

CROWD_ORDER = np.dtype(
    [
        ("agent", "i8"),
        ("serial", "i8"),  # its number in the log, from 1; 0: the slot is free
        ("next", "i8"),  # of its owner's list; of a free slot: the next free one
        ("previous", "i8"),
        ("live", "i1"),  # 1: in the book
        ("cancel_sent", "i1"),
        ("side", "i1"),
        ("acknowledged", "i1"),  # as its owner knows, as is what is filled of it
        ("known_filled", "i4"),
        ("price_ticks", "i8"),
        ("sent_ns", "i8"),
        ("size", "i8"),
    ]
)
"""One order of the crowd, 64 bytes."""

CROWD_MAIL = np.dtype(
    [
        ("agent", "i8"),
        ("order", "i8"),  # slot
        ("serial", "i8"),  # of the order when it was sent: the slot may be another's by then
        ("price_ticks", "i8"),
        ("size", "i8"),
        ("verb", "i1"),  # to the venue: Verb;  to the agent: ReportKind
        ("side", "i1"),
        ("type", "i1"),
        ("tif", "i1"),
        ("to_venue", "i1"),  # REMINDER: to nobody
        ("gone", "i1"),  # an answer: 1 if the order is no longer in the book
        ("pad", "i2"),
        ("free", "i8"),
    ]
)
"""One message of the crowd in flight."""

REMINDER = 2
"""What ``to_venue`` says of an agent's note to itself: no message."""

TOUCH = np.dtype(
    [
        ("ts_ns", "i8"),
        ("bid_ticks", "i8"),  # NONE_PRICE if the side is empty
        ("bid_lots", "i8"),
        ("ask_ticks", "i8"),
        ("ask_lots", "i8"),
        ("last_ticks", "i8"),  # of the last trade, NONE_PRICE before the first
        ("bought_lots", "i8"),  # so far, by aggressors who bought
        ("sold_lots", "i8"),
    ]
)
"""The touch after one change, and what had been traded by then."""

ASKED = np.dtype(
    [
        ("agent", "i8"),
        ("now_ns", "i8"),
        ("bid_ticks", "i8"),  # NONE_PRICE if the side is empty
        ("bid_lots", "i8"),
        ("ask_ticks", "i8"),
        ("ask_lots", "i8"),
        ("last_ticks", "i8"),  # NONE_PRICE before the first trade
        ("bought_lots", "i8"),  # traded so far, by aggressors who bought
        ("sold_lots", "i8"),
        ("phase", "i8"),
        ("position_lots", "i8"),  # this and the next three as the agent knows them
        ("cash_ticks", "i8"),
        ("working_lots", "i8"),
        ("open_orders", "i8"),
        ("first_open", "i8"),  # where they begin in Crowd.opens, oldest first
    ]
)
"""An agent that decides outside is asked: what it sees and knows."""

OPEN_ORDER = np.dtype(
    [
        ("order", "i8"),
        ("side", "i8"),
        ("price_ticks", "i8"),
        ("size_lots", "i8"),
        ("filled_lots", "i8"),
        ("acknowledged", "i8"),
        ("leaving", "i8"),  # a cancel is on its way
    ]
)
"""An open order, as its owner knows it."""

REPLY_LIMIT = 0
REPLY_MARKET = 1
REPLY_CANCEL = 2
REPLY_WAKE = 3
REPLY = np.dtype(
    [
        ("agent", "i8"),
        ("kind", "i8"),  # REPLY_LIMIT and so on
        ("side", "i8"),  # LIMIT, MARKET
        ("price_ticks", "i8"),  # LIMIT
        ("size_lots", "i8"),  # LIMIT, MARKET
        ("tif", "i8"),  # LIMIT: GTC, IOC or FOK
        ("order", "i8"),  # CANCEL
        ("time_ns", "i8"),  # WAKE
    ]
)
"""One thing that an agent decided outside."""

HEARD = np.dtype(
    [
        ("ts_ns", "i8"),  # when it was heard
        ("agent", "i8"),
        ("order", "i8"),
        ("kind", "i8"),  # ReportKind
        ("side", "i8"),
        ("price_ticks", "i8"),
        ("size_lots", "i8"),  # traded
        ("gone", "i8"),  # 1: the order is no longer in the book
    ]
)
"""One answer that an agent heard who decides outside."""

CROWD = np.dtype(
    [
        ("seed", "i8"),
        ("flows", "i8"),  # agents[:flows] have clocks
        ("base", "i8"),  # an order's id in the book is base + its slot; recorded ids lie below
        ("meta", "i8"),  # bits its orders have in the book: OWN beside a tape
        ("first_own_serial", "i8"),  # in the log an own child order with index i has this number + i
        ("free", "i8"),
        ("fresh", "i8"),
        ("mail_free", "i8"),
        ("mail_fresh", "i8"),
        ("sequence", "i8"),
        ("serial", "i8"),  # orders so far
        ("matches", "i8"),  # aggressors that traded so far
        ("touching", "i8"),  # 1: touches are written
        ("touches", "i8"),  # ever written
        ("feed_most_ns", "i8"),  # nobody looks back further
        ("bought_lots", "i8"),
        ("sold_lots", "i8"),
        ("last_ticks", "i8"),
        ("warned", "i8"),  # how many agents are
        ("noticing", "i8"),  # how many flows see at once what happens
        ("balance", "i8"),  # imbalance.py
        ("standing_buy_lots", "i8"),
        ("standing_sell_lots", "i8"),
        ("logging", "i8"),  # 1: events are written down
        ("logged", "i8"),  # entries of the log
        ("log_begin", "i8"),  # the first entry of the request at hand
        ("metaorders", "i8"),  # entries of metaorders
        ("metaorder_serial", "i8"),  # ever written
        ("outside", "i8"),  # agents that decide outside
        ("watchers", "i8"),  # of these, who are woken by prices
        ("asked", "i8"),  # entries of asked, opens, news: used
        ("opens", "i8"),
        ("news", "i8"),
        ("handed", "i8"),  # 1: what was asked has been handed over
        ("replies", "i8"),  # entries of replies that are to be carried out
        ("replied", "i8"),  # of these: done
        ("changed", "i8"),  # 1: the book is not what the flows last saw
        ("wakes", "i8"),  # from here on: counted since the market began or since it is written down
        ("requests", "i8"),
        ("answers", "i8"),  # that travelled
        ("rejected", "i8"),
        ("trades", "i8"),
        ("traded_lots", "i8"),
    ]
)
"""Everything of a crowd that is one number."""


class Crowd(NamedTuple):
    """The background participants of one market.

    head     CROWD [1]
    agents   AGENT [n], flows first
    numbers  float64 [any], read only: parameters, as each family lays them out
    memory   float64 [any]: what agents remember, as each family lays it out
    orders   CROWD_ORDER [any], slot 0 reserved
    waits    what is to come by time; ref >= 0: slot of mail, else -(index of the agent that wakes) - 1, or that minus n: it is warned, minus 2 n: roused
    mail     CROWD_MAIL [any], slot 0 reserved
    touches  TOUCH [power of two]: the publication ring that agents look at
    log      TAPE [any]: the events since it was last emptied, as recorded rows
    metaorders  METAORDER [any]: those that are done, since they were last taken (metaorders.py)
    message  MESSAGE [1], scratch
    asked    ASKED, opens OPEN_ORDER, replies REPLY, news HEARD [any]: agents that decide outside (`outside`); [1] without any
    """

    head: np.ndarray
    agents: np.ndarray
    numbers: np.ndarray
    memory: np.ndarray
    orders: np.ndarray
    waits: Calendar
    mail: np.ndarray
    touches: np.ndarray
    log: np.ndarray
    metaorders: np.ndarray
    message: np.ndarray
    asked: np.ndarray
    opens: np.ndarray
    replies: np.ndarray
    news: np.ndarray


class Scene(NamedTuple):
    """A world and the crowd that trades in it."""

    world: World
    crowd: Crowd
