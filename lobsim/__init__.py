"""A limit order book simulator: books, markets and data sets.

``import lobsim`` is light: it compiles nothing and loads neither numba nor polars.  A public name is
imported from its module when it is first used; ``_LAZY`` is the whole list.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from lobsim.errors import CapacityError, ConfigError, DataError, LobsimError, OrderError

__version__ = "0.1.0"

_LAZY: dict[str, str] = {
    "Book": "lobsim.book_shell",
    "Books": "lobsim.batch",
    "Dataset": "lobsim.feeds.schema",
    "Latency": "lobsim.latency",
    "Market": "lobsim.market",
    "MarketConfig": "lobsim.config",
    "VenueRules": "lobsim.venue",
    "Worlds": "lobsim.batch",
    "import_data": "lobsim.feeds.importing",
    "load": "lobsim.feeds.store",
    "prepare": "lobsim.feeds.prepared",
}
"""Public name -> the module that defines it."""

__all__ = ["CapacityError", "ConfigError", "DataError", "LobsimError", "OrderError", "__version__"]


def __getattr__(name: str) -> Any:
    """Import a public name from its module at its first use."""
    if name not in _LAZY:
        raise AttributeError(f"module 'lobsim' has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Lazy names are listed too, so that completion finds them."""
    return sorted({*globals(), *_LAZY})
