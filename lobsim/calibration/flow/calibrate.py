"""A model of order flow fitted to recorded days, as a preset that can be simulated at once.

from lobsim.calibration.flow.calibrate import calibrate_flow
found = calibrate_flow([dataset], "cst")
found.fitted.estimates, found.preset

Four facts are held out of every fit (`lobsim.realism.facts.catalogue.HELD_OUT`); `check_held_out` says what the calibrated market makes of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lobsim.calibration.flow.cont_stoikov_talreja import fit_cont_stoikov_talreja
from lobsim.calibration.flow.estimates import Fitted, added
from lobsim.calibration.flow.hawkes import DECAYS, fit_hawkes
from lobsim.calibration.flow.moves import with_theta_reinit
from lobsim.calibration.flow.preset_file import preset_of, preset_table, session_seconds, write_preset
from lobsim.calibration.flow.queue_reactive import QUEUES, fit_queue_reactive
from lobsim.calibration.flow.recording import DROPPED_NS, Recording, recording_of
from lobsim.calibration.flow.zero_intelligence import CENTRAL, fit_zero_intelligence
from lobsim.errors import ConfigError
from lobsim.feeds.schema import Dataset
from lobsim.realism.facts.catalogue import FACTS, HELD_OUT, Finding, judge
from lobsim.realism.facts.measured import Context
from lobsim.realism.prepare import prepare_day
from lobsim.simulation.market import Simulation
from lobsim.simulation.preset import Preset

MODELS = ("zi", "cst", "qr", "hawkes12")


@dataclass(frozen=True, eq=False)
class Calibration:
    """A model, the days it was fitted to, and the fit."""

    model: str
    recordings: list[Recording]
    fitted: Fitted

    @cached_property
    def table(self) -> dict[str, Any]:
        """The preset as its file has it."""
        return preset_table(self.model, self.fitted, self.recordings)

    @cached_property
    def preset(self) -> Preset:
        """The preset; raises ConfigError where what was fitted makes none."""
        return preset_of(self.table)

    @property
    def left_out(self) -> dict[str, str]:
        """What was not used, in words."""
        counts = added([each.left_out for each in self.recordings])
        return {name: f"{number:,}" for name, number in counts.items()} | self.fitted.left_out

    @property
    def agreement(self) -> float:
        """Share of the time for which the events add up to the best sizes of the book."""
        time = [float(each.usable_ns.sum()) for each in self.recordings]
        return sum(each.agreement * part for each, part in zip(self.recordings, time, strict=True)) / max(
            sum(time), 1.0
        )

    def write(self, path: Path) -> None:
        """Keep the preset as a TOML file; raises ConfigError for a name that is none, OSError as the disk does."""
        days = [f"{each.day.info.symbol} {each.day.info.date}, data {each.digest[:16]}" for each in self.recordings]
        write_preset(path, self.table, [f"Calibrated from {'; '.join(days)}.", *self.fitted.notes])

    def as_json(self) -> dict[str, Any]:
        """Plain numbers and text."""
        return {
            "model": self.model,
            "recordings": [
                {
                    "symbol": each.day.info.symbol,
                    "date": each.day.info.date,
                    "fidelity": each.day.info.fidelity.name,
                    "digest": each.digest,
                    "start_ns": each.window.start_ns,
                    "end_ns": each.window.end_ns,
                    "events": len(each.events.row),
                }
                for each in self.recordings
            ],
            "seconds_used": session_seconds(self.recordings),
            "agreement": self.agreement,
            "estimates": [estimate.as_json() for estimate in self.fitted.estimates],
            "left_out": self.left_out,
            "notes": self.fitted.notes,
            "diagnostics": self.fitted.diagnostics,
            "preset": self.table,
            "preset_digest": self.preset.digest,
        }


def calibrate_flow(
    datasets: Sequence[Dataset],
    model: str,
    *,
    drop_ns: int | None = None,
    central: tuple[float, float] = CENTRAL,
    queues: int = QUEUES,
    decays: Sequence[float] = DECAYS,
    seed: int = 0,
) -> Calibration:
    """Fit a model to one or several recorded days.

    model    one of MODELS
    drop_ns  left out at either end of a day; None: 15 minutes (an eighth of a short day) where the model knows no time of day, else nothing
    central  of model zi: quantiles of the distance from the opposite best between which placements are counted
    queues   of model qr, a side
    decays   of model hawkes12, per second
    seed     of what is simulated to fit theta_reinit of model qr

    Raises ConfigError for a model that does not exist and days that do not belong together, DataError for data that cannot tell what the model needs.
    """
    if model not in MODELS:
        raise ConfigError(f"there is no model {model!r}", where="--model", hint=f"take one of {', '.join(MODELS)}")
    _check_alike(datasets)
    if drop_ns is None:
        drop_ns = 0 if model == "hawkes12" else DROPPED_NS
    recordings = [recording_of(each, drop_ns=drop_ns) for each in datasets]
    if model == "zi":
        fitted = fit_zero_intelligence(recordings, central=central)
    elif model == "cst":
        fitted = fit_cont_stoikov_talreja(recordings)
    elif model == "qr":
        fitted = fit_queue_reactive(recordings, queues=queues)
        fitted = with_theta_reinit(model, fitted, recordings, seed=seed)
    else:
        fitted = fit_hawkes(recordings, decays=decays)
    return Calibration(model, recordings, fitted)


def _check_alike(datasets: Sequence[Dataset]) -> None:
    """Rates per tick and in lots can only be shared where tick and lot are."""
    if not datasets:
        raise ConfigError("there is no recording to fit to")
    first = datasets[0].info
    for info in (each.info for each in datasets[1:]):
        for name in ("price_quantum", "tick_quanta", "lot", "fidelity"):
            if getattr(info, name) != getattr(first, name):
                what = f"{info.symbol} {info.date} and {first.symbol} {first.date} differ in {name}"
                raise ConfigError(what, hint="calibrate days of one instrument and one kind of data together")


@dataclass(frozen=True)
class HeldOut:
    """One fact that no fit may use, as the recording and the calibrated market tell it."""

    recorded: Finding
    simulated: Finding

    def as_json(self) -> dict[str, Any]:
        """Both findings."""
        return {
            "fact": self.recorded.fact.key,
            "recorded": self.recorded.as_json(),
            "simulated": self.simulated.as_json(),
        }


def check_held_out(found: Calibration, duration_ns: int, seed: int = 0) -> list[HeldOut]:
    """Simulate the calibrated market and hold the facts that were kept out of the fit beside those of the first recording.

    duration_ns  of what is simulated
    """
    simulated = Simulation(found.preset, seed, duration_ns=duration_ns).day().dataset
    sides = Context(found.recordings[0].day, seed), Context(prepare_day(simulated), seed)
    facts = [fact for fact in FACTS if fact.key in HELD_OUT]
    return [HeldOut(*(judge(fact, side) for side in sides)) for fact in facts]
