"""The floors and the house rules, held by reading every source file as a syntax tree.

Needs no package beyond the standard library and pytest.  Each rule is one test; a failure names file
and line.  What a rule lets through is listed beside it, with the reason.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("lobsim", "execution", "policies")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70

CORE_MAY_IMPORT = ("math", "numpy", "numba", "enum", "typing", "__future__", "lobsim.types", "lobsim.core")
CORE_EXCEPTIONS = {
    # the one place that speaks to the compiler and chooses its cache folder
    "lobsim.core.jit": ("os", "sys", "hashlib", "llvmlite", "platformdirs"),
    # what compiled code is made of below the language: handles and intrinsics
    "lobsim.core.parts": ("llvmlite",),
    "lobsim.core.references": ("hashlib", "operator", "llvmlite"),
    # keeps compiled code on disk, and clears away what older sources left there
    "lobsim.core.code_cache": ("os", "sys", "re", "shutil", "hashlib", "functools"),
    # fills the compiled cache: a command for people, not a kernel
    "lobsim.core.warm": ("lobsim", "sys", "time"),
}
TORCH_IN_EXECUTION = "execution.adapters"  # the bridge to a learning library, imported lazily
COMPILER = "lobsim.core.jit"
INTRINSICS = "lobsim.core.references"
COMPILER_NAMES = {"njit", "jit", "vectorize", "guvectorize", "jitclass", "cfunc", "generated_jit"}
SEEDED_RANDOM = {"Generator", "PCG64", "Philox", "SeedSequence", "BitGenerator", "default_rng"}
CLOCKS = {
    "time.time",
    "time.time_ns",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
}
FORBIDDEN_CALLS = {"eval", "exec"}
FORBIDDEN_MODULES = ("pickle", "marshal", "shelve", "dill", "cloudpickle")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Source(NamedTuple):
    """One parsed source file."""

    path: Path
    module: str
    text: str
    tree: ast.Module

    def at(self, line: int, what: str) -> str:
        """One line of a failure: file:line, and what is wrong there."""
        return f"{self.path.relative_to(ROOT)}:{line}: {what}"


class Imported(NamedTuple):
    """One imported name; ``module`` and ``full`` differ in ``from module import name``."""

    line: int
    module: str
    full: str


def inside(module: str, *packages: str) -> bool:
    """True for a package itself and for all it holds."""
    return any(module == package or module.startswith(package + ".") for package in packages)


def in_core(module: str) -> bool:
    """True on the compiled floor."""
    return inside(module, "lobsim.core", "execution.core")


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Every Python file of some top folders, parsed."""
    found = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            text = path.read_text(encoding="utf-8")
            found.append(Source(path, module, text, ast.parse(text, str(path))))
    return tuple(found)


def imports(source: Source) -> Iterator[Imported]:
    """Every import statement of a file, also inside functions, with relative ones resolved."""
    is_package = source.path.name == "__init__.py"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Imported(node.lineno, name.name, name.name)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                parts = source.module.split(".")
                above = parts[: len(parts) - node.level + is_package]
                module = ".".join([*above, module] if module else above)
            for name in node.names:
                yield Imported(node.lineno, module, f"{module}.{name.name}")


def forbidden_imports(who: Iterator[Source], *packages: str) -> list[str]:
    """Imports of any of the packages by any of the files."""
    return [
        source.at(found.line, f"{source.module} imports {found.full}")
        for source in who
        for found in imports(source)
        if inside(found.module, *packages) or inside(found.full, *packages)
    ]


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of an attribute chain, or ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def functions(source: Source) -> Iterator[Function]:
    """Every function and method of a file, nested ones included."""
    return (node for node in ast.walk(source.tree) if isinstance(node, Function))


def none_of(found: list[str], rule: str) -> None:
    """Fail with the rule and every place that breaks it."""
    if found:
        pytest.fail(rule + "\n  " + "\n  ".join(found), pytrace=False)


# The floors


def test_imports_run_from_policies_down_to_lobsim_and_never_back() -> None:
    roof = "lobsim.cli"
    found = forbidden_imports((s for s in sources("lobsim") if not inside(s.module, roof)), "execution", "policies")
    found += forbidden_imports(iter(sources("execution")), "policies")
    none_of(found, "imports run policies -> execution -> lobsim, never back")


