"""The venue's side of the crowd: requests arrive, go through the one exchange, and what comes of them is told and written down.

Each request ends here in the same way: agents learn of their trades, the touch is published, the log gets its rows, and flows are told that the book changed.  A participant's
child orders that trade with the crowd are filled like any other resting own orders.  Beside a tape the crowd's orders are own orders for history (`lobsim.core.own`), and what happens
to them there comes back through `follow`.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.imbalance import note_standing, watch_balance
from lobsim.core.agents.outside import is_outside, note_answer, rouse_watchers
from lobsim.core.agents.view import note_touch_change
from lobsim.core.calendar import push_wait
from lobsim.core.exchange import process
from lobsim.core.jit import inline, kernel
from lobsim.core.layout import NAMELESS
from lobsim.core.own import log_fill, mark_blind, own_id
from lobsim.core.publication import publish_level, publish_trade
from lobsim.types import (
    MAX_SIZE_LOTS,
    FillReason,
    Flag,
    Kind,
    OrderType,
    Phase,
    ReportKind,
    Side,
    TimeInForce,
    Verb,
)


@inline
def is_participants(order_id):
    """Whether an id is that of a participant's child order."""
    return NAMELESS < order_id < 0


@inline
def is_crowds(crowd, order_id):
    """Whether an id is that of an order of the crowd; what is neither its nor a participant's is recorded."""
    return order_id > crowd.head[0]["base"]


@inline
def serial_of(crowd, order_id):
    """The number of an order in the log; 0 if it has none."""
    if is_participants(order_id):
        return np.int64(crowd.head[0]["first_own_serial"]) + own_id(order_id)
    if is_crowds(crowd, order_id):
        return np.int64(crowd.orders[order_id - crowd.head[0]["base"]]["serial"])
    return max(order_id, np.int64(0))


@kernel
def write_row(scene, kind, side, price_ticks, size, order_id, other_id, match_id, flags):
    """One event goes into the log, if there is one.  Room was checked."""
    crowd = scene.crowd
    head = crowd.head[0]
    if head["logging"] == 0:
        return
    row = crowd.log[head["logged"]]
    head["logged"] += 1
    row["ts_ns"] = scene.world.head[0]["now_ns"]
    row["order_id"] = order_id
    row["other_id"] = other_id
    row["match_id"] = match_id
    row["price_ticks"] = price_ticks
    row["size"] = size
    row["limit_ticks"] = price_ticks
    row["kind"] = kind
    row["side"] = side
    row["flags"] = flags


@inline
def begin_rows(scene):
    """What is written from here on belongs to one request."""
    scene.crowd.head[0]["log_begin"] = scene.crowd.head[0]["logged"]


@inline
def end_rows(scene):
    """The last row of a request ends its packet."""
    head = scene.crowd.head[0]
    if head["logged"] > head["log_begin"]:
        scene.crowd.log[head["logged"] - 1]["flags"] |= Flag.LAST_IN_PACKET


@kernel
def _free(crowd, slot):
    """An order its owner knows to be gone leaves the owner's list."""
    order = crowd.orders[slot]
    agent = crowd.agents[order["agent"]]
    agent["open_orders"] -= 1
    if order["previous"] != 0:
        crowd.orders[order["previous"]]["next"] = order["next"]
    else:
        agent["first_order"] = order["next"]
    if order["next"] != 0:
        crowd.orders[order["next"]]["previous"] = order["previous"]
    order["serial"] = 0
    order["next"] = crowd.head[0]["free"]
    crowd.head[0]["free"] = slot


@inline
def place_in_mail(crowd):
    """A free slot of the crowd's mail.  Room was checked."""
    head = crowd.head[0]
    place = np.int64(head["mail_free"])
    if place != 0:
        head["mail_free"] = crowd.mail[place]["free"]
        return place
    place = np.int64(head["mail_fresh"])
    head["mail_fresh"] += 1
    return place


@kernel
def tell(scene, slot, kind, price_ticks, size, gone):
    """The owner of an order hears of it, at once or after its delay.

    kind  ReportKind;  price_ticks, size  of a trade, else 0;  gone  1: the order is no longer in the book
    """
    crowd = scene.crowd
    head = crowd.head[0]
    order = crowd.orders[slot]
    index = np.int64(order["agent"])
    agent = crowd.agents[index]
    if agent["hears"] == 0:
        _learn(crowd, slot, np.int64(scene.world.head[0]["now_ns"]), kind, price_ticks, size, gone)
        return
    head["answers"] += 1
    place = place_in_mail(crowd)
    mail = crowd.mail[place]
    mail["agent"] = index
    mail["order"] = slot
    mail["serial"] = order["serial"]
    mail["price_ticks"] = price_ticks
    mail["size"] = size
    mail["verb"] = kind
    mail["to_venue"] = 0
    mail["gone"] = gone
    head["sequence"] += 1
    push_wait(crowd.waits, scene.world.head[0]["now_ns"] + agent["answer_ns"], np.int64(head["sequence"]), place)


