"""Ctrl-C within a second, whatever the program is doing.

Python hears Ctrl-C between two of its own instructions.  Inside a long call (the optimiser of the compiler, a
library that reads a file) that can take many seconds, and an interrupt raised in the middle of a compilation may be
swallowed.  So a thread listens too: what has not ended by itself after the grace period is ended from outside.

Invariants: the exit code is 130 either way; nothing is said; the terminal's cursor is shown again.
Known limits: when the program is ended from outside, temporary files stay; the next writer removes them.  Where
Ctrl-C was switched off by the caller (a background job of a shell script) it stays switched off.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_INTERRUPTED = 130
GRACE_S = 0.8


class _Listener:
    """Hears Ctrl-C in a thread of its own, through the pipe that Python's signal handler writes to."""

    def __init__(self) -> None:
        self.at_once = False
        self._ended = threading.Event()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._listen, name="lobsim-interrupt", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while heard := os.read(self._reader, 1):
            if heard[0] == signal.SIGINT:
                if self.at_once or not self._ended.wait(GRACE_S):
                    _leave()
                return

    def close(self) -> None:
        """The program has ended by itself."""
        self._ended.set()
        signal.set_wakeup_fd(self._before)
        os.close(self._writer)  # the thread sees the end of the pipe
        self._thread.join()
        os.close(self._reader)


_listeners: list[_Listener] = []
"""The one that is listening, or none."""


def _leave() -> None:
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), b"\x1b[?25h\n")  # a progress bar hides the cursor
    os._exit(EXIT_INTERRUPTED)


@contextmanager
def interruptible() -> Iterator[None]:
    """While this lasts Ctrl-C raises KeyboardInterrupt, and ends the process where that does not help."""
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread() or not hasattr(os, "set_blocking"):
        yield
        return
    listener = _Listener()
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
        listener.close()


@contextmanager
def nothing_to_clean_up() -> Iterator[None]:
    """While this lasts Ctrl-C ends the process at once, without an exception in the middle of somebody else's code."""
    if not _listeners:
        yield
        return
    listener = _listeners[-1]
    before = signal.signal(signal.SIGINT, lambda *_: None)
    listener.at_once = True
    try:
        yield
    finally:
        listener.at_once = False
        signal.signal(signal.SIGINT, before)
