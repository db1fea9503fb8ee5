"""``lobsim bench core``: every measurement of the matching core in one run, as one table of figures.

A step that lacks something (no C compiler, no folder) is reported under ``not_measured`` with the reason, and its figures are None.  A step whose
answers were wrong is reported under ``invalid``: it has no figures, and the run has failed.  ``noisy`` names comparisons that the machine was too busy for.

Compiling is not measured with anything: each step's kernels are compiled by `warm_up` before the first clock starts, and its seconds are
reported on their own.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from lobsim import __version__
from lobsim.bench import batches, calls, flow, memory, starting, tapes, verbs, yardstick
from lobsim.bench.answers import WrongAnswer
from lobsim.bench.clock import available as clock_available
from lobsim.bench.percentiles import Distribution
from lobsim.bench.yardstick import Unavailable
from lobsim.core.jit import source_hash
from lobsim.errors import ConfigError, DataError
from lobsim.whole_files import whole_file


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    rounds               of every comparison
    sizes                resting orders of verbs, bytes and snapshots; flatness adds 10^3 and 10^6
    blocks               blocks of 64 like messages per verb and size
    calls                single calls from a Python loop: compiled function, Book
    timed                messages of the mix per round
    yardstick_messages   timed messages of the yardstick's streams
    tapes                names, or empty for all
    books, per_visit     batches; batch_messages per case and round
    book_sizes           resting orders of 1,024 small books
    cold                 whether a cold start is measured, which compiles everything
    """

    rounds: int = 7
    sizes: tuple[int, ...] = (10**2, 10**3, 10**4, 10**5, 10**6)
    blocks: int = 8192
    calls: tuple[int, int] = (100_000, 20_000)
    timed: int = 1_000_000
    yardstick_messages: int = 4_000_000
    tapes: tuple[str, ...] = ()
    books: tuple[int, ...] = batches.BOOKS
    per_visit: tuple[int, ...] = batches.PER_VISIT
    batch_messages: int = 409_600
    book_sizes: tuple[int, ...] = (16, 64, 256, 1024)
    start_repeats: int = 5
    cold: bool = True

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ConfigError(f"--rounds is {self.rounds}, at least 1 is needed")


QUICK = Plan(
    rounds=2,
    sizes=(10**2, 10**3),
    blocks=256,
    calls=(2000, 200),
    timed=50_000,
    yardstick_messages=50_000,
    tapes=("quantcup-feed",),
    books=(1, 1024),
    per_visit=(100,),
    batch_messages=102_400,
    book_sizes=(64,),
    start_repeats=1,
    cold=False,
)
"""Seconds rather than minutes: whether everything runs and answers rightly.  Its times say little."""


