"""The sentences of the report: what the algorithms are, what the headline says, what each number means.

The headline is written from the summary table alone.  It names the cheapest run, says in money and in basis
points what it cost, and blames the part of the cost in which it differs most from the others.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from execution.report.data import PARTS, ReportData
from execution.report.formats import bps_digits, counted, money, number, percent, quantity

ALGORITHMS = {
    "twap": ("TWAP", "equal pieces, evenly over time"),
    "vwap": ("VWAP", "follows the day\u2019s usual volume"),
    "pov": ("POV", "a fixed share of market volume"),
    "ac": ("Almgren\u2013Chriss", "faster first, to carry less risk"),
    "submit-and-leave": ("Submit and leave", "one patient order, the rest at the end"),
    "all-at-once": ("All at once", "everything at the start, at any price"),
}
ALIASES = {"almgren-chriss": "ac", "sl": "submit-and-leave", "leave": "submit-and-leave", "once": "all-at-once"}

PART_WORDS = {
    "delay": ("Delay", "the price moved between the decision and the first possible order"),
    "spread": ("Spread", "paid to cross from one side of the book to the other; earned when others cross to us"),
    "impact": ("Own impact", "our own orders moved the price against us"),
    "timing": ("Timing", "the market moved by itself while we were trading"),
    "opportunity": ("Left undone", "what was not filled, priced at the end of the time"),
    "fees": ("Fees", "paid to the venue, less rebates"),
}

COMPLETE = 0.99995
"""Completion from which an order counts as filled whole."""

REASONS = {
    "delay": "the price moved less before it could begin",
    "spread": "it paid less for crossing the spread",
    "impact": "its own orders moved the price less",
    "timing": "the market happened to move less against it while it traded",
    "opportunity": "it left less of the order undone",
    "fees": "it paid less in fees",
}

DEFINITIONS = (
    ("Basis point (bps)", "One hundredth of a percent; a cost is positive when it is bad, negative when it is a gain."),
    (
        "Total cost",
        "Implementation shortfall: what the completed order cost beyond its size at the price when it was "
        "decided, fees included, in bps of that value; whatever was left undone is priced at the end.",
    ),
    (
        "Against arrival",
        "Average fill price against the middle of bid and ask at the first instant the order could act.",
    ),
    ("Against VWAP", "Average fill price against the volume-weighted average price of the market over the same time."),
    ("Against TWAP", "Average fill price against the time-weighted average of the middle price over the same time."),
    *((f"Part: {title.lower()}", f"{meaning[0].upper()}{meaning[1:]}.") for title, meaning in PART_WORDS.values()),
    ("Average price", "Size-weighted mean price of the fills."),
    ("Filled", "Share of the order that was executed."),
    ("Passive", "Share of the executed quantity that came from orders waiting in the queue, not from crossing."),
    ("Participation", "Own executed quantity as a share of all volume traded while the order worked."),
    ("Spread capture", "From +1 (every fill at our own side of the book) to \u22121 (every fill at the far side)."),
    ("Queue ahead", "Quantity standing in front of an own order, when it joined its price and just before the fill."),
    ("Forced", "A fill pushed through because the time was up."),
)


def algorithm_title(algo: str) -> str:
    """How an algorithm is called in print; an unknown one by its own name."""
    return ALGORITHMS.get(_key(algo), (algo, ""))[0]


def algorithm_meaning(algo: str) -> str:
    """What a known algorithm does, in half a line; nothing for an unknown one."""
    return ALGORITHMS.get(_key(algo), ("", ""))[1]


def _key(algo: str) -> str:
    key = algo.lower().replace("_", "-")
    return ALIASES.get(key, key)


def headline(data: ReportData, parents: int) -> str:
    """The order, in the words of the person who gave it."""
    verb = "Buy" if data.side == "buy" else "Sell"
    order = f"{verb} {quantity(data.size)} {data.unit} of {data.symbol}"
    return order if parents == 1 else f"{number(parents)} orders: {order[0].lower()}{order[1:]} each"


def lead(data: ReportData, summary: pl.DataFrame) -> list[str]:
    """A few sentences: the answer first, then the reason, the dearest, what was not filled, and the caution.

    `summary` is `data.summarise`'s; the first sentence is meant to be set in bold.
    """
    rows = summary.to_dicts()
    if not any(row["filled"] for row in rows):
        return ["Nothing was filled.", *_missed(rows)]
    known = [row for row in rows if row["shortfall_bps"] is not None]
    if not known:
        return ["The orders traded, but their cost could not be measured: a reference price is missing."]
    digits = bps_digits(row["shortfall_bps"] for row in known)
    best, others = known[0], known[1:]
    amount = _amount(best, data.currency, digits)
    name = algorithm_title(best["algo"])
    if not others:
        sentences = [f"{name} {amount}.", _largest_part(best, digits)]
    else:
        sentences = [f"{name} was the cheapest of {counted(len(known))}: it {amount}.", _why(best, others, digits)]
        sentences.append(_dearest(known, digits))
    sentences += [_incomplete(rows), _caution(best, len(known))]
    return [sentence for sentence in sentences if sentence]


def _amount(row: dict[str, Any], currency: str, digits: int) -> str:
    """What one run cost, as the end of a sentence; a gain reads as one."""
    cost = row["shortfall_bps"]
    each = " on average" if row["parents"] > 1 else ""
    size = f"{number(abs(cost), digits)} bps{each}"
    if row["shortfall_money"] is not None and row["shortfall_money"] * cost >= 0:
        size = f"{money(abs(row['shortfall_money']), currency)}{each} ({number(abs(cost), digits)} bps)"
    if cost >= 0:
        return f"cost {size} beyond the market price at the moment of the decision"
    return f"came out {size} better than the market price at the moment of the decision"


def _dearest(known: list[dict[str, Any]], digits: int) -> str:
    last = known[-1]
    return f"The dearest, {algorithm_title(last['algo'])}, came to {number(last['shortfall_bps'], digits)} bps."


def _why(best: dict[str, Any], others: list[dict[str, Any]], digits: int) -> str:
    """Blame the part in which the cheapest differs most from the mean of the others."""
    saved: dict[str, tuple[float, float, float]] = {}
    for part in PARTS:
        values = [row[f"{part}_bps"] for row in others if row[f"{part}_bps"] is not None]
        own = best[f"{part}_bps"]
        if own is not None and values:
            mean = sum(values) / len(values)
            saved[part] = (mean - own, own, mean)
    if not saved:
        return ""
    part = max(saved, key=lambda name: saved[name][0])
    gain, own, mean = saved[part]
    if number(gain, digits) == number(0.0, digits) or gain < 0:
        return ""
    reason = "it earned the spread more often than it paid it" if part == "spread" and own < 0 else REASONS[part]
    against = "the other's" if len(others) == 1 else "an average of"
    tail = "" if len(others) == 1 else f" for the other {counted(len(others))}"
    text = f"Mainly because {reason}: {number(own, digits)} bps against {against} {number(mean, digits)}{tail}"
    if part == "spread" and best["passive_share"]:
        text += f"; {percent(best['passive_share'])} of its quantity came from orders waiting in the queue"
    return text + "."


def _largest_part(row: dict[str, Any], digits: int) -> str:
    parts = {part: row[f"{part}_bps"] for part in PARTS if row[f"{part}_bps"] is not None}
    if not parts or number(max(parts.values()), digits) == number(0.0, digits) or max(parts.values()) <= 0:
        return ""
    part = max(parts, key=lambda name: parts[name])
    title, meaning = PART_WORDS[part]
    return f"Its largest cost was {title.lower()}, {number(parts[part], digits)} bps: {meaning}."


def _missed(rows: list[dict[str, Any]]) -> list[str]:
    cost = rows[0]["shortfall_bps"]
    if cost is None:
        return []
    figure = number(cost, bps_digits([cost]))
    kind = "a gain on paper only" if cost < 0 else "a cost"
    return [f"What was left undone is priced at the end of the time: {figure} bps, {kind}."]


def _incomplete(rows: list[dict[str, Any]]) -> str:
    short = [row for row in rows if row["completion"] is not None and row["completion"] < COMPLETE]
    if not short:
        return ""
    named = [f"{algorithm_title(row['algo'])} filled only {percent(row['completion'])}" for row in short]
    return f"{'; '.join(named)}: the rest is priced at the end of the time."


def _caution(best: dict[str, Any], count: int) -> str:
    if best["parents"] > 1:
        return ""
    what = "the ranking describes" if count > 1 else "the figure describes"
    return f"One order on one day: {what} what happened, it does not promise it again."
