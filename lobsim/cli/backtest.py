"""``lobsim backtest``: what would this parent order have cost, with each of these algorithms?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lobsim.cli.data_source import BookOption, DateOption, SeedBookOption, SymbolOption, open_dataset
from lobsim.cli.delays import Delay, parse_delays
from lobsim.cli.output import JsonOption, progress
from lobsim.cli.results import check_folder, finish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from execution.backtest import BacktestResult
    from execution.catalogue import AlgorithmMaker, Choices
    from execution.latency_cost import DelayedResult
    from execution.parent import Parent
    from lobsim.config import Latency, MarketConfig
    from lobsim.feeds.schema import Dataset, DatasetInfo
    from lobsim.fees import FeeSchedule
    from lobsim.market import Market

_ALGORITHMS = "twap,vwap,pov,ac"

LatencyOption = Annotated[
    str,
    typer.Option(
        "--latency",
        help="Delay of feed, orders and answers each: 50us; several: 50us,1ms; or settings in a .json file.",
    ),
]
FeesOption = Annotated[
    str | None,
    typer.Option("--fees", help="taker=0.3,maker=-0.1 in bps of value (negative: rebate), or a TOML file."),
]
QueueOption = Annotated[
    str | None,
    typer.Option("--queue", help="Levels: who leaves when one falls: NAME, NAME:N, FILE.json; default power3:3."),
]
HalfLifeOption = Annotated[
    str | None,
    typer.Option("--half-life", help="impact decay or overlay: half of what was taken is back, or forgotten, then."),
]


def backtest(
    data: Annotated[str, typer.Option("--data", help='A recording, an imported folder, or "sample".')],
    side: Annotated[str, typer.Option("--side", help="buy or sell.")],
    size: Annotated[str, typer.Option("--size", help="How much, in natural units: shares, coins, contracts.")],
    start: Annotated[
        str | None, typer.Option("--start", help="Time of day at the venue; default: the first full book.")
    ] = None,
    duration: Annotated[str, typer.Option("--duration", help="How long it has: 30m, 1h30m.")] = "30m",
    algo: Annotated[
        str, typer.Option("--algo", help="twap, vwap, pov, ac, leave, once; NAME:STYLE for a style.")
    ] = _ALGORITHMS,
    style: Annotated[
        str, typer.Option("--style", help="cross, join or peg, for algorithms named without one.")
    ] = "join",
    slices: Annotated[int | None, typer.Option("--slices", help="Slices of a schedule; default: one a minute.")] = None,
    rate: Annotated[float, typer.Option("--rate", help="pov: share of the volume.")] = 0.1,
    profile: Annotated[
        str | None, typer.Option("--profile", help="vwap: an earlier day whose volume curve it follows.")
    ] = None,
    urgency: Annotated[float, typer.Option("--urgency", help="ac: 0 is twap, 3 does most in the first third.")] = 2.0,
    limit_price: Annotated[str | None, typer.Option("--limit-price", help="Worst price of any child order.")] = None,
    max_participation: Annotated[
        float | None, typer.Option("--max-participation", help="Largest share of volume.")
    ] = None,
    parents: Annotated[int, typer.Option("--parents", help="That many parents, one after the other.", min=1)] = 1,
    latency: LatencyOption = "100us",
    impact: Annotated[
        str | None, typer.Option("--impact", help="none, consume, decay, rematch or overlay; default by the data.")
    ] = None,
    queue: QueueOption = None,
    half_life: HalfLifeOption = None,
    levels: Annotated[bool, typer.Option("--levels", help="Replay the data's level (L2) projection too.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of the drawn lifetimes of surplus orders.")] = 0,
    fees: FeesOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for report.html and the tables.")] = None,
    book: BookOption = None,
    seed_book: SeedBookOption = None,
    symbol: SymbolOption = None,
    date: DateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Execute a parent order in a recorded market with several algorithms, and say what each cost."""
    from lobsim.clock import duration_ns, time_ns
    from lobsim.fee_files import parse_fees
    from lobsim.fees import FeeSchedule
    from lobsim.opening import first_full_book_ns

    check_folder(out)
    long_ns = duration_ns(duration, "--duration")
    delays = parse_delays(latency)
    schedule = FeeSchedule() if fees is None else parse_fees(fees)
    config = _config(impact, delays[0].latency, seed, _level_settings(queue, half_life))
    choices = _choices(style, slices, rate, urgency)
    _makers(algo, choices)
    dataset = open_dataset(data, book=book, seed_book=seed_book, symbol=symbol, date=date)
    if profile is not None:
        choices = _with_profile(choices, profile, dataset)
    order = _order(dataset.info, side, size, limit_price, max_participation)
    start_ns = None if start is None else time_ns(start, dataset.info, "--start")
    makers = _makers(algo, choices)
    market = open_market(dataset, config)
    wanted = _parents(order, first_full_book_ns(market) if start_ns is None else start_ns, long_ns, parents)
    results = run_backtests(market, wanted, makers, schedule, levels=levels)
    delayed = run_delays(results[0], delays, wanted, makers, schedule)
    finish(results, command=_command(sys.argv[1:]), out=out, as_json=as_json, delayed=delayed)


