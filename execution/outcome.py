"""From a finished run to tables in natural units: child orders, fills, the schedule, the drift meter.

Invariants: what did not happen is null, never 0 or an empty word; prices and sizes are the floats nearest to their decimals.
"""

from __future__ import annotations

from enum import IntEnum
from fractions import Fraction

import numpy as np
import polars as pl

from execution.desk import WORLD_COUNTERS, Desk
from execution.parent import Parent
from lobsim.feeds.schema import DatasetInfo
from lobsim.fees import FeeSchedule
from lobsim.natural import natural
from lobsim.types import (
    MAX_PRICE_TICKS,
    NEVER,
    NONE,
    NONE_PRICE,
    FillReason,
    Impact,
    OrderState,
    OrderType,
    Reason,
    Side,
    TimeInForce,
)


class Units:
    """The natural size of a tick and a lot of one data set."""

    def __init__(self, info: DatasetInfo) -> None:
        self.tick = Fraction(info.price_quantum) * info.tick_quanta
        self.lot = Fraction(info.lot)
        self.multiplier = Fraction(info.multiplier)
        self.inverse = info.inverse

    def prices(self, ticks: np.ndarray, name: str) -> pl.Series:
        """Prices in ticks as floats; NONE_PRICE and prices beyond every limit become null."""
        absent = (ticks == NONE_PRICE) | (np.abs(ticks) >= MAX_PRICE_TICKS)
        return pl.Series(name, natural(np.where(absent, 0, ticks), self.tick)).set(pl.Series(absent), None)

    def sizes(self, lots: np.ndarray, name: str) -> pl.Series:
        """Lots as floats."""
        return pl.Series(name, natural(lots, self.lot))


def _words(enum: type[IntEnum], values: np.ndarray, name: str) -> pl.Series:
    """Members of an enumeration in words; null for none of them."""
    text = {int(member): member.name.lower().replace("_", " ") for member in enum if member.name != "NONE"}
    return pl.Series(name, [text.get(int(value)) for value in values], dtype=pl.String)


def _where(known: np.ndarray, values: pl.Series) -> pl.Series:
    """A series with null where a thing is not known."""
    return values.set(pl.Series(~known), None)


def _times(values: np.ndarray, name: str) -> pl.Series:
    return _where((values != NEVER) & (values != 0), pl.Series(name, values))


def fills_table(desk: Desk, units: Units, fees: FeeSchedule) -> pl.DataFrame:
    """One row per fill of an own order, in time.

    ts_ns; order; side (0 buy, 1 sell); price, size; passive; forced; reason; ahead_entry, ahead_fill (queue in front, natural units; null
    for an order that did not queue); bid_before, ask_before (touch just before the event, null if a side was empty);
    fee (money, positive = paid: the nearest floats to exact sums, lobsim.fees)
    """
    world = desk.run.world
    fills = world.fills[: world.head[0]["fills"]]
    passive = fills["passive"].astype(bool)
    exact = {name: fills[name] for name in ("ts_ns", "order", "price_ticks", "size_lots")} | {"passive": passive}
    charged = _charges(pl.DataFrame(exact), units, fees)
    return pl.DataFrame(
        {
            "ts_ns": fills["ts_ns"],
            "order": fills["order"],
            "side": fills["side"],
            "price": units.prices(fills["price_ticks"], "price"),
            "size": units.sizes(fills["size_lots"], "size"),
            "passive": passive,
            "forced": fills["reason"] == FillReason.END_OF_HORIZON,
            "reason": _words(FillReason, fills["reason"], "reason"),
            "ahead_entry": _where(passive, units.sizes(fills["ahead_entry_lots"], "ahead_entry")),
            "ahead_fill": _where(passive, units.sizes(fills["ahead_fill_lots"], "ahead_fill")),
            "bid_before": units.prices(fills["bid_ticks"], "bid_before"),
            "ask_before": units.prices(fills["ask_ticks"], "ask_before"),
            "fee": charged,
        }
    )


def _charges(fills: pl.DataFrame, units: Units, fees: FeeSchedule) -> np.ndarray:
    """Money each fill is charged.

    The fees of an inverse contract are reckoned on its fixed value in the price currency, and paid in coins at the price of the fill.
    """
    if not units.inverse:
        return fees.charge(fills, tick=units.tick * units.multiplier, lot=units.lot).money
    fixed = fills.with_columns(price_ticks=pl.lit(1, pl.Int64))
    return fees.charge(fixed, tick=units.multiplier, lot=units.lot).money / natural(
        fills["price_ticks"].to_numpy(), units.tick
    )


