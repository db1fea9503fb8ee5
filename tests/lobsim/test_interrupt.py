"""Ctrl-C: heard within a fraction of a second as a KeyboardInterrupt, and what was interrupted can be gone on with."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from lobsim.batch import Worlds
from lobsim.core.batch import advance_slice, run_slice
from lobsim.core.book import new_book
from lobsim.core.exchange import run_messages
from lobsim.core.jit import config, new_block
from lobsim.core.loop import advance, record_history
from lobsim.core.world import scratch
from lobsim.core.world_hash import world_hash
from lobsim.types import MESSAGE, NEVER, REPORT, Status
from tests.support.batches import busy_world, tapes

compiled = pytest.mark.skipif(
    config.DISABLE_JIT, reason="uncompiled, NumPy may swallow a Ctrl-C that comes while it looks at a number"
)


@pytest.fixture(autouse=True)
def control_c_means_stop() -> Iterator[None]:
    """As in a terminal; a shell starts what runs in its background with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def control_c_at_kernel_call(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Ctrl-C comes as that call of the kernel is about to be made.  A timer would be late where the machine is fast."""
    calls = itertools.count(1)

    def call(*arguments: Any) -> Any:
        here = next(calls)
        if here == number:
            os.kill(os.getpid(), signal.SIGINT)
        if here >= number and threading.current_thread() is not threading.main_thread():
            time.sleep(0.2)  # the main thread, which alone hears of it, may still be in a kernel
        return advance_slice(*arguments)

    monkeypatch.setattr("lobsim.batch.advance_slice", call)


@compiled
@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_that_was_interrupted_is_finished_by_the_next_call(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tape,) = tapes(1, 4_000)
    world = busy_world(tape)
    world.head["wake_ns"] = NEVER
    batch, until_ns = Worlds([world] * 300), int(tape["ts_ns"][-1])
    alone = Worlds([world])
    alone.advance(until_ns, 1)
    control_c_at_kernel_call(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        batch.advance(until_ns, threads)
    late = batch.statuses == Status.CHUNK
    assert late.any()
    assert not late.all()
    monkeypatch.undo()
    batch.advance(until_ns, threads, late)
    assert {world_hash(alone[0])} == {world_hash(world) for world in batch}


@compiled
def test_kernels_answer_plain_numbers() -> None:
    """To hand over a member of an enumeration Numba runs Python code, and a Ctrl-C that came meanwhile ends there as a SystemError."""
    (tape,) = tapes(1, 20)
    world, book = busy_world(tape), new_book()
    messages, reports, one = np.zeros(1, MESSAGE), np.zeros(64, REPORT), np.zeros(1, np.int64)
    edges = np.arange(2)
    answers = (
        advance(world, NEVER, 10, *scratch()),
        record_history(busy_world(tape), np.zeros((len(tape), 4), np.int64), *scratch()),
        run_messages(book, messages, book.no_terms, 0, 1, 10, reports, 0)[0],
        advance_slice(new_block([world]), world, 0, 1, one, 10, np.full(1, Status.CHUNK), *scratch())[1],
        run_slice(
            new_block([book]), book, 0, 1, messages, book.no_terms, edges, one, 10, 10, reports, 0, one - 1, one.copy()
        )[1],
    )
    assert [int] * 5 == [type(answer) for answer in answers]
