"""A fitted model as a preset: the same table for the simulator and for the TOML file, checked as every preset is."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lobsim.calibration.flow.estimates import Fitted
from lobsim.calibration.flow.recording import Recording
from lobsim.clock import time_text
from lobsim.errors import ConfigError
from lobsim.realism.prepare import SECOND_NS
from lobsim.simulation.preset import Preset
from lobsim.whole_files import whole_file

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def preset_table(model: str, fitted: Fitted, recordings: Sequence[Recording]) -> dict[str, Any]:
    """The preset that stands for the first of the recordings: its symbol, date, tick, lot, hours and first price."""
    first = recordings[0]
    info = first.day.info
    tick = Decimal(info.price_quantum) * info.tick_quanta
    days = ", ".join(f"{each.day.info.symbol} {each.day.info.date}" for each in recordings)
    session: dict[str, Any] = {
        "date": info.date,
        "open": time_text(first.day.start_ns, info)[:5],
        "duration": f"{max(round(first.day.seconds), 1)}s",
    }
    if fitted.warmup_s > 0:
        session["warmup"] = f"{fitted.warmup_s}s"
    return {
        "name": f"{model}-{info.symbol}-{info.date}",
        "about": f"{model} calibrated from {days}",
        "listing": {
            "symbol": info.symbol,
            "start_price": _plain(tick * _start_ticks(first)),
            "tick": _plain(tick),
            "lot": _plain(Decimal(info.lot)),
            "currency": info.currency,
        },
        "session": session,
        **({"opening": fitted.opening} if fitted.opening else {}),
        "agents": [fitted.family],
    }


def _start_ticks(recording: Recording) -> int:
    """The first mid of the window, rounded down."""
    row = int((recording.usable_ns > 0).argmax())
    after = recording.day.after
    return int(after.bid_ticks[row] + after.ask_ticks[row]) // 2


def _plain(number: Decimal) -> str:
    return format(number, "f")


def preset_of(table: Mapping[str, Any]) -> Preset:
    """The checked preset of a table, exactly as it would be read from its file; raises ConfigError."""
    try:
        return Preset.model_validate(tomllib.loads(toml_text(table), parse_float=Decimal))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"what was fitted makes no preset, {where}: {first['msg']}") from None


def write_preset(path: Path, table: Mapping[str, Any], comments: Sequence[str]) -> None:
    """Write a preset whole or not at all.

    comments  sentences that stand above it

    Raises ConfigError for a name that `load_preset` would not read and for what makes no preset, OSError as the disk does.
    """
    check_name(path)
    preset_of(table)
    head = "".join(f"# {' '.join(comment.split())}\n" for comment in comments)
    with whole_file(path) as partial:
        partial.write_text(head + toml_text(table), encoding="utf-8")


def check_name(path: Path) -> None:
    """Refuse a file that `lobsim simulate` would not read."""
    if path.suffix != ".toml":
        raise ConfigError(f"{path} does not end in .toml", where="--out", hint="name it FILE.toml")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}", where="--out", hint="make it first")


def toml_text(table: Mapping[str, Any]) -> str:
    """A table of tables, lists, text and numbers as TOML."""
    return "\n".join(_lines(table, "")) + "\n"


def _lines(table: Mapping[str, Any], path: str) -> list[str]:
    """Plain values first, then tables, then lists of tables."""
    lines = [f"{_key(key)} = {_value(value)}" for key, value in table.items() if not _is_section(value)]
    for key, value in table.items():
        name = f"{path}.{_key(key)}" if path else _key(key)
        if isinstance(value, Mapping) and _is_section(value):
            lines += ["", f"[{name}]", *_lines(value, name)]
        elif _is_section(value):
            for entry in value:
                lines += ["", f"[[{name}]]", *_lines(entry, name)]
    return lines


def _is_section(value: Any) -> bool:
    """Whether a value has a heading of its own: a table, or a list of tables that hold more than sizes."""
    if isinstance(value, Mapping):
        return set(value) - {"p"} != {"lots", "weights"}
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) and _is_section(v) for v in value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return _number(value)


def _number(value: Any) -> str:
    """Seven digits of a float: more than any estimate has."""
    if isinstance(value, int):
        return str(value)
    text = f"{float(value):.7g}"
    return text if any(mark in text for mark in ".en") else f"{text}.0"


def session_seconds(recordings: Sequence[Recording]) -> float:
    """Length of all windows together."""
    return sum(float(each.usable_ns.sum()) for each in recordings) / SECOND_NS
