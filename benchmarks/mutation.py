"""How many planted mistakes does the suite notice?  ``python -m benchmarks.mutation`` plants them one at a time in the matching core.

A fixed, seeded sample of small changes (a comparison flipped, a constant off by one, plus for minus, "and" for "or", a statement left out, a side swapped) is
made in copies of the sources; the core's part of the suite runs on each, uncompiled, so that every line counts and nothing needs compiling.  A mutant is
noticed if a test fails, nothing can be collected, or a stage takes twice the CPU time it takes unchanged.  The score is noticed / planted; survivors are printed
with their line, to be read: some change nothing that anybody could see.

Why not a library: mutmut leaves decorated functions alone, and every routine of the core is decorated; cosmic-ray edits the working tree in place and
knows neither left-out statements nor swapped sides.

Invariants: the working tree is never changed; the same sources, seed and count give the same mutants.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil, inf
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CORE = (
    "matching",
    "exchange",
    "requests",
    "refusal",
    "makers",
    "special",
    "allocation",
    "triggers",
    "pegs",
    "auction",
    "settle",
    "bounds",
    "book",
    "levels",
    "ids",
    "timers",
)
"""All that a message passes through; what only makes it faster (foresight) is not among them."""

COPIED = ("lobsim", "execution", "policies", "tests", "benchmarks", "pyproject.toml", "README.md", "docs")
_RANDOM = "tests/lobsim/core/test_typed_differential.py::test_random_commands_get_the_answers_of_the_slow_venue"
STAGES = (
    tuple(f"{_RANDOM}[{profile}-1]" for profile in ("everything", "allocation", "phases", "pegs", "stops")),
    (
        "tests/lobsim/core/test_typed_differential.py",
        "tests/lobsim/core/types",
        "tests/lobsim/core/test_state_machine.py",
        "tests/lobsim/core/test_ids_timers.py",
        "tests/lobsim/core/test_levels.py",
        "tests/lobsim/test_book.py",
        "tests/lobsim/core/test_audit.py",
        "tests/lobsim/core/test_matching_differential.py",
    ),
)
"""One pytest run each; what finds most for its time comes first, since most mutants do not live long."""

_OPTIONS = (
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:benchmark",
    "-k",
    "not 262144 and not compiled_and_uncompiled",
)
"""Left out are two tests that take long and look at nothing a mutant could change unseen by the others."""

_MEMORY_KIB = 6 * 2**20
"""A mutant that asks for room for ever ends here."""

_LONGEST_S = 3600.0

_COMPARE = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.BitAnd: "|",
    ast.BitOr: "&",
    ast.LShift: ">>",
    ast.RShift: "<<",
}
_SIDES = ("side", "other")
_HINTS = ("stay_apart",)
"""Calls that only tell the compiler something."""


class Mutant(NamedTuple):
    """One planted mistake: the bytes [start, stop) of a file become something else."""

    path: str
    line: int
    kind: str
    start: int
    stop: int
    before: str
    after: str

    def __str__(self) -> str:
        """One line."""
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        return f"{self.path}:{self.line}: {self.kind}: {before[:60]} -> {after[:60]}"


class Verdict(NamedTuple):
    """What became of a mutant: "failed", "late", or "survived"."""

    mutant: Mutant
    end: str
    seconds: float


def _changes(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(kind, new source) of every mistake that can be made at a node."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARE:
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        yield "comparison", f"{left} {_COMPARE[type(node.ops[0])]} {right}"
    elif isinstance(node, ast.BinOp):
        yield from _changes_of_sum(node)
    elif isinstance(node, ast.BoolOp):
        word = " or " if isinstance(node.op, ast.And) else " and "
        yield "connective", f"({word.join(f'({ast.unparse(value)})' for value in node.values)})"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "negation", f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield "constant", f"({node.value + 1})"
        if node.value:
            yield "constant", f"({node.value - 1})"
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _SIDES:
        yield "side", f"(1 - {node.id})"
    elif isinstance(node, ast.AugAssign | ast.Break | ast.Continue) or _is_deed(node):
        yield "statement", "pass"


def _changes_of_sum(node: ast.BinOp) -> Iterator[tuple[str, str]]:
    sign = _ARITHMETIC.get(type(node.op))
    if sign is not None:
        yield "arithmetic", f"(({ast.unparse(node.left)}) {sign} ({ast.unparse(node.right)}))"


def _is_deed(node: ast.AST) -> bool:
    """Whether a statement does something to somebody: a call, or an assignment to a field or an element."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call) and ast.unparse(node.value.func) not in _HINTS
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)


