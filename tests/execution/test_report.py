"""The report: what it says, that it stands alone, and that it survives the odd inputs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from execution.intervals import mean_interval
from execution.report import ReportData, ReportError, render, write_report
from execution.report.data import RESULTS, clean, summarise
from execution.report.formats import clock, money, number, percent, price_digits, quantity
from execution.report.page import choose_runs
from execution.report.timeline import crop, resting, thin_ends, thin_quotes
from execution.report.words import lead
from tests.execution.report_fixture import START_NS, make_report_data


class Reader(HTMLParser):
    """Collects what a person reads (no scripts, no styles), every tag with its attributes, and the cells of tables."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.figures: dict[str, dict] = {}
        self._inside: list[str] = []
        self.feed(page)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = [tag, str(dict(attrs).get("id"))]

    def handle_endtag(self, tag: str) -> None:
        self._inside = []

    def handle_data(self, data: str) -> None:
        if self._inside == ["script", "figures"]:
            self.figures = json.loads(data)
        elif self._inside[:1] not in (["script"], ["style"]):
            self.words.append(data)

    def with_attribute(self, name: str) -> list[str | None]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]


def summary_of(data: ReportData) -> pl.DataFrame:
    return summarise(clean(data.results, RESULTS))


def with_costs(**costs: float | None) -> ReportData:
    """The standard report with these total costs, all of them spread, a basis point worth 100 dollars."""
    data = make_report_data(algos=tuple(costs), comparison=False)
    totals = pl.Series(list(costs.values()), dtype=pl.Float64)
    parts = [pl.lit(0.0).alias(f"{part}_bps") for part in ("delay", "impact", "timing", "opportunity", "fees")]
    spread = [totals.alias("spread_bps"), totals.alias("shortfall_bps"), (100 * totals).alias("shortfall_money")]
    changed = data.results.with_columns(*parts, *spread)
    return make_report_data(algos=tuple(costs), comparison=False, results=changed)


# The headline


def test_headline_names_the_order_and_the_cheapest_algorithm() -> None:
    text = Reader(render(with_costs(twap=2.5, pov=1.25))).text
    assert "Buy 5,000 shares of GOOG" in text
    assert "POV was the cheapest of two: it cost $125 (1.25 bps) beyond the market price at the moment" in text
    assert "10:00\u201310:30, New York time" in text
    assert "Thursday 21 June 2012" in text


def test_headline_blames_the_part_in_which_the_cheapest_differs_most() -> None:
    sentences = lead(data := with_costs(twap=2.5, pov=1.25, ac=4.5), summary_of(data))
    assert sentences[1].startswith("Mainly because it paid less for crossing the spread: 1.25 bps against")
    assert "an average of 3.50 for the other two" in sentences[1]
    assert "The dearest, Almgren\u2013Chriss, came to 4.50 bps." in sentences


def test_gain_reads_as_a_gain() -> None:
    sentences = lead(data := with_costs(twap=-1.5), summary_of(data))
    assert "TWAP came out $150 (1.50 bps) better than the market price at the moment of the decision." == sentences[0]


def test_unknown_cost_ranks_last_and_is_not_called_cheapest() -> None:
    data = with_costs(twap=None, pov=3.0, vwap=4.0)
    assert ["pov", "vwap", "twap"] == summary_of(data)["algo"].to_list()
    assert lead(data, summary_of(data))[0].startswith("POV was the cheapest of two")


def test_incomplete_order_is_said_in_the_headline() -> None:
    data = with_costs(twap=1.0, pov=3.0)
    short = data.results.with_columns(pl.when(pl.col("algo") == "twap").then(0.83).otherwise(1.0).alias("completion"))
    data = make_report_data(results=short)
    assert "TWAP filled only 83\u00a0%: the rest is priced at the end of the time." in lead(data, summary_of(data))


def test_several_parents_are_averaged_and_labelled_as_one_day() -> None:
    data = make_report_data(parents=6, comparison=False)
    text = Reader(render(data)).text
    assert "6 orders: buy 5,000 shares of GOOG each" in text
    assert "All orders are of one day" in text
    twap = data.results.filter(pl.col("algo") == "twap")["shortfall_bps"].mean()
    assert twap == pytest.approx(summary_of(data).filter(pl.col("algo") == "twap")["shortfall_bps"][0])


