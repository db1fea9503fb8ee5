"""A table as TOML, and back."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobsim.calibration.flow.preset_file import preset_of, toml_text, write_preset
from lobsim.calibration.flow.sizes import mixed_sizes, size_law
from lobsim.errors import ConfigError
from lobsim.simulation import load_preset

TABLE: dict[str, Any] = {
    "name": 'a "quoted" name',
    "about": "é",
    "listing": {"symbol": "X", "start_price": "10.00"},
    "agents": [
        {
            "family": "queue_reactive",
            "theta": 0.25,
            "bins": [3, 2**31],
            "queues": [
                {
                    "unit": 3,
                    "entering": [1.0, 2e-09],
                    "dying": [0.0, 1.5],
                    "taking": [0.5],
                    "taking_sizes": [{"lots": [1, 2], "weights": [0.5, 0.5]}] * 2,
                }
            ],
        }
    ],
}


def test_a_table_is_read_back_as_it_was_written() -> None:
    assert tomllib.loads(toml_text(TABLE)) == TABLE


def test_a_written_preset_is_the_preset_of_its_table(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    write_preset(path, TABLE, ["one\nline"])
    assert path.read_text(encoding="utf-8").startswith("# one line\n")
    assert load_preset(path).digest == preset_of(TABLE).digest


def test_what_makes_no_preset_leaves_no_file(tmp_path: Path) -> None:
    bad = TABLE | {"listing": {"symbol": "", "start_price": "10.00"}}
    for path, table, why in (
        (tmp_path / "own.toml", bad, "makes no preset"),
        (tmp_path / "own.json", TABLE, "end in .toml"),
        (tmp_path / "none" / "own.toml", TABLE, "no folder"),
    ):
        with pytest.raises(ConfigError, match=why):
            write_preset(path, table, [])
    assert not list(tmp_path.iterdir())


def test_a_law_of_few_sizes_is_exact() -> None:
    law = size_law(np.array([100, 100, 50, 200]))
    assert law == {"lots": [50, 100, 200], "weights": [0.25, 0.5, 0.25]}


def test_a_law_of_many_sizes_keeps_the_frequent_ones_and_the_mean() -> None:
    rng = np.random.default_rng(1)
    sizes = np.concatenate([rng.integers(1, 5000, 4000), np.full(1000, 100)])
    law = size_law(sizes)
    lots, weights = np.array(law["lots"]), np.array(law["weights"])
    assert len(lots) <= 81 and weights.sum() == pytest.approx(1)
    assert lots @ weights == pytest.approx(sizes.mean(), rel=1e-3)
    assert weights[list(lots).index(100)] >= 0.2


def test_mixed_sizes_find_their_points_and_their_geometric_part() -> None:
    rng = np.random.default_rng(2)
    sizes = np.concatenate([rng.geometric(0.01, 20_000), np.full(30_000, 100), np.full(10_000, 10)])
    law = mixed_sizes(sizes)
    assert law["lots"] == [10, 100]
    assert law["weights"] == pytest.approx([0.5, 1.5], rel=0.05)
    assert law["p"] == pytest.approx(0.01, rel=0.03)
    assert mixed_sizes(np.array([7, 7])) == {"p": 0.5, "lots": [7], "weights": [1e6]}