def _functions(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements of every function, without decorators, signatures and docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            documented = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
            yield from node.body[documented:]


def mutants_of(path: Path) -> list[Mutant]:
    """Every mistake that can be planted in a file, from top to bottom."""
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: set[Mutant] = set()
    for statement in _functions(ast.parse(source)):
        for node in ast.walk(statement):
            for kind, after in _changes(node):
                start = starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
                stop = starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
                before = source[start:stop].decode()
                name = path.relative_to(ROOT).as_posix()
                found.add(Mutant(name, node.lineno, kind, start, stop, before, after))  # type: ignore[attr-defined]
    return sorted(found)


def sample(paths: Sequence[Path], size: int, seed: int) -> list[Mutant]:
    """So many mutants of all the files, the same for the same seed; all of them where there are fewer.

    They come in random order, so that a run cut short has judged a fair sample too.
    """
    everything = [mutant for path in paths for mutant in mutants_of(path)]
    return random.Random(seed).sample(everything, min(size, len(everything)))


class Bench:
    """A copy of the project in which one mutant lives at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "_data"))
            else:
                shutil.copy2(source, folder / name)
        (folder / "data").symlink_to(ROOT / "data", target_is_directory=True)

    def run(self, stage: Sequence[str], limit_s: float) -> int:
        """Exit code of one stage, below 0 if it was ended after so many seconds of CPU time."""
        switches = {"NUMBA_DISABLE_JIT": "1", "LOBSIM_SMALL": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": "."}
        limited = f'ulimit -t {ceil(limit_s)}; ulimit -v {_MEMORY_KIB}; exec "$0" "$@"'
        command = ["sh", "-c", limited, sys.executable, "-m", "pytest", *_OPTIONS, *stage]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | switches,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode

    def unchanged(self) -> list[float]:
        """Seconds of CPU time each stage takes on the sources as they are; raises SystemExit if one fails."""
        times = []
        for stage in STAGES:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            code = self.run(stage, _LONGEST_S)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if code != 0:
                raise SystemExit(f"{' '.join(stage)}: does not pass on the sources as they are (exit code {code})")
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            say(f"unchanged: {' '.join(stage)}: passed in {times[-1]:.0f} s")
        return times

    def judge(self, mutant: Mutant, limits_s: Sequence[float]) -> Verdict:
        """Plant a mutant, run stage after stage until one notices it, take the mutant out again."""
        path = self.folder / mutant.path
        source = path.read_bytes()
        path.write_bytes(source[: mutant.start] + mutant.after.encode() + source[mutant.stop :])
        start = monotonic()
        try:
            for stage, limit_s in zip(STAGES, limits_s, strict=True):
                code = self.run(stage, limit_s)
                if code != 0:
                    return Verdict(mutant, "late" if code < 0 else "failed", monotonic() - start)
        finally:
            path.write_bytes(source)
        return Verdict(mutant, "survived", monotonic() - start)


def judge_all(mutants: Sequence[Mutant], workers: int, patience: float, minutes: float) -> list[Verdict]:
    """The verdicts, in the order of the mutants; raises SystemExit if the suite fails on the sources as they are.

    patience  how many times the CPU time of an unchanged stage a mutant may take
    minutes   after so many no other mutant is begun
    """
    last = monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        benches = [Bench(Path(folder) / str(number)) for number in range(workers)]
        limits_s = [patience * seconds + 5 for seconds in benches[0].unchanged()]
        free: SimpleQueue[Bench] = SimpleQueue()
        for bench in benches:
            free.put(bench)

        def judge(mutant: Mutant) -> Verdict | None:
            if monotonic() > last:
                return None
            mine = free.get()
            try:
                verdict = mine.judge(mutant, limits_s)
            finally:
                free.put(mine)
            say(f"{verdict.end:<9}{verdict.seconds:5.0f} s  {mutant}")
            return verdict

        with ThreadPoolExecutor(workers) as pool:
            return [verdict for verdict in pool.map(judge, mutants) if verdict is not None]


def say(text: str) -> None:
    """One line on stderr about what is going on."""
    print(text, file=sys.stderr, flush=True)


def summary(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Score, counts by kind, and the survivors."""
    kinds = sorted({verdict.mutant.kind for verdict in verdicts})
    noticed = [verdict for verdict in verdicts if verdict.end != "survived"]
    return {
        "planted": len(verdicts),
        "noticed": len(noticed),
        "score": round(len(noticed) / max(len(verdicts), 1), 4),
        "by_kind": {kind: [sum(v.mutant.kind == kind for v in some) for some in (noticed, verdicts)] for kind in kinds},
        "survivors": [str(verdict.mutant) for verdict in verdicts if verdict.end == "survived"],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Plant, run, print one JSON object; the exit code is not 0 where the score is below what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutation", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--count", type=int, default=40, help="how many mutants (default 40)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default 1)")
    parser.add_argument("--workers", type=int, default=1, help="how many at a time (default 1)")
    parser.add_argument(
        "--patience",
        type=float,
        default=2.0,
        help="times the CPU time of an unchanged stage before a mutant counts as noticed",
    )
    parser.add_argument("--minutes", type=float, default=inf, help="begin no other mutant after so many (default: all)")
    parser.add_argument("--at-least", type=float, default=0.0, help="the score to reach")
    parser.add_argument("--files", nargs="*", default=[f"lobsim/core/{name}.py" for name in CORE])
    chosen = parser.parse_args(arguments)
    mutants = sample([ROOT / name for name in chosen.files], chosen.count, chosen.seed)
    result = summary(judge_all(mutants, chosen.workers, chosen.patience, chosen.minutes))
    print(json.dumps(result, indent=2))
    return 0 if result["score"] >= chosen.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
