"""Arrays of messages and tables of terms as kernels can read them, checked where they come in."""

from __future__ import annotations

from typing import Any

import numpy as np

from lobsim.errors import OrderError
from lobsim.types import MAX_MESSAGES, MESSAGE, TERMS


def checked_array(name: str, array: Any, dtype: np.dtype, layout: str) -> np.ndarray:
    """The array itself, if it is one-dimensional and of that layout; raises OrderError."""
    if getattr(array, "dtype", None) != dtype or array.ndim != 1:
        raise OrderError(f"{name} are a one-dimensional array of lobsim.types.{layout}")
    return array


def checked_messages(messages: Any) -> np.ndarray:
    """Messages that kernels can read.  Raises OrderError for an array of another kind, or one too long for the reports to count."""
    messages = checked_array("messages", messages, MESSAGE, "MESSAGE")
    if len(messages) > MAX_MESSAGES:
        raise OrderError(f"{len(messages)} messages in one call, at most {MAX_MESSAGES} fit", hint="use several calls")
    return np.require(messages, requirements=["C", "W"])


def checked_terms(terms: Any) -> np.ndarray:
    """A table of terms that kernels can read: row 0 means nothing; None and an empty one mean no terms at all.

    Raises OrderError for an array of another kind.
    """
    nothing = np.zeros(1, TERMS)
    if terms is None or not len(checked_array("terms", terms, TERMS, "TERMS")):
        return nothing
    if terms[0] != nothing[0]:
        raise OrderError(
            "row 0 of terms means nothing and is all zeros", hint="begin the table with np.zeros(1, TERMS)"
        )
    return np.require(terms, requirements=["C", "W"])
