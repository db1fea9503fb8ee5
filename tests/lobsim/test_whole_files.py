"""Files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from lobsim.whole_files import whole_file


@pytest.mark.parametrize("lasting", [False, True])
def test_a_file_gets_its_name_when_all_is_written(tmp_path: Path, lasting: bool) -> None:
    path = tmp_path / "figures.json"
    with whole_file(path, lasting=lasting) as partial:
        partial.write_text("{}")
        assert not path.exists()
    assert "{}" == path.read_text()
    assert [path] == list(tmp_path.iterdir())


def test_what_fails_in_the_middle_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="in the middle"), whole_file(path) as partial:
        partial.write_text("new")
        raise RuntimeError("in the middle")
    assert "old" == path.read_text()
    assert [path] == list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_the_disks_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "nowhere" / "figures.json") as partial:
        partial.write_text("{}")