def orders_table(desk: Desk, units: Units) -> pl.DataFrame:
    """One row per child order, in order of sending; null where a thing never happened.

    order; side, type, tif; price (null: no limit), size, filled; state and reason at the venue in words; sent_ns, arrived_ns, acked_ns (heard
    of by its owner), done_ns; ahead_entry (queue in front when it began to rest); replaces (the order whose place it took)
    """
    world = desk.run.world
    own = world.own[: world.head[0]["own"]]
    return pl.DataFrame(
        {
            "order": np.arange(len(own)),
            "side": _words(Side, own["side"], "side"),
            "type": _words(OrderType, own["type"], "type"),
            "tif": _words(TimeInForce, own["tif"], "tif"),
            "price": units.prices(own["price_ticks"], "price"),
            "size": units.sizes(own["size_lots"] - own["cut_lots"], "size"),
            "filled": units.sizes(own["filled_lots"], "filled"),
            "state": _words(OrderState, own["venue_state"], "state"),
            "reason": _words(Reason, own["reason"], "reason"),
            "sent_ns": _times(own["sent_ns"], "sent_ns"),
            "arrived_ns": _times(own["arrived_ns"], "arrived_ns"),
            "acked_ns": _times(own["acked_ns"], "acked_ns"),
            "done_ns": _times(own["done_ns"], "done_ns"),
            "ahead_entry": _where(_rested(own), units.sizes(own["ahead_entry_lots"], "ahead_entry")),
            "replaces": _where(own["replaces"] != NONE, pl.Series("replaces", own["replaces"])),
        }
    )


def _rested(own: np.ndarray) -> np.ndarray:
    """Which orders stood in the book: of a kind that rests, accepted, and not used up on arrival."""
    can_rest = (own["tif"] == TimeInForce.GTC) | (own["tif"] == TimeInForce.GTD)
    accepted = (own["arrived_ns"] != NEVER) & (own["venue_state"] != OrderState.REJECTED)
    return can_rest & accepted & (own["done_ns"] != own["arrived_ns"])


def schedule_table(parent: Parent, schedule: object, fills: pl.DataFrame, units: Units) -> pl.DataFrame:
    """What should have been done and what was, at every fill and every edge of the schedule: ts_ns, target, executed.

    target is null for algorithms without a curve.
    """
    times = np.unique(np.concatenate([[parent.start_ns, parent.end_ns], fills["ts_ns"].to_numpy()]).astype(np.int64))
    if schedule is not None:
        times = np.unique(np.concatenate([times, schedule.times_ns]))  # type: ignore[attr-defined]
    done = fills["size"].to_numpy().cumsum()
    place = np.searchsorted(fills["ts_ns"].to_numpy(), times, side="right")
    executed = np.concatenate([[0.0], done])[place]
    target: pl.Series = pl.Series("target", [None] * len(times), dtype=pl.Float64)
    if schedule is not None:
        lots = np.interp(times, schedule.times_ns, schedule.cumulative_lots)  # type: ignore[attr-defined]
        target = pl.Series("target", lots * float(units.lot))
    return pl.DataFrame({"ts_ns": times, "target": target, "executed": executed})


_DRIFT = (
    ("deficit", "book", "quantity own orders took that history still counts on, at the end"),
    ("surplus", "book", "quantity history executed and own orders spared, at the end"),
    ("took_surplus", "book", "own taking out of such spared quantity"),
    ("evicted", "world", "spared quantity taken out because a recorded order arrived through it"),
    ("unfilled_history", "world", "quantity of recorded aggressors that found nothing left within their limit"),
    ("crossing_fills", "world", "own fills because a recorded order arrived through the own price"),
)


def drift_table(desk: Desk, units: Units) -> list[tuple[str, float, str]]:
    """The drift meter: (name, value, meaning), sizes in natural units; what a cut book had corrected before the parent began is left out."""
    world = desk.run.world
    shift = int(world.head[0]["shift"])
    moved = {name: int(world.head[0][name]) - desk.before[name] for name in WORLD_COUNTERS}
    rows = []
    for name, where, meaning in _DRIFT:
        quantity = int(world.book.head[0][name]) if where == "book" else moved[name]
        rows.append((name, float(units.lot * quantity / (1 << shift)), meaning))
    corrected = sum(moved[cause] for cause in ("missing", "excess", "gone"))
    rows.append(("corrections", float(units.lot * corrected), "quantity corrected where prices came into view"))
    gap = desk.gap
    rows.append(
        ("mid_gap_mean", gap.mid_ticks, "ticks between the simulated and the recorded mid, mean over decisions")
    )
    rows.append(("mid_gap_largest", gap.largest_mid_ticks, "the largest such gap"))
    rows.append(
        ("depth_gap_mean", gap.depth_lots * float(units.lot), "touch sizes against history, mean over decisions")
    )
    if world.head[0]["impact"] == Impact.OVERLAY:
        rows.append(
            ("offset", float(world.head[0]["offset_ticks"]), "ticks own trading holds history away, at the end")
        )
        rows.append(("shifts", float(world.head[0]["shifts"]), "how often own trading moved history, or it came back"))
        rows.append(("reentered", float(world.head[0]["reentered"]), "own orders sent to the back of a queue by that"))
    rows.append(("cut", float(units.lot * int(desk.task[0]["cut_lots"])), "quantity the desk cut off commands"))
    return rows
