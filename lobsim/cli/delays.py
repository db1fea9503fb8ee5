"""Delays on the command line: ``50us``, ``50us,200us,1ms``, ``measured.json``, and what is printed about their cost.

Known limit: a file whose name holds a comma cannot be named.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lobsim.cli.output import print_table, print_text
from lobsim.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from execution.latency_cost import DelayCost, DelayedResult
    from lobsim.config import Latency

OPTION = "--latency"


class Delay(NamedTuple):
    """One delay asked for.

    label     as it was typed, a file without its folder
    delay_ns  of every leg; None for a file
    latency   the settings
    """

    label: str
    delay_ns: int | None
    latency: Latency


def parse_delays(text: str) -> list[Delay]:
    """The delays in a list with commas, in the order typed.

    Raises ConfigError for none at all, one that is no duration and no file, or the same twice; what a file raises that is none of settings.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise ConfigError(f"{text!r} is no list of delays", where=OPTION, hint="write it like 50us,200us,1ms")
    delays = [_delay_of(word) for word in words]
    for place, delay in enumerate(delays):
        same = [other.label for other in delays[:place] if other.latency == delay.latency]
        if same:
            raise ConfigError(f"{delay.label} is the same delay as {same[0]}", where=OPTION, hint="name each once")
    return delays


def _delay_of(word: str) -> Delay:
    from lobsim.clock import duration_ns
    from lobsim.config import Latency

    if word.lower().endswith(".json"):
        return Delay(Path(word).name, None, Latency.read(Path(word)))
    if word in ("0", "0s"):
        return Delay(word, 0, Latency.round_trip(0))
    try:
        delay_ns = duration_ns(word, OPTION)
    except ConfigError as error:
        hint = f"{error.hint}, or name a .json file of settings" if error.hint else ""
        raise ConfigError(error.what, where=OPTION, hint=hint) from None
    return Delay(word, delay_ns, Latency.round_trip(delay_ns))


def delays_json(delayed: Sequence[DelayedResult]) -> dict[str, Any]:
    """What the JSON object of a backtest says about its delays."""
    from execution.latency_cost import delay_costs

    labels = [point.label for point in delayed]
    points = [
        {
            "label": point.label,
            "delay_ns": point.delay_ns,
            "latency": str(point.result.market.config.latency),
            "digest": point.result.digest,
        }
        for point in delayed
    ]
    return {"delays": points, "delay_costs": [cost.to_json(labels) for cost in delay_costs(delayed)]}


def print_delays(delayed: Sequence[DelayedResult]) -> None:
    """Two tables, cost by delay and cost per microsecond, and one sentence."""
    from execution.latency_cost import delay_costs, delay_sentence, delay_tables

    costs, slopes = delay_costs(delayed), delay_tables(delayed)[1]
    rows = [
        (point.label, *(_cell(cost, place) for cost in costs))  # costs stand in columns: delays may be many
        for place, point in enumerate(delayed)
    ]
    print_table("Mean total cost in bps by delay (and more than at the first)", ("delay", *_names(costs)), rows)
    print_text("")
    print_table(
        "Cost per microsecond of delay on each leg, in bps",
        ("algorithm", "bps per us", "std error", "95 % from", "to", "delay"),
        [_slope_cells(slope) for slope in slopes.iter_rows(named=True)],
        left=("delay",),
    )
    print_text(delay_sentence(slopes))


def _names(costs: Sequence[DelayCost]) -> list[str]:
    return [cost.algo for cost in costs]


def _cell(cost: DelayCost, place: int) -> str:
    total, more = cost.cost_bps[place], cost.difference_bps[place]
    if total is None or more is None:
        return "n/a"
    return f"{total:,.2f}" if place == 0 else f"{total:,.2f} ({more:+,.2f})"


def _slope_cells(slope: dict[str, Any]) -> tuple[str, ...]:
    from execution.latency_cost import verdict

    figures = [slope[name] for name in ("bps_per_us", "standard_error", "low", "high")]
    value, error, low, high = ("n/a" if figure is None else f"{figure:.3g}" for figure in figures)
    return (slope["algo"], value, error, low, high, verdict(slope))
