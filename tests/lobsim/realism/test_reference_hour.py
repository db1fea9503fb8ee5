"""The facts of one recorded hour beside the values that were measured on it independently.

The reference column was measured on the same messages with another program.  It leaves out the first minute (it has 59 one-minute returns) wherever the book
is needed, and builds its book from the messages alone; here the book begins with the first recorded book row.  What depends on the book is therefore compared
twice: over the whole hour, and from 09:31 on, where it agrees better.  What remains is below 4 % of a value: with the exchange's own best prices in place of the
replayed ones (they differ in 78 of 91,997 rows) these estimators give the same figures as with the replay (spread 19.50 ticks, kurtosis 20.34 12.78 5.43 1.97 1.00, response
2.49 3.81 5.54 6.01 6.33 6.35), so that it is the reference that differs, not the book.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from lobsim.realism.facts.catalogue import FACTS, Finding, Verdict, judge
from lobsim.realism.facts.measured import Context
from lobsim.realism.market_orders import MarketOrders
from lobsim.realism.prepare import Day, Touch

_MINUTE_NS = 60 * 10**9
BY_KEY = {fact.key: fact for fact in FACTS}


@pytest.fixture(scope="module")
def later(hour: Day) -> Day:
    """The same from 09:31 on."""
    start_ns = hour.start_ns + _MINUTE_NS
    first = int(np.searchsorted(hour.ts_ns, start_ns))
    columns = {
        field.name: column[first:]
        for field in fields(hour)
        if isinstance(column := getattr(hour, field.name), np.ndarray) and len(column) == len(hour.ts_ns)
    }
    kept = hour.orders.row >= first
    orders = MarketOrders(*(column[kept] for column in hour.orders))
    return replace(
        hour,
        **columns
        | {
            "info": replace(hour.info, session_start_ns=start_ns),
            "after": Touch(*(column[first:] for column in hour.after)),
            "instant": np.maximum(hour.instant[first:] - first, 0),
            "orders": orders._replace(row=orders.row - first),
            "hidden": hour.hidden[hour.hidden >= first] - first,
        },
    )


def tell(key: str, day: Day) -> Finding:
    return judge(BY_KEY[key], Context(day))


def values(key: str, day: Day) -> dict[str, float]:
    measured = tell(key, day).measured
    assert measured is not None
    return measured.values


def test_executions_are_merged_into_as_many_market_orders(hour: Day) -> None:
    orders = hour.orders
    assert (3290, 4067, 2201) == (orders.number, int(orders.executions.sum()), len(hour.hidden))
    assert 0.046 == pytest.approx((orders.prices > 1).mean(), abs=0.0005)


def test_linear_memory_of_returns(hour: Day) -> None:
    assert 0.06 == pytest.approx(values("R1", hour)["lag_1"], abs=0.01)


def test_kurtosis_falls_with_the_horizon(hour: Day, later: Day) -> None:
    """The reference's 20.4 13.2 5.5 lie between the two windows or within 4 % of them; its 1.9 and .95 are those from 09:31 on."""
    names = ("1_s", "5_s", "10_s", "30_s", "60_s")
    assert [20.4, 13.2, 5.5, 1.9, 0.95] == pytest.approx([values("R3", hour)[name] for name in names], rel=0.06)
    assert [1.9, 0.95] == pytest.approx([values("R3", later)[name] for name in names[3:]], abs=0.015)
    assert Verdict.MET == tell("R3", hour).verdict


def test_volatility_clusters_and_the_signature_is_flat(hour: Day) -> None:
    assert 0.14 == pytest.approx(values("R4", hour)["lag_1"], abs=0.012)
    names = ("0.1_s", "1_s", "5_s", "10_s", "30_s", "60_s")
    assert [27.3, 26.9, 29.7, 28.7, 31.5, 29.8] == pytest.approx([values("R5", hour)[name] for name in names], rel=0.02)


def test_signs_have_the_reference_memory(hour: Day) -> None:
    assert [0.61, 0.45, 0.24, 0.11, 0.09] == pytest.approx(list(values("F1", hour).values()), abs=0.005)


def test_the_fitted_exponent_is_that_of_one_hour(hour: Day) -> None:
    """The reference fit gave .99 over lags 1 to 200; the bins are not told, and the exponent hardly hangs on them."""
    assert 0.99 == pytest.approx(values("F2", hour)["gamma"], abs=0.05)


