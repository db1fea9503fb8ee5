"""A calibration as a file: what was chosen, for which data, and how good it was; one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lobsim.errors import ConfigError
from lobsim.types import QueueModel
from lobsim.whole_files import whole_file

KIND = "lobsim queue calibration 1"


def write_queue_calibration(path: Path, content: Mapping[str, Any]) -> None:
    """Write a calibration whole or not at all; raises OSError as the disk does."""
    with whole_file(path) as partial:
        partial.write_text(json.dumps({"kind": KIND} | dict(content), indent=1) + "\n", encoding="utf-8")


def read_queue_settings(path: Path) -> dict[str, Any]:
    """The fields of MarketConfig that a stored calibration chose: queue_model and queue_power.

    Raises ConfigError for a file that is no calibration, OSError where it cannot be read.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["kind"] != KIND:
            raise ValueError(f"its kind is {stored['kind']!r}")
        return {"queue_model": QueueModel[stored["queue_model"].upper()], "queue_power": float(stored["queue_power"])}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"this is no queue calibration ({error})",
            where=str(path),
            hint='write one with "lobsim calibrate queue DATASET --out FILE.json"',
        ) from error
