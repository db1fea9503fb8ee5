"""What a report is made from: the title facts and the tables, checked once, in natural units.

`ReportData` is the whole input of `execution.report.render`.  Nothing else is read: no file, no clock, no
network, so the same data gives the same bytes.

Invariants
----------
* Prices and sizes are floats in natural units (dollars, shares), times are int64 nanoseconds since 1970 UTC.
* Costs are basis points, positive when bad.
* After `clean` every table has exactly its documented columns with the documented types, and a float that is
  not finite is null: what cannot be known is printed as "n/a", never as NaN.
* A run is one (``run_id``, ``algo``); its fills, orders and schedule carry both.

Known limit: the page follows one instrument; several parents share its title facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

from lobsim.errors import LobsimError

PARTS = ("delay", "spread", "impact", "timing", "opportunity", "fees")
"""The parts of the shortfall, in the order in which they are stacked; column ``<part>_bps``."""

RUN = {"run_id": pl.String, "algo": pl.String}

RESULTS = {
    "run_id": pl.String,
    "parent_id": pl.String,
    "algo": pl.String,
    "filled": pl.Float64,  # natural units
    "avg_price": pl.Float64,  # of the fills
    "arrival_cost_bps": pl.Float64,
    "vwap_cost_bps": pl.Float64,
    "twap_cost_bps": pl.Float64,
    "shortfall_bps": pl.Float64,  # completed order, of size x decision price
    "shortfall_money": pl.Float64,  # the same in currency
    **{f"{part}_bps": pl.Float64 for part in PARTS},  # add up to shortfall_bps
    "participation": pl.Float64,  # 0 to 1
    "passive_share": pl.Float64,  # 0 to 1, of what was filled
    "completion": pl.Float64,  # 0 to 1, filled / size
    "spread_capture": pl.Float64,  # -1 to 1
    "fills": pl.Int64,
    "condition": pl.String,  # "L3 rematch", "L2 consume"
}
FILLS = {
    **RUN,
    "ts_ns": pl.Int64,
    "order": pl.Int64,
    "side": pl.String,
    "price": pl.Float64,
    "size": pl.Float64,
    "passive": pl.Boolean,
    "reason": pl.String,
    "ahead_entry": pl.Float64,  # quantity in front of the order when it joined its queue
    "ahead_fill": pl.Float64,  # and just before this fill
    "forced": pl.Boolean,  # pushed out because the time was up
}
ORDERS = {
    **RUN,
    "order": pl.Int64,
    "side": pl.String,
    "type": pl.String,
    "tif": pl.String,
    "price": pl.Float64,  # null for a market order
    "size": pl.Float64,
    "filled": pl.Float64,
    "state": pl.String,
    "reason": pl.String,
    "sent_ns": pl.Int64,
    "arrived_ns": pl.Int64,
    "done_ns": pl.Int64,
}
QUOTES = {"ts_ns": pl.Int64, "bid": pl.Float64, "ask": pl.Float64}
SCHEDULE = {**RUN, "ts_ns": pl.Int64, "target": pl.Float64, "executed": pl.Float64}
VOLUME = {"ts_ns": pl.Int64, "volume": pl.Float64}
COMPARISON = {
    "algo": pl.String,
    "condition": pl.String,
    "arrival_cost_bps": pl.Float64,
    "vwap_cost_bps": pl.Float64,
    "shortfall_bps": pl.Float64,
}
DELAY_COSTS = {
    "algo": pl.String,
    "label": pl.String,  # the delay as it was asked for: "50us"
    "delay_us": pl.Float64,  # of every leg; null where legs differ or are drawn
    "cost_bps": pl.Float64,  # mean over the parents
    "difference_bps": pl.Float64,  # to the first delay, paired
}
DELAY_SLOPES = {
    "algo": pl.String,
    "bps_per_us": pl.Float64,
    "standard_error": pl.Float64,
    "low": pl.Float64,  # of the 95 % interval
    "high": pl.Float64,
    "method": pl.String,  # how the interval was found
}

TABLES: Mapping[str, Mapping[str, type[pl.DataType]]] = {
    "results": RESULTS,
    "fills": FILLS,
    "orders": ORDERS,
    "quotes": QUOTES,
    "schedule": SCHEDULE,
    "volume": VOLUME,
    "comparison": COMPARISON,
    "delay_costs": DELAY_COSTS,
    "delay_slopes": DELAY_SLOPES,
}


class ReportError(LobsimError):
    """The data handed to the report are not what its documentation asks for, or it cannot be written."""


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything one report shows.  Tables may be empty, and any float in them null.

    Raises ReportError, on construction, for a table that lacks a column, a side or time zone that does not
    exist, no result at all, or an end before the start.
    """

    symbol: str
    """instrument as the venue writes it; shown escaped"""
    date: str
    """trading day, ISO ("2012-06-21")"""
    venue: str
    """where the data were recorded ("NASDAQ"), or "synthetic market" """
    fidelity: str
    """how much the market data know, in words ("L3, cut to 10 levels")"""
    side: str
    """the parent's: "buy" or "sell" """
    size: float
    """parent size in natural units; with several parents the size of each"""
    unit: str
    """what size counts ("shares", "coins", "contracts")"""
    currency: str
    """what money is counted in: ISO code ("USD"), or the coin of an inverse contract ("BTC")"""
    start_ns: int
    """first instant the algorithms may act, ns UTC"""
    end_ns: int
    """end of the time they have, ns UTC"""
    time_zone: str
    """IANA name of the zone in which times are shown ("America/New_York")"""
    latency: str
    """the delays of the run in words ("feed 50 µs, orders 100 µs, replies 100 µs")"""
    impact: str
    """what own orders do to the recorded market, in words"""
    data_digest: str
    """SHA-256 of the market data"""
    seed: int
    """seed of the run"""
    version: str
    """version of the package that made the run"""
    command: str
    """command line that makes this report again"""

    grade: str = ""
    """what the doctor says of the market data ("L3, exact"); "" where nobody asked"""
    results: pl.DataFrame
    """columns RESULTS: one row per (run_id, parent_id, algo).  The condition of the first row is the main one:
    the page ranks its rows; rows of other conditions are only compared with it.  An optional column ``date``
    (ISO text) tells parents of different days apart; without it all are taken to be of one day."""
    fills: pl.DataFrame
    """columns FILLS: one row per fill of an own order"""
    orders: pl.DataFrame
    """columns ORDERS: one row per child order"""
    quotes: pl.DataFrame
    """columns QUOTES: one row per change of the best bid or ask, ascending; a null side is an empty side"""
    schedule: pl.DataFrame
    """columns SCHEDULE: cumulative quantity wanted and executed, ascending in time within a run"""
    volume: pl.DataFrame | None = None
    """columns VOLUME, optional: market volume per bucket, at the start of the bucket"""
    drift: Sequence[tuple[str, float | int | str | None, str]] | None = None
    """rows of the drift meter, optional: (name, value, meaning)"""
    comparison: pl.DataFrame | None = None
    """columns COMPARISON, optional: one row per algorithm and condition; taken from ``results`` where they hold
    more than one condition"""
    delay_costs: pl.DataFrame | None = None
    """columns DELAY_COSTS, optional: one row per algorithm and delay, where the orders ran at several delays"""
    delay_slopes: pl.DataFrame | None = None
    """columns DELAY_SLOPES, with delay_costs: one row per algorithm"""

    def __post_init__(self) -> None:
        for name, columns in TABLES.items():
            frame = getattr(self, name)
            if frame is None:
                continue
            missing = [column for column in columns if column not in frame.columns]
            if missing:
                raise ReportError(f"the report table lacks the column(s) {', '.join(missing)}", where=name)
        if self.results.is_empty():
            raise ReportError("the report table is empty, a report needs at least one run", where="results")
        if self.side not in ("buy", "sell"):
            raise ReportError(f"the side is {self.side!r}, it must be 'buy' or 'sell'", where="report")
        if self.end_ns < self.start_ns:
            raise ReportError("end_ns lies before start_ns", where="report", hint="swap them")
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError) as error:
            what = f"the time zone {self.time_zone!r} is not known"
            raise ReportError(what, where="report", hint="use an IANA name, or UTC") from error


def clean(frame: pl.DataFrame, columns: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """The documented columns of `frame`, in their types; floats that are not finite become null."""

    def column(name: str, dtype: type[pl.DataType]) -> pl.Expr:
        value = pl.col(name).cast(dtype, strict=False)
        return pl.when(value.is_finite()).then(value).alias(name) if dtype == pl.Float64 else value

    return frame.select(column(name, dtype) for name, dtype in columns.items())


def summarise(results: pl.DataFrame) -> pl.DataFrame:
    """One row per algorithm, the cheapest first: mean of every number over its parents, and ``parents``.

    `results` is clean and of one condition.  Ties, and costs that are not known, keep the order of the rows.
    """
    numbers = [name for name, dtype in RESULTS.items() if dtype in (pl.Float64, pl.Int64)]
    return (
        results.group_by("algo", maintain_order=True)
        .agg(pl.len().alias("parents"), *(pl.col(name).mean() for name in numbers))
        .sort("shortfall_bps", nulls_last=True, maintain_order=True)
    )
