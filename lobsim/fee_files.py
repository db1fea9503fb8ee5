"""Fees as a person writes them: in a word on the command line, or in a TOML file.

Invariant: a decimal in a file stays a decimal; a key that nobody reads is an error.
"""

from __future__ import annotations

import tomllib
from dataclasses import fields
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lobsim.errors import ConfigError
from lobsim.fees import FeeSchedule, Period, Rates, Tier, TierRule


def parse_fees(text: str) -> FeeSchedule:
    """Fees as a person names them: ``taker=0.3,maker=-0.1`` in bps of value, or the name of a TOML file (`read_fees`)."""
    if "=" not in text:
        return read_fees(Path(text))
    rates: dict[str, Rates] = {}
    for part in text.split(","):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in ("maker", "taker") or name in rates:
            raise ConfigError(
                f"{part.strip()!r} is no fee", where="--fees", hint="write taker=0.3,maker=-0.1 or name a TOML file"
            )
        rates[name] = Rates(bps=value)
    return FeeSchedule(maker=rates.get("maker", Rates()), taker=rates.get("taker", Rates()))


def read_fees(path: Path) -> FeeSchedule:
    """A schedule from a TOML file: the fields of FeeSchedule, ``[maker]`` and ``[taker]`` with those of Rates, ``[[tiers]]`` with those of Tier.

    Numbers may be written as numbers or as text; a decimal never becomes a float.  Raises ConfigError, naming the file and the key.
    """
    try:
        with path.open("rb") as file:
            table = tomllib.load(file, parse_float=Decimal)
    except OSError as error:
        raise ConfigError(f"the fees cannot be read: {error.strerror}", where=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"this is no TOML: {error}", where=str(path)) from None
    try:
        return _schedule_of(table)
    except ConfigError as error:
        raise ConfigError(
            error.what, where=f"{path}: {error.where}" if error.where else str(path), hint=error.hint
        ) from None


def _schedule_of(table: dict[str, Any]) -> FeeSchedule:
    settings = dict(_known(table, FeeSchedule, "fees"))
    for name in ("maker", "taker"):
        if name in settings:
            settings[name] = Rates(**_known(settings[name], Rates, name))
    if "tiers" in settings:
        rows = settings["tiers"] if isinstance(settings["tiers"], list) else [None]
        settings["tiers"] = tuple(_tier_of(_known(row, Tier, "tiers")) for row in rows)
    for name, kind in (("tier_rule", TierRule), ("period", Period)):
        if name in settings:
            word = str(settings[name]).upper()
            if word not in kind.__members__:
                choices = " or ".join(member.lower() for member in kind.__members__)
                raise ConfigError(f"{name} is {settings[name]!r}", where="fees", hint=f"choose {choices}")
            settings[name] = kind[word]
    return FeeSchedule(**settings)


def _tier_of(row: dict[str, Any]) -> Tier:
    missing = [each.name for each in fields(Tier) if each.name not in row]
    if missing:
        raise ConfigError(f"a tier lacks {', '.join(missing)}", where="tiers")
    return Tier(**row)


def _known(table: Any, kind: type, where: str) -> dict[str, Any]:
    """A table of settings, refused if it holds a key that nobody reads."""
    if not isinstance(table, dict):
        raise ConfigError("a table of settings is needed", where=where)
    names = [each.name for each in fields(kind)]
    for key in table:
        if key not in names:
            near = get_close_matches(key, names, 1)
            raise ConfigError(
                f"there is no setting {key!r}",
                where=where,
                hint=f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}",
            )
    return table
