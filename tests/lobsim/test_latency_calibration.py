"""From round trips to settings: rows that cannot be are refused by row; bursts, load and refusals come back from rows made with known ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import ndtr

from lobsim.delays import Constant, Delay, Empirical, Gamma, ShiftedLognormal, Table
from lobsim.errors import ConfigError, DataError
from lobsim.latency import Latency
from lobsim.latency_calibration import calibrate, standardised
from lobsim.latency_load import load_at
from lobsim.latency_rows import RoundTrips, read_round_trips

REQUEST = ShiftedLognormal(30_000, 20_000, 0.5)
ANSWER = Gamma(20_000, 2.0, 8_000)
START_NS = 1_700_000_000 * 10**9


def bursty(model: Delay, rho: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Delays whose Gaussian scores follow each other with correlation rho."""
    draws = rng.standard_normal(count)
    scores = draws.copy()
    for place in range(1, count):
        scores[place] = rho * scores[place - 1] + np.sqrt(1 - rho * rho) * draws[place]
    return model.quantiles(ndtr(scores))


def made(count: int = 1500, *, rho: float = 0.0, slope: float = 0.0, seed: int = 5) -> tuple[RoundTrips, np.ndarray]:
    """Round trips of known models, and the load at each."""
    rng = np.random.default_rng(seed)
    load = standardised(rng.lognormal(3, 0.4, count))
    assert load is not None
    request_ns = START_NS + np.cumsum(rng.integers(10**6, 10**8, count))
    above = (bursty(REQUEST, rho, count, rng) - 30_000) * np.exp(slope * load)
    exchange_ns = request_ns + 30_000 + np.rint(above).astype(np.int64)
    answered_ns = exchange_ns + ANSWER.quantiles(rng.random(count))
    return RoundTrips(request_ns, exchange_ns, answered_ns), load


def written(rows: str, folder: Path) -> Path:
    """A file of rows under the usual header."""
    path = folder / "rows.csv"
    path.write_text("request_ns,exchange_ns,response_ns\n" + rows)
    return path


# Reading


def test_rows_are_read_in_order_of_request_from_text_and_from_parquet(tmp_path: Path) -> None:
    path = written("20,25,31\n10,0,12\n5,6,9\n", tmp_path)
    frame = pl.DataFrame({"sent": [20, 10, 5], "there": [25, 0, 6], "back": [31, 12, 9]})
    frame.write_parquet(tmp_path / "rows.parquet")
    names = {"request_ns": "sent", "exchange_ns": "there", "response_ns": "back"}
    for trips in (read_round_trips(path), read_round_trips(tmp_path / "rows.parquet", names)):
        assert [5, 10, 20] == trips.request_ns.tolist()
        assert [False, True, False] == trips.refused.tolist()
        assert ([1, 5], [3, 6]) == (trips.request_leg_ns.tolist(), trips.answer_leg_ns.tolist())
        assert trips.rate is None


def test_a_column_of_rates_is_read_where_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("request_ns,rate,exchange_ns,response_ns\n1,2.5,2,3\n2,7,3,4\n")
    rate = read_round_trips(path).rate
    assert rate is not None
    assert [2.5, 7.0] == rate.tolist()


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ("10,12,15\n20,19,25\n", "row 3, field exchange_ns: exchange_ns is 19, before its request"),
        ("10,12,15\n20,22,25\n30,35,34\n", "row 4, field response_ns: response_ns is 34, before its exchange time"),
        ("10,12,15\n20,x,25\n", "row 3, field exchange_ns: exchange_ns is 'x', a whole number of nanoseconds"),
        ("10,12.5,15\n", "row 2, field exchange_ns: exchange_ns is '12.5', a whole number"),
        ("10,0,15\n", "no request of it reached the venue"),
        ("", "it holds no row"),
    ],
)
def test_rows_that_cannot_be_are_refused_by_row(rows: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=what):
        read_round_trips(written(rows, tmp_path))


def test_a_refused_request_may_have_any_answer_time(tmp_path: Path) -> None:
    assert 2 == len(read_round_trips(written("10,0,0\n20,22,25\n", tmp_path)).request_ns)


def test_columns_that_are_not_there_are_refused(tmp_path: Path) -> None:
    path = written("1,2,3\n", tmp_path)
    with pytest.raises(DataError, match="request_ns is mapped to 'sent', and there is no such column"):
        read_round_trips(path, {"request_ns": "sent"})
    with pytest.raises(ConfigError, match="there is no column 'feed' to map"):
        read_round_trips(path, {"feed": "x"})


