"""What presets say of flows: every preset runs, twice alike; what makes no sense is refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lobsim.errors import ConfigError
from lobsim.simulation import Simulation, load_preset
from lobsim.simulation.flow_families import MixedSizes, Queue, QueueReactive, SizeLaw
from lobsim.simulation.preset import Preset
from lobsim.types import Kind, Side
from tests.support.flow_scenes import flow_scene, rows_of, run_events

PRESETS = ["cst", "cheridito-weiss", "qr", "hawkes12", "lmf"]
BUSY = ("qr", "hawkes12", "lmf")
SECOND_NS = 10**9


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_gives_the_same_market_twice(name: str, limit: Callable[[int, int], int]) -> None:
    if limit(0, 1) and name in BUSY:
        pytest.skip("its warm-up needs compiled speed")
    length_ns = limit(300, 3) * SECOND_NS
    first, second = (Simulation(load_preset(name), 3, duration_ns=length_ns).day().dataset.events for _ in range(2))
    assert first.equals(second)
    kinds = set(first["kind"])
    assert {Kind.ADD, Kind.DELETE} <= kinds


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_keeps_two_sides_that_do_not_cross(name: str, limit: Callable[[int, int], int]) -> None:
    if limit(0, 1) and name in BUSY:
        pytest.skip("its warm-up needs compiled speed")
    run = Simulation(load_preset(name), 4, duration_ns=3600 * SECOND_NS).start()
    start_ns = run.now_ns
    for minute in range(1, limit(40, 2)):
        run.advance(start_ns + minute * 20 * SECOND_NS)
        bid, ask = run.world.book.sides["best_key"].tolist()
        assert bid + ask > 0
        assert (run.world.book.sides["orders"] > 0).all()


def _read(tmp_path: Path, text: str) -> Preset:
    path = tmp_path / "own.toml"
    head = 'name = "own"\nabout = "own"\n[listing]\nsymbol = "X"\nstart_price = "10"\n[[agents]]\n'
    path.write_text(head + text, encoding="utf-8")
    return load_preset(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('family = "cont_stoikov_talreja"\nentering = [1.0]\ndying = []\nmu = 1.0', "at least 1 item"),
        ('family = "cont_stoikov_talreja"\nentering = [-1.0]\ndying = [1.0]\nmu = 1.0', "greater than or equal to 0"),
        ('family = "split_orders"\nmu = 1.0\nalpha = 0.0', "greater than 0"),
        ('family = "strategic"\nperiod_seconds = 0.0', "greater than"),
        (
            'family = "queue_reactive"\nbins = [3, 2]\nqueues = [{ entering = [1.0], dying = [1.0], taking = [1.0] }]',
            "rising order",
        ),
        (
            'family = "queue_reactive"\nmost = 5\nclasses = [2, 5]\nqueues = [{ entering = [1.0], dying = [1.0], taking = [1.0], seeing = { small = {} } }]',
            "0 < small < usual < most",
        ),
        (
            'family = "queue_reactive"\nqueues = [{ entering = [1.0], dying = [1.0], taking = [1.0], seeing = { tiny = {} } }]',
            "tiny",
        ),
        (
            'family = "queue_reactive"\nqueues = [{ entering = [1.0], dying = [1.0], taking = [1.0], drawn = [0.0] }]',
            "not all 0",
        ),
        (
            'family = "hawkes"\nbase = { top = 1.0 }\nsizes = { new = { p = 0.1 } }',
            "sizes are needed",
        ),
        ('family = "hawkes"\nbase = { sideways = 1.0 }\nsizes = { new = { p = 0.1 } }', "sideways"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        _read(tmp_path, text)


def test_the_stationary_law_is_that_of_the_published_example() -> None:
    queue = Queue(entering=(1.85,), dying=tuple(0.71 * n for n in range(41)), taking=(0.94,))
    assert np.abs(np.array(queue.stationary(40)[:5]) - [0.2532, 0.2838, 0.2225, 0.1341, 0.0656]).max() < 6e-5


def test_a_law_of_sizes_is_drawn_as_it_is_written(limit: Callable[[int, int], int]) -> None:
    """Orders of one queue that only grows."""
    laws = (SizeLaw(lots=(3, 5, 9), weights=(2.0, 1.0, 1.0)),)
    queue = Queue(unit=4, entering=(1.0,), dying=(0.0,), taking=(0.0,), entering_sizes=laws)
    family = QueueReactive(family="queue_reactive", queues=(queue,), most=5)
    setting = load_preset("qr").setting(load_preset("qr").info(None, 0))
    events = limit(4000, 200)
    agent = (family.agent_kind, family.numbers(setting), family.memory(setting))
    rows = rows_of(run_events(flow_scene([agent], 6, logging=True), events))
    added = np.array([row[4] for row in rows if row[2] == Side.BUY and row[1] == Kind.ADD][1:])
    for lots, share in ((3, 0.5), (5, 0.25), (9, 0.25)):
        assert abs((added == lots).mean() - share) < 3 * np.sqrt(share * (1 - share) / len(added))


def test_mixed_sizes_are_a_geometric_law_and_points() -> None:
    law = MixedSizes(p=0.1, lots=(10, 50), weights=(0.5, 2.5)).numbers(3)
    assert law == pytest.approx([0.1, 0.25, 10, 50, 1, 0.375, 1.0, 1.0])