def test_events_cluster(hour: Day) -> None:
    found = values("F3", hour)
    assert 0.46 == pytest.approx(found["median_ms"], abs=0.005)
    assert 39 == pytest.approx(found["mean_ms"], abs=0.5)
    assert 3.4 == pytest.approx(found["cv"], abs=0.05)
    assert [0.60, 0.064] == pytest.approx([found["below_1_ms"], found["same_stamp"]], abs=0.005)


def test_the_mix_of_events(hour: Day) -> None:
    assert [0.481, 0.446, 0.005, 0.044, 0.024] == pytest.approx(list(values("F4", hour).values()), abs=0.0005)


def test_sizes_of_orders(hour: Day) -> None:
    found = values("F5", hour)
    assert (100, 100, 1000) == (found["most_frequent"], found["median"], found["p99"])
    assert [0.53, 0.35] == pytest.approx([found["most_frequent_share"], found["smaller_share"]], abs=0.005)
    assert 107 == pytest.approx(found["market_order_mean"], abs=0.5)


def test_where_orders_are_placed_and_cancelled(hour: Day) -> None:
    """The reference rounds to whole percents, 6 % beyond 100 ticks being 6.7 here; where the best prices are those before the instant, not the row."""
    assert [0.20, 0.08, 0.17, 0.28, 0.21, 0.06] == pytest.approx(list(values("F6", hour).values()), abs=0.008)
    assert [0.0, 0.16, 0.21, 0.33, 0.23, 0.07] == pytest.approx(list(values("F7", hour).values()), abs=0.008)


def test_the_fate_of_orders(hour: Day) -> None:
    assert [0.070, 0.925] == pytest.approx(list(values("F8", hour).values()), abs=0.0005)


def test_lifetimes_of_orders(hour: Day) -> None:
    found = values("F9", hour)
    cancels = [found[f"cancel_p{share}_s"] for share in (10, 50, 90, 99)]
    assert [0.0026, 0.37, 11.2, 114] == pytest.approx(cancels, rel=0.013)
    fills = [found[f"fill_p{share}_s"] for share in (50, 90, 99)]
    assert [0.78, 46, 441] == pytest.approx(fills, rel=0.01)
    assert 0.0002 == pytest.approx(found["fill_p10_s"], abs=0.00005)


def test_sizes_of_market_orders_beside_the_best(hour: Day) -> None:
    assert [0.61, 0.043, 0.35] == pytest.approx(list(values("F10", hour).values()), abs=0.015)


def test_the_spread(hour: Day, later: Day) -> None:
    assert 19.3 == pytest.approx(values("B1", hour)["mean_ticks"], rel=0.012)
    assert 19.3 == pytest.approx(values("B1", later)["mean_ticks"], rel=0.008)
    assert 3.4 == pytest.approx(values("B1", hour)["mean_bps"], abs=0.1)
    assert 0.7 < values("B2", hour)["gamma_shape"] < 0.8


def test_the_response_to_market_orders(hour: Day, later: Day) -> None:
    names = [f"lag_{lag}" for lag in (1, 2, 5, 10, 20, 50)]
    reference = [2.48, 3.80, 5.54, 6.09, 6.47, 6.49]
    assert reference == pytest.approx([values("I1", hour)[name] for name in names], rel=0.025)
    assert reference == pytest.approx([values("I1", later)[name] for name in names], rel=0.008)


def test_order_flow_explains_moves_and_hardly_foretells_them(hour: Day) -> None:
    found = values("I7", hour)
    assert [0.18, 0.26, 0.43, 0.58] == pytest.approx([found[f"r2_{step}_s"] for step in (1, 10, 30, 60)], abs=0.018)
    assert all(value < 0.008 for value in values("I8", hour).values())


def test_half_spreads(hour: Day, later: Day) -> None:
    """The reference's last one, -.36, holds market orders of the last minute against the mid at the end of the hour; here they are left out."""
    found, from_later = values("I9", hour), values("I9", later)
    assert [6.79, 6.68] == pytest.approx([found["effective"], found["quoted"]], rel=0.015)
    assert [6.79, 6.68] == pytest.approx([from_later["effective"], from_later["quoted"]], rel=0.012)
    realised = [from_later[f"realised_{later_s}_s"] for later_s in (1, 10, 60)]
    assert [0.45, -1.25, -0.36] == pytest.approx(realised, abs=0.18)


def test_the_hour_meets_every_fact_that_it_can_tell(hour: Day) -> None:
    verdicts = {fact.key: tell(fact.key, hour).verdict for fact in FACTS}
    assert Verdict.MISSED not in verdicts.values(), verdicts
    untold = {key for key, verdict in verdicts.items() if verdict == Verdict.NOT_MEASURABLE}
    assert {"I3", "I4", "I6", "S1"} == untold