def _command(words: Sequence[str]) -> str:
    """The command line as typed, with file names only (a report may be shown to others)."""
    import shlex

    plain = []
    for word in words:
        option, equals, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
        plain.append(f"{option}{equals}{Path(value).name if '/' in value else value}")
    return shlex.join(["lobsim", *plain])


def _choices(style: str, slices: int | None, rate: float, urgency: float) -> Choices:
    from execution.baselines import Style
    from execution.catalogue import Choices
    from lobsim.errors import ConfigError

    try:
        chosen = Style(style.strip().lower())
    except ValueError:
        raise ConfigError(f"there is no style {style!r}", where="--style", hint="choose cross, join or peg") from None
    return Choices(style=chosen, slices=slices, rate=rate, urgency=urgency)


def _with_profile(choices: Choices, source: str, dataset: Dataset) -> Choices:
    """The same choices, with the volume curve of another day."""
    from dataclasses import replace

    from execution.catalogue import profile_of

    return replace(choices, profile=profile_of(open_dataset(source), dataset.info, where="--profile"))


def _makers(algo: str, choices: Choices) -> dict[str, AlgorithmMaker]:
    """Algorithms by the names they were asked for, each once."""
    from execution.catalogue import algorithm_named

    return {name: algorithm_named(name, choices) for name in (text.strip().lower() for text in algo.split(","))}


def _config(impact: str | None, latency: Latency, seed: int, more: dict[str, Any]) -> MarketConfig:
    from lobsim.config import MarketConfig, Overlay
    from lobsim.errors import ConfigError
    from lobsim.types import Impact

    names = {mode.name.lower(): mode for mode in Impact}
    impact = None if impact is None else impact.strip().lower()
    if impact is not None and impact not in names:
        raise ConfigError(f"there is no impact mode {impact!r}", where="--impact", hint=f"choose {', '.join(names)}")
    mode = None if impact is None else names[impact]
    if mode == Impact.OVERLAY and "half_life_ns" in more:
        more = more | {"overlay": Overlay(half_life_ns=more["half_life_ns"])}
    return MarketConfig(impact=mode, latency=latency, seed=seed, **more)


