"""The fitted models: each finds the parameters of its own simulated recording again, within three standard errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from lobsim.calibration.flow.calibrate import Calibration, calibrate_flow, check_held_out
from lobsim.calibration.flow.cont_stoikov_talreja import power_law
from lobsim.calibration.flow.estimates import Estimate
from lobsim.calibration.flow.queue_reactive import PUBLISHED_REINIT, WITH_NEIGHBOURS, fit_queue_reactive
from lobsim.calibration.flow.recording import recording_of
from lobsim.errors import ConfigError, DataError
from lobsim.feeds.schema import Dataset
from lobsim.realism.facts.catalogue import HELD_OUT
from lobsim.sample import to_levels
from lobsim.simulation import Preset, Simulation
from lobsim.simulation.flow_families import Queue
from tests.lobsim.simulation.test_market import preset_of
from tests.support.made_days import SECOND


def simulated(preset: Preset, seconds: int, seed: int = 7) -> Dataset:
    return Simulation(preset, seed, duration_ns=seconds * SECOND).day().dataset


def apart(estimate: Estimate, true: float) -> float:
    """By how many standard errors an estimate misses."""
    return abs(estimate.value - true) / estimate.error


def found_again(found: Calibration, true: Mapping[str, float]) -> None:
    by_name = {estimate.name: estimate for estimate in found.fitted.estimates}
    far = {name: apart(by_name[name], value) for name, value in true.items()}
    assert max(far.values()) < 3, far


@pytest.fixture(scope="module")
def zi_day(limit: Callable[[int, int], int]) -> Dataset:
    """A day of the preset zi."""
    return simulated(preset_of("zi"), limit(300, 4))


@pytest.fixture(scope="module")
def cst_day(limit: Callable[[int, int], int]) -> Dataset:
    """A day of the preset cst."""
    return simulated(preset_of("cst"), limit(12 * 3600, 1800))


ZI = {"alpha": 0.05, "mu": 5.0, "delta": 0.25}
TOKYO = {
    **{f"lambda({i + 1})": rate / 60 for i, rate in enumerate((1.85, 1.51, 1.09, 0.88, 0.77))},
    **{f"theta({i + 1})": rate / 60 for i, rate in enumerate((0.71, 0.81, 0.68, 0.56, 0.47))},
    "mu": 0.94 / 60,
}


@pytest.mark.parametrize("levels", [False, True], ids=["orders", "levels"])
def test_zero_intelligence_finds_its_parameters(
    levels: bool, zi_day: Dataset, limit: Callable[[int, int], int]
) -> None:
    found = calibrate_flow([to_levels(zi_day) if levels else zi_day], "zi")
    found_again(found, ZI)
    agent = found.preset.agents[0].model_dump()
    assert agent["sigma"] == 1 and limit(985, 700) <= agent["window"] <= limit(1015, 1400)


@pytest.mark.parametrize("levels", [False, True], ids=["orders", "levels"])
def test_cont_stoikov_talreja_finds_its_parameters(levels: bool, cst_day: Dataset) -> None:
    found = calibrate_flow([to_levels(cst_day) if levels else cst_day], "cst")
    found_again(found, TOKYO)
    assert len(found.preset.agents[0].model_dump()["entering"]) == 5


def test_several_days_count_as_one_long_day(limit: Callable[[int, int], int]) -> None:
    days = [simulated(preset_of("cst"), limit(7200, 600), seed) for seed in (1, 2)]
    alone = [calibrate_flow([day], "cst") for day in days]
    both = calibrate_flow(days, "cst")
    for name in ("mu", "lambda(1)", "theta(2)"):
        low, high = sorted(each.fitted.value(name) for each in alone)
        assert low <= both.fitted.value(name) <= high
    assert both.left_out["events of the dropped ends"] == f"{sum(each.recordings[0].left_out['events of the dropped ends'] for each in alone):,}"  # fmt: skip


def test_the_power_law_of_tokyo_is_the_published_one() -> None:
    k, alpha = power_law(np.array([1.85, 1.51, 1.09, 0.88, 0.77]))
    assert (k.value, alpha.value) == (pytest.approx(1.92, abs=0.01), pytest.approx(0.52, abs=0.01))


DYING = (0.2, 0.15, 0.1)
ENTERING = ((2.0, 1.5), (1.5, 1.2), (1.0, 0.9))
TAKING = (0.6, 0.3, 0.3)


def lively(theta: float, reinit: float) -> Preset:
    """A queue-reactive market with short queues, whose mid moves often; no feedback, which the fit does not have."""
    preset = preset_of("qr")
    queues = tuple(
        Queue(unit=100, entering=entering, dying=tuple(rate * n for n in range(9)), taking=(taking,))
        for entering, rate, taking in zip(ENTERING, DYING, TAKING, strict=True)
    )
    agent = preset.agents[0].model_copy(
        update={"queues": queues, "most": 12, "theta": theta, "theta_reinit": reinit, "feedback": 0.0}
    )
    return preset.model_copy(update={"agents": (agent,)})


def true_rate(name: str) -> float:
    """What "entering 2 at 5" is in the lively market."""
    what, queue, _, units = name.split()
    i, n = int(queue) - 1, int(units)
    return {"entering": ENTERING[i][min(n, 1)], "dying": DYING[i] * min(n, 8), "taking": TAKING[i]}[what]


def deviations(estimates: list[Estimate], true: Callable[[str], float]) -> np.ndarray:
    """Errors of rates in standard errors, of all sizes that were seen often enough to stand alone."""
    rates = [each for each in estimates if " at " in each.name and each.unit != WITH_NEIGHBOURS]
    rates = [each for each in rates if each.count >= 25]
    return np.array([(each.value - true(each.name)) / each.error for each in rates])


def test_queue_reactive_finds_its_rates_and_theta(limit: Callable[[int, int], int]) -> None:
    dataset = simulated(lively(0.7, 0.85), limit(7200, 60), 3)
    fitted = fit_queue_reactive([recording_of(dataset)])
    found = deviations(fitted.estimates, true_rate)
    theta = next(each for each in fitted.estimates if each.name == "theta")
    if limit(1, 0):
        # Of some hundred rates one or two lie further out than three standard errors by chance.
        assert len(found) >= 150 and np.abs(found).max() < 4.5 and (np.abs(found) > 3).mean() < 0.02
        assert np.sqrt(np.mean(found**2)) < 1.3
    assert theta.count == 0 or apart(theta, 0.7) < 3
    assert fitted.family["theta_reinit"] == PUBLISHED_REINIT
    assert [queue["unit"] for queue in fitted.family["queues"]] == [100, 100, 100]


def test_the_preset_qr_is_found_again_but_for_its_feedback(limit: Callable[[int, int], int]) -> None:
    preset = preset_of("qr")
    agent = preset.agents[0].model_copy(update={"feedback": 0.0})
    preset = preset.model_copy(update={"agents": (agent,)})
    fitted = fit_queue_reactive([recording_of(simulated(preset, limit(3600, 30)))])

    def true(name: str) -> float:
        what, queue, _, units = name.split()
        table = getattr(agent.queues[int(queue) - 1], what)
        return table[min(int(units), len(table) - 1)]

    found = deviations(fitted.estimates, true)
    if limit(1, 0):
        assert len(found) > 150 and np.abs(found).max() < 4.5 and (np.abs(found) > 3).mean() < 0.02
    assert [queue["unit"] for queue in fitted.family["queues"]] == [100, 120, 120]
    taken = fitted.family["queues"][0]["taking_sizes"][0]
    assert set(taken["lots"]) <= {50, 100, 200}


@pytest.mark.slow
@pytest.mark.parametrize(("theta", "reinit"), [(0.7, 0.85), (0.5, 0.3)])
def test_theta_and_theta_reinit_are_told_from_how_the_mid_moves(theta: float, reinit: float) -> None:
    found = calibrate_flow([simulated(lively(theta, reinit), 4 * 3600, 3)], "qr")
    found_again(found, {"theta": theta, "theta_reinit": reinit})
    assert found.fitted.family["theta_reinit"] == pytest.approx(found.fitted.value("theta_reinit"), abs=1e-3)


def hawkes_truth(agent: Any, times: float, spread: float) -> dict[str, float]:
    """Base rates of the first half hour and all influences that are not 0; orders inside the spread are told at the measured mean spread."""
    true = {f"base {name}": rate * times for name, rate in agent.base.items()}
    for each in agent.influences:
        for side in ("same", "opposite"):
            if getattr(each, side):
                true[f"{each.cause} -> {each.effect}, {side}"] = getattr(each, side)
    scale = (spread / agent.mean_spread) ** agent.spread_power
    inside = ("base inside", "-> inside")
    return {name: value * (scale if any(part in name for part in inside) else 1.0) for name, value in true.items()}


@pytest.mark.slow
def test_the_preset_hawkes12_is_found_again() -> None:
    dataset = simulated(preset_of("hawkes12"), 1800)
    found = calibrate_flow([dataset], "hawkes12", decays=(1500.0, 100.0))
    agent = preset_of("hawkes12").agents[0]
    spread = found.fitted.family["mean_spread"]
    found_again(found, hawkes_truth(agent, 1.9, spread) | {"spread_power": 1.0})
    assert found.fitted.family["shares"] == pytest.approx([0.6, 0.4], abs=0.03)
    assert found.fitted.diagnostics["spectral_radius"] == pytest.approx(0.58, abs=0.03)
    assert all(found.fitted.diagnostics[f"ks_p_{name}"] > 0.01 for name in agent.base)


def test_a_short_recording_of_hawkes12_tells_its_rates_and_strong_influences(limit: Callable[[int, int], int]) -> None:
    dataset = simulated(preset_of("hawkes12"), limit(120, 25))
    found = calibrate_flow([dataset], "hawkes12", decays=(1500.0, 100.0))
    true = hawkes_truth(preset_of("hawkes12").agents[0], 1.9, found.fitted.family["mean_spread"])
    if limit(1, 0):
        found_again(found, true)
    else:
        found_again(found, {name: true[name] for name in ("base deep", "base top", "base take")})
    assert found.fitted.diagnostics["spectral_radius_positive_part"] < 1
    assert found.preset.agents[0].model_dump()["decays"] == (1500.0, 100.0)


def test_a_market_with_small_ticks_is_no_queue_reactive_one(zi_day: Dataset) -> None:
    with pytest.raises(DataError, match="needs 20%"):
        calibrate_flow([zi_day], "qr")


def test_a_type_of_event_that_hardly_happens_cannot_be_fitted() -> None:
    with pytest.raises(DataError, match="events of type"):
        calibrate_flow([simulated(preset_of("cst"), 600)], "hawkes12")


def test_days_that_do_not_belong_together_are_refused(cst_day: Dataset) -> None:
    days = [cst_day, to_levels(cst_day)]
    with pytest.raises(ConfigError, match="differ in fidelity"):
        calibrate_flow(days, "zi")
    with pytest.raises(ConfigError, match="no model 'gold'"):
        calibrate_flow(days[:1], "gold")
    with pytest.raises(ConfigError, match="no recording"):
        calibrate_flow([], "zi")


def test_what_was_held_out_is_told_of_both_markets(cst_day: Dataset, limit: Callable[[int, int], int]) -> None:
    found = calibrate_flow([cst_day], "cst")
    facts = check_held_out(found, limit(3600, 300) * SECOND, seed=1)
    assert tuple(each.recorded.fact.key for each in facts) == HELD_OUT
    assert all(each.simulated.fact is each.recorded.fact for each in facts)
    used = {name for estimate in found.fitted.estimates for name in estimate.name.split()}
    assert not used & set(HELD_OUT)
