"""What each preset is a model of: the market it stands for, the recording it is laid beside, the bands it is held to, the facts it was never meant to meet.

One TOML file a preset in ``references``, written down before a preset is tuned.  What a file does not say is the catalogue's: a fact with a band is meant unless it is listed as not meant, with the reason.

Rule of the files: what table 1.11 of the models says of a fact decides ("yes" and "roughly" are meant; "weak", "partly", "short", "mechanical" and "no" are not); facts that it does not name are decided by how the model works,
never by what it was seen to do.
"""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lobsim.errors import ConfigError
from lobsim.feeds.schema import DatasetInfo
from lobsim.realism.facts.catalogue import FACTS, Bound, Fact, Finding, Verdict
from lobsim.realism.prepare import Day

_STRICT = ConfigDict(extra="forbid", frozen=True)
_FACTS = {fact.key: fact for fact in FACTS}
_NOTED = re.compile(r"simulated: preset (.+), [0-9a-f]{16}, seed ")
_PROFILE = ("mid_price", "traded_lots", "rows")

Range = tuple[float, float]
"""Lowest and highest, both included; inf where there is no such end."""


class Recording(BaseModel):
    """A recorded day that a preset is held against.

    use            what for
    source         name of the vendor's file;  source_sha256: as its import notes it (lobsim.feeds.schema.DatasetInfo)
    digest         of the data set that is read from it (lobsim.feeds.schema.Dataset.digest)
    """

    model_config = _STRICT

    name: str
    use: str
    source: str
    source_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    digest: str = Field(pattern="^[0-9a-f]{64}$")


class Band(BaseModel):
    """A band other than the catalogue's.  values: value of the fact -> where it should lie"""

    model_config = _STRICT

    why: str = Field(min_length=1)
    values: dict[str, Range] = Field(min_length=1)


class NotMeant(BaseModel):
    """Facts that a model cannot meet, or meets for no good reason."""

    model_config = _STRICT

    facts: tuple[str, ...] = Field(min_length=1)
    why: str = Field(min_length=1)