@kernel
def _learn(crowd, slot, now_ns, kind, price_ticks, size, gone):
    """An agent knows of a trade of its order, and whether the order is gone."""
    order = crowd.orders[slot]
    index = np.int64(order["agent"])
    agent = crowd.agents[index]
    signed = size if order["side"] == Side.BUY else -size
    agent["known_lots"] += signed
    agent["known_cash_ticks"] -= signed * price_ticks
    order["known_filled"] += size
    order["acknowledged"] = 1
    if is_outside(crowd, index):
        note_answer(crowd, slot, now_ns, kind, price_ticks, size, gone)
    if gone:
        _free(crowd, slot)


@inline
def hear_answer(scene, mail):
    """An answer has reached its agent."""
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    slot = np.int64(mail["order"])
    kind = np.int64(mail["verb"])
    _learn(scene.crowd, slot, now_ns, kind, np.int64(mail["price_ticks"]), np.int64(mail["size"]), mail["gone"])


@inline
def _trade_of(crowd, slot, size, price_ticks):
    """Lots change hands on an order's account."""
    order = crowd.orders[slot]
    agent = crowd.agents[order["agent"]]
    signed = size if order["side"] == Side.BUY else -size
    agent["position_lots"] += signed
    agent["cash_ticks"] -= signed * price_ticks
    agent["traded_lots"] += size


@inline
def _note_volume(head, side, price_ticks, size):
    """What has been traded, for all to see.  side: of the resting order"""
    head["last_ticks"] = price_ticks
    if side == Side.SELL:
        head["bought_lots"] += size
    else:
        head["sold_lots"] += size


@kernel
def _settle_maker(scene, report, by_crowd):
    """The resting side of a trade has its part.  by_crowd: the taker is the crowd's"""
    world = scene.world
    crowd = scene.crowd
    side = np.int64(report["side"])
    size = np.int64(report["size_lots"])
    price_ticks = np.int64(report["price_ticks"])
    maker_id = np.int64(report["order_id"])
    if is_crowds(crowd, maker_id):
        slot = maker_id - crowd.head[0]["base"]
        note_standing(crowd, side, -size)
        _trade_of(crowd, slot, size, price_ticks)
        gone = report["remaining_lots"] == 0
        if gone:
            crowd.orders[slot]["live"] = 0
        if not is_participants(np.int64(report["other_id"])):
            publish_trade(world, side, price_ticks, size, 0)
        tell(scene, slot, ReportKind.TRADE, price_ticks, size, gone)
    elif by_crowd:  # the gate has told an own taker and its own makers, the replay what history traded
        own = np.int64(0)
        if is_participants(maker_id):
            log_fill(world, own_id(maker_id), FillReason.QUEUE_EXHAUSTED, 1, price_ticks, size, 0)
            own = size
        publish_trade(world, side, price_ticks, size, own)


@kernel
def settle_trade(scene, report):
    """One trade in continuous trading: both sides have it, the public hears of it, the log has its row."""
    crowd = scene.crowd
    head = crowd.head[0]
    side = np.int64(report["side"])
    size = np.int64(report["size_lots"])
    price_ticks = np.int64(report["price_ticks"])
    maker_id = np.int64(report["order_id"])
    taker_id = np.int64(report["other_id"])
    by_crowd = is_crowds(crowd, taker_id)
    if by_crowd or is_crowds(crowd, maker_id) or (is_participants(maker_id) and is_participants(taker_id)):
        head["trades"] += 1
        head["traded_lots"] += size
    _note_volume(head, side, price_ticks, size)
    maker = serial_of(crowd, maker_id)
    taker = serial_of(crowd, taker_id)
    match = np.int64(head["matches"])
    write_row(scene, Kind.EXECUTE, side, price_ticks, size, maker, taker, match, Flag.AGGRESSOR_KNOWN)
    _settle_maker(scene, report, by_crowd)
    if by_crowd:
        slot = taker_id - head["base"]
        _trade_of(crowd, slot, size, price_ticks)
        tell(scene, slot, ReportKind.TRADE, price_ticks, size, 0)


@kernel
def _settle_trades(scene, n):
    """All trades among the first n reports, of one order of the crowd."""
    world = scene.world
    if n > 1 and world.reports[1]["kind"] == ReportKind.TRADE:
        scene.crowd.head[0]["matches"] += 1
    for i in range(n):
        report = world.reports[i]
        if report["kind"] == ReportKind.TRADE:
            settle_trade(scene, report)
            if i + 1 == n or world.reports[i + 1]["price_ticks"] != report["price_ticks"]:
                publish_level(world, np.int64(report["side"]), np.int64(report["price_ticks"]))


