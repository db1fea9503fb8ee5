"""Presets: what is read, what is refused, and what their hash stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from lobsim.errors import ConfigError
from lobsim.simulation import load_preset, preset_names

TEXT = """
name = "tiny"
about = "a test"
[listing]
symbol = "T"
start_price = "10.00"
[session]
duration = "1s"
[opening]
levels = 3
[[agents]]
family = "zero_intelligence"
alpha = 1.0
mu = 2
delta = 0.1
window = 5
"""


def preset_file(folder: Path, text: str = TEXT) -> Path:
    path = folder / "tiny.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_that_comes_along_is_sound(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    assert len(preset.digest) == 64


def test_a_preset_of_ones_own_is_read_from_its_file(tmp_path: Path) -> None:
    preset = load_preset(preset_file(tmp_path))
    assert preset.listing.start_ticks == 1000
    assert preset.session.duration == 10**9
    assert [agent.family for agent in preset.agents] == ["zero_intelligence"]


def test_the_hash_is_that_of_the_meaning(tmp_path: Path) -> None:
    digest = load_preset(preset_file(tmp_path)).digest
    other_words = TEXT.replace("a test", "another").replace("mu = 2", "mu = 2.0   # the same")
    assert load_preset(preset_file(tmp_path, other_words)).digest == digest
    assert load_preset(preset_file(tmp_path, TEXT.replace("mu = 2", "mu = 2.5"))).digest != digest
    assert load_preset(preset_file(tmp_path, TEXT.replace('"1s"', '"2s"'))).digest != digest


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mu = 2", "mew = 2", "mew"),
        ("mu = 2\n", "", "mu"),
        ("alpha = 1.0", "alpha = 0.0", "alpha"),
        ("alpha = 1.0", "alpha = inf", "alpha"),
        ("delta = 0.1", "delta = -0.1", "delta"),
        ('"10.00"', '"10.005"', "no number of ticks"),
        ('"1s"', '"1 fortnight"', "no duration"),
        ('"zero_intelligence"', '"clairvoyance"', "clairvoyance"),
        ("levels = 3", "levels = -3", "levels"),
        ("[listing]", "[listing", "TOML"),
    ],
)
def test_a_mistake_in_a_preset_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TEXT
    path = preset_file(tmp_path, TEXT.replace(old, new))
    with pytest.raises(ConfigError) as error:
        load_preset(path)
    assert said in str(error.value)
    assert "tiny.toml" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="zi"):
        load_preset("gold")


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_preset(tmp_path / "none.toml")
