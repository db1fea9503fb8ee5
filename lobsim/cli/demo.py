"""``lobsim demo``: the bundled day, one parent order, the standard algorithms, a report; no download, no account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lobsim.cli.output import JsonOption, print_text
from lobsim.cli.results import check_folder, finish

_SIZE = "5000"
_START = "11:00"
_DURATION_NS = 30 * 60 * 10**9
_LATENCY_NS = 100_000
_ALGORITHMS = ("twap", "vwap", "pov", "ac", "leave")


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for report.html and the tables.")] = Path("report"),
    seed: Annotated[int, typer.Option("--seed", help="Of the drawn lifetimes of surplus orders.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Buy 5,000 shares in half an hour of the bundled synthetic day, five ways, and see what each way cost.

    The same order is executed on the orders of the day (L3) and on its
    displayed levels alone (L2), so that the report shows what levels cannot tell.
    """
    from execution.catalogue import algorithm_named
    from execution.parent import Parent
    from lobsim.cli.amounts import lots_of
    from lobsim.cli.backtest import open_market, run_backtests
    from lobsim.clock import time_ns
    from lobsim.config import Latency, MarketConfig
    from lobsim.fees import FeeSchedule
    from lobsim.sample import bundled_day
    from lobsim.types import Side

    check_folder(out)
    dataset = bundled_day()
    start_ns = time_ns(_START, dataset.info)
    size_lots = lots_of(_SIZE, dataset.info, "--size")
    parent = Parent(side=Side.BUY, size_lots=size_lots, start_ns=start_ns, end_ns=start_ns + _DURATION_NS)
    config = MarketConfig(latency=Latency.round_trip(_LATENCY_NS), seed=seed)
    makers = {name: algorithm_named(name) for name in _ALGORITHMS}
    results = run_backtests(open_market(dataset, config), [parent], makers, FeeSchedule(), levels=True)
    finish(results, command=f"lobsim demo --seed {seed}", out=out, as_json=as_json)
    if not as_json:
        again = (
            f"lobsim backtest --data sample --side buy --size {_SIZE} --start {_START} --duration 30m --algo twap,ac"
        )
        print_text(f"Open {out}/report.html in a browser.  Next: {again} --out my-report/")
