"""Times and durations as people write them, to nanoseconds and back.

Times of day are read in the venue's own zone.  Nothing here asks what time it is.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from lobsim.errors import ConfigError
from lobsim.feeds.schema import DatasetInfo

NS_PER_SECOND = 10**9
_NEW_YORK = "America/New_York"
_ZONES: dict[str, str] = {}
_ZONES |= dict.fromkeys(("NASDAQ", "LOBSIM", "BATS", "XNAS", "XNYS", "ARCX", "BATY", "EDGX", "IEXG"), _NEW_YORK)
_ZONES |= dict.fromkeys(("SSE", "SZSE"), "Asia/Shanghai")
_UNITS_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": NS_PER_SECOND, "m": 60 * NS_PER_SECOND, "h": 3600 * NS_PER_SECOND}
_PIECE = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")


def zone_name(info: DatasetInfo) -> str:
    """IANA name of the zone in which a venue's times of day are told; UTC where the venue is not known."""
    return _ZONES.get(info.venue.upper(), "UTC")


def duration_ns(text: str, where: str = "duration") -> int:
    """Nanoseconds in "30m", "1h30m", "250ms", "50us".

    Raises ConfigError for anything else, for 0, and for a fraction of a nanosecond.
    """
    pieces = _PIECE.findall(text.strip())
    if not pieces or "".join(number + unit for number, unit in pieces) != text.strip():
        raise ConfigError(f"{text!r} is no duration", where=where, hint="write it like 30m, 1h30m, 90s, 250ms or 50us")
    total = sum(Fraction(number) * _UNITS_NS[unit] for number, unit in pieces)
    if not total or total.denominator != 1:
        raise ConfigError(f"{text!r} is not a whole number of nanoseconds above 0", where=where)
    return int(total)


def time_ns(text: str, info: DatasetInfo, where: str = "time") -> int:
    """Exchange time of "10:00", "10:00:30" or "10:00:30.5" on the data set's day, nanoseconds UTC.

    Raises ConfigError for anything else.
    """
    found = _TIME.fullmatch(text.strip())
    if not found or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3] or 0) > 59:
        raise ConfigError(f"{text!r} is no time of day", where=where, hint="write it like 10:00 or 10:00:30.5")
    day = datetime.fromisoformat(info.date).replace(tzinfo=ZoneInfo(zone_name(info)))
    moment = day.replace(hour=int(found[1]), minute=int(found[2]), second=int(found[3] or 0))
    return int(moment.timestamp()) * NS_PER_SECOND + int((found[4] or "").ljust(9, "0") or 0)


def time_text(at_ns: int, info: DatasetInfo) -> str:
    """The time of day at the venue, to the second."""
    moment = datetime.fromtimestamp(0, ZoneInfo("UTC")) + timedelta(seconds=at_ns // NS_PER_SECOND)
    return f"{moment.astimezone(ZoneInfo(zone_name(info))):%H:%M:%S}"
