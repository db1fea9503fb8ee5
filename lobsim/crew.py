"""Threads that share out the slices of one call.

Kernels run without Python's lock, so plain threads are enough.  The caller is one of them and takes slices like the others: whoever is free takes the next,
and a helper that has not begun when nothing is left is called off.  Nobody waits in a loop.

On a busy machine a helper may be put to sleep in the middle of its slice, and the caller then waits for it longer than a short call takes.  So a crew that
was kept waiting does its next short calls alone, more of them each time it happens again (`Crew`).  None of this changes an answer.

Invariant: when `Crew.run` returns or raises, no thread works on the errand any more; Ctrl-C is heard between two kernel calls.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from itertools import pairwise

from lobsim.errors import ConfigError

_SLICES_PER_THREAD = 8
_PATIENCE_S = 0.001
_LONG = 100
"""A call of so many times ``alone`` is long: what waiting may cost there does not matter."""
_MOST_ALONE = 63


@cache
def _helpers(count: int) -> ThreadPoolExecutor:
    """So many threads that sleep until there is something to do."""
    return ThreadPoolExecutor(count, thread_name_prefix="lobsim")


def thread_count(threads: int | None) -> int:
    """How many threads are meant: None is as many as this process may use.

    Raises ConfigError for less than one.
    """
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads < 1:
        raise ConfigError(f"threads is {threads}, at least 1 is needed")
    return threads


def slices(count: int, threads: int) -> list[tuple[int, int]]:
    """[0, count) in about equal parts: one for one thread, several for each of many, so that nobody waits long for the last."""
    parts = 1 if threads == 1 else min(count, threads * _SLICES_PER_THREAD)
    edges = [count * part // parts for part in range(parts + 1)] if parts else []
    return list(pairwise(edges))


class Errand:
    """One call, in slices.

    parts  the slices
    work   does slice number k; between kernel calls it looks at ``stopped``, and adds what it did to ``done``
    alone  helpers are called only after so much was ``done``: what is over in no time is not worth waking anybody

    ``kept_waiting`` tells afterwards whether a helper was late.
    """

    def __init__(self, parts: Sequence[tuple[int, int]], work: Callable[[Errand, int], None], alone: int) -> None:
        self.parts = parts
        self.alone = alone
        self.stopped = False
        self.done = 0
        self.kept_waiting = False
        self._work = work
        self._todo = deque(range(len(parts)))

    def run(self, threads: int) -> None:
        """Do it all; raises what the first slice to fail raised."""
        helpers: list[Future[None]] = []
        try:
            while self._take():
                if not helpers and threads > 1 and self._todo and self.done >= self.alone:
                    count = min(threads - 1, len(self._todo))
                    helpers = [_helpers(threads - 1).submit(self._help) for _ in range(count)]
        except BaseException:
            self.stopped = True
            raise
        finally:
            self._wait([helper for helper in helpers if not helper.cancel()])
        for helper in helpers:
            if not helper.cancelled():
                helper.result()

    def _take(self) -> bool:
        """Do the next slice; answers whether there may be another."""
        try:
            part = self._todo.popleft()
        except IndexError:
            return False
        if not self.stopped:
            self._work(self, part)
        return not self.stopped

    def _help(self) -> None:
        try:
            while self._take():
                pass
        except BaseException:
            self.stopped = True
            raise

    def _wait(self, helpers: list[Future[None]]) -> None:
        """Until every helper is out of the kernels, also if Ctrl-C comes meanwhile."""
        interrupt = None
        while True:
            try:
                if helpers and wait(helpers, _PATIENCE_S).not_done:
                    self.kept_waiting = True
                    wait(helpers)
                break
            except BaseException as error:
                self.stopped = True
                interrupt = error
        if interrupt is not None:
            raise interrupt


class Crew:
    """Runs errands of one kind, and remembers whether helpers were worth it."""

    def __init__(self) -> None:
        self._alone_still = 0
        self._alone_last = 0

    def run(
        self, parts: Sequence[tuple[int, int]], work: Callable[[Errand, int], None], alone: int, threads: int
    ) -> None:
        """Do one errand (see `Errand`) with so many threads."""
        if threads == 1:
            Errand(parts, work, alone).run(1)
            return
        wary = self._alone_still > 0
        errand = Errand(parts, work, alone * _LONG if wary else alone)
        errand.run(threads)
        if wary:
            self._alone_still -= 1
        elif errand.kept_waiting and errand.done < alone * _LONG:
            self._alone_still = self._alone_last = min(2 * self._alone_last + 1, _MOST_ALONE)
        else:
            self._alone_last = 0
