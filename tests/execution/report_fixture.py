"""A made-up but realistic result for the report: a random-walk market and four algorithms that trade in it.

Everything follows from the seed.  Costs are computed from the made-up fills, so that the parts add up to the
total as they do in a real result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from execution.report.data import COMPARISON, FILLS, ORDERS, PARTS, QUOTES, RESULTS, SCHEDULE, VOLUME, ReportData

SECOND_NS = 1_000_000_000
START_NS = 1_340_287_200 * SECOND_NS  # 2012-06-21 10:00:00 in New York
LENGTH_NS = 1_800 * SECOND_NS
ALGOS = ("twap", "vwap", "pov", "ac")
PATIENCE = {"twap": 0.45, "vwap": 0.72, "pov": 0.08, "ac": 0.3}
BEND = {"twap": 1.0, "vwap": 0.93, "pov": 1.12, "ac": 0.72}


def make_quotes(rng: np.random.Generator, rows: int) -> pl.DataFrame:
    """Best bid and ask of a 565-dollar share whose spread wanders between 8 and 40 cents."""
    stamps = START_NS - 30 * SECOND_NS + np.sort(rng.integers(0, LENGTH_NS + 60 * SECOND_NS, rows))
    middle = 56_540 + np.cumsum(rng.normal(80 / rows, 90 / np.sqrt(rows), rows))
    half = 9 + 4 * np.sin(np.cumsum(rng.normal(0, 3 / np.sqrt(rows), rows)) * 4)
    bid, ask = np.floor(middle - half), np.ceil(middle + half)
    return pl.DataFrame({"ts_ns": stamps, "bid": bid / 100, "ask": ask / 100}, schema=QUOTES)


def make_fills(rng: np.random.Generator, quotes: pl.DataFrame, algo: str, count: int, size: float) -> pl.DataFrame:
    """`count` buys of `size` in all, at the bid where patient and at the ask where not; the last is forced."""
    lots = rng.multinomial(int(size) - count, np.full(count, 1 / count)) + 1 if count else np.zeros(0)
    share = np.sort(np.clip(np.cumsum(lots) / size + rng.normal(0, 0.02, count), 0, 1))
    stamps = START_NS + (share ** (1 / BEND.get(algo, 1.0)) * (LENGTH_NS - SECOND_NS)).astype(np.int64)
    row = np.clip(np.searchsorted(quotes["ts_ns"].to_numpy(), stamps) - 1, 0, None)
    passive = rng.random(count) < PATIENCE.get(algo, 0.5)
    forced = np.arange(count) == count - 1
    passive &= ~forced
    price = np.where(passive, quotes["bid"].to_numpy()[row], quotes["ask"].to_numpy()[row])
    ahead = rng.integers(0, 900, count)
    return pl.DataFrame(
        {
            "run_id": [f"r-{algo}"] * count,
            "algo": [algo] * count,
            "ts_ns": stamps,
            "order": np.arange(count),
            "side": ["buy"] * count,
            "price": price,
            "size": lots.astype(float),
            "passive": passive,
            "reason": ["end of horizon" if f else "queue exhausted" if p else "own aggression" for p, f in zip(passive, forced, strict=True)],
            "ahead_entry": [float(a) if p else None for a, p in zip(ahead, passive, strict=True)],
            "ahead_fill": [0.0 if p else None for p in passive],
            "forced": forced,
        },
        schema=FILLS,
    )  # fmt: skip


def make_orders(rng: np.random.Generator, fills: pl.DataFrame) -> pl.DataFrame:
    """One child order per fill; the patient ones stood in the book for some seconds before."""
    wait = (rng.exponential(25, fills.height) * SECOND_NS).astype(np.int64)
    arrived = pl.when("passive").then(pl.col("ts_ns") - pl.Series(wait, dtype=pl.Int64)).otherwise("ts_ns")
    return fills.select(
        "run_id", "algo", "order", "side", pl.lit("limit").alias("type"),
        pl.when("passive").then(pl.lit("gtc")).otherwise(pl.lit("ioc")).alias("tif"),
        pl.when(pl.col("passive")).then("price").alias("price"), "size", pl.col("size").alias("filled"),
        pl.lit("filled").alias("state"), pl.lit("none").alias("reason"),
        (arrived - 100_000).alias("sent_ns"), arrived.alias("arrived_ns"), pl.col("ts_ns").alias("done_ns"),
    ).cast(dict(ORDERS))  # fmt: skip


def make_schedule(fills: pl.DataFrame, algo: str, size: float) -> pl.DataFrame:
    """Target curve and executed quantity on a grid of ten seconds."""
    share = np.linspace(0, 1, 181)
    stamps = START_NS + (share * LENGTH_NS).astype(np.int64)
    done = np.concatenate([[0.0], np.cumsum(fills["size"].to_numpy())])
    executed = done[np.searchsorted(fills["ts_ns"].to_numpy(), stamps, side="right")]
    target = size * share ** BEND.get(algo, 1.0)
    runs = {"run_id": [f"r-{algo}"] * share.size, "algo": [algo] * share.size}
    return pl.DataFrame({**runs, "ts_ns": stamps, "target": target, "executed": executed}, schema=SCHEDULE)


def make_result(fills: pl.DataFrame, quotes: pl.DataFrame, algo: str, size: float) -> dict[str, Any]:
    """The row of results that follows from the fills: spread and timing measured, delay, impact and fees made up."""
    middle = ((quotes["bid"] + quotes["ask"]) / 2).to_numpy()
    stamps = quotes["ts_ns"].to_numpy()
    arrival = middle[np.searchsorted(stamps, START_NS) - 1]
    sizes, prices = fills["size"].to_numpy(), fills["price"].to_numpy()
    at_fill = middle[np.clip(np.searchsorted(stamps, fills["ts_ns"].to_numpy()) - 1, 0, None)]
    filled = float(sizes.sum())
    value = size * arrival
    impact = 0.35 * (1 - PATIENCE.get(algo, 0.5)) if filled else 0.0
    execution = 1e4 * float((sizes * (prices - arrival)).sum()) / value
    spread = 1e4 * float((sizes * (prices - at_fill)).sum()) / value - impact
    parts = {
        "delay": 0.06 if filled else 0.0,
        "spread": spread,
        "impact": impact,
        "timing": execution - spread - impact,
        "opportunity": 1e4 * (size - filled) * (middle[-1] - arrival) / value,
        "fees": 0.05 if filled else 0.0,
    }
    total = sum(parts.values())
    average = float((sizes * prices).sum()) / filled if filled else None
    against = {
        "arrival_cost_bps": arrival,
        "vwap_cost_bps": float(middle.mean()) - 0.01,
        "twap_cost_bps": float(middle.mean()),
    }
    return {
        "run_id": f"r-{algo}",
        "parent_id": "p-0",
        "algo": algo,
        "filled": filled,
        "avg_price": average,
        **{name: None if average is None else 1e4 * (average - mark) / mark for name, mark in against.items()},
        "shortfall_bps": total,
        "shortfall_money": total * value / 1e4,
        **{f"{part}_bps": parts[part] for part in PARTS},
        "participation": 0.081 if filled else 0.0,
        "passive_share": float(sizes[fills["passive"].to_numpy()].sum()) / filled if filled else None,
        "completion": filled / size,
        "spread_capture": 0.12 if filled else None,
        "fills": fills.height,
        "condition": "L3 rematch",
    }


def make_comparison(results: pl.DataFrame) -> pl.DataFrame:
    """The results beside those of an L2 run that is a little too kind to patient orders."""
    costs = ["arrival_cost_bps", "vwap_cost_bps", "shortfall_bps"]
    fine = results.select("algo", "condition", *costs)
    kinder = [pl.col(name) - 0.5 * pl.col("passive_share").fill_null(0.0) for name in costs]
    coarse = results.select("algo", pl.lit("L2 consume").alias("condition"), *kinder)
    return pl.concat([fine, coarse]).cast(dict(COMPARISON))


def more_parents(results: pl.DataFrame, parents: int, rng: np.random.Generator) -> pl.DataFrame:
    """The same algorithms on further parents, with costs scattered by 2 bps that all algorithms share in part."""
    frames = [results]
    for parent in range(1, parents):
        noise = pl.Series(rng.normal(0, 2) + rng.normal(0, 0.6, results.height))
        moved = [pl.col(name) + noise for name in ("shortfall_bps", "timing_bps", "arrival_cost_bps", "vwap_cost_bps")]
        moved.append(pl.col("shortfall_money") + noise * pl.col("shortfall_money") / pl.col("shortfall_bps"))
        label = [pl.lit(f"p-{parent}").alias("parent_id"), (pl.col("run_id") + f"-{parent}").alias("run_id")]
        frames.append(results.with_columns(*moved, *label))
    return pl.concat(frames)


def make_report_data(
    algos: tuple[str, ...] = ALGOS,
    fill_count: int = 60,
    quote_count: int = 20_000,
    parents: int = 1,
    size: float = 5_000.0,
    comparison: bool = True,
    **replaced: Any,
) -> ReportData:
    """A whole input of the report; `replaced` overrides its fields."""
    rng = np.random.default_rng(7)
    market = make_quotes(rng, quote_count)
    trades = {algo: make_fills(rng, market, algo, fill_count, size) for algo in algos}
    results = pl.DataFrame([make_result(trades[algo], market, algo, size) for algo in algos], schema=RESULTS)
    bars = START_NS + np.arange(30) * 60 * SECOND_NS
    fields: dict[str, Any] = {
        "symbol": "GOOG",
        "date": "2012-06-21",
        "venue": "NASDAQ",
        "fidelity": "L3, every order of the ten best levels",
        "side": "buy",
        "size": size,
        "unit": "shares",
        "currency": "USD",
        "start_ns": START_NS,
        "end_ns": START_NS + LENGTH_NS,
        "time_zone": "America/New_York",
        "latency": "feed 50 µs, orders 100 µs, replies 100 µs",
        "impact": "rematch: recorded orders meet ours in the real queue",
        "data_digest": "9f2b5c0e4d7a81c3" * 4,
        "seed": 7,
        "version": "lobsim 0.1.0",
        "command": "lobsim backtest --data GOOG_2012-06-21_10.zip --side buy --size 5000 --start 10:00 "
        "--duration 30m --algo twap,vwap,pov,ac --out report/",
        "results": more_parents(results, parents, rng),
        "fills": pl.concat(trades.values()),
        "orders": pl.concat(make_orders(rng, frame) for frame in trades.values()),
        "quotes": market,
        "schedule": pl.concat(make_schedule(trades[algo], algo, size) for algo in algos),
        "volume": pl.DataFrame({"ts_ns": bars, "volume": rng.gamma(4, 500, 30).round()}, schema=VOLUME),
        "drift": [
            ("Deficit", 1_240, "shares of recorded orders that our own trading used up before history did"),
            ("Surplus", 860, "shares that history executed and the simulation did not"),
            ("Unfilled history", 0, "shares of recorded executions that found nothing left to trade with"),
            ("Gap of the middle price", 0.0031, "mean distance to the recorded middle price, dollars"),
        ],
        "comparison": make_comparison(results) if comparison else None,
    }
    return ReportData(**(fields | replaced))
