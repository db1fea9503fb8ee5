"""The one decorator of the compiled floor, its cache, blocks of states, and hashing.

- ``kernel`` compiles an entry point or a routine of its own; ``inline`` compiles a helper that is
  always folded into its caller.  Either is compiled as an entry point where Python calls it and as a part (``parts``) where kernels do.
- The cache folder (``code_cache``) is named by a hash of every source file of the compiled floor.  Numba's own cache
  looks at the file of the function only: after an edit of an imported helper it would go on
  running the old machine code.  With the hash in the path any edit anywhere is a miss.
- The handles on states and the intrinsics of ``references`` have their names here too, so that kernels import from one place.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

import llvmlite
import numba
import numpy as np
import platformdirs
from numba import config, types

from lobsim.core.code_cache import KernelCache, use_folder
from lobsim.core.parts import PartCompiler
from lobsim.core.references import (
    borrow,
    borrow_array,
    bytes_compiled,
    leading_zeros,
    prefetch,
    set_word,
    stay_apart,
    store_compiled,
    trailing_zeros,
    view,
    whole,
    word_of,
)

__all__ = [
    "borrow",
    "borrow_array",
    "cache_folder",
    "inline",
    "kernel",
    "leading_zeros",
    "mix",
    "mix_word",
    "new_block",
    "prefetch",
    "ready",
    "set_word",
    "source_hash",
    "stay_apart",
    "store",
    "trailing_zeros",
    "types_of",
    "view",
    "whole",
    "within",
    "word_of",
    "wrapping_product",
    "wrapping_sum",
]

_HERE = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(os.path.dirname(_HERE))


def _sources() -> list[str]:
    """Every file whose edit must invalidate compiled code, in a fixed order."""
    found = [os.path.join(_ROOT, "lobsim", "types.py")]
    for folder in (_HERE, os.path.join(_ROOT, "execution", "core")):
        for base, _, names in sorted(os.walk(folder)):
            found.extend(os.path.join(base, name) for name in sorted(names) if name.endswith(".py"))
    return found


def source_hash() -> str:
    """Twelve hex digits that change with any edit of the compiled floor, and with the versions of what compiles it."""
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__} {np.__version__}".encode())
    for path in _sources():
        if os.path.exists(path):
            digest.update(os.path.relpath(path, _ROOT).encode())
            with open(path, "rb") as file:
                digest.update(file.read())
    return digest.hexdigest()[:12]


def cache_folder() -> str:
    """Where compiled code is kept: below NUMBA_CACHE_DIR if set, else the user's cache folder."""
    base = os.environ.get("NUMBA_CACHE_DIR") or os.path.join(platformdirs.user_cache_dir("lobsim"), "compiled")
    checked = "-checked" if config.BOUNDSCHECK else ""
    return os.path.join(base, source_hash() + checked)


use_folder(cache_folder())


def _widened(kind):
    """The plain type of a constant or an enumeration member."""
    if isinstance(kind, types.IntEnumMember):
        return kind.dtype
    return types.unliteral(kind)


def _calls_part(dispatcher, part):
    """Let kernels that call a dispatcher call its part, with plain integers where they write constants.

    Numba compiles a callee anew for every constant and enumeration member it is called with: the compiled floor took
    248 compilations instead of 161, and half as long again.
    """

    def get_call_template(arguments, keywords):
        arguments = tuple(_widened(kind) for kind in arguments)
        return part.get_call_template(arguments, {name: _widened(kind) for name, kind in keywords.items()})

    dispatcher.get_call_template = get_call_template
    dispatcher.get_overload = part.get_overload
    dispatcher.part = part
    return dispatcher


def _compile(function: Any, **options: Any) -> Any:
    """An entry point with its code on disk, and the part that other kernels call."""
    if config.DISABLE_JIT:
        return function
    options |= {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    dispatcher = numba.njit(**options)(function)
    if os.path.exists(function.__code__.co_filename):  # what is typed into a notebook has no file to be valid for
        dispatcher._cache = KernelCache(function)
    part = numba.njit(no_cpython_wrapper=True, pipeline_class=PartCompiler, **options)(function)
    return _calls_part(dispatcher, part)


def kernel(function: Any) -> Any:
    """Compile a routine that is called, from Python or from another kernel.

    forceinline is refused outright: left open, Numba lets a kernel inherit it from whichever helper happens to be the first to call it.
    """
    return _compile(function, forceinline=False)


def inline(function: Any) -> Any:
    """Compile a helper that is folded into every caller: no call, no argument passing."""
    return _compile(function, forceinline=True)


def ready(function: Any, *arguments: Any) -> Any:
    """The compiled code of an entry point for arguments of these types, for who calls it again and again.

    To find out the types of a state's arrays takes longer than a short call.  Nobody looks at them any more: it is for arguments of these very types.
    """
    if config.DISABLE_JIT:
        return function
    signature = tuple(numba.typeof(argument) for argument in arguments)
    function.compile(signature)
    return function.overloads[signature].entry_point


def types_of(state: Any) -> Any:
    """What two states share that compiled code takes for the same type."""
    return None if config.DISABLE_JIT else numba.typeof(state)


@kernel
def _bytes_of(state):
    return bytes_compiled(state)


@kernel
def _write(block, index, state):
    store_compiled(block, index, state)


def new_block(states: list[Any]) -> Any:
    """A block that holds these states (at least one, NamedTuples of arrays of one type).  The caller keeps the arrays alive."""
    if config.DISABLE_JIT:
        return list(states)
    block = np.zeros(len(states) * _bytes_of(states[0]), np.uint8)
    for index, state in enumerate(states):
        _write(block, index, state)
    return block


def store(block: Any, index: int, state: Any) -> None:
    """Put another state in a place of a block, while no kernel runs on that place."""
    if config.DISABLE_JIT:
        block[index] = state
    else:
        _write(block, index, state)


_FNV_PRIME = np.uint64(1099511628211)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def wrapping_product(a, b):
    """The product of two uint64 modulo 2^64 (uncompiled twin: through Python integers)."""
    return np.uint64((int(a) * int(b)) & 0xFFFFFFFFFFFFFFFF)


def wrapping_sum(a, b):
    """The sum of two uint64 modulo 2^64 (uncompiled twin)."""
    return np.uint64((int(a) + int(b)) & 0xFFFFFFFFFFFFFFFF)


if not config.DISABLE_JIT:

    @inline
    def wrapping_product(a, b):
        return np.uint64(a) * np.uint64(b)

    @inline
    def wrapping_sum(a, b):
        return np.uint64(a) + np.uint64(b)


@inline
def within(value, length):
    """Whether 0 <= value < length, for a length of 0 or more: one comparison without a sign instead of two with."""
    return np.uint64(np.int64(value)) < np.uint64(np.int64(length))


@inline
def mix_word(h, word):
    """`mix` of a uint64."""
    return wrapping_product(h ^ word, _FNV_PRIME)


@inline
def mix(h, value):
    """One step of 64-bit FNV-1a over words.

    h      uint64, state so far
    value  int64 word
    """
    return mix_word(h, np.uint64(np.int64(value)))


@inline
def splitmix64(value):
    """Steele, Lea, Flood 2014: a well mixed uint64 out of a counter.

    value  uint64
    """
    z = wrapping_sum(value, _GOLDEN)
    z = wrapping_product(z ^ (z >> np.uint64(30)), _MIX_1)
    z = wrapping_product(z ^ (z >> np.uint64(27)), _MIX_2)
    return z ^ (z >> np.uint64(31))
