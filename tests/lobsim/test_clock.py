"""Times and durations as people write them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim.clock import duration_ns, time_ns, time_text, zone_name
from lobsim.errors import ConfigError
from lobsim.feeds.schema import DatasetInfo
from lobsim.types import Fidelity

SECOND = 10**9
SUMMER = DatasetInfo(
    symbol="X",
    venue="NASDAQ",
    date="2012-06-21",
    currency="USD",
    price_quantum="0.0001",
    tick_quanta=100,
    lot="1",
    fidelity=Fidelity.L3_FULL,
    depth=0,
    session_start_ns=0,
    session_end_ns=0,
    source="made up",
    source_sha256="",
)
WINTER = replace(SUMMER, date="2012-12-21")
ELSEWHERE = replace(SUMMER, venue="Binance")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", 1800 * SECOND),
        ("1h30m", 5400 * SECOND),
        ("90s", 90 * SECOND),
        ("1.5h", 5400 * SECOND),
        ("250ms", 250_000_000),
        ("50us", 50_000),
        ("0.1us", 100),
        ("7ns", 7),
        (" 2s ", 2 * SECOND),
        ("1s1ns", SECOND + 1),
    ],
)
def test_durations(text: str, expected: int) -> None:
    assert expected == duration_ns(text)


@pytest.mark.parametrize("text", ["", "30", "m", "30 m", "-5m", "1d", "30m!", "1e3s", "nan", "½h", "1,5h", "30M"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--duration: .* is no duration; write it like 30m"):
        duration_ns(text, "--duration")


@pytest.mark.parametrize("text", ["0s", "0m0s", "0.5ns", "1.0000000001s"])
def test_no_time_and_parts_of_a_nanosecond_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a whole number of nanoseconds above 0"):
        duration_ns(text)


@pytest.mark.parametrize(
    ("info", "text", "expected"),
    [
        (SUMMER, "09:30", 1340285400 * SECOND),  # 13:30 UTC
        (WINTER, "09:30", 1356100200 * SECOND),  # 14:30 UTC
        (ELSEWHERE, "09:30", 1340271000 * SECOND),
        (SUMMER, "9:30:01", 1340285401 * SECOND),
        (SUMMER, "09:30:00.5", 1340285400 * SECOND + 500_000_000),
        (SUMMER, "09:30:00.000000001", 1340285400 * SECOND + 1),
    ],
)
def test_times_of_day_are_the_venues(info: DatasetInfo, text: str, expected: int) -> None:
    assert expected == time_ns(text, info)


@pytest.mark.parametrize(
    "text", ["", "10", "24:00", "10:60", "10:00:60", "10:00:00.1234567890", "10.00", "noon", "-1:00"]
)
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--start: .* is no time of day; write it like 10:00"):
        time_ns(text, SUMMER, "--start")


@given(second=st.integers(0, 86_399), info=st.sampled_from([SUMMER, WINTER, ELSEWHERE]))
def test_a_time_of_day_reads_back(second: int, info: DatasetInfo) -> None:
    text = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    assert text == time_text(time_ns(text, info), info)


def test_venues_have_their_zones() -> None:
    assert ("America/New_York", "America/New_York", "UTC") == (
        zone_name(SUMMER),
        zone_name(replace(SUMMER, venue="lobsim")),
        zone_name(ELSEWHERE),
    )
