"""Algorithms by name: what a person types, turned into something that decides.

``twap``, ``vwap``, ``pov``, ``ac``, ``leave`` and ``once``, each optionally with a style behind a colon: ``twap:cross``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

import polars as pl

from execution.algorithm import Algorithm, CompiledAlgorithm
from execution.baselines import AllAtOnce, PercentOfVolume, Scheduled, Style, SubmitAndLeave
from execution.parent import Parent
from execution.schedules import (
    NS_PER_SECOND,
    Schedule,
    VolumeProfile,
    ac_curve,
    profile_from_trades,
    twap_curve,
    u_shape,
    vwap_curve,
)
from lobsim.errors import ConfigError
from lobsim.feeds.schema import Dataset, DatasetInfo
from lobsim.sessions import scheduled_breaks_ns, with_breaks, without_breaks
from lobsim.types import Flag, Kind

_MINUTE_NS = 60 * NS_PER_SECOND
_FEWEST_SLICES = 6
_MOST_SLICES = 390

AlgorithmMaker = Callable[[Parent, DatasetInfo], Algorithm | CompiledAlgorithm]
"""Makes a fresh algorithm for one parent on one day; it must not be handed anything of the parent's future."""

NAMES = ("twap", "vwap", "pov", "ac", "leave", "once")


@dataclass(frozen=True)
class Choices:
    """What the named algorithms leave open.

    Raises ConfigError for a value out of range.
    """

    style: Style = Style.JOIN
    """how a slice's child order goes about it, unless the name says"""
    slices: int | None = None
    """slices of a schedule; None: one a minute, 6 to 390"""
    rate: float = 0.1
    """pov: share of total volume"""
    urgency: float = 2.0
    """ac: kappa T (0: TWAP; 3: most of it in the first third)"""
    profile: VolumeProfile | None = None
    """vwap: expected volume curve of the session; None: the U shape of `execution.schedules.u_shape`"""

    def __post_init__(self) -> None:
        if self.slices is not None and not 1 <= self.slices <= 100_000:
            raise ConfigError(f"{self.slices} slices, 1 to 100,000 are allowed", where="algorithm")
        if not 0 < self.rate < 1:
            raise ConfigError(f"a participation rate of {self.rate}, above 0 and below 1 is needed", where="pov")
        if not 0 <= self.urgency < inf:
            raise ConfigError(f"an urgency of {self.urgency}, a finite number from 0 is needed", where="ac")

    def slices_of(self, parent: Parent) -> int:
        """How many slices a parent of this length gets."""
        if self.slices is not None:
            return self.slices
        return min(max(parent.duration_ns // _MINUTE_NS, _FEWEST_SLICES), _MOST_SLICES)


def profile_of(earlier: Dataset, day: DatasetInfo, where: str = "volume profile") -> VolumeProfile:
    """The volume curve of an earlier day, auctions left out, for ``Choices.profile``.

    Raises ConfigError for a day that is not before ``day``: its volume could not have been known.
    """
    info = earlier.info
    if info.date >= day.date:
        raise ConfigError(
            f"{info.symbol} {info.date} is not before {day.date}, its volume could not have been known",
            where=where,
            hint="name an earlier day",
        )
    traded = (int(Kind.EXECUTE), int(Kind.EXECUTE_HIDDEN), int(Kind.PRINT))
    prints = earlier.events.filter(pl.col("kind").is_in(traded) & ((pl.col("flags") & Flag.AUCTION) == 0))
    return profile_from_trades(prints["ts_exchange"], prints["size"], info.session_start_ns, info.session_end_ns)


def _schedule(name: str, parent: Parent, info: DatasetInfo, choices: Choices) -> Schedule:
    """The curve in trading time: a break that the venue's calendar tells beforehand gets no slice.

    A volume curve measured on an earlier day has the break in it already.
    """
    breaks_ns = [] if name == "vwap" and choices.profile is not None else scheduled_breaks_ns(info)
    start_ns, end_ns, open_ns, close_ns = (
        without_breaks(at_ns, breaks_ns)
        for at_ns in (parent.start_ns, parent.end_ns, info.session_start_ns, info.session_end_ns)
    )
    if end_ns <= start_ns:  # all of it is a break
        return twap_curve(parent, choices.slices_of(parent))
    trading = replace(parent, start_ns=start_ns, end_ns=end_ns)
    slices = choices.slices_of(trading)
    if name == "twap":
        curve = twap_curve(trading, slices)
    elif name == "ac":
        curve = ac_curve(trading, slices, choices.urgency)
    else:
        profile = choices.profile or u_shape()
        curve = vwap_curve(trading, profile, slices, session_open_ns=open_ns, session_close_ns=close_ns)
    times_ns = with_breaks(curve.times_ns, breaks_ns)
    times_ns[[0, -1]] = parent.start_ns, parent.end_ns
    return Schedule(times_ns, curve.cumulative_lots)


def algorithm_named(text: str, choices: Choices | None = None) -> AlgorithmMaker:
    """A maker for ``name`` or ``name:style``.

    Raises ConfigError for a name or style that does not exist.
    """
    choices = choices or Choices()
    name, _, style_text = text.strip().lower().partition(":")
    if name not in NAMES:
        raise ConfigError(f"there is no algorithm {name!r}", where="--algo", hint=f"choose from {', '.join(NAMES)}")
    try:
        style = Style(style_text) if style_text else choices.style
    except ValueError:
        styles = ", ".join(style.value for style in Style)
        raise ConfigError(f"there is no style {style_text!r}", where="--algo", hint=f"choose from {styles}") from None

    def make(parent: Parent, info: DatasetInfo) -> Algorithm:
        if name == "leave":
            return SubmitAndLeave()
        if name == "once":
            return AllAtOnce()
        if name == "pov":
            return PercentOfVolume(choices.rate, style=style)
        return Scheduled(_schedule(name, parent, info, choices), style)

    return make
