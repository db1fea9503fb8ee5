"""What the benchmarks share: the folder of recorded data and the yardstick's streams."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lobsim.bench.streams import Stream
from lobsim.bench.yardstick import generate, read_stream

ROOT = Path(__file__).resolve().parent.parent
STREAM_MESSAGES = int(os.environ.get("LOBSIM_BENCH_MESSAGES", 1_000_000))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with data, consensus_tapes and yardstick; benchmarks that need it skip without."""
    folder = Path(os.environ.get("LOBSIM_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"LOBSIM_SHARED: there is no folder {folder}")
    return folder


@pytest.fixture(scope="session")
def stream_files(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The yardstick's shallow and deep streams with their answers, made once."""
    return generate(shared / "yardstick", tmp_path_factory.mktemp("yardstick"), STREAM_MESSAGES)


@pytest.fixture(scope="session")
def streams(stream_files: dict[str, Path]) -> dict[str, Stream]:
    """The same, read."""
    return {name: read_stream(path) for name, path in stream_files.items()}
