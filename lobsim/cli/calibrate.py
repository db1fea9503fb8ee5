"""``lobsim calibrate``: the group of commands that fit a model to recordings, and ``calibrate queue``.

Each further command has a module of its own and is one line at the end of this one.
"""

from __future__ import annotations

from typing import Annotated

import typer

from lobsim.cli.calibrate_latency import latency
from lobsim.cli.data_source import UNDERSTOOD
from lobsim.cli.output import JsonOption

calibrate = typer.Typer(no_args_is_help=True, help="Fit models to recordings and judge them on the rest.")


def queue(
    file: Annotated[str, typer.Argument(metavar="DATASET", help=f"{UNDERSTOOD[0].upper()}{UNDERSTOOD[1:]}.")],
    as_json: JsonOption = False,
) -> None:
    """Hold the queue models for level data against the truth of order by order data."""


calibrate.command("queue")(queue)
calibrate.command("latency")(latency)
