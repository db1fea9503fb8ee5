"""The memory of a state: zeros, each array from the beginning of a cache line on.

The arrays of a state lie in one piece, and every page of a large one is touched when it is made.  Otherwise the first events of a day would pay for it: one
page that the system has yet to find and clear costs as much as tens of rows, and a day of levels touches thousands.  A small state is left as it is, for many
worlds are small and short.
"""

from __future__ import annotations

import numpy as np

LINE_BYTES = 64
LARGE_BYTES = 2**21
"""A huge page.  From twice as much on numpy asks for them."""
MOST_TOUCHED_BYTES = 2**27
"""What is larger still is touched as it is used: most of it may never be."""
_PAGE_BYTES = 4096

Wanted = dict[str, tuple[int, np.dtype]]
"""Name of an array -> its length and type."""


def _on_lines(nbytes: int) -> int:
    """So many bytes, up to the end of a cache line."""
    return -(-nbytes // LINE_BYTES) * LINE_BYTES


def _piece(nbytes: int) -> np.ndarray:
    """Bytes that are 0, from the beginning of a cache line on."""
    memory = np.zeros(nbytes + LINE_BYTES, np.uint8)
    return memory[-memory.ctypes.data % LINE_BYTES :][:nbytes]


def zeros_on_lines(shape: int | tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros that begin where a cache line of 64 bytes does: otherwise every other node would lie on two lines."""
    nbytes = int(np.prod(shape)) * dtype.itemsize
    return _piece(nbytes).view(dtype).reshape(shape)


def zeros_together(wanted: Wanted, untouched: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """The arrays of one state, every byte 0, in one piece of memory; that of a large state has been touched.

    untouched  names of arrays that lie apart and are left as the system gave them
    """
    made = {name: np.zeros(*wanted[name]) for name in untouched}
    together = {name: each for name, each in wanted.items() if name not in made}
    nbytes = [length * dtype.itemsize for length, dtype in together.values()]
    piece = _piece(sum(map(_on_lines, nbytes)))
    if LARGE_BYTES <= len(piece) <= MOST_TOUCHED_BYTES:
        piece[::_PAGE_BYTES] = 0
    at = 0
    for (name, (_, dtype)), length in zip(together.items(), nbytes, strict=True):
        made[name] = piece[at : at + length].view(dtype)
        at += _on_lines(length)
    return made