class Reference(BaseModel):
    """What a preset is a model of.

    required    facts that the preset must meet to be what it says it is
    profile     mid_price (mean over time), traded_lots and rows of a whole session: where they should lie
    recordings  the recorded days it is held against;  published: numbers of the literature, in words
    """

    model_config = _STRICT

    preset: str
    stands_for: str = Field(min_length=1)
    required: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    profile: dict[str, Range] = Field(default_factory=dict)
    recordings: tuple[Recording, ...] = ()
    bands: dict[str, Band] = Field(default_factory=dict)
    not_meant: tuple[NotMeant, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Reference:
        named = [key for group in self.not_meant for key in group.facts]
        _known(named, "not_meant")
        _known(self.required, "required")
        _known(self.bands, "bands")
        if unknown := sorted(set(self.profile) - set(_PROFILE)):
            raise ValueError(f"profile has no {unknown[0]!r}; it has {', '.join(_PROFILE)}")
        if both := sorted(set(named) & (set(self.required) | set(self.bands))):
            raise ValueError(f"fact {both[0]} is not meant, so it is neither required nor has it a band")
        for ranges in (self.profile, *(band.values for band in self.bands.values())):
            for name, (low, high) in ranges.items():
                if math.isnan(low) or math.isnan(high) or low > high:
                    raise ValueError(f"{name}: {low:g} to {high:g} is no range")
        if not (self.recordings or self.published):
            raise ValueError("it names neither a recording nor published numbers")
        return self

    @cached_property
    def why_not(self) -> dict[str, str]:
        """Fact -> why it is not meant."""
        return {key: group.why for group in self.not_meant for key in group.facts}

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """The catalogue with this preset's bands."""
        return tuple(self._with_band(fact) for fact in FACTS)

    def _with_band(self, fact: Fact) -> Fact:
        band = self.bands.get(fact.key)
        if band is None:
            return fact
        return replace(fact, band={name: Bound(*ends) for name, ends in band.values.items()})

    def mark(self, findings: Sequence[Finding]) -> list[Finding]:
        """Findings that know what was meant and what is required."""
        return [
            replace(one, why_not=self.why_not.get(one.fact.key, ""), required=one.fact.key in self.required)
            for one in findings
        ]

    def outside(self, profile: Mapping[str, float]) -> list[str]:
        """What of a day's profile (`profile_of`) lies outside, in words."""
        return [
            f"{name.replace('_', ' ')} is {profile[name]:,.6g}, not {low:,.6g} to {high:,.6g}"
            for name, (low, high) in self.profile.items()
            if not low <= profile[name] <= high
        ]

    def as_json(self) -> dict[str, Any]:
        """Plain numbers and text."""
        return {
            "preset": self.preset,
            "stands_for": self.stands_for,
            "digest": self.digest,
            "recordings": [recording.model_dump() for recording in self.recordings],
            "published": list(self.published),
            "own_bands": {key: band.why for key, band in self.bands.items()},
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256, hex, of all bands and of what is required and not meant: it changes with the catalogue too."""
        sha = hashlib.sha256(b"lobsim reference 1\n")
        for fact in self.facts:
            bounds = " ".join(f"{name} {bound.low!r} {bound.high!r}" for name, bound in sorted(fact.band.items()))
            state = "required" if fact.key in self.required else "not meant" if fact.key in self.why_not else "meant"
            sha.update(f"{fact.key} {state} {bounds}\n".encode())
        for name, (low, high) in sorted(self.profile.items()):
            sha.update(f"{name} {low!r} {high!r}\n".encode())
        return sha.hexdigest()


def _known(keys: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for key in keys:
        if key not in _FACTS:
            raise ValueError(f"{where}: there is no fact {key!r}")
        if key in seen:
            raise ValueError(f"{where}: fact {key} is named twice")
        seen.add(key)


def reference_names() -> list[str]:
    """The presets that have a reference."""
    folder = resources.files("lobsim.realism") / "references"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_reference(preset: str) -> Reference:
    """The reference of a preset.  Raises ConfigError: there is none, or its file is wrong."""
    if preset not in reference_names():
        raise ConfigError(f"preset {preset!r} has no reference", hint=f"those with one: {', '.join(reference_names())}")
    text = (resources.files("lobsim.realism") / "references" / f"{preset}.toml").read_text(encoding="utf-8")
    return parse_reference(text, preset)


def parse_reference(text: str, preset: str) -> Reference:
    """A reference from TOML.  preset: whose it has to be.  Raises ConfigError with one sentence about one mistake."""
    try:
        found = Reference.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"this is no TOML: {error}", where=f"reference of {preset}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{where}: {first['msg']}".removeprefix(": "), where=f"reference of {preset}") from None
    if found.preset != preset:
        raise ConfigError(f"it is that of preset {found.preset!r}", where=f"reference of {preset}")
    return found


def reference_of(info: DatasetInfo, preset: str | None = None) -> Reference | None:
    """The reference of the preset that made a day, as its notes say it; None where they name none, or one that has no reference.

    preset  its name, where the caller knows better; raises ConfigError if that has no reference
    """
    if preset is not None:
        return load_reference(preset)
    found = next((match for note in info.notes if (match := _NOTED.match(note))), None)
    return load_reference(found[1]) if found is not None and found[1] in reference_names() else None


class Account(NamedTuple):
    """Facts of a day by what its preset owes: keys.

    broken     required, and missed or not to be measured
    failed     meant but not required, and missed
    not_meant  missed, and never meant to be met
    """

    broken: list[str]
    failed: list[str]
    not_meant: list[str]


def account_of(findings: Iterable[Finding]) -> Account:
    """What of a preset's facts went wrong, and what was never asked of it."""
    account = Account([], [], [])
    for one in findings:
        missed = one.verdict is Verdict.MISSED
        if one.why_not:
            account.not_meant.extend([one.fact.key] * missed)
        elif one.required:
            account.broken.extend([one.fact.key] * (one.verdict is not Verdict.MET))
        else:
            account.failed.extend([one.fact.key] * missed)
    return account


def profile_of(day: Day) -> dict[str, float]:
    """What a reference's profile is about, of one day: mean mid over time in currency, lots traded (hidden executions included), rows."""
    dwell = day.dwell_ns.astype(float)
    tick = float(day.info.price_quantum) * day.info.tick_quanta
    mid = float((np.nan_to_num(day.after.mid) * dwell).sum() / dwell.sum()) * tick if dwell.any() else math.nan
    traded = int(day.orders.size_lots.sum() + day.size_lots[day.hidden].sum())
    return {"mid_price": mid, "traded_lots": float(traded), "rows": float(len(day.ts_ns))}
