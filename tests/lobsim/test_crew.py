"""Threads that share out slices: each is done once, errors and Ctrl-C stop all, and nobody is woken for little."""

from __future__ import annotations

import threading
import time

import pytest

from lobsim.crew import Crew, Errand, slices


@pytest.mark.parametrize(("count", "threads"), [(0, 1), (1, 1), (7, 1), (1, 4), (5, 2), (1000, 3)])
def test_slices_cover_everything_once(count: int, threads: int) -> None:
    covered = [index for start, stop in slices(count, threads) for index in range(start, stop)]
    assert list(range(count)) == covered


def test_every_slice_is_done_once_whoever_does_it() -> None:
    done: list[int] = []
    workers = set()
    barrier = threading.Barrier(3, timeout=10)

    def work(errand: Errand, part: int) -> None:
        errand.done += 1
        done.append(part)
        workers.add(threading.get_ident())
        if part in (1, 2, 3):  # only three threads at once get past this
            barrier.wait()

    Errand(slices(20, 3), work, 1).run(3)
    assert list(range(20)) == sorted(done)
    assert 3 == len(workers)


def test_little_work_wakes_nobody() -> None:
    workers = set()

    def work(errand: Errand, part: int) -> None:
        errand.done += 1
        workers.add(threading.get_ident())

    Errand(slices(20, 2), work, 100).run(2)
    assert {threading.get_ident()} == workers


@pytest.mark.parametrize("failing", ["caller", "helper"])
def test_an_error_stops_every_thread_and_is_raised(failing: str) -> None:
    caller = threading.get_ident()
    met = threading.Barrier(2, timeout=10)
    running = 0

    def work(errand: Errand, part: int) -> None:
        nonlocal running
        errand.done += 1
        if part == 0:
            return
        running += 1
        met.wait()
        if (threading.get_ident() == caller) == (failing == "caller"):
            running -= 1
            raise ValueError("enough")
        while not errand.stopped:
            pass
        running -= 1

    with pytest.raises(ValueError, match="enough"):
        Errand(slices(40, 2), work, 1).run(2)
    assert 0 == running


def test_a_crew_that_was_kept_waiting_works_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    called_after = []
    late = True

    class Recorded(Errand):
        def run(self, threads: int) -> None:
            called_after.append(self.alone)
            self.done = 2 * self.alone
            self.kept_waiting = late and self.alone == 10

    monkeypatch.setattr("lobsim.crew.Errand", Recorded)
    crew = Crew()
    for call in range(30):
        late = call < 20
        crew.run([(0, 1)], lambda errand, part: None, 10, 2)
    together = [call for call, alone in enumerate(called_after) if alone == 10]
    # late, one alone, late, three alone, late, seven alone, late, fifteen alone; from then on nobody is late
    assert [0, 2, 6, 14] == together
    for _ in range(5):
        crew.run([(0, 1)], lambda errand, part: None, 10, 2)
    assert [10, 10, 10, 10, 10] == called_after[30:]


def test_a_late_helper_is_noticed() -> None:
    caller, begun = threading.get_ident(), threading.Event()

    def work(errand: Errand, part: int) -> None:
        errand.done += 1
        if threading.get_ident() != caller:
            begun.set()
            time.sleep(0.05)
        elif part > 0:
            begun.wait(10)

    errand = Errand(slices(3, 2), work, 1)
    errand.run(2)
    assert errand.kept_waiting


def test_a_long_call_is_shared_out_in_any_case() -> None:
    crew, threads = Crew(), set()
    crew._alone_still = 5

    def work(errand: Errand, part: int) -> None:
        errand.done += 40
        threads.add(threading.get_ident())
        if errand.done >= 200:
            both.wait(10) if len(threads) < 2 else both.set()

    both = threading.Event()
    crew.run(slices(16, 2), work, 1, 2)
    assert 2 == len(threads)
