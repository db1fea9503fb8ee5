"""``lobsim fidelity``: recorded orders taken out and put in again as own orders; does the same happen to them?"""

from __future__ import annotations

from typing import Annotated

import typer

from lobsim.cli.data_source import UNDERSTOOD
from lobsim.cli.output import JsonOption


def fidelity(
    file: Annotated[str, typer.Argument(metavar="DATASET", help=f"{UNDERSTOOD[0].upper()}{UNDERSTOOD[1:]}.")],
    as_json: JsonOption = False,
) -> None:
    """Take recorded orders out one at a time and put each in again as an own order."""
