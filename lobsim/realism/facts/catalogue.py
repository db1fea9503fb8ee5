"""The table of facts: name, estimator, reference, band, in one place; and the judging of a day by it.

References are those of the literature and of one recorded hour (Apple, 21 June 2012, 09:30 to 10:30, fifty levels).  A fact without a band is
reported only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import polars as pl

from lobsim.errors import ConfigError
from lobsim.realism.facts import book, flow, impact, metaorders, orders, returns
from lobsim.realism.facts.measured import METAORDERS, Context, Measured, NotMeasurable
from lobsim.realism.prepare import Day


class Verdict(StrEnum):
    """What a day says about a fact that has a band."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURABLE = "not measurable"


class Bound(NamedTuple):
    """Where one value of a fact should lie."""

    low: float = -math.inf
    high: float = math.inf

    def __str__(self) -> str:
        """ "0.02 to 0.08", "above 0.3", "below 0.7"."""
        if self.low == -math.inf:
            return f"below {self.high:g}"
        return f"above {self.low:g}" if self.high == math.inf else f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Fact:
    """A stylised fact and how it is told.

    key        "R1"
    name       in a few words
    reference  what is known of real markets
    band       value -> where it should lie; empty: reported only
    measure    the estimator; its docstring says how
    shown      the value that stands for the fact in a table
    """

    key: str
    name: str
    reference: str
    band: Mapping[str, Bound]
    measure: Callable[[Context], Measured]
    shown: str = ""

    @property
    def what(self) -> str:
        """How it is measured, in a sentence."""
        text = (self.measure.__doc__ or "").split("\n\n")[0].strip()
        return text.partition(": ")[2].replace("\n", " ")

    @property
    def band_text(self) -> str:
        """The band in words."""
        return ", ".join(f"{name} {bound}" for name, bound in self.band.items()) or "reported only"


def _seasonality(context: Context) -> Measured:
    """S1: half-hour means of volume and spread over at least 20 days."""
    raise NotMeasurable("it needs at least 20 days")


FACTS: tuple[Fact, ...] = (
    Fact("R1", "returns hardly remember", "about 0; the hour +.06 at 10 s", {"lag_1": Bound(-0.1, 0.1), "mean_lags_2_10": Bound(-0.1, 0.1)}, returns.linear),
    Fact("R2", "heavy tails", "index about 3 (2.5 to 4)", {"alpha": Bound(2.5, 5)}, returns.tails),
    Fact("R3", "kurtosis falls with horizon", "the hour 20.4, 13.2, 5.5, 1.9, .95", {"10_s": Bound(1), "rank_correlation": Bound(-math.inf, -0.8)}, returns.kurtosis),
    Fact("R4", "volatility clusters", "the hour .14 at 1 s", {"lag_1": Bound(0.05), "mean_lags_2_20": Bound(0)}, returns.clustering),
    Fact("R5", "flat signature plot", "the hour 27.3, 26.9, 29.7, 28.7, 31.5, 29.8 square ticks a second", {"finest_to_coarsest": Bound(0.6, 1.6)}, returns.signature, "finest_to_coarsest"),
    Fact("R6", "leverage", "negative over days, weak within", {}, returns.leverage),
    Fact("R7", "volume goes with volatility", ".3 to .7", {"correlation": Bound(0.2)}, returns.volume_volatility),
    Fact("F1", "long memory of signs", "the hour .61 .45 .24 .11 .09", {"lag_1": Bound(0.3), "lag_10": Bound(0.05)}, flow.sign_memory),
    Fact("F2", "tail of implied metaorders", "about 1.5", {}, flow.metaorder_tail, "alpha"),
    Fact("F3", "events cluster", "the hour: median .46 ms, mean 39 ms, CV 3.4", {"cv": Bound(1.5)}, flow.event_clustering),
    Fact("F4", "mix of events", "the hour .481 .446 .005 .044 .024", {"execution": Bound(0.02, 0.08)}, flow.event_mix, "execution"),
    Fact("F5", "order sizes", "the hour: 53 % exactly 100, median 100, p99 1000; market orders 107", {"most_frequent_share": Bound(0.2)}, flow.order_size),
    Fact("F6", "where orders are placed", "the hour: inside 20 %, at 8 %, 17 %, 28 %, 21 %, 6 %", {}, orders.placement, "at"),
    Fact("F7", "where orders are cancelled", "the hour: at 16 %, 21 %, 33 %, 23 %, 7 %", {}, orders.cancellation, "at"),
    Fact("F8", "fate of limit orders", "the hour 7.0 % filled, 92.5 % cancelled", {"filled": Bound(0.02, 0.2)}, orders.fate),
    Fact("F9", "lifetimes", "the hour: cancelled .0026/.37/11.2/114 s, filled .0002/.78/46/441 s", {"life_p50_s": Bound(0.05, 10)}, orders.lifetimes),
    Fact("F10", "market orders match best", "the hour 61 % equal, 4.3 % larger", {"equal": Bound(0.3)}, flow.size_against_best),
    Fact("B1", "spread", "the hour 19.3 ticks, 3.4 bp", {}, book.spread, "mean_ticks"),
    Fact("B2", "best sizes are skewed", "gamma-like, shape .7 to .8", {"skewness": Bound(0)}, book.best_size, "gamma_shape"),
    Fact("B3", "the book has a hump", "largest away from the best price where the tick is small", {"peak_to_first": Bound(1)}, book.hump, "peak_ticks"),
    Fact("B4", "imbalance tells next move", "small tick .42 to .55, large tick .1 to .9", {"correlation": Bound(0.7)}, book.imbalance),
    Fact("I1", "response to market orders", "the hour 2.48, 3.80, 5.54, 6.09, 6.47, 6.49 ticks", {"last_to_first": Bound(1.5, 4)}, impact.response),
    Fact("I2", "impact is concave in size", "exponent .2 to .5", {"exponent": Bound(-math.inf, 0.7)}, impact.concavity),
    Fact("I3", "square-root law", "exponent .489, factor of order 1", {"delta": Bound(0.4, 0.6)}, metaorders.square_root),
    Fact("I4", "impact decays", "to about 2/3 over as long again", {"decay": Bound(0.2, 0.6)}, metaorders.decay),
    Fact("I5", "spread goes with volatility", "ratio 1.58", {"ratio": Bound(1, 3)}, impact.spread_volatility),
    Fact("I6", "spread goes with impact", "slope 2.86 and 3.3", {"slope": Bound(2, 4)}, impact.spread_impact),
    Fact("I7", "order flow explains moves", "the hour .18/.26/.43/.58 at 1/10/30/60 s", {"r2_10_s": Bound(0.1)}, impact.flow_explains, "r2_10_s"),
    Fact("I8", "order flow hardly predicts", "the hour below .8 %", {"r2_1_s": Bound(-math.inf, 0.03), "r2_10_s": Bound(-math.inf, 0.03)}, impact.flow_predicts, "r2_10_s"),
    Fact("I9", "what liquidity earns", "the hour: paid 6.79, quoted 6.68, left +.45/-1.25/-.36 ticks", {"realised_less_effective": Bound(-math.inf, 0)}, impact.half_spreads, "effective"),
    Fact("I10", "the spread closes again", "as time to the power -.4 to -.5", {"last_to_first": Bound(-math.inf, 0.75)}, impact.relaxation),
    Fact("S1", "seasons of the day", "volume a U, spread a reversed J", {}, _seasonality),
)  # fmt: skip

