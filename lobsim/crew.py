"""Threads that share out the slices of one call.

Kernels run without Python's lock, so plain threads are enough.  The caller is one of them and takes slices like the others: helpers that a busy machine
does not let run cost nothing, because whoever is free takes the next slice and a helper that never began is called off.  Nobody ever waits in a loop.

Invariant: when `Errand.run` returns or raises, no thread works on the errand any more; Ctrl-C is heard between two kernel calls.
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
    """

    def __init__(self, parts: Sequence[tuple[int, int]], work: Callable[[Errand, int], None], alone: int) -> None:
        self.parts = parts
        self.stopped = False
        self.done = 0
        self._work = work
        self._alone = alone
        self._todo = deque(range(len(parts)))

    def run(self, threads: int) -> None:
        """Do it all; raises what the first slice to fail raised."""
        helpers: list[Future[None]] = []
        try:
            while self._take():
                if not helpers and self._todo and self.done >= self._alone:
                    count = min(threads - 1, len(self._todo))
                    helpers = [_helpers(threads - 1).submit(self._help) for _ in range(count)]
        except BaseException:
            self.stopped = True
            raise
        finally:
            for helper in helpers:
                helper.cancel()
            self._wait(helpers)
        for helper in helpers:
            if not helper.cancelled():
                helper.result()

    def _take(self) -> bool:
        """Do the next slice; answers whether there was one."""
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
                wait(helpers)
                break
            except BaseException as error:
                self.stopped = True
                interrupt = error
        if interrupt is not None:
            raise interrupt
