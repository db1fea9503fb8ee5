"""A kernel as the Python function it was written as, also where it is compiled."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any


def plain(module: ModuleType, name: str) -> Callable[..., Any]:
    """The uncompiled function of a module's kernel; what it calls itself stays compiled."""
    kernel = getattr(module, name)
    return getattr(kernel, "py_func", kernel)
