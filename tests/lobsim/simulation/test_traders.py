"""Presets of agents that wake by time: what they say becomes numbers, what makes no sense is refused, and the reference markets run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lobsim.errors import ConfigError
from lobsim.simulation import Simulation, load_preset
from lobsim.types import AgentKind

SECOND = 10**9
HEAD = 'name = "x"\nabout = "x"\n[listing]\nsymbol = "X"\nstart_price = "10.00"\n'
FUNDAMENTAL = '[[agents]]\nfamily = "fundamental"\nvolatility = 1.0\n'
VALUE = '[[agents]]\nfamily = "value"\ncount = 5\nwait = "1s"\nnoise_variance = 9.0\n'
MIXED = """
[[agents]]
family = "execution"
count = 3
style = "twap"
lots = 50
tail = 1.5
most_lots = 500
start_span = "20s"
horizon = "20s"
every = "3s"
patient = true
[[agents]]
family = "avellaneda_stoikov"
wait = "2s"
aversion = 0.1
thinning = 0.3
volatility = 1.0
lots = 10
[[agents]]
family = "liquidity_response"
base = 0.5
gain = 0.01
forgetting = 0.1
cancel = 0.02
[[agents]]
family = "price_history"
[[agents]]
family = "fcn"
count = 5
wait = "1s"
[[agents]]
family = "chiarella"
noise = 2.0
marketable = 0.3
distance = 5.0
life = "20s"
[[agents]]
family = "zip"
count = 4
below = 50
above = 50
room = 20
period = "10s"
wait = "1s"
"""


def preset_of(folder: Path, text: str) -> Path:
    """A preset in a file."""
    path = folder / "x.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (VALUE, "need one of family 'fundamental'"),
        (FUNDAMENTAL + FUNDAMENTAL, "one agent of family 'fundamental'"),
        (FUNDAMENTAL + '[[agents]]\nfamily = "fcn"\nwait = "1s"\n', "need one of family 'price_history'"),
        (FUNDAMENTAL + VALUE.replace('"1s"', '"1ns"'), "agents.1"),
        ('[[agents]]\nfamily = "momentum"\nwait = "1s"\nleast = 5\nmost = 4\n', "most is below least"),
        ('[[agents]]\nfamily = "market_maker"\nwait = "1s"\nshare = 0.1\nlevels = 40\n', "levels"),
        ('[[agents]]\nfamily = "execution"\nstyle = "is"\nlots = 1\nhorizon = "1s"\n', "style"),
        ('[[agents]]\nfamily = "nobody"\n', "agents.0"),
    ],
)
def test_a_preset_that_makes_no_sense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_preset(preset_of(tmp_path, text))


def test_a_price_history_is_as_long_as_it_is_looked_back(tmp_path: Path) -> None:
    short = (
        FUNDAMENTAL + '[[agents]]\nfamily = "price_history"\nlength = 200\n[[agents]]\nfamily = "fcn"\nwait = "1s"\n'
    )
    with pytest.raises(ConfigError, match="longer than their window"):
        load_preset(preset_of(tmp_path, short))
    load_preset(preset_of(tmp_path, short.replace("200", "201")))


def test_flows_come_first_and_then_who_is_asked(tmp_path: Path) -> None:
    preset = load_preset(preset_of(tmp_path, VALUE + MIXED + FUNDAMENTAL))
    kinds = [family.agent_kind for family in preset.in_turn]
    assert kinds[:3] == [AgentKind.LIQUIDITY_RESPONSE, AgentKind.PRICE_HISTORY, AgentKind.FUNDAMENTAL]
    setting = preset.setting(preset.info(None, 0))
    assert (setting.history, setting.fundamental) == (1, 2)


def test_any_mix_of_families_trades(tmp_path: Path) -> None:
    preset = load_preset(preset_of(tmp_path, VALUE + MIXED + FUNDAMENTAL))
    simulation = Simulation(preset, 3, duration_ns=30 * SECOND)
    run = simulation.start()
    run.advance(simulation.info.session_end_ns)
    agents = run.scene.crowd.agents
    assert agents["position_lots"].sum() == 0
    for kind in (AgentKind.VALUE, AgentKind.FCN, AgentKind.CHIARELLA, AgentKind.ZIP, AgentKind.LIQUIDITY_RESPONSE):
        assert agents["requests"][agents["kind"] == kind].sum() > 0, kind


@pytest.mark.parametrize(("name", "counts"), [("rmsc04", (1000, 102, 12, 2, 0)), ("rmsc03", (5000, 100, 25, 2, 1))])
def test_the_reference_markets_have_their_agents_and_trade(
    name: str, counts: tuple[int, ...], limit: Callable[[int, int], int]
) -> None:
    simulation = Simulation(load_preset(name), 1, duration_ns=limit(900, 20) * SECOND)
    run = simulation.start()
    run.advance(simulation.info.session_end_ns)
    agents = run.scene.crowd.agents
    kinds = (AgentKind.NOISE, AgentKind.VALUE, AgentKind.MOMENTUM, AgentKind.MARKET_MAKER, AgentKind.EXECUTION)
    assert tuple(int(np.sum(agents["kind"] == kind)) for kind in kinds) == counts
    assert run.counts.trades > limit(300, 8)
    assert agents["position_lots"].sum() == 0
    bid, ask = -int(run.world.book.sides[0]["best_key"]), int(run.world.book.sides[1]["best_key"])
    assert 0 < ask - bid < 200
    assert abs(ask - 100_000) < 3_000
    trading = agents[agents["kind"] >= AgentKind.NOISE]
    assert (trading["order_ns"] == trading["feed_ns"] + 50).all()
    assert 0 <= trading["feed_ns"].min() and trading["feed_ns"].max() < 12_897_789


def test_one_seed_is_one_day_and_another_seed_another() -> None:
    days = [Simulation(load_preset("rmsc04"), seed, duration_ns=10 * SECOND).day().dataset.digest for seed in (1, 1, 2)]
    assert days[0] == days[1] != days[2]
