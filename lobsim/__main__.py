"""``python -m lobsim`` is the ``lobsim`` command, for places where the command itself is not on the path."""

from __future__ import annotations

import runpy

if __name__ == "__main__":
    runpy.run_module("lobsim.cli.main", run_name="__main__", alter_sys=True)