# Calibrating


def test_legs_bursts_and_load_are_recovered() -> None:
    trips, load = made(rho=0.6, slope=0.4)
    found = calibrate(trips, load=load)
    assert ("shifted_lognormal", "gamma") == (found.request.chosen, found.answer.chosen)
    model = found.latency.leg("submit")
    assert isinstance(model, ShiftedLognormal)
    assert 50_000 == pytest.approx(model.quantile(0.5), rel=0.05)
    assert 0.6 == pytest.approx(model.rho, abs=0.06)
    assert 0.4 == pytest.approx(model.load_slope, abs=0.06)
    assert model == found.latency.leg("cancel") == found.latency.leg("replace")
    assert found.latency.leg("fill") == found.latency.leg("acknowledge") == found.answer.model
    assert 0.0 == found.answer.model.rho


def test_what_is_not_told_from_nothing_is_left_out() -> None:
    trips, load = made(seed=8)
    found = calibrate(trips, load=load)
    for leg in (found.request, found.answer):
        assert leg.rho is not None
        assert leg.load is not None
        assert abs(leg.rho.value) < 0.06
        assert 0.0 == leg.model.load_slope == leg.load.used


def test_modelled_quantiles_lie_beside_the_measured_ones_also_under_load() -> None:
    trips, load = made(rho=0.3, slope=0.4)
    for share, live, model in calibrate(trips, load=load).request.quantiles:
        if 0.05 <= share <= 0.95:
            assert live == pytest.approx(model, rel=0.04)


def test_refusals_become_a_share_of_all_or_of_those_above_a_load() -> None:
    trips, load = made(500)
    refused = (load > 1.0) & (np.arange(len(load)) % 4 == 0)
    trips = RoundTrips(trips.request_ns, np.where(refused, 0, trips.exchange_ns), trips.response_ns)
    found = calibrate(trips).latency
    assert (-100.0, refused.mean()) == (found.reject_above_load, found.reject_share)
    found = calibrate(trips, load=load).latency
    assert found.reject_above_load is not None
    assert 1.0 <= found.reject_above_load <= 1.3
    assert refused.sum() == round(found.reject_share * (load > found.reject_above_load).sum())
    assert refused.sum() == trips.refused.sum()


def test_a_model_that_is_asked_for_is_taken() -> None:
    trips, _ = made(200)
    assert isinstance(calibrate(trips, model="empirical").latency.leg("fill"), Empirical)
    assert isinstance(calibrate(trips, model="constant").latency.leg("submit"), Constant)
    table = calibrate(trips, model="table").latency.leg("acknowledge")
    assert isinstance(table, Table)
    assert trips.exchange_ns.tolist() == [row[1] for row in table.rows]
    with pytest.raises(ConfigError, match="no model 'normal'"):
        calibrate(trips, model="normal")


def test_a_model_that_a_leg_cannot_have_is_refused() -> None:
    trips, _ = made(5)
    with pytest.raises(ConfigError, match="the request leg cannot be fitted by gamma: 5 delays"):
        calibrate(trips, model="gamma")


def test_settings_are_read_back_as_written(tmp_path: Path) -> None:
    trips, load = made(400, rho=0.5, slope=0.3)
    found = calibrate(trips, load=load, feed_ns=50_000).latency
    found.write(tmp_path / "m.json")
    assert found == Latency.read(tmp_path / "m.json")
    assert Constant(50_000) == found.leg("feed_book")


# Load


def test_load_counts_the_rows_of_the_window_as_a_replay_does() -> None:
    rng = np.random.default_rng(2)
    rows_ns = np.sort(rng.integers(0, 100_000, 400))
    at_ns = rng.integers(0, 100_000, 50)

    def inside(instant: int) -> int:
        return int(np.sum((rows_ns > instant - 1000) & (rows_ns <= instant)))

    usual = [inside(instant) for instant in rows_ns]
    expected = np.clip([(inside(instant) - np.mean(usual)) / np.std(usual) for instant in at_ns], -3, 3)
    assert expected == pytest.approx(load_at(rows_ns, at_ns, 1000))


def test_requests_of_another_day_have_no_load() -> None:
    with pytest.raises(ConfigError, match="no request lies within the recording"):
        load_at(np.array([10, 20]), np.array([500]), 5)