class Run:
    """One run of the suite.

    yardstick   folder of the yardstick, or None
    shared      folder that holds consensus_tapes, or None
    histograms  folder for HdrHistogram files, or None
    """

    def __init__(self, plan: Plan, yardstick: Path | None, shared: Path | None, histograms: Path | None = None) -> None:
        self.plan, self.yardstick, self.shared, self.histograms = plan, yardstick, shared, histograms

    def verbs(self) -> dict[str, Any]:
        """Blocks of like messages, by verb and number of resting orders."""
        if not clock_available:
            raise Unavailable("this system has no clock that compiled code can read")
        figures: dict[str, Any] = {}
        for verb in verbs.VERBS:
            figures[verb] = {}
            for size in self.plan.sizes:
                found = verbs.measure_verb(verb, size, self.plan.blocks, seed=size)
                figures[verb][str(size)] = found.summary()
                self._export(f"{verb}-{size}", found.times)
        return {"verbs": figures}

    def calls(self) -> dict[str, Any]:
        """Single calls from a Python loop."""
        found = {
            "kernel": calls.measure_kernel_calls(self.plan.calls[0]),
            "book": calls.measure_book_calls(self.plan.calls[1]),
        }
        for name, times in found.items():
            self._export(f"call-{name}", times.latency)
        return {"calls": {name: times.summary() for name, times in found.items()}}

    def flatness(self) -> dict[str, Any]:
        """The mix over the size of the book."""
        sizes = tuple(sorted({*self.plan.sizes, 10**3, 10**6}))
        figures = flow.measure_flatness(sizes, self.plan.timed, self.plan.rounds)
        return {"flatness": figures, "flatness_1e6_over_1e3": figures["ratio"]}

    def ids(self) -> dict[str, Any]:
        """Arbitrary ids against dense ones."""
        sizes = tuple(size for size in self.plan.sizes if size in (10**3, 10**5))
        return {"ids_arbitrary_over_dense": flow.measure_ids(sizes, self.plan.timed, self.plan.rounds)}

    def yardstick_streams(self) -> dict[str, Any]:
        """The yardstick's streams beside the C reference."""
        if self.yardstick is None:
            raise Unavailable("no folder of the yardstick is known", hint="name it with --yardstick")
        figures: dict[str, Any] = {}
        with TemporaryDirectory(prefix="lobsim-bench-") as name:
            scratch = Path(name)
            paths = yardstick.generate(self.yardstick, scratch, self.plan.yardstick_messages)
            program, figures["reference"] = self._reference(scratch)
            for stream, path in paths.items():
                figures[stream] = yardstick.measure_stream(path, program, self.plan.rounds)
        ratios = {stream: figures[stream].get("ratio") for stream in yardstick.STREAMS}
        return {"yardstick": figures, "vs_c": ratios}

    def _reference(self, scratch: Path) -> tuple[Path | None, str]:
        assert self.yardstick is not None
        try:
            return yardstick.compile_reference(self.yardstick, scratch)
        except Unavailable as reason:
            return None, f"not measured: {reason}"

    def consensus_tapes(self) -> dict[str, Any]:
        """Tapes with published digests."""
        folder = self.shared / "consensus_tapes" if self.shared else None
        entries = tapes.tape_names(folder) if folder else {}
        if folder is None or not entries:
            raise Unavailable("there are no consensus tapes", hint="set LOBSIM_SHARED to the folder that holds them")
        wanted = self.plan.tapes or tuple(entries)
        found = {name: tapes.measure_tape(folder, entries[name], self.plan.rounds) for name in wanted}
        return {"tapes": found}

    def batches(self) -> dict[str, Any]:
        """Many small books."""
        plan = self.plan
        figures = batches.measure_batches(plan.books, plan.per_visit, plan.batch_messages, plan.rounds)
        figures["book_sizes"] = batches.measure_book_sizes(
            plan.book_sizes, plan.per_visit, plan.batch_messages, plan.rounds
        )
        return {"batches": figures, "batch_1024_over_1": figures["ratio_1024_books_100_per_visit"]}

    def cores(self) -> dict[str, Any]:
        """Two threads against one."""
        figures = batches.measure_cores(100, max(1, self.plan.batch_messages // 102_400), self.plan.rounds)
        return {"cores": figures}

    def memory(self) -> dict[str, Any]:
        """Bytes per book; snapshot and restore."""
        return {
            "bytes_per_book": memory.measure_bytes(self.plan.sizes),
            "snapshots": memory.measure_snapshots(self.plan.sizes, repeats=3 * self.plan.rounds),
        }

    def start(self) -> dict[str, Any]:
        """Cold and warm start."""
        with TemporaryDirectory(prefix="lobsim-bench-") as folder:
            figures = starting.measure_start(Path(folder), self.plan.start_repeats, cold=self.plan.cold)
        return {"start": figures, "warm_start_s": figures["warm_s"]}

    def _export(self, name: str, times: Distribution) -> None:
        """Write a histogram where one is wanted."""
        if self.histograms is None:
            return
        self.histograms.mkdir(parents=True, exist_ok=True)
        with whole_file(self.histograms / f"{name}.hgrm") as partial:
            partial.write_text(times.hgrm())


STEPS: dict[str, tuple[Callable[[Run], dict[str, Any]], tuple[str, ...]]] = {
    "verbs": (Run.verbs, ("verbs",)),
    "calls": (Run.calls, ("calls",)),
    "flatness": (Run.flatness, ("flatness", "flatness_1e6_over_1e3")),
    "ids": (Run.ids, ("ids_arbitrary_over_dense",)),
    "yardstick": (Run.yardstick_streams, ("yardstick", "vs_c")),
    "tapes": (Run.consensus_tapes, ("tapes",)),
    "batches": (Run.batches, ("batches", "batch_1024_over_1")),
    "cores": (Run.cores, ("cores",)),
    "memory": (Run.memory, ("bytes_per_book", "snapshots")),
    "start": (Run.start, ("start", "warm_start_s")),
}
"""Name of a step (--only) -> what it runs, and the keys of its figures."""
_NOTHING: dict[str, Any] = {"vs_c": dict.fromkeys(yardstick.STREAMS), "tapes": {}}


def warm_up() -> float:
    """Compile, or load, what the steps run; returns the seconds that took."""
    before = perf_counter()
    flow.measure_ids((100,), 100, 1)
    if clock_available:
        for verb in verbs.VERBS:
            verbs.measure_verb(verb, 100, 1, seed=1)
    memory.measure_snapshots((), 1)
    batches.measure_batches((1,), (1,), 1, 1)
    return round(perf_counter() - before, 3)


def machine() -> dict[str, Any]:
    """What it ran on."""
    import numba
    import numpy

    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    return {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_average": [round(value, 2) for value in load],
        "python": platform.python_version(),
        "numba": numba.__version__,
        "numpy": numpy.__version__,
    }


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        names = [line.partition(":")[2] for line in facts.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0].strip()
    return platform.processor() or platform.machine()


def run_core(run: Run, names: Sequence[str], tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure the named steps (all if there are none) and answer one JSON-ready table.

    tell  called with the name of each step before it begins

    Raises ConfigError for a step that does not exist.
    """
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        raise ConfigError(f"--only {unknown[0]} is no step", hint=f"there are {', '.join(STEPS)}")
    result: dict[str, Any] = {"lobsim": __version__, "core": source_hash(), "machine": machine()}
    result["plan"] = asdict(run.plan)
    result |= {"not_measured": {}, "invalid": {}, "noisy": []}
    tell("compiling")
    result["compile_s"] = warm_up()
    for name, (measure, keys) in STEPS.items():
        result |= {key: _NOTHING.get(key) for key in keys}
        if names and name not in names:
            result["not_measured"][name] = "not asked for"
            continue
        tell(name)
        try:
            result |= measure(run)
        except Unavailable as reason:
            result["not_measured"][name] = str(reason)
        except (WrongAnswer, DataError) as wrong:
            result["invalid"][name] = str(wrong)
    _judge(result)
    return result


def _judge(result: dict[str, Any]) -> None:
    """Name the tapes whose digest is wrong, and the comparisons that were noisy."""
    for name, tape in result["tapes"].items():
        if not tape["digest_ok"]:
            result["invalid"][f"tape {name}"] = "the reports have another digest than the published one"
            tape["messages_per_s"] = tape["ns_per_message"] = None
    if isinstance(result["yardstick"], dict) and None in result["vs_c"].values():
        result["not_measured"]["vs_c"] = result["yardstick"]["reference"]
    for step in ("yardstick", "flatness", "ids_arbitrary_over_dense"):
        figures = result[step] or {}
        rows = {"": figures} | {name: row for name, row in figures.items() if isinstance(row, dict)}
        result["noisy"] += [f"{step} {name}".strip() for name, row in rows.items() if row.get("noisy")]
