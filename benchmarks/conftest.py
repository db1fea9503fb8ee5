"""What the benchmarks share: the folder of recorded data, the yardstick's streams, books and messages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from lobsim.types import MESSAGE, Verb

ROOT = Path(__file__).resolve().parent.parent
STREAM_MESSAGES = int(os.environ.get("LOBSIM_BENCH_MESSAGES", 1_000_000))
_RECORD = np.dtype([("kind", "u1"), ("side", "u1"), ("pad", "u2"), ("price", "i4"), ("qty", "i4"), ("id", "i4")])
_HEADER_BYTES = 64


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with data, consensus_tapes and yardstick; benchmarks that need it skip without."""
    folder = Path(os.environ.get("LOBSIM_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"LOBSIM_SHARED: there is no folder {folder}")
    return folder


class Stream(NamedTuple):
    """A fixed order stream with the answers that any price-time book must reproduce."""

    messages: np.ndarray
    warm: int
    answers: dict[str, Any]
    path: Path


@pytest.fixture(scope="session")
def streams(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stream]:
    """The yardstick's shallow and deep streams, made once."""
    folder = tmp_path_factory.mktemp("yardstick")
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path_factory.mktemp("generator"))}
    command = [sys.executable, str(shared / "yardstick" / "gen_stream.py"), str(folder), str(STREAM_MESSAGES)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return {name: _read_stream(folder / f"{name}.bin") for name in ("shallow", "deep")}


def _read_stream(path: Path) -> Stream:
    header = np.fromfile(path, np.int64, 8)
    records = np.fromfile(path, _RECORD, offset=_HEADER_BYTES)
    messages = np.zeros(len(records), MESSAGE)
    messages["verb"] = np.where(records["kind"] == 0, Verb.NEW, Verb.CANCEL)
    messages["side"] = records["side"]
    messages["price_ticks"] = records["price"]
    messages["size_lots"] = records["qty"]
    messages["order_id"] = records["id"]
    answers = json.loads(path.with_suffix(".json").read_text())
    return Stream(messages, int(header[2]), answers, path)