def test_parents_of_several_days_are_not_labelled_as_one() -> None:
    results = (
        make_report_data(parents=6)
        .results.with_row_index("day")
        .with_columns(pl.col("day").cast(pl.String).alias("date"))
    )
    assert "All orders are of one day" not in Reader(render(make_report_data(results=results))).text


# The page as a whole


def test_page_loads_nothing_from_anywhere() -> None:
    reader = Reader(render(make_report_data()))
    assert [] == reader.with_attribute("src")
    assert [] == reader.with_attribute("href")
    assert [] == [tag for tag, _ in reader.tags if tag in ("link", "img", "iframe", "object", "embed")]
    assert "url(" not in (Path(__file__).parents[2] / "execution/report/style.css").read_text(encoding="utf-8")
    policy = [value for value in reader.with_attribute("content") if value and "default-src 'none'" in value]
    assert 1 == len(policy)


def test_same_data_give_the_same_bytes() -> None:
    assert render(make_report_data()) == render(make_report_data())


def test_text_from_outside_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    data = make_report_data(algos=("twap",), comparison=False)
    page = render(
        make_report_data(
            algos=("twap",), symbol=evil, unit=evil, venue=evil, command=evil, drift=[(evil, 1, evil)],
            results=data.results.with_columns(pl.lit(evil).alias("condition"), pl.lit(evil).alias("algo")),
            fills=data.fills.with_columns(pl.lit(evil).alias("reason"), pl.lit(evil).alias("algo")),
        )
    )  # fmt: skip
    assert "alert(1)" in page
    assert evil not in page
    reader = Reader(page)
    assert 3 == len([tag for tag, _ in reader.tags if tag == "script"])
    assert "<script>" not in json.dumps(reader.figures)


def test_figures_have_fixed_places_that_exist_in_the_page() -> None:
    reader = Reader(render(make_report_data(algos=("twap", "pov"))))
    expected = ["parts", "price", "schedule-run-0", "schedule-run-1", "costs", "comparison"]
    assert [f"chart-{name}" for name in expected] == list(reader.figures)
    assert set(reader.figures) <= set(reader.with_attribute("id"))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(make_report_data(algos=("twap",), fill_count=1, comparison=False), id="one algorithm, one fill"),
        pytest.param(make_report_data(algos=("twap",), fill_count=0), id="no fill"),
        pytest.param(make_report_data(fill_count=1_250, quote_count=60_000), id="four algorithms, 5,000 fills"),
        pytest.param(make_report_data(algos=("a new one",), volume=None, drift=None), id="unknown algorithm"),
        pytest.param(make_report_data(parents=5, comparison=False), id="five parents"),
    ],
)
def test_page_is_whole_and_free_of_nan(data: ReportData) -> None:
    reader = Reader(render(data))
    assert not re.search(r"\b(nan|NaN|None|null|inf|undefined)\b", reader.text)
    assert "Small print" in reader.text
    assert "chart-price" in reader.figures


def test_missing_numbers_are_written_as_not_available() -> None:
    data = make_report_data(algos=("twap", "pov"), comparison=False)
    numbers = [name for name, dtype in RESULTS.items() if dtype == pl.Float64]
    for hole in (None, float("nan"), float("inf")):
        results = data.results.with_columns(pl.lit(hole, dtype=pl.Float64).alias(name) for name in numbers)
        reader = Reader(render(make_report_data(algos=("twap", "pov"), comparison=False, results=results)))
        assert "n/a" in reader.text
        assert not re.search(r"\b(nan|NaN|None|inf)\b", reader.text)


def test_empty_quote_sides_and_empty_tables_are_drawn() -> None:
    data = make_report_data()
    holes = data.quotes.with_columns(
        pl.when(pl.col("ts_ns") % 3 == 0).then(None).otherwise("bid").alias("bid"), pl.lit(None).alias("ask")
    )
    assert "none" == Reader(render(make_report_data(quotes=holes))).figures["chart-price"]["data"][1]["fill"]
    bare = {name: getattr(data, name).clear() for name in ("fills", "orders", "quotes", "schedule", "volume")}
    assert "There are none: no own order traded." in Reader(render(make_report_data(**bare))).text


def test_fills_table_is_cut_at_200_rows_and_says_so() -> None:
    page = render(make_report_data(fill_count=100))
    assert "The first 200 of 400 fills" in Reader(page).text
    body = page.split('<table class="plain sortable">')[1].split("</table>")[0]
    assert 200 == body.split("<tbody>")[1].count("<tr>")