def _level_settings(queue: str | None, half_life: str | None) -> dict[str, Any]:
    """Fields of MarketConfig that only data by levels use, or an overlay."""
    from lobsim.clock import duration_ns
    from lobsim.errors import ConfigError
    from lobsim.types import QueueModel

    settings: dict[str, Any] = {}
    if half_life is not None:
        settings["half_life_ns"] = duration_ns(half_life, "--half-life")
    if queue is None:
        return settings
    if queue.endswith(".json"):
        from lobsim.calibration.stored import read_queue_settings

        return settings | read_queue_settings(Path(queue))
    names = {model.name.lower().replace("_", "-"): model for model in QueueModel}
    name, colon, power = queue.strip().lower().partition(":")
    if name not in names:
        raise ConfigError(f"there is no queue model {name!r}", where="--queue", hint=f"choose {', '.join(names)}")
    settings["queue_model"] = names[name]
    if not colon:
        return settings
    if not name.startswith("power"):
        raise ConfigError(f"{name} has no exponent", where="--queue", hint=f"write {name}")
    try:
        settings["queue_power"] = float(power)
    except ValueError:
        raise ConfigError(f"{power!r} is no number", where="--queue", hint=f"write {name}:3") from None
    return settings


def _order(
    info: DatasetInfo, side: str, size: str, limit_price: str | None, max_participation: float | None
) -> dict[str, Any]:
    """Fields of the parent orders asked for, all but their times."""
    from lobsim.cli.amounts import lots_of, ticks_of
    from lobsim.errors import ConfigError
    from lobsim.types import Side

    sides = {"buy": Side.BUY, "sell": Side.SELL}
    if side.strip().lower() not in sides:
        raise ConfigError(f"{side!r} is no side", where="--side", hint="write buy or sell")
    return {
        "side": sides[side.strip().lower()],
        "size_lots": lots_of(size, info, "--size"),
        "limit_price_ticks": None if limit_price is None else ticks_of(limit_price, info, "--limit-price"),
        "max_participation": max_participation,
    }


def _parents(order: dict[str, Any], start_ns: int, long_ns: int, count: int) -> list[Parent]:
    """The parent orders asked for, one after the other from the start."""
    from execution.parent import Parent

    starts = range(start_ns, start_ns + count * long_ns, long_ns)
    return [Parent(**order, start_ns=each_ns, end_ns=each_ns + long_ns) for each_ns in starts]


def open_market(dataset: Dataset, config: MarketConfig) -> Market:
    """The market of a data set, with all that a backtest of it runs compiled."""
    from lobsim.cli.compiling import compile_backtest
    from lobsim.market import Market

    compile_backtest()
    return Market(dataset, config)


def run_backtests(
    market: Market, parents: Sequence[Parent], makers: Mapping[str, AlgorithmMaker], fees: FeeSchedule, *, levels: bool
) -> list[BacktestResult]:
    """The backtest on the data as they are and, with levels, on their level projection."""
    from dataclasses import replace

    from execution.backtest import backtest as run
    from lobsim.market import Market

    markets = [market]
    if levels:
        from lobsim.projection import to_levels

        markets.append(Market(to_levels(market.dataset), replace(market.config, impact=None)))
    results = []
    for each in markets:
        with progress(f"executing on {'levels' if each.by_levels else 'orders'}", len(parents) * len(makers)) as tell:
            step = None if tell is None else (lambda done, _all, tell=tell: tell(done))
            results.append(run(each, parents, makers, fees=fees, progress=step))
    return results


def run_delays(
    first: BacktestResult,
    delays: Sequence[Delay],
    parents: Sequence[Parent],
    makers: Mapping[str, AlgorithmMaker],
    fees: FeeSchedule,
) -> list[DelayedResult]:
    """The first result, and the same orders in the same market at every further delay; nothing for one delay alone."""
    from execution.backtest import backtest as run
    from execution.latency_cost import DelayedResult

    if len(delays) < 2:
        return []
    found = [DelayedResult(delays[0].label, delays[0].delay_ns, first)]
    for delay in delays[1:]:
        with progress(f"executing with a delay of {delay.label}", len(parents) * len(makers)) as tell:
            step = None if tell is None else (lambda done, _all, tell=tell: tell(done))
            market = first.market.with_latency(delay.latency)
            result = run(market, parents, makers, fees=fees, progress=step)
        found.append(DelayedResult(delay.label, delay.delay_ns, result))
    return found
