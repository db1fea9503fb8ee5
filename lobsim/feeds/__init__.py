"""The cold floor: vendor files in, canonical event tables out.

``import lobsim.feeds`` is light: polars and pyarrow are loaded when a public name is first used.
Invariant: nothing in here imports ``lobsim.core``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lobsim.feeds.importing import import_data
    from lobsim.feeds.lobster import read_lobster
    from lobsim.feeds.prepared import prepare
    from lobsim.feeds.schema import SCHEMA_VERSION, Dataset, DatasetInfo, validate
    from lobsim.feeds.store import list_partitions, load, read_info, save

_LAZY: dict[str, str] = {
    "SCHEMA_VERSION": "lobsim.feeds.schema",
    "Dataset": "lobsim.feeds.schema",
    "DatasetInfo": "lobsim.feeds.schema",
    "import_data": "lobsim.feeds.importing",
    "list_partitions": "lobsim.feeds.store",
    "load": "lobsim.feeds.store",
    "prepare": "lobsim.feeds.prepared",
    "read_info": "lobsim.feeds.store",
    "read_lobster": "lobsim.feeds.lobster",
    "save": "lobsim.feeds.store",
    "validate": "lobsim.feeds.schema",
}
"""Public name -> the module that defines it."""

__all__ = [
    "SCHEMA_VERSION",
    "Dataset",
    "DatasetInfo",
    "import_data",
    "list_partitions",
    "load",
    "prepare",
    "read_info",
    "read_lobster",
    "save",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module at its first use."""
    if name not in _LAZY:
        raise AttributeError(f"module 'lobsim.feeds' has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Lazy names are listed too, so that completion finds them."""
    return sorted({*globals(), *_LAZY})