HELD_OUT = ("R3", "F1", "I1", "I7")
"""Facts that no model may be fitted to: one that meets only what it was fitted to proves nothing."""


@dataclass(frozen=True)
class Finding:
    """A fact as one day tells it.

    verdict   None where the fact has no band
    note      why it cannot be measured, or what to know about the values
    why_not   why the day was never meant to meet it; empty: it was (lobsim.realism.reference)
    required  whether it must be met
    """

    fact: Fact
    verdict: Verdict | None
    measured: Measured | None
    note: str
    why_not: str = ""
    required: bool = False

    @property
    def shown(self) -> str:
        """Name of the value that stands for the fact."""
        return (
            self.fact.shown
            or next(iter(self.fact.band), "")
            or next(iter(self.measured.values if self.measured else {}), "")
        )

    def as_json(self) -> dict[str, Any]:
        """Plain numbers and text; null for what is not a number."""
        measured = self.measured or Measured({})
        values = {name: value if math.isfinite(value) else None for name, value in measured.values.items()}
        return {
            "fact": self.fact.key,
            "name": self.fact.name,
            "what": self.fact.what,
            "reference": self.fact.reference,
            "band": self.fact.band_text,
            "verdict": None if self.verdict is None else self.verdict.value,
            "values": values,
            "intervals": {name: list(interval) for name, interval in measured.intervals.items()},
            "held_out": self.fact.key in HELD_OUT,
            "required": self.required,
            "meant": not self.why_not,
            "why_not": self.why_not,
            "note": self.note,
        }


def judge(fact: Fact, context: Context) -> Finding:
    """One fact of a day, held against its band."""
    try:
        measured = fact.measure(context)
    except NotMeasurable as reason:
        return Finding(fact, Verdict.NOT_MEASURABLE, None, f"not measurable, because {reason}")
    holes = [name for name in fact.band if not math.isfinite(measured.values.get(name, math.nan))]
    if holes:
        return Finding(
            fact,
            Verdict.NOT_MEASURABLE,
            measured,
            f"not measurable, because the day is too short or too quiet for {holes[0]}",
        )
    if not fact.band:
        return Finding(fact, None, measured, measured.note)
    good = all(bound.low <= measured.values[name] <= bound.high for name, bound in fact.band.items())
    return Finding(fact, Verdict.MET if good else Verdict.MISSED, measured, measured.note)


def judge_day(
    day: Day, *, seed: int = 0, metaorders: pl.DataFrame | None = None, facts: Sequence[Fact] = FACTS
) -> list[Finding]:
    """Every fact of a day, in the order of `facts`.

    seed        of the drawing of blocks
    metaorders  METAORDERS, where the day was made by something that knows them; raises ConfigError for other columns
    """
    if metaorders is not None and dict(metaorders.schema) != METAORDERS:
        raise ConfigError(
            f"the table of metaorders has columns {list(metaorders.columns)}, {list(METAORDERS)} are needed"
        )
    context = Context(day, seed, metaorders)
    return [judge(fact, context) for fact in facts]
