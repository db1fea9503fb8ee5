"""Paired worlds: what a metaorder does to a market, measured as the difference from the same market without it.

Both markets of a pair have one seed, and every agent's draws are its own (`lobsim.core.chance`): what the two share cancels, and far fewer pairs are needed than with
independent markets (common random numbers).  Curves are means over pairs with t intervals; a curve is in ticks, positive where the price moved against the metaorder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from lobsim.errors import ConfigError
from lobsim.simulation.families import ScheduledOrder
from lobsim.simulation.market import Simulation, SimulationRun
from lobsim.simulation.outside import Outside
from lobsim.simulation.preset import Preset


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One metaorder and how it is watched.

    side         "buy" or "sell"
    start_ns     from the open to its first child order
    length_ns    from its first to its last child order
    children     child orders, at equal distances
    watch_ns     how long the price is watched after the last
    every_ns     between two looks
    """

    side: str = "buy"
    start_ns: int
    length_ns: int
    children: int
    watch_ns: int
    every_ns: int

    def __post_init__(self) -> None:
        if self.side not in ("buy", "sell"):
            raise ConfigError(f"side is {self.side!r}, buy or sell is needed", where="metaorder")
        if self.children < 2 or self.length_ns < self.children or self.start_ns < 0 or self.watch_ns < 0:
            raise ConfigError("two child orders or more, and times from 0 on, are needed", where="metaorder")
        if not 1 <= self.every_ns <= self.length_ns:
            raise ConfigError("the price is looked at every so often within the metaorder", where="metaorder")

    @property
    def end_ns(self) -> int:
        """From the open to the last look."""
        return self.start_ns + self.length_ns + self.watch_ns

    def looks_ns(self) -> np.ndarray:
        """Times of the looks, from the first child order on; int64."""
        return np.arange(0, self.length_ns + self.watch_ns + 1, self.every_ns)

    def family(self, lots: int) -> ScheduledOrder:
        """The agent that works it.  lots: of each child order; 0: it stays away"""
        interval_ns = self.length_ns // (self.children - 1)
        return ScheduledOrder(
            family="scheduled",
            side="buy" if self.side == "buy" else "sell",
            lots=lots,
            children=self.children,
            interval_ns=interval_ns,
            start_ns=self.start_ns,
        )


def impact_curves(
    preset: Preset,
    plan: Plan,
    child_lots: Sequence[int],
    seeds: Sequence[int],
    *,
    confidence: float = 0.95,
    progress: Callable[[int], None] | None = None,
) -> pl.DataFrame:
    """The measured impact of a metaorder over time, for several sizes.

    child_lots  lots of each child order, one curve for each
    seeds       two or more; one pair of markets for each and each size
    progress    called with the number of markets done

    Columns: lots (of the whole metaorder), time_s (from its first child order), impact_ticks, low_ticks, high_ticks (interval of the mean), pairs.
    A look at which one of a pair has an empty side is left out of its pair.

    Raises ConfigError for fewer than two seeds, no size, or a size below 1.
    """
    if len(seeds) < 2:
        raise ConfigError("an interval needs two seeds or more", where="impact")
    if not child_lots or min(child_lots) < 1:
        raise ConfigError("child orders have 1 lot or more", where="impact")
    sign = 1.0 if plan.side == "buy" else -1.0
    done = 0
    without = []
    moved: dict[int, list[np.ndarray]] = {lots: [] for lots in child_lots}
    for seed in seeds:
        without.append(_mids(preset, plan, 0, seed))
        for lots in child_lots:
            moved[lots].append(sign * (_mids(preset, plan, lots, seed) - without[-1]))
            done += 1
            if progress is not None:
                progress(done)
    return pl.concat(
        _curve(np.array(rows), lots * plan.children, plan.looks_ns(), confidence) for lots, rows in moved.items()
    )


def _mids(preset: Preset, plan: Plan, lots: int, seed: int) -> np.ndarray:
    """Mid in ticks at every look; nan where a side is empty."""
    simulation = Simulation(with_agents(preset, plan.family(lots)), seed, duration_ns=plan.end_ns)
    run = simulation.start()
    first_ns = simulation.info.session_start_ns + plan.start_ns
    mids = np.empty(len(plan.looks_ns()))
    for place, after_ns in enumerate(plan.looks_ns()):
        # A look is the state just before its instant: the first one knows nothing of the metaorder.
        run.advance(first_ns + int(after_ns) - 1)
        mids[place] = mid_ticks(run)
    return mids


def with_agents(preset: Preset, *families: ScheduledOrder | Outside) -> Preset:
    """The same preset with more agents, behind all others: nobody else's draws change by it."""
    return preset.model_copy(update={"agents": (*preset.agents, *families)})


def mid_ticks(run: SimulationRun) -> float:
    """The middle of the market in ticks; nan where a side is empty."""
    bid, ask = run.world.book.sides
    if bid["best"] == 0 or ask["best"] == 0:
        return float("nan")
    return (int(ask["best_key"]) - int(bid["best_key"])) / 2


def _curve(rows: np.ndarray, lots: int, looks_ns: np.ndarray, confidence: float) -> pl.DataFrame:
    """Mean over pairs and its t interval, look by look.  rows: float64 [pairs, looks]"""
    pairs = np.sum(~np.isnan(rows), axis=0)
    mean = np.nanmean(rows, axis=0)
    error = np.nanstd(rows, axis=0, ddof=1) / np.sqrt(pairs)
    reach = stats.t.ppf(0.5 + confidence / 2, pairs - 1) * error
    columns = {
        "lots": np.full(len(mean), lots),
        "time_s": looks_ns / 1e9,
        "impact_ticks": mean,
        "low_ticks": mean - reach,
        "high_ticks": mean + reach,
        "pairs": pairs,
    }
    return pl.DataFrame(columns)