@kernel
def trade_hidden(scene, side, half_ticks, size):
    """Somebody trades with an order that nobody saw, and that is not in the book: neither is anybody's account here.

    side  of the hidden order;  half_ticks  twice the price in ticks: it may lie between two, and is written as replay reads it, at the worse tick
    """
    head = scene.crowd.head[0]
    price_ticks = (half_ticks + side) >> 1
    flags = Flag.AGGRESSOR_KNOWN | (Flag.OFF_TICK if half_ticks & 1 else 0)
    head["requests"] += 1
    head["trades"] += 1
    head["matches"] += 1
    head["traded_lots"] += size
    head["last_ticks"] = price_ticks
    if side == Side.SELL:
        head["bought_lots"] += size
    else:
        head["sold_lots"] += size
    begin_rows(scene)
    write_row(scene, Kind.EXECUTE_HIDDEN, side, price_ticks, size, 0, 0, np.int64(head["matches"]), flags)
    end_rows(scene)
    publish_trade(scene.world, side, price_ticks, size, 0)
    head["changed"] = 1
    publish_change(scene)


@kernel
def publish_change(scene):
    """The book has changed: the touch is written down, and who asked for it hears of it, or that the book is one-sided."""
    if note_touch_change(scene) and scene.crowd.head[0]["watchers"] > 0:
        rouse_watchers(scene)
    watch_balance(scene)


@kernel
def arrive_new(scene, slot, side, kind, tif, price_ticks, size):
    """An order of the crowd reaches the venue.  Room was checked.

    slot  of the crowd's order;  kind  OrderType;  tif  TimeInForce
    """
    world = scene.world
    crowd = scene.crowd
    head = crowd.head[0]
    head["requests"] += 1
    if world.head[0]["phase"] != Phase.CONTINUOUS:
        head["rejected"] += 1
        tell(scene, slot, ReportKind.REJECTED, 0, 0, 1)
        return
    order_id = head["base"] + slot
    message = crowd.message[0]
    message["ts_ns"] = world.head[0]["now_ns"]
    message["verb"] = Verb.NEW
    message["side"] = side
    message["type"] = kind
    message["tif"] = tif
    message["flags"] = 0
    message["order_id"] = order_id
    message["price_ticks"] = price_ticks
    message["size_lots"] = size
    begin_rows(scene)
    meta = np.int64(head["meta"])
    n = process(world.book, message, world.book.no_terms, meta, np.int64(MAX_SIZE_LOTS), 0, world.reports, 0)
    if world.reports[0]["kind"] == ReportKind.REJECTED:
        head["rejected"] += 1
        tell(scene, slot, ReportKind.REJECTED, 0, 0, 1)
        return
    _settle_trades(scene, n)
    left = np.int64(world.reports[0]["remaining_lots"])
    rests = left > 0
    if rests:
        crowd.orders[slot]["live"] = 1
        if meta:
            mark_blind(world, order_id, side, price_ticks)
        note_standing(crowd, side, left)
        write_row(scene, Kind.ADD, side, price_ticks, left, np.int64(crowd.orders[slot]["serial"]), 0, 0, 0)
        publish_level(world, side, price_ticks)
    tell(scene, slot, ReportKind.ACCEPTED if rests else ReportKind.CANCELLED, 0, 0, 0 if rests else 1)
    end_rows(scene)
    head["changed"] = 1
    publish_change(scene)


@kernel
def arrive_cancel(scene, slot, serial, size):
    """A cancel of the crowd reaches the venue, or the request to take size lots off; it may be too late.

    serial  of the order meant;  size  0: all of it
    """
    world = scene.world
    crowd = scene.crowd
    head = crowd.head[0]
    head["requests"] += 1
    order = crowd.orders[slot]
    if order["serial"] != serial or order["live"] == 0:
        head["rejected"] += 1
        return
    order_id = head["base"] + slot
    message = crowd.message[0]
    message["ts_ns"] = world.head[0]["now_ns"]
    message["verb"] = Verb.CANCEL if size == 0 else Verb.REDUCE
    message["side"] = order["side"]
    message["type"] = OrderType.LIMIT
    message["tif"] = TimeInForce.GTC
    message["flags"] = 0
    message["order_id"] = order_id
    message["size_lots"] = size
    begin_rows(scene)
    n = process(world.book, message, world.book.no_terms, 0, np.int64(MAX_SIZE_LOTS), 0, world.reports, 0)
    report = world.reports[n - 1]
    side = np.int64(order["side"])
    price_ticks = np.int64(order["price_ticks"])
    if report["kind"] == ReportKind.REJECTED:
        head["rejected"] += 1
        return
    gone = report["remaining_lots"] == 0
    kind = Kind.DELETE if gone else Kind.REDUCE
    write_row(scene, kind, side, price_ticks, np.int64(report["size_lots"]), serial, 0, 0, 0)
    publish_level(world, side, price_ticks)
    note_standing(crowd, side, -np.int64(report["size_lots"]))
    if gone:
        order["live"] = 0
    tell(scene, slot, ReportKind.CANCELLED if gone else ReportKind.REDUCED, 0, 0, 1 if gone else 0)
    end_rows(scene)
    head["changed"] = 1
    publish_change(scene)
