"""Snapshots: the state of a world, a book or a scene, kept aside, put back, copied.

A snapshot copies only what is in use, into one piece of memory.  ``_USED`` says how much of each array that is; an array it does not name is copied
whole, so that a field added to a state is never forgotten.  The tape and the rows recorded beside it are shared, never copied.

Invariants: a state put back goes on exactly as the one the snapshot was taken of, and what lies beyond the used part of its pools and logs is 0 as if
nobody had ever been there; no new array is made where the target has room; a snapshot never changes.
Known limit: the indices of a book (window, bitmap, far list, id table) are copied whole, whatever stands in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from lobsim.core.agents.state import Crowd, Scene
from lobsim.core.batch import SHARED, arena_like
from lobsim.core.calendar import Calendar
from lobsim.core.layout import Book
from lobsim.core.memory import zeros_on_lines
from lobsim.core.state import World

State = TypeVar("State", Book, World, Scene)

_SCRATCH = ""
_UNREAD = "unread"
_USED = {
    Book: {
        "nodes": "fresh",
        "info": "fresh",
        "timers": "timers",
        "extras": "extra_fresh",
        "buy_stops": "buy_stops",
        "sell_stops": "sell_stops",
        "pegs": "pegs",
    },
    World: {
        "own": "own",
        "fills": "fills",
        "mail": "mail_fresh",
        "ring": _UNREAD,
        "reports": _SCRATCH,
    },
    Calendar: {"waits": "fresh", "heap": "heap"},
    Crowd: {"orders": "fresh", "mail": "mail_fresh", "log": "logged", "metaorders": "metaorders"},
    Scene: {},
}
"""Array -> the field of the head that counts its used records."""
_TOGETHER = {
    Book: (("nodes", "info", "leaf", "upper"), ("extras", "buy_stops", "sell_stops", "pegs")),
    World: (("mail", "transit.waits", "transit.heap", "transit.lists"),),
    Calendar: (),
    Crowd: (("mail", "waits.waits", "waits.heap", "waits.lists"),),
    Scene: (),
}
"""Arrays whose capacities belong together: where one of them does not do, all are made anew."""


class Part(NamedTuple):
    """One array in a snapshot.

    name    such as ``book.nodes``
    shape   its capacity when the snapshot was taken
    count   records in use: the first ones, or of the ring the unread ones
    """

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    count: int

    @property
    def nbytes(self) -> int:
        """Bytes in use."""
        nbytes = self.count * self.dtype.itemsize
        for length in self.shape[1:]:
            nbytes *= length
        return nbytes


def _count(rule: str | None, array: np.ndarray, head: np.void) -> int:
    """How many records of an array are in use."""
    if rule is None:
        return len(array)
    if rule == _SCRATCH:
        return 0
    return int(head["written"] - head["read"]) if rule == _UNREAD else int(head[rule])


def _own_arrays(state: Any, prefix: str = "") -> Iterator[tuple[str, np.ndarray, str | None, np.void]]:
    """Every array of a state that is its own: name, array, rule, and the head that counts."""
    head = _head_of(state)
    rules = _USED[type(state)]
    for name, part in zip(state._fields, state, strict=True):
        if isinstance(part, tuple):
            yield from _own_arrays(part, f"{prefix}{name}.")
        elif name not in SHARED:
            yield prefix + name, part, rules.get(name), head


def _head_of(state: Any) -> np.void:
    """The record that counts what is in use; a scene has its heads in its parts."""
    return state.world.head[0] if isinstance(state, Scene) else state.head[0]


def _shared_of(state: Any) -> dict[str, Any]:
    """The arrays that a state shares with others, by name."""
    found = {}
    for name, part in zip(state._fields, state, strict=True):
        if isinstance(part, tuple):
            found |= _shared_of(part)
        elif name in SHARED:
            found[name] = part
    return found


def _bytes(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1).view(np.uint8)


def _in_use(array: np.ndarray, rule: str | None, head: np.void, count: int) -> list[np.ndarray]:
    """The used records of an array as bytes; unread entries of a ring may be in two parts."""
    if rule != _UNREAD:
        return [_bytes(array[:count])]
    start = int(head["read"]) & (len(array) - 1)
    return [_bytes(array[start : start + count]), _bytes(array[: max(0, start + count - len(array))])]


class Snapshot(Generic[State]):
    """The state of a world or of a book at one moment.

    ``nbytes`` is its size; ``parts`` and ``memory`` are what it holds, array after array.
    """

    def __init__(self, state: State) -> None:
        parts, used = [], []
        for name, array, rule, head in _own_arrays(state):
            count = _count(rule, array, head)
            parts.append(Part(name, array.dtype, array.shape, count))
            used += _in_use(array, rule, head, count)
        self._keep(tuple(parts), np.concatenate(used), _shared_of(state))

    def _keep(self, parts: tuple[Part, ...], memory: np.ndarray, shared: dict[str, Any]) -> None:
        self.parts = parts
        self.memory = memory
        self.memory.flags.writeable = False
        self._shared = shared
        self.nbytes = memory.nbytes

    @classmethod
    def from_parts(cls, parts: tuple[Part, ...], memory: np.ndarray, like: State) -> Snapshot[State]:
        """A snapshot out of what one holds.

        like  a state whose tape it shares
        """
        snapshot = cls.__new__(cls)
        snapshot._keep(parts, memory, _shared_of(like))
        return snapshot

    def restore(self, state: State) -> State:
        """Put it back into a state.

        Returns that very state; or, where it lacked room or its indices have other sizes, one with new arrays in those places.
        """
        starts = accumulate((part.nbytes for part in self.parts), initial=0)
        places = {part.name: (part, start) for part, start in zip(self.parts, starts, strict=False)}
        return self._put(state, places, _short(state, places), "")

    def _put(self, state: Any, places: dict[str, tuple[Part, int]], short: set[str], prefix: str) -> Any:
        """Restore one tuple of arrays.

        short  names of the arrays that are to be made anew
        """
        before = _head_of(state).copy()
        head = before
        rules = _USED[type(state)]
        changed = {}
        for name, array in zip(state._fields, state, strict=True):
            if isinstance(array, tuple):
                new = self._put(array, places, short, f"{prefix}{name}.")
            elif name in SHARED:
                new = self._shared[name]
            elif rules.get(name) == _SCRATCH:
                new = array
            else:
                part, start = places[prefix + name]
                source = self.memory[start : start + part.nbytes]
                anew = part.name in short
                new = zeros_on_lines(part.shape, part.dtype) if anew else array
                old_count = 0 if anew else _count(rules.get(name), array, before)
                _fill(new, part, rules.get(name), source, old_count, head)
                if name == "head":
                    head = new[0]
            if new is not array:
                changed[name] = new
        return state._replace(**changed) if changed else state


def _groups(state: Any, prefix: str = "") -> Iterator[set[str]]:
    """Names of the arrays that are made anew together."""
    for group in _TOGETHER[type(state)]:
        yield {prefix + name for name in group}
    for name, part in zip(state._fields, state, strict=True):
        if isinstance(part, tuple):
            yield from _groups(part, f"{prefix}{name}.")


def _short(state: Any, places: dict[str, tuple[Part, int]]) -> set[str]:
    """The arrays of a state that do not take what a snapshot holds, and those that must change with them."""
    short = set()
    for name, array, rule, _ in _own_arrays(state):
        part = places[name][0]
        fits = rule == _SCRATCH or (len(array) >= part.count if rule is not None else array.shape == part.shape)
        if not fits:
            short.add(name)
    for group in _groups(state):
        if short & group:
            short |= group
    return short


def _fill(array: np.ndarray, part: Part, rule: str | None, source: np.ndarray, old_count: int, head: np.void) -> None:
    """Write the bytes of a snapshot into one array.

    old_count  records that were in use there;  head  the head that counts, already as it shall be
    """
    if rule == _UNREAD:
        start = int(head["read"]) & (len(array) - 1)
        ahead = min(part.count, len(array) - start)
        cut = ahead * part.dtype.itemsize
        _bytes(array[start : start + ahead])[:] = source[:cut]
        _bytes(array[: part.count - ahead])[:] = source[cut:]
        return
    _bytes(array[: part.count])[:] = source
    if old_count > part.count:
        _bytes(array[part.count : old_count])[:] = 0


def fork(state: State, count: int) -> list[State]:
    """So many independent states like this one, in one piece of memory; the tape is shared."""
    snapshot = Snapshot(state)
    return [snapshot.restore(place) for place in arena_like([state] * count)]
