"""Presets: a whole simulated market in one TOML file, checked when it is read.

A decimal in a file stays a decimal until it has become ticks; a key that nobody reads is an error.  The hash of a preset is that of its meaning, not of its text.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from lobsim.clock import duration_ns, time_ns
from lobsim.errors import ConfigError
from lobsim.feeds.schema import DatasetInfo
from lobsim.simulation.day_families import AnyOfTables, EfficientPrice, MetaorderTakers, Quoters
from lobsim.simulation.families import AnyFamily, Family, Setting
from lobsim.simulation.flow_families import AnyFlow
from lobsim.simulation.models import AnyModel, Chiarella, Fcn, PriceHistory
from lobsim.simulation.outside import Outside
from lobsim.simulation.strategies import AnyStrategy
from lobsim.simulation.traders import AnyTrader, Fundamental, Value
from lobsim.types import MAX_PRICE_TICKS, Fidelity

_DAY_NS = 24 * 3600 * 10**9


def _as_duration(value: object) -> object:
    return duration_ns(value) if isinstance(value, str) else value


Duration = Annotated[int, BeforeValidator(_as_duration), Field(ge=0, le=31 * _DAY_NS)]
"""Nanoseconds, written "6h30m"."""
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Listing(BaseModel):
    """What is traded."""

    model_config = _STRICT

    symbol: str = Field(min_length=1)
    start_price: Decimal
    tick: Decimal = Decimal("0.01")
    parts: int = Field(default=1, ge=1, le=10**6)
    """of a tick that a price may lie at: even, where somebody trades in the middle between two ticks"""
    lot: Decimal = Decimal(1)
    currency: str = "USD"

    @model_validator(mode="after")
    def _on_tick(self) -> Listing:
        if self.tick <= 0 or self.lot <= 0:
            raise ValueError("tick and lot are above 0")
        if self.start_price % self.tick or not abs(self.start_price / self.tick) < MAX_PRICE_TICKS:
            raise ValueError(f"start_price {self.start_price} is no number of ticks of {self.tick}")
        return self

    @property
    def start_ticks(self) -> int:
        """First price in ticks."""
        return int(self.start_price / self.tick)


class Session(BaseModel):
    """When it is traded."""

    model_config = _STRICT

    date: str = "2026-01-05"
    open: str = "09:30"
    duration: Duration = 23_400 * 10**9
    warmup: Duration = 0
    """agents trade for so long before the open; nothing of it is recorded"""


class Opening(BaseModel):
    """The book that the first flow owns before anything happens: levels a side around the first price, alike."""

    model_config = _STRICT

    levels: int = Field(default=0, ge=0, le=10**4)
    orders: int = Field(default=1, ge=1, le=10**4)
    """at each level"""
    lots: int = Field(default=1, ge=1)
    """of each order"""
    step: int = Field(default=1, ge=1)
    """ticks between two levels"""
    distance: int = Field(default=1, ge=1)
    """ticks from the first price to the first level of either side"""


class Preset(BaseModel):
    """A simulated market: what is traded, when, by whom."""

    model_config = _STRICT

    name: str = Field(min_length=1)
    about: str
    listing: Listing
    session: Session = Session()
    opening: Opening = Opening()
    agents: tuple[
        Annotated[
            AnyFamily | AnyFlow | AnyOfTables | AnyTrader | AnyStrategy | AnyModel | Outside,
            Field(discriminator="family"),
        ],
        ...,
    ] = Field(min_length=1)

    def _one(self, kind: type[Family], wanted_by: tuple[type[Family], ...], name: str) -> None:
        """Check that what agents ask is there once, if any do."""
        agents = sum(family.count for family in self.agents if isinstance(family, kind))
        if agents > 1:
            raise ValueError(f"a market has one agent of family {name!r}")
        if agents == 0 and any(isinstance(family, wanted_by) for family in self.agents):
            raise ValueError(f"some of the agents need one of family {name!r}")

    @model_validator(mode="after")
    def _has_what_is_asked(self) -> Preset:
        self._one(Fundamental, (Value, Fcn, Chiarella), "fundamental")
        self._one(PriceHistory, (Fcn,), "price_history")
        self._one(EfficientPrice, (Quoters, MetaorderTakers), "efficient_price")
        for history in (family for family in self.agents if isinstance(family, PriceHistory)):
            for family in (family for family in self.agents if isinstance(family, Fcn)):
                if family.step != history.step or family.window_most >= history.length:
                    raise ValueError(
                        "agents of family 'fcn' need a price history of the same step, longer than their window"
                    )
        return self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Preset:
        """A copy with other fields; what was worked out from the old ones is worked out again."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("in_turn", "digest"):
            vars(copied).pop(name, None)
        return copied

    @cached_property
    def in_turn(self) -> tuple[Family, ...]:
        """Its families in the order their agents stand in a scene: flows, then the others; of both, what is asked first, all else as it is written."""
        asked = (Fundamental, PriceHistory, EfficientPrice)
        return tuple(sorted(self.agents, key=lambda family: (not family.is_flow, not isinstance(family, asked))))

    def _index_of(self, kind: type[Family]) -> int:
        """Index of the first agent of a kind in a scene, -1 without one."""
        index = 0
        for family in self.in_turn:
            if isinstance(family, kind):
                return index
            index += family.count
        return -1

    @cached_property
    def digest(self) -> str:
        """SHA-256, hex, of everything that a simulation reads; name and description are left out."""
        meaning = self.model_dump_json(exclude={"name", "about"})
        return hashlib.sha256(f"lobsim preset 1\n{meaning}".encode()).hexdigest()

    def info(self, duration_ns: int | None, seed: int) -> DatasetInfo:
        """Description of a day that is made by this preset.  duration_ns: instead of the preset's own"""
        listing = self.listing
        fields: dict[str, Any] = {
            "symbol": listing.symbol,
            "venue": "LOBSIM",
            "date": self.session.date,
            "currency": listing.currency,
            "price_quantum": f"{listing.tick / listing.parts:f}",
            "tick_quanta": listing.parts,
            "lot": str(listing.lot),
            "fidelity": Fidelity.L3_FULL,
            "depth": 0,
            "source": f"{self.name}-{seed}",
            "source_sha256": "",
            "notes": (f"simulated: preset {self.name}, {self.digest[:16]}, seed {seed}",),
        }
        bare = DatasetInfo(**fields, session_start_ns=0, session_end_ns=0)
        open_ns = time_ns(self.session.open, bare, "session.open")
        length_ns = self.session.duration if duration_ns is None else duration_ns
        return DatasetInfo(**fields, session_start_ns=open_ns, session_end_ns=open_ns + length_ns)

    def setting(self, info: DatasetInfo) -> Setting:
        """What its families need to know of the market."""
        open_ns = info.session_start_ns
        return Setting(
            start_ticks=self.listing.start_ticks,
            begin_ns=open_ns - self.session.warmup,
            open_ns=open_ns,
            close_ns=info.session_end_ns,
            fundamental=self._index_of(Fundamental),
            history=self._index_of(PriceHistory),
            efficient_price=self._index_of(EfficientPrice),
        )