def test_comparison_is_taken_from_results_of_two_conditions() -> None:
    data = make_report_data(algos=("twap",), comparison=False)
    coarse = data.results.with_columns(pl.lit("L2 consume").alias("condition"), pl.lit(9.0).alias("shortfall_bps"))
    both = make_report_data(algos=("twap",), comparison=False, results=pl.concat([data.results, coarse]))
    reader = Reader(render(both))
    assert [9.0] == reader.figures["chart-comparison"]["data"][1]["x"]
    assert 2 == reader.text.count("L2 consume")
    assert "9.00" not in reader.text.split("Where the cost came from")[0]


def test_parts_stand_in_the_figure_with_their_total() -> None:
    data = with_costs(twap=2.5, pov=-1.25)
    bars = Reader(render(data)).figures["chart-parts"]["data"]
    spread = next(bar for bar in bars if bar.get("name") == "Spread")
    assert ["POV", "TWAP"] == spread["y"]
    assert [-1.25, 2.5] == spread["x"]
    assert ["\u22121.25", "2.50"] == [text.strip() for text in bars[-1]["text"]]


def test_passive_aggressive_and_forced_fills_have_marks_of_their_own() -> None:
    data = make_report_data(algos=("twap",))
    traces = Reader(render(data)).figures["chart-price"]["data"]
    marks = {trace["name"]: trace for trace in traces if trace.get("mode") == "markers"}
    assert 3 == len({trace["marker"]["symbol"] for trace in marks.values()})
    assert data.fills["passive"].sum() == len(marks["Fill from the queue"]["x"])
    assert 1 == len(marks["Forced at the end"]["x"])


# The files


def test_report_is_written_whole_and_alone(tmp_path: Path) -> None:
    data = make_report_data(algos=("twap",), quote_count=100)
    path = write_report(data, tmp_path / "new" / "folder")
    assert tmp_path / "new" / "folder" / "report.html" == path
    assert [path] == list(path.parent.iterdir())
    assert render(data) == path.read_text(encoding="utf-8")


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ReportError, match="the report cannot be written"):
        write_report(make_report_data(algos=("twap",), quote_count=100), tmp_path / "taken")


def test_bad_input_is_refused_with_its_name() -> None:
    data = make_report_data(algos=("twap",))
    with pytest.raises(ReportError, match=r"results: .*shortfall_bps"):
        make_report_data(results=data.results.drop("shortfall_bps"))
    with pytest.raises(ReportError, match="at least one run"):
        make_report_data(results=data.results.clear())
    with pytest.raises(ReportError, match="'hold'"):
        make_report_data(side="hold")
    with pytest.raises(ReportError, match="Mars/Base"):
        make_report_data(time_zone="Mars/Base")
    with pytest.raises(ReportError, match="before start_ns"):
        make_report_data(end_ns=START_NS - 1)


# Thinning and reckoning


def test_thinned_quotes_keep_their_spikes_and_ends() -> None:
    quotes = make_report_data(quote_count=50_000).quotes.with_row_index()
    spiked = quotes.select(
        "ts_ns",
        pl.when(pl.col("index") == 31_337).then(1.0).otherwise("bid").alias("bid"),
        pl.when(pl.col("index") == 4_711).then(9_999.0).otherwise("ask").alias("ask"),
    )
    thin = thin_quotes(spiked)
    assert thin.height <= 4_000
    assert (1.0, 9_999.0) == (thin["bid"].min(), thin["ask"].max())
    assert spiked.row(0) == thin.row(0)
    assert spiked.row(-1) == thin.row(-1)
    assert thin["ts_ns"].is_sorted()


def test_thinned_schedule_keeps_its_ends() -> None:
    frame = pl.DataFrame({"ts_ns": range(10_001), "executed": range(10_001)})
    thin = thin_ends(frame)
    assert thin.height <= 802
    assert (0, 10_000) == (thin["ts_ns"][0], thin["ts_ns"][-1])


def test_cropped_quotes_begin_with_the_quote_that_stood() -> None:
    quotes = pl.DataFrame({"ts_ns": [10, 20, 30, 40], "bid": [1.0, 2.0, 3.0, 4.0], "ask": [2.0, 3.0, 4.0, 5.0]})
    assert [(25, 2.0, 3.0), (30, 3.0, 4.0)] == crop(quotes, 25, 35).rows()


