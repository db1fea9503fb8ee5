"""How far a queue-reactive market moves: theta_reinit, fitted by simulation.

Whether a whole state was redrawn cannot be seen in a recording, but it decides how far prices go: a mid that comes back to the same queues goes back.  So the fitted model is simulated
with several values, and the one is taken with which the mean square of its mid's changes over ten minutes is that of the recording (Huang, Lehalle, Rosenbaum 2015, section 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lobsim.calibration.flow.estimates import Estimate, Fitted
from lobsim.calibration.flow.preset_file import preset_of, preset_table, session_seconds
from lobsim.calibration.flow.recording import Recording
from lobsim.realism.intervals import Resampler
from lobsim.realism.prepare import SECOND_NS
from lobsim.simulation.market import Simulation
from lobsim.simulation.paired import mid_ticks
from lobsim.simulation.preset import Preset

HORIZON_S = 600
GRID = (0.0, 0.25, 0.5, 0.75, 1.0)
EVENTS = 300_000
"""About so many events are simulated for each value."""
_PARTS = 20
_LONGEST_S = 5 * 24 * 3600


def with_theta_reinit(
    model: str, fitted: Fitted, recordings: Sequence[Recording], *, seed: int = 0, events: int = EVENTS
) -> Fitted:
    """The fit with its theta_reinit, an estimate for it, and what both markets' moves are."""
    seconds = session_seconds(recordings)
    horizon_s = min(HORIZON_S, seconds / _PARTS)
    step_s = horizon_s / 10
    measured, error = _moves([_recorded_mids(each, step_s) for each in recordings], seed)
    rate = sum(len(each.events.row) for each in recordings) / seconds
    length_s = min(max(events / rate, _PARTS * horizon_s), _LONGEST_S)
    found = []
    for value in GRID:
        family = fitted.family | {"theta_reinit": value}
        preset = preset_of(preset_table(model, replace(fitted, family=family), recordings))
        found.append(_moves([_simulated_mids(preset, seed, length_s, step_s)], seed))
    level, doubt = np.array(found).T
    value, slope = _crossing(measured, level)
    noise = math.hypot(error, float(np.mean(doubt)))
    estimate = Estimate("theta_reinit", value, noise / slope if slope > 0 else float("nan"), "by simulation")
    note = (
        f"Over {horizon_s:.0f} s the mid moves by {math.sqrt(measured):.3g} ticks (root mean square);"
        f" simulated by {math.sqrt(level[0]):.3g} without redrawing and by {math.sqrt(level[-1]):.3g} where every move redraws."
    )
    return replace(
        fitted,
        family=fitted.family | {"theta_reinit": round(value, 4)},
        estimates=[estimate, *fitted.estimates],
        notes=[*fitted.notes, note],
    )


def _crossing(measured: float, level: np.ndarray) -> tuple[float, float]:
    """Where the level, made never to fall, reaches what was measured, and how steep it is there; the end where it does not."""
    rising = np.maximum.accumulate(level)
    value = float(np.interp(measured, rising, GRID))
    return value, float((rising[-1] - rising[0]) / (GRID[-1] - GRID[0]))


def _recorded_mids(recording: Recording, step_s: float) -> np.ndarray:
    times = np.arange(recording.window.start_ns, recording.window.end_ns, round(step_s * SECOND_NS), dtype=np.int64)
    return recording.day.mid_at(times)


def _simulated_mids(preset: Preset, seed: int, length_s: float, step_s: float) -> np.ndarray:
    simulation = Simulation(preset, seed, duration_ns=round(length_s * SECOND_NS))
    run = simulation.start()
    start_ns, end_ns = simulation.info.session_start_ns, simulation.info.session_end_ns
    mids = []
    for time_ns in range(start_ns, end_ns, round(step_s * SECOND_NS)):
        run.advance(time_ns)
        mids.append(mid_ticks(run))
    return np.array(mids)


def _moves(paths: list[np.ndarray], seed: int) -> tuple[float, float]:
    """Mean square of the change over ten steps, and its error by drawing parts of the paths again."""
    squares = np.concatenate([(path[10:] - path[:-10]) ** 2 for path in paths])
    parts = [part[np.isfinite(part)] for part in np.array_split(squares, _PARTS)]
    sums = np.array([[part.sum(), len(part)] for part in parts])
    drawn = Resampler(len(sums), seed=seed).weights @ sums
    return float(sums[:, 0].sum() / max(sums[:, 1].sum(), 1)), float((drawn[:, 0] / np.maximum(drawn[:, 1], 1)).std())