def test_compiled_floor_imports_only_numpy_numba_and_the_vocabulary() -> None:
    found = []
    for source in sources("lobsim", "execution"):
        if not in_core(source.module):
            continue
        allowed = (*CORE_MAY_IMPORT, *CORE_EXCEPTIONS.get(source.module, ()))
        if inside(source.module, "execution.core"):
            allowed = (*allowed, "execution.core")
        for item in imports(source):
            if not (inside(item.module, *allowed) or inside(item.full, *allowed)):
                found.append(source.at(item.line, f"{source.module} imports {item.full}"))
    none_of(found, f"the compiled floor imports only {', '.join(CORE_MAY_IMPORT)} and itself")


def test_feeds_never_import_the_compiled_floor() -> None:
    feeds = (s for s in sources("lobsim") if inside(s.module, "lobsim.feeds"))
    none_of(forbidden_imports(feeds, "lobsim.core", "numba"), "data is prepared without numba and without the core")


def test_cost_analysis_reads_tables_only() -> None:
    tca = (s for s in sources("execution") if inside(s.module, "execution.tca"))
    none_of(
        forbidden_imports(tca, "lobsim.core", "execution.core", "execution.env", "lobsim.market"),
        "execution.tca imports no core and no environment, so that it serves real fills too",
    )


def test_execution_never_imports_torch() -> None:
    execution = (s for s in sources("execution") if not inside(s.module, TORCH_IN_EXECUTION))
    none_of(forbidden_imports(execution, "torch"), f"only {TORCH_IN_EXECUTION} may know torch")


def test_no_package_imports_tests_or_benchmarks() -> None:
    none_of(forbidden_imports(iter(sources(*PACKAGES)), "tests", "benchmarks"), "tests and benchmarks are leaves")


def test_nobody_imports_the_command_line() -> None:
    others = (s for s in sources(*PACKAGES) if not inside(s.module, "lobsim.cli"))
    none_of(forbidden_imports(others, "lobsim.cli"), "lobsim.cli is the roof: nobody outside imports it")


def test_only_the_command_line_imports_the_bench() -> None:
    others = (s for s in sources(*PACKAGES) if not inside(s.module, "lobsim.cli", "lobsim.bench"))
    none_of(forbidden_imports(others, "lobsim.bench"), "lobsim.bench measures the product and is no part of it")


# The house rules


def test_only_the_command_line_prints() -> None:
    found = [
        source.at(node.lineno, "print")
        for source in sources(*PACKAGES)
        if not inside(source.module, "lobsim.cli")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and dotted(node.func) == "print"
    ]
    none_of(found, "no print outside lobsim.cli")


def test_one_module_alone_compiles() -> None:
    found = []
    for source in sources(*PACKAGES):
        if source.module == COMPILER:
            continue
        for item in imports(source):
            if inside(item.module, "numba") and item.full.rpartition(".")[2] in COMPILER_NAMES:
                found.append(source.at(item.line, f"imports {item.full}"))
        for node in ast.walk(source.tree):
            name = dotted(node).split(".") if isinstance(node, ast.Attribute) else []
            if len(name) > 1 and name[0] in ("numba", "nb") and name[-1] in COMPILER_NAMES:
                found.append(source.at(node.lineno, ".".join(name)))
    none_of(found, f"compile through the decorators of {COMPILER}: flags and cache are set there")


def test_nothing_below_the_roof_reads_the_wall_clock() -> None:
    found = []
    for source in sources("lobsim", "execution"):
        if inside(source.module, "lobsim.cli"):
            continue
        found += [source.at(i.line, f"imports {i.full}") for i in imports(source) if i.full in CLOCKS]
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and dotted(node.func) in CLOCKS:
                found.append(source.at(node.lineno, dotted(node.func)))
    none_of(found, "time is passed in, never read from the machine")


def test_randomness_is_passed_never_ambient() -> None:
    found = []
    for source in sources("lobsim", "execution"):
        for item in imports(source):
            if inside(item.module, "random", "secrets") or (
                item.module == "numpy.random" and item.full.rpartition(".")[2] not in SEEDED_RANDOM
            ):
                found.append(source.at(item.line, f"imports {item.full}"))
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call):
                found += [source.at(node.lineno, what) for what in _ambient_random(node, in_core(source.module))]
    none_of(found, "randomness comes from a seed that the caller gives")


