"""Numbers, times and names as people read them.

One rule per kind of quantity, used by the page and by the charts alike.  What is not known or not finite is
"n/a"; the minus sign is a real one; zero has no sign; thousands are set off with commas.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

MISSING = "n/a"
SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
WORDS = "no one two three four five six seven eight nine ten eleven twelve".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()


def number(value: float | int | None, digits: int = 0) -> str:
    """`value` with `digits` decimals and thousands separators."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{abs(value):,.{digits}f}"
    negative = value < 0 and text.strip("0.,") != ""
    return f"\u2212{text}" if negative else text


def quantity(value: float | None) -> str:
    """A size: whole where it is whole, else up to 8 decimals without trailing zeros."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = number(value, 8)
    return text.rstrip("0").rstrip(".")


def percent(value: float | None) -> str:
    """A share between 0 and 1; one decimal below 10 %; the sign never parts from its figure."""
    if value is None or not math.isfinite(value):
        return MISSING
    scaled = 100.0 * value
    return f"{number(scaled, 1 if 0 < abs(scaled) < 9.95 else 0)}\u00a0%"


def money(value: float | None, currency: str) -> str:
    """An amount: cents below 100, whole units above; small amounts of what has no sign, such as coins, to four figures."""
    if value is None or not math.isfinite(value):
        return MISSING
    digits = 2 if abs(value) < 100 else 0
    if 0 < abs(value) < 1 and currency not in SYMBOLS:
        digits = min(3 - math.floor(math.log10(abs(value))), 8)
    text = number(abs(value), digits)
    sign = "\u2212" if value < 0 and text.strip("0.,") else ""
    symbol = SYMBOLS.get(currency)
    return f"{sign}{symbol}{text}" if symbol else f"{sign}{text} {currency}"


def bps_digits(values: Iterable[float | None]) -> int:
    """Decimals that suit a whole set of costs: two while they are small, one above 20 bps, none above 500."""
    largest = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=0.0)
    return 2 if largest < 20 else 1 if largest < 500 else 0


def price_digits(values: Iterable[float | None]) -> int:
    """The fewest decimals, 2 to 8, that write each of these prices in full."""
    digits = 2
    for value in values:
        while value is not None and math.isfinite(value) and digits < 8:
            if abs(round(value, digits) - value) <= 1e-9 * max(1.0, abs(value)):
                break
            digits += 1
    return digits


def plural(count: int, noun: str) -> str:
    """A count and its noun: "1 fill", "1,204 fills"."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def counted(count: int) -> str:
    """A small count in words ("three"), a larger one in digits."""
    return WORDS[count] if 0 <= count < len(WORDS) else number(count)


def local(ts_ns: int, zone: str) -> datetime:
    """Wall-clock time of a nanosecond stamp, to the second."""
    return datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC).astimezone(ZoneInfo(zone))


def clock(ts_ns: int | None, zone: str, digits: int = 3) -> str:
    """Time of day, "10:00:03.125"; `digits` 0 to 9 decimals of a second, cut off, not rounded."""
    if ts_ns is None:
        return MISSING
    text = f"{local(ts_ns, zone):%H:%M:%S}"
    return f"{text}.{ts_ns % 1_000_000_000:09d}"[: 9 + digits] if digits else text


def hours(ts_ns: int, zone: str) -> str:
    """Time of day without seconds where they are zero."""
    text = clock(ts_ns, zone, 0)
    return text.removesuffix(":00")


def long_date(text: str) -> str:
    """ "2012-06-21" as "Thursday 21 June 2012"; any other text as it is."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return text
    return f"{DAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}"


def duration(length_ns: int) -> str:
    """A length of time in its two largest units: "30 min", "1 h 5 min", "42 s"."""
    seconds = length_ns // 1_000_000_000
    parts = [(seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    shown = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(shown[:2]) or "0 s"


def place(zone: str) -> str:
    """The city of a time zone name."""
    return zone.rsplit("/", 1)[-1].replace("_", " ")
