"""The bundled sample: one synthetic trading day, made by the project through its own matching core, and its level view.

``bundled_day`` reads the day that is carried with the package; ``generate_day`` makes it anew, the same on every platform.
``to_levels`` projects any order by order data set to displayed quantities and prints, so that both views of one day can be compared.

    python -m lobsim.sample --facts          statistics of the bundled day as JSON
    python -m lobsim.sample --write data     generates the day and writes it to data/LOBS-2026-01-05-v1

Prices are dollars in quanta of 0.0001 with a tick of one cent, as in LOBSTER files: hidden orders print between two ticks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lobsim.core.book import BookSize, new_book
from lobsim.core.flow import generate
from lobsim.core.flow_state import EVENT, FLOW, TABLES, TICK, TICK_QUANTA, Flow, Step
from lobsim.core.layout import TIMER
from lobsim.core.loop import advance
from lobsim.core.state import PUBLISHED, PUBLISHED_LEVEL
from lobsim.core.world import roomier_book, roomier_world, scratch
from lobsim.errors import CapacityError, ConfigError, DataError, LobsimError
from lobsim.feeds.schema import COLUMNS, Dataset, DatasetInfo
from lobsim.feeds.store import load, save
from lobsim.market import Market
from lobsim.types import MESSAGE, NEVER, REPORT, Fidelity, Flag, Kind, Side, Status

VERSION = 1
"""Of the generator and its tables; a new one changes every digest."""
SEED = 20260108
"""Picked among its neighbours: volatile and busy as most are, and ending near where it began."""
SYMBOL, DATE = "LOBS", "2026-01-05"
NAME = f"{SYMBOL}-{DATE}-v{VERSION}"
SESSION_START_NS = 1_767_623_400 * 10**9
"""09:30 in New York, 14:30 UTC."""
SESSION_NS = 23_400 * 10**9
_OPENING_ORDERS = 240
_FIRST_FAIR_TICKS = 10_000
_ORDER_DATA = (Fidelity.L3_FULL, Fidelity.L3_TOP_K)
_PRINTS = (int(Kind.EXECUTE), int(Kind.EXECUTE_HIDDEN), int(Kind.PRINT))
_RING = 2**18
_ROWS_PER_CALL = 2048


def _info(fidelity: Fidelity, notes: tuple[str, ...]) -> DatasetInfo:
    return DatasetInfo(
        symbol=SYMBOL,
        venue="LOBSIM",
        date=DATE,
        currency="USD",
        price_quantum="0.0001",
        tick_quanta=TICK_QUANTA,
        lot="1",
        fidelity=fidelity,
        depth=0,
        session_start_ns=SESSION_START_NS,
        session_end_ns=SESSION_START_NS + SESSION_NS,
        source=NAME,
        source_sha256="",
        notes=notes,
    )


def _new_flow(seed: int, limit: int) -> Flow:
    """A generator before its opening book."""
    head = np.zeros(1, FLOW)
    head["seed"] = seed
    head["limit_rows"] = limit
    head["opening_orders"] = _OPENING_ORDERS
    head["fair"] = _FIRST_FAIR_TICKS * TICK + TICK // 2
    head["regime"] = 1
    for name in ("start_ns", "now_ns", "regime_until_ns"):
        head[name] = SESSION_START_NS
    head["arrival_ns"] = SESSION_START_NS + 1
    head["end_ns"] = SESSION_START_NS + SESSION_NS
    return Flow(
        head=head,
        tables=TABLES,
        book=new_book(BookSize()),
        timers=np.zeros(4096, TIMER),
        pending=np.zeros((2, len(Step)), np.int8),
        message=np.zeros(1, MESSAGE),
        reports=np.zeros(4096, REPORT),
        events=np.zeros(2**14, EVENT),
    )


def _roomier(flow: Flow, status: int) -> Flow:
    """The same generator with more room of the kind a status asked for."""
    grown = {Status.ROOM_TIMERS: "timers", Status.ROOM_REPORTS: "reports", Status.ROOM_RING: "events"}
    name = grown.get(Status(status))
    if name is None:
        return flow._replace(book=roomier_book(flow.book, status))
    old = getattr(flow, name)
    return flow._replace(**{name: np.concatenate([old, np.zeros_like(old)])})


def generate_day(seed: int = SEED, *, limit: int | None = None) -> Dataset:
    """One synthetic session, order by order, at full depth.

    seed   any integer from 0 to 2^63 - 1; the bundled day has the default
    limit  stop after so many rows, at least 1; None: the whole session

    The first rows are the opening book, flagged SNAPSHOT.  Raises ConfigError for a seed or limit out of range.
    """
    if not 0 <= seed < 2**63:
        raise ConfigError(f"seed is {seed}, 0 to 2^63 - 1 is needed")
    if limit is not None and limit < 1:
        raise ConfigError(f"limit is {limit}, at least 1 row is needed")
    flow = _new_flow(seed, NEVER if limit is None else limit)
    while (status := generate(flow)) != Status.DONE:
        flow = _roomier(flow, status)
    rows = flow.events[: int(flow.head[0]["rows"])][:limit]
    events = pl.DataFrame({name: rows[name] for name in COLUMNS}, schema=COLUMNS)
    return Dataset(
        _info(Fidelity.L3_FULL, (f"synthetic, made by lobsim.sample version {VERSION} with seed {seed}",)), events
    )


def bundled_day() -> Dataset:
    """The day that is carried with the package, order by order.  Raises DataError where it is missing or damaged."""
    here = Path(__file__).resolve().parent
    for folder in (here / "_data" / NAME, here.parent / "data" / NAME):
        if folder.is_dir():
            return load(folder)
    raise DataError("the bundled day is missing", file=NAME, hint="install lobsim again, or write the day with --write")


def bundled_day_levels() -> Dataset:
    """The level view of ``bundled_day``: the same market, seen through displayed quantities and prints."""
    return to_levels(bundled_day())


def to_levels(dataset: Dataset) -> Dataset:
    """The L2 projection of an order by order data set: what a feed of levels and trades would have shown of it.

    The rows of one exchange time form one packet: its prints, then the quantity at every price that a print or a change of
    the book has touched, as it is at the end; the last row is LAST_IN_PACKET.  ``side`` of a print is that of the resting order.  A hidden
    execution is a print at its own price.  The book that a recording begins with is flagged SNAPSHOT.
    Orders of a book cut to K levels are replayed with its corrections, so levels beyond the window stay as last seen.

    Raises ConfigError for data that does not know orders.
    """
    if dataset.info.fidelity not in _ORDER_DATA:
        raise ConfigError(f"{dataset.info.fidelity.name} data has no orders to project", hint="give L3 data")
    prints = _print_rows(dataset)
    shown = _published_levels(Market(dataset), dataset.info.tick_quanta)
    levels = _level_rows(shown, prints, dataset.info.tick_quanta)
    rows = pl.concat([prints.select(levels.columns), levels]).sort("ts_exchange", "rank", "order")
    last = (pl.col("ts_exchange") != pl.col("ts_exchange").shift(-1)).fill_null(True)
    clock = dataset.events.group_by("ts_exchange").agg(
        pl.col("ts_local").max(), snapshot=((pl.col("flags") & Flag.SNAPSHOT) != 0).any()
    )
    seeded = dataset.rows is not None or dataset.seed_row is not None
    snapshot = pl.col("snapshot") | (seeded & (pl.col("ts_exchange") == pl.col("ts_exchange").first()))
    snapshot &= pl.col("kind") == Kind.LEVEL
    events = rows.join(clock, on="ts_exchange", how="left", maintain_order="left").with_columns(
        flags=pl.col("flags") | last.cast(pl.Int32) * Flag.LAST_IN_PACKET | snapshot.cast(pl.Int32) * Flag.SNAPSHOT,
        order_id=0,
        other_id=0,
        sequence=pl.int_range(pl.len()),
    )
    notes = (*dataset.info.notes, "levels and prints projected from orders")
    info = replace(dataset.info, fidelity=Fidelity.L2_TRADES, notes=notes)
    return Dataset(info, events.select(pl.col(name).cast(kind) for name, kind in COLUMNS.items()))


def _print_rows(dataset: Dataset) -> pl.DataFrame:
    """Trades as PRINT rows, and changes of phase, in the order of the recording."""
    kept = Flag.AGGRESSOR_KNOWN | Flag.AUCTION
    traded = pl.col("kind").is_in(_PRINTS)
    return (
        dataset.events.with_row_index("order")
        .filter(traded | (pl.col("kind") == Kind.PHASE))
        .with_columns(
            kind=pl.when(traded).then(int(Kind.PRINT)).otherwise(int(Kind.PHASE)),
            flags=pl.col("flags") & int(kept),
            order=pl.col("order").cast(pl.Int64),
            rank=0,
        )
    )


def _published_levels(market: Market, tick_quanta: int) -> pl.DataFrame:
    """Every change of a displayed quantity in a replay without own orders, from the venue's publication ring.

    Columns: order (a running number), ts_exchange, side, price in quanta, size in lots.  Raises CapacityError if the ring was too short.
    """
    world = market.start(participant=False).world._replace(ring=np.zeros(_RING, PUBLISHED))
    world.head["publish"] = 1
    messages, spare = scratch()
    pieces = []
    status = Status.CHUNK
    while status != Status.DONE:
        first = int(world.head[0]["written"])
        status = advance(world, NEVER, _ROWS_PER_CALL, messages, spare)
        count = int(world.head[0]["written"]) - first
        if count > len(world.ring):
            raise CapacityError(f"{count} changes of the book came within {_ROWS_PER_CALL} rows")
        published = world.ring[(first + np.arange(count)) & (len(world.ring) - 1)]
        pieces.append(published[published["kind"] == PUBLISHED_LEVEL])
        world.head["read"] = world.head["written"]
        if status not in (Status.CHUNK, Status.DONE):
            world = roomier_world(world, status)
    shown = np.concatenate(pieces)
    frame = pl.DataFrame(
        {
            "ts_exchange": shown["ts_ns"],
            "side": shown["side"],
            "price": shown["price_ticks"] * tick_quanta,
            "size": shown["size"],
        }
    )
    before = pl.col("size").shift(1, fill_value=0).over("side", "price")
    return frame.with_row_index("order").filter(pl.col("size") != before).with_columns(pl.col("order").cast(pl.Int64))


def _level_rows(shown: pl.DataFrame, prints: pl.DataFrame, tick_quanta: int) -> pl.DataFrame:
    """LEVEL rows: what each packet leaves at every price it has touched.

    A print takes its size off the level it names; where the level did not change by it, the row that restates it undoes that.
    """
    key = ["ts_exchange", "side", "price"]
    after = shown.group_by(key).agg(pl.col("size").last(), pl.col("order").last()).sort("order")
    changed = after.filter(pl.col("size") != pl.col("size").shift(1, fill_value=0).over("side", "price"))
    low = pl.col("price") // tick_quanta
    worse = (pl.col("side") == Side.SELL) & (low * tick_quanta != pl.col("price"))
    named = (
        prints.filter(pl.col("kind") == Kind.PRINT).with_columns(price=(low + worse) * tick_quanta).select(key).unique()
    )
    restated = (
        named.join(changed, on=key, how="anti")
        .sort("ts_exchange")
        .join_asof(after.sort("ts_exchange"), on="ts_exchange", by=["side", "price"], check_sortedness=False)
        .filter(pl.col("size") > 0)
    )
    return (
        pl.concat([changed, restated.select(changed.columns)])
        .with_columns(kind=int(Kind.LEVEL), match_id=0, flags=0, rank=1)
        .with_columns(pl.col("match_id").cast(pl.Int64), pl.col("flags").cast(pl.Int32))
    )


def touch_of(dataset: Dataset) -> np.ndarray:
    """The touch after every row of a replay without own orders.

    Returns int64 [rows, 4]: bid price in ticks, bid size, ask price in ticks, ask size; a size of 0 where a side is empty.  Sizes of level
    data are in 2^-20 lot.
    """
    market = Market(dataset)
    touch = np.zeros((len(market.tape), 4), np.int64)
    market.start(participant=False).record(touch)
    return touch


def facts(dataset: Dataset) -> dict[str, Any]:
    """Statistics of one order by order session, mostly those of Cont (2001) and Bouchaud, Farmer, Lillo (2009).

    Prices in ticks, sizes in lots.  Means over time are weighted with how long a state lasted; half hours count from the start of the session.
    """
    events, info = dataset.events, dataset.info
    column = {name: events[name].to_numpy() for name in events.columns}
    kind, size, ts_ns = column["kind"], column["size"], column["ts_exchange"]
    touch = touch_of(dataset)
    ends = np.append(ts_ns[1:] != ts_ns[:-1], True)
    lasted = np.diff(ts_ns[ends], append=info.session_end_ns)
    bid, bid_size, ask, ask_size = touch[ends].T
    traded = np.isin(kind, _PRINTS)
    half_hours = np.bincount((ts_ns[traded] - info.session_start_ns) // (1800 * 10**9), size[traded], minlength=13)
    signs = np.where(
        events.filter(pl.col("kind") == Kind.EXECUTE).unique("match_id", maintain_order=True)["side"], 1, -1
    )
    before = np.vstack([touch[:1], touch[:-1]])
    book_rows = np.isin(kind, (Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.EXECUTE))
    tick = column["price"] // info.tick_quanta
    own_side = column["side"] * 2
    best = [state[np.arange(len(state)), own_side] for state in (before, touch)]
    at_touch = ((tick == best[0]) | (tick == best[1]))[book_rows]
    mid = (bid + ask) / 2
    minutes = (
        np.searchsorted(ts_ns[ends], np.arange(info.session_start_ns, info.session_end_ns, 60 * 10**9), "right") - 1
    )
    returns = np.diff(np.log(mid[minutes]))
    spread = np.average(ask - bid, weights=lasted)
    return {
        "rows": len(events),
        "orders_added": int(np.sum(kind == Kind.ADD)),
        "orders_cancelled_share": round(float(np.sum(kind == Kind.DELETE) / np.sum(kind == Kind.ADD)), 3),
        "cancelled_after_median_s": round(Market(dataset).median_life_ns / 1e9, 3),
        "executions": int(np.sum(kind == Kind.EXECUTE)),
        "hidden_executions": int(np.sum(kind == Kind.EXECUTE_HIDDEN)),
        "market_orders": len(signs),
        "volume_shares": int(size[traded].sum()),
        "volume_by_half_hour": half_hours.astype(int).tolist(),
        "spread_mean_ticks": round(float(spread), 2),
        "spread_share_of_time": {
            f"{width}": round(float(lasted[ask - bid == width].sum() / lasted.sum()), 3) for width in range(1, 7)
        },
        "touch_size_mean_shares": round(float(np.average(bid_size + ask_size, weights=lasted) / 2)),
        "events_at_touch_share": round(float(at_touch.mean()), 3),
        "first_low_high_last": [float(mid[0]), float(mid.min()), float(mid.max()), float(mid[-1])],
        "volatility_from_minutes_percent": round(float(np.sqrt(np.sum(returns**2)) * 100), 2),
        "minute_return_acf_1": round(_acf(returns, 1), 3),
        "sign_acf": {f"{lag}": round(_acf(signs, lag), 3) for lag in (1, 10, 50)},
        "gap_median_ms": round(float(np.median(lasted) / 1e6), 2),
        "gap_cv": round(float(lasted.std() / lasted.mean()), 2),
    }


def _acf(values: np.ndarray, lag: int) -> float:
    """Autocorrelation at a lag."""
    centred = values - values.mean()
    return float(np.sum(centred[lag:] * centred[:-lag]) / np.sum(centred**2))


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m lobsim.sample``.  Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lobsim.sample", description="The bundled synthetic day.")
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--facts", action="store_true", help="statistics of the bundled day, as JSON")
    wanted.add_argument("--write", metavar="FOLDER", help=f"generate the day and write it to FOLDER/{NAME}")
    options = parser.parse_args(arguments)
    try:
        if options.facts:
            sys.stdout.write(json.dumps(facts(bundled_day()), indent=2) + "\n")
        else:
            day = generate_day()
            sys.stdout.write(f"{save(day, Path(options.write) / NAME)}\ndigest {day.digest}\n")
    except LobsimError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
