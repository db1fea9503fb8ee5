"""What the README shows a newcomer is run as it stands there."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _examples() -> list[str]:
    text = (ROOT / "README.md").read_text()
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def _run(source: str, folder: Path) -> dict[str, Any]:
    """Run an example as a script of its own and return its names."""
    script = folder / "example.py"
    script.write_text(source)
    return runpy.run_path(str(script))


def test_the_book_example_trades_and_rests(tmp_path: Path) -> None:
    names = _run(_examples()[0], tmp_path)
    book = names["book"]
    assert [("166.01", "1250", 1)] == [(str(price), str(size), count) for price, size, count in book.bids(5)]
    assert [] == book.asks(5)


def test_the_backtest_example_gives_one_row_per_algorithm(small: bool, tmp_path: Path) -> None:
    if small:
        pytest.skip("it replays a whole day: compiled runs only")
    names = _run(_examples()[1], tmp_path)
    assert ["twap", "vwap", "ac"] == names["result"].results["algo"].to_list()
    assert {5000.0} == set(names["result"].results["filled"].to_list())


def test_every_file_the_readme_points_to_is_there() -> None:
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / target).exists(), target