def preset_names() -> list[str]:
    """The presets that come with lobsim."""
    folder = resources.files("lobsim.simulation") / "presets"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_preset(name: str | Path) -> Preset:
    """A preset by its name, or from a TOML file.

    Raises ConfigError: there is none, it is no TOML, a key is unknown, missing or out of range.
    """
    if str(name) in preset_names():
        text = (resources.files("lobsim.simulation") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    else:
        text = _read(Path(name))
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"this is no TOML: {error}", where=str(name)) from None
    try:
        return Preset.model_validate(table)
    except ValidationError as error:
        raise ConfigError(_first_mistake(error), where=str(name)) from None
    except ConfigError as error:
        raise ConfigError(error.what, where=f"{name}: {error.where}", hint=error.hint) from None


def _first_mistake(error: ValidationError) -> str:
    """One sentence about one mistake: a key that nobody reads, such as a slip of the pen, says more than the one it left missing."""
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    where = ".".join(str(part) for part in first["loc"])
    what = "there is no such key" if first["type"] == "extra_forbidden" else first["msg"]
    return f"{where}: {what}" if where else what


def _read(path: Path) -> str:
    if path.suffix != ".toml":
        names = ", ".join(preset_names())
        raise ConfigError(f"there is no preset {str(path)!r}", hint=f"take one of {names}, or a .toml file")
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the preset cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("this is no text in UTF-8", where=str(path)) from None
