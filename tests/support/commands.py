"""The command line as tests call it in their own process, where the core is loaded once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from lobsim.cli.main import build_app, guarded


class Outcome(NamedTuple):
    """What a command line answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run(*arguments)``: the command line, in this process."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["lobsim", *map(str, arguments)])
        capsys.readouterr()
        code = guarded(build_app())
        return Outcome(code, *capsys.readouterr())

    return call