def _ambient_random(call: ast.Call, core: bool) -> Iterator[str]:
    """What a call takes from a global or unseeded generator."""
    name = dotted(call.func)
    prefix, _, last = name.rpartition(".")
    if prefix in ("np.random", "numpy.random") and (core or last not in SEEDED_RANDOM):
        yield name
    elif last in ("default_rng", "SeedSequence") and not call.args and not call.keywords:
        yield f"{name} without a seed"


def test_nothing_evaluates_text_or_unpickles() -> None:
    found = forbidden_imports(iter(sources(*PACKAGES)), *FORBIDDEN_MODULES)
    for source in sources(*PACKAGES):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and dotted(node.func) in FORBIDDEN_CALLS:
                found.append(source.at(node.lineno, dotted(node.func)))
    none_of(found, "no eval, no exec, no pickle")


def test_files_are_small_rooms() -> None:
    found = []
    for source in sources(*PACKAGES, "tests", "benchmarks"):
        lines = source.text.count("\n")
        if lines > MAX_FILE_LINES and "Length:" not in (ast.get_docstring(source.tree) or ""):
            found.append(source.at(lines, f"{lines} lines"))
    none_of(found, f'a file has at most {MAX_FILE_LINES} lines, or says why under "Length:" in its docstring')


def test_functions_fit_a_screen() -> None:
    found = []
    for source in sources(*PACKAGES, "tests", "benchmarks"):
        for node in functions(source):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                found.append(source.at(node.lineno, f"{node.name} has {lines} lines"))
    none_of(found, f"a function has at most {MAX_FUNCTION_LINES} lines")


def test_every_module_says_what_it_holds() -> None:
    found = [source.at(1, "no docstring") for source in sources(*PACKAGES) if not ast.get_docstring(source.tree)]
    none_of(found, "a module opens with a docstring")


def _public_definitions(body: list[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    """Public functions and classes, and the public methods of public classes but for those that say @override: what they do is said where they were first named."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            overload = [d for d in node.decorator_list if dotted(d).endswith("overload")]
            setter = [d for d in node.decorator_list if dotted(d).endswith(".setter")]
            override = [d for d in node.decorator_list if dotted(d).endswith("override")]
            if not overload and not setter and not override:
                yield node
            if isinstance(node, ast.ClassDef):
                yield from _public_definitions(node.body)


def test_everything_public_has_a_docstring() -> None:
    found = [
        source.at(node.lineno, f"{node.name} has no docstring")
        for source in sources(*PACKAGES)
        if not in_core(source.module)
        for node in _public_definitions(source.tree.body)
        if not ast.get_docstring(node)
    ]
    none_of(found, "every public function, class and method has a docstring")


def test_every_kernel_has_a_docstring() -> None:
    found = [
        source.at(node.lineno, f"{node.name} has no docstring")
        for source in sources("lobsim", "execution")
        if in_core(source.module) and source.module not in (COMPILER, INTRINSICS)
        for node in source.tree.body
        if isinstance(node, Function) and (node.decorator_list or not node.name.startswith("_"))
        if not ast.get_docstring(node)
    ]
    none_of(found, "every kernel has a docstring: one sentence, then shapes, units and what it changes")


# What importing really loads


def _loaded_by(statement: str, *suspects: str) -> list[str]:
    """Which of some modules a fresh interpreter holds after a statement."""
    report = f"import sys; sys.stderr.write(' '.join(m for m in {suspects!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{report}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stderr.split()


def test_importing_the_packages_compiles_nothing() -> None:
    assert [] == _loaded_by("import lobsim", "numba", "polars", "torch")
    assert [] == _loaded_by("import execution", "numba", "torch")


def test_preparing_data_needs_no_numba() -> None:
    feeds = [s.module for s in sources("lobsim") if inside(s.module, "lobsim.feeds")]
    if not feeds:
        pytest.skip("there are no feeds yet")
    assert [] == _loaded_by(f"import {', '.join(feeds)}", "numba", "lobsim.core")


def test_help_page_loads_nothing_heavy() -> None:
    statement = """
import sys
from lobsim.cli.main import build_app, guarded
sys.argv = ["lobsim", "--help"]
assert guarded(build_app()) == 0
"""
    assert [] == _loaded_by(statement, "numba", "numpy", "polars", "pyarrow", "scipy", "torch", "plotly", "gymnasium")