def test_order_without_an_end_stands_until_the_parent_ends() -> None:
    orders = make_report_data(algos=("twap",)).orders.head(2).with_columns(pl.lit(100.0).alias("price"))
    stamped = orders.with_columns(
        pl.lit(5).alias("arrived_ns"), pl.Series("done_ns", [None, 2**63 - 1], dtype=pl.Int64)
    )
    assert [50, 50] == resting(stamped, 50)["stop_ns"].to_list()


def test_runs_over_time_are_those_of_the_first_parent_cheapest_first() -> None:
    data = make_report_data(algos=("twap", "pov"), parents=3)
    runs = choose_runs(clean(data.results, RESULTS), summary_of(data), 3)
    assert [("r-twap", "run-0"), ("r-pov", "run-1")] == [(run.run_id, run.key) for run in runs]


def test_interval_of_equal_costs_is_a_point_and_is_repeatable() -> None:
    assert (2.0, 2.0, 2.0) == mean_interval(np.full(7, 2.0))
    costs = np.array([1.0, 2.0, 3.0, 4.0, 10.0])
    mean, low, high = mean_interval(costs)
    assert (4.0, low, high) == mean_interval(costs)
    assert 1.0 < low < mean < high < 10.0


def test_numbers_are_written_for_people() -> None:
    assert "12,345.68" == number(12_345.678, 2)
    assert "0.00" == number(-0.001, 2)
    assert "\u22121.5" == number(-1.5, 1)
    assert "n/a" == number(float("nan"))
    assert "\u2212$63.80" == money(-63.8, "USD")
    assert "1,234 CHF" == money(1_234.4, "CHF")
    assert ("6.5\u00a0%", "100\u00a0%", "0\u00a0%") == (percent(0.0654), percent(1.0), percent(0.0))
    assert ("5,000", "0.015") == (quantity(5_000.0), quantity(0.015))
    assert (2, 4) == (price_digits([565.25, 565.3]), price_digits([0.0125, None]))
    assert "10:00:00.000000001" == clock(START_NS + 1, "America/New_York", 9)


# In a browser


def in_browser(page: str, folder: Path) -> tuple[str, str]:
    """The page as a headless browser has it after its scripts, and what the browser said; skips without a browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine: install it to look at the report")
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=420,900"]
    command += [
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={folder / 'profile'}",
    ]
    command += ["--enable-logging=stderr", "--virtual-time-budget=8000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.browser
def test_every_chart_draws_in_a_browser(tmp_path: Path) -> None:
    page, complaints = in_browser(render(make_report_data(algos=("twap", "pov"))), tmp_path)
    places = re.split(r'<div class="chart[^"]*" id="(chart-[a-z0-9-]+)"', page)
    drawn = dict(zip(places[1::2], places[2::2], strict=True))
    expected = {"parts", "price", "schedule-run-0", "schedule-run-1", "costs", "comparison"}
    assert {f"chart-{name}" for name in expected} == set(drawn)
    for name, content in drawn.items():
        assert 'class="main-svg"' in content, f"{name} has no drawing"
        assert 'class="trace' in content, f"{name} has no trace"
    assert "" == complaints


@pytest.mark.browser
def test_buttons_choose_the_algorithm_and_headings_sort(tmp_path: Path) -> None:
    clicks = "document.querySelectorAll('[data-run]')[1].click();"
    clicks += "for (const turn of [1, 2]) document.querySelectorAll('.sortable th button')[4].click();"
    page = render(make_report_data(algos=("twap", "pov"))).replace("</body>", f"<script>{clicks}</script></body>")
    dom, complaints = in_browser(page, tmp_path)
    assert ["false", "true"] == re.findall(r'data-run="[^"]*" aria-pressed="(\w+)"', dom)
    assert 1 == len(re.findall(r'data-caption="run-0" hidden', dom))
    rows = dom.split('<table class="plain sortable">')[1].split("<tbody>")[1].split("</tbody>")[0].split("<tr>")[1:]
    sizes = [float(re.findall(r'data-value="([^"]*)"', row)[3]) for row in rows]
    assert 120 == len(sizes)
    assert sorted(sizes, reverse=True) == sizes
    assert "" == complaints
