"""The page of ``lobsim realism``: two days side by side, every fact with its band, every distance; one HTML file.

`render` is a pure function of what was measured: the same findings give the same bytes.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from lobsim import __version__
from lobsim.pages import figures_json, page_template
from lobsim.pages import write_page as write_text
from lobsim.realism import charts
from lobsim.realism.assess import Realism, Subject
from lobsim.realism.comparison import LEVEL, SUMMARIES
from lobsim.realism.facts.catalogue import Finding, Verdict
from lobsim.realism.reference import account_of, profile_of
from lobsim.realism.responses import EVENTS

FILE_NAME = "realism.html"
_HERE = Path(__file__).parent
_EVENT_NAMES = {"MO": "market orders", "LO": "limit orders", "CA": "cancellations"}
_MARKS = {Verdict.MET: "●", Verdict.MISSED: "▲", Verdict.NOT_MEASURABLE: "○", None: "·"}
_FIRST_HEIGHT, _ROW_HEIGHT = 60, 21


def write_page(found: Realism, folder: Path) -> Path:
    """Write ``folder``/realism.html, whole or not at all, and return its path; raises OSError as the disk does."""
    path = folder / FILE_NAME
    write_text(path, render(found))
    return path


def render(found: Realism) -> str:
    """The page as one HTML text."""
    subjects = [(found.ours, "ours", charts.OURS)]
    if found.theirs is not None:
        subjects.append((found.theirs, "theirs", charts.THEIRS))
    figures = _day_figures(subjects)
    distances = _distance_figures(found, figures)
    return page_template(_HERE, "page.html.j2").render(
        found=found,
        subjects=[_words(subject) | {"key": key, "colour": colour} for subject, key, colour in subjects],
        verdicts=found.ours.verdicts,
        facts=_fact_rows(found),
        owed=_owed(found),
        distances=distances,
        events=[(event, _event_title(event)) for event in EVENTS if f"event-{event}" in figures],
        seed=found.seed,
        version=__version__,
        plotly=Markup(get_plotlyjs()),
        figures=figures_json(figures),
    )


def _day_figures(subjects: list[tuple[Subject, str, str]]) -> dict[str, go.Figure]:
    figures: dict[str, go.Figure] = {}
    for subject, key, colour in subjects:
        figures[f"price-{key}"] = charts.price_figure(subject.day, colour)
        figures[f"spread-{key}"] = charts.spread_figure(subject.day, colour)
        figures[f"depth-{key}"] = charts.depth_figure(subject.day, colour)
    days = [(subject.day, colour) for subject, _, colour in subjects]
    figures["signs"] = charts.sign_figure(days)
    figures["response"] = charts.response_figure(days)
    return figures


def _distance_figures(found: Realism, figures: dict[str, go.Figure]) -> dict[str, Any] | None:
    """What the page says of distances; draws their figures."""
    comparison = found.comparison
    if comparison is None:
        return None
    figures["distances"] = charts.distance_figure(comparison, LEVEL)
    drift = charts.drift_figure(comparison)
    if drift is not None:
        figures["drift"] = drift
    if comparison.responses is not None:
        curves = zip(EVENTS, comparison.responses.ours, comparison.responses.theirs, strict=True)
        figures |= {f"event-{event}": charts.event_figure(ours, theirs) for event, ours, theirs in curves}
    shown = sum(score.distance is not None for score in (*comparison.scores, *comparison.conditionals))
    summary = [
        (
            name.replace("_", " ").replace("wasserstein", "Wasserstein-1"),
            one["scores"],
            [_with(one, word) for word in SUMMARIES],
        )
        for name, one in comparison.summary.items()
    ]
    return {
        "height": _FIRST_HEIGHT + _ROW_HEIGHT * shown,
        "summary": summary,
        "missing": [(score.name, score.note) for score in comparison.scores if score.distance is None],
        "drift": drift is not None,
        "responses": comparison.responses
        and f"{comparison.responses.gap:.2f} ({_range(comparison.responses.interval)}) ticks",
        "notes": comparison.notes,
    }


def _with(one: dict[str, Any], word: str) -> str:
    return f"{one[word]:.3f} ({_range(one[f'{word}_interval'])})"


def _range(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3g} to {interval[1]:.3g}"


def _event_title(event: str) -> str:
    kind, _, changes = event.partition("_")
    return f"{_EVENT_NAMES[kind]} that {'change the best prices' if changes == '1' else 'leave the best prices'}"


def _owed(found: Realism) -> dict[str, Any] | None:
    """What the preset that made the day owes, and how that went; None without a preset."""
    reference = found.ours.reference
    if reference is None:
        return None
    account = account_of(found.ours.findings)
    met = sum(one.required and one.verdict is Verdict.MET for one in found.ours.findings)
    return {
        "reference": reference,
        "required": f"{met} of {len(reference.required)}" if reference.required else "",
        "broken": ", ".join(account.broken),
        "failed": ", ".join(account.failed),
        "not_meant": ", ".join(account.not_meant),
        "outside": "; ".join(reference.outside(profile_of(found.ours.day))),
    }


def _words(subject: Subject) -> dict[str, Any]:
    """What the head of the page says about a day."""
    info, day = subject.day.info, subject.day
    depth = f" of the best {info.depth} levels" if info.depth else ""
    told = "every order" if day.by_orders else "levels and trades"
    return {
        "title": subject.title,
        "venue": info.venue,
        "rows": f"{len(day.ts_ns):,}",
        "orders": f"{day.orders.number:,}",
        "hidden": f"{len(day.hidden):,}",
        "data": told + depth,
        "hours": f"{day.seconds / 3600:.2g} h",
        "digest": subject.digest,
    }


def figure_text(value: float | None, digits: int = 3) -> str:
    """A value in so many figures, with a real minus sign; "n/a" for what is no number."""
    if value is None or not math.isfinite(value):
        return "n/a"
    text = f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"
    if abs(value) < 0.001:
        text = f"{value:.5f}".rstrip("0").rstrip(".")
    return text.replace("-", "\u2212")


def _fact_rows(found: Realism) -> list[dict[str, Any]]:
    """The table of facts, the other day beside this one."""
    theirs = [None] * len(found.ours.findings) if found.theirs is None else found.theirs.findings
    return [_fact_row(ours, other) for ours, other in zip(found.ours.findings, theirs, strict=True)]


def _fact_row(ours: Finding, theirs: Finding | None) -> dict[str, Any]:
    fact = ours.fact
    return {
        "key": fact.key,
        "name": fact.name,
        "what": fact.what,
        "reference": fact.reference,
        "mark": _MARKS[ours.verdict],
        "verdict": "reported only" if ours.verdict is None else ours.verdict.value,
        "state": "none" if ours.verdict is None or ours.why_not else ours.verdict.name.lower(),
        "band": [(name.replace("_", " "), str(bound).replace("-", "\u2212")) for name, bound in fact.band.items()],
        "values": _values(ours),
        "other": None if theirs is None else _values(theirs),
        "note": ours.note,
        "required": ours.required,
        "why_not": ours.why_not,
    }


def _values(finding: Finding) -> list[tuple[str, str, str, bool]]:
    """Name, value, interval, and whether the value has a band or stands for the fact."""
    measured = finding.measured
    if measured is None:
        return []
    rows = []
    for name, value in measured.values.items():
        interval = measured.intervals.get(name)
        spread = "" if interval is None else f"{figure_text(interval.low, 2)} to {figure_text(interval.high, 2)}"
        rows.append(
            (name.replace("_", " "), figure_text(value), spread, name in finding.fact.band or name == finding.shown)
        )
    return rows
