"""From finished backtests to the data of a report."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import polars as pl

from execution.backtest import BacktestResult
from execution.latency_cost import DelayedResult, delay_tables
from execution.report.data import ReportData
from lobsim import __version__
from lobsim.clock import zone_name
from lobsim.feeds.schema import DatasetInfo
from lobsim.market import Market
from lobsim.types import PRESSURE_UNITS, Fidelity, Impact, Side

_MARGIN_NS = 2 * 60 * 10**9
_BUCKETS = 60
_NO_TRADES = "; no trades were recorded, so a waiting order fills only where the book crosses its price"

_IMPACT_WORDS = {
    Impact.REMATCH: "recorded orders meet own orders in one book: own taking removes liquidity, own resting orders absorb recorded flow",
    Impact.OVERLAY: "recorded orders meet own orders in one book, and own trading moves all recorded prices by the square root law",
    Impact.CONSUME: "own taking uses up displayed quantity until the feed shows it renewed",
    Impact.DECAY: "own taking uses up displayed quantity, which comes back with a half-life, or when the feed shows it renewed",
    Impact.NONE: "history is left untouched, own fills are extra volume",
}


def _impact_words(market: Market) -> str:
    """What own orders do to history here, in one sentence; with the settings of an overlay."""
    words = _IMPACT_WORDS[market.impact]
    if market.impact != Impact.OVERLAY:
        return words
    settings = market.config.overlay
    lots = market.overlay_scale / PRESSURE_UNITS
    amount = float(Fraction(market.dataset.info.lot)) * lots
    return (
        f"{words}: one tick for {amount:,.4g} taken (prefactor {settings.prefactor:g}), "
        f"half of the pressure gone after {settings.half_life_ns / 1e9:g} s, passive fills count {settings.passive_weight:g}"
    )


def fidelity_words(info: DatasetInfo, *, trades: bool = True) -> str:
    """What the data know, for people.

    trades  whether any were recorded: without, nothing tells that a waiting order's turn has come
    """
    words = {
        Fidelity.L3_FULL: "every order, all levels (L3)",
        Fidelity.L3_TOP_K: f"every order of the best {info.depth} levels (L3)",
        Fidelity.L2_TRADES: f"displayed quantity per level{', and trades' if trades else ''} (L2)",
        Fidelity.L2_SNAPSHOTS: "displayed quantity per level (L2)",
        Fidelity.L1: f"best bid and ask{', and trades' if trades else ''} (L1): the queue of an order behind them is not known, it counts as first",
    }[info.fidelity]
    return words if trades else words + _NO_TRADES


def unit_of(info: DatasetInfo) -> str:
    """What a size counts: contracts where a price step is not worth itself, shares where a stock exchange recorded it."""
    if info.inverse or Decimal(info.multiplier) != 1:
        return "contracts"
    return "units" if zone_name(info) == "UTC" else "shares"


def _window(frame: pl.DataFrame, start_ns: int, end_ns: int) -> pl.DataFrame:
    """The rows from a little before to a little after, and the state at the left edge."""
    before = frame.filter(pl.col("ts_ns") < start_ns).tail(1)
    return pl.concat([before, frame.filter(pl.col("ts_ns").is_between(start_ns, end_ns))])


def _volume(prints: pl.DataFrame, start_ns: int, end_ns: int) -> pl.DataFrame:
    """Market volume in about sixty buckets over the window."""
    width_ns = max((end_ns - start_ns) // _BUCKETS, 1)
    inside = prints.filter(pl.col("ts_ns").is_between(start_ns, end_ns) & ~pl.col("auction"))
    bucket = (pl.col("ts_ns") - start_ns) // width_ns * width_ns + start_ns
    return inside.group_by(bucket.alias("ts_ns")).agg(volume=pl.col("size").sum()).sort("ts_ns")


def _drift(results: Sequence[BacktestResult]) -> list[tuple[str, float | int | str | None, str]]:
    """The drift meter of every run of the first parent, one row per figure: the largest over its algorithms."""
    rows: dict[str, tuple[float, str]] = {}
    first = results[0].runs[0].parent_id
    for run in results[0].runs:
        if run.parent_id != first:
            continue
        for name, value, meaning in run.drift:
            known = rows.get(name, (value, meaning))[0]
            rows[name] = (max(known, value), meaning)
    return [(name, value, meaning) for name, (value, meaning) in rows.items()]


def report_data(
    results: Sequence[BacktestResult], *, command: str, delayed: Sequence[DelayedResult] = (), grade: str = ""
) -> ReportData:
    """Everything a report shows, from one backtest, or from several of the same parents under different conditions.

    results  the first is the main one; the others are compared with it
    command  the command line that makes the report again
    delayed  the main one at several delays, itself first; fewer than two say nothing
    grade    what the doctor says of the data (lobsim.feeds.findings), "" where nobody asked
    """
    costs, slopes = delay_tables(delayed) if len(delayed) > 1 else (None, None)
    main = results[0]
    market = main.market
    info = market.dataset.info
    parent = main.runs[0].parent
    start_ns, end_ns = parent.start_ns - _MARGIN_NS, parent.end_ns + _MARGIN_NS
    size = Decimal(info.lot) * parent.size_lots
    named = main.fills.with_columns(
        side=pl.when(pl.col("side") == Side.BUY).then(pl.lit("buy")).otherwise(pl.lit("sell"))
    )
    return ReportData(
        symbol=info.symbol,
        date=info.date,
        venue=info.venue,
        fidelity=fidelity_words(info, trades=not market.prints.is_empty()),
        grade=grade,
        side=parent.side.name.lower(),
        size=float(size),
        unit=unit_of(info),
        currency=info.money_currency,
        start_ns=parent.start_ns,
        end_ns=parent.end_ns,
        time_zone=zone_name(info),
        latency=str(market.config.latency),
        impact=_impact_words(market),
        data_digest=market.dataset.digest,
        seed=market.config.seed,
        version=__version__,
        command=command,
        results=pl.concat([result.results for result in results], how="vertical_relaxed"),
        fills=named,
        orders=main.orders,
        quotes=_window(market.quotes, start_ns, end_ns),
        schedule=main.schedule,
        volume=_volume(market.prints, start_ns, end_ns),
        drift=_drift(results),
        delay_costs=costs,
        delay_slopes=slopes,
    )
