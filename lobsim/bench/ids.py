"""Arbitrary 64-bit ids out of dense ones, and back.

Two rounds of an odd multiplication and a shift by half the word: each step has an inverse, so every id stays unique and any fill can be
turned back into the ids that the answers speak of.  The result looks random over all 64 bits, the sign included.
"""

from __future__ import annotations

import numpy as np

_FIRST = 0x9FB21C651E98DF25
_SECOND = 0xD6E8FEB86659FD93
_WORD = 1 << 64
_FIRST_BACK = pow(_FIRST, -1, _WORD)
_SECOND_BACK = pow(_SECOND, -1, _WORD)
_HALF = np.uint64(32)


def arbitrary_ids(ids: np.ndarray) -> np.ndarray:
    """Another, unique int64 for each id of an int64 array."""
    words = ids.astype(np.int64).view(np.uint64) * np.uint64(_FIRST)
    words = (words ^ (words >> _HALF)) * np.uint64(_SECOND)
    return (words ^ (words >> _HALF)).view(np.int64)


def dense_ids(ids: np.ndarray) -> np.ndarray:
    """The ids that `arbitrary_ids` was given."""
    words = ids.astype(np.int64).view(np.uint64)
    words = (words ^ (words >> _HALF)) * np.uint64(_SECOND_BACK)
    return ((words ^ (words >> _HALF)) * np.uint64(_FIRST_BACK)).view(np.int64)
