"""``lobsim warmup``: compile everything once, so that nothing waits later."""

from __future__ import annotations

from lobsim.cli.output import JsonOption, print_facts, print_json


def warmup(as_json: JsonOption = False) -> None:
    """Compile the matching core ahead of time.

    Compiled code is kept below NUMBA_CACHE_DIR, or in the user's cache
    folder, until a source file of the core changes. Run this once after an
    installation or an update, and before several processes start at once.
    """
    from lobsim.cli.compiling import compile_all

    seconds = compile_all()
    from lobsim.core.code_cache import cannot_keep
    from lobsim.core.jit import cache_folder
    from lobsim.core.warm import kernel_counts

    counts = kernel_counts()
    result = {
        "entry_points": counts.entries,
        "compiled": counts.compiled,
        "parts_compiled": counts.parts,
        "seconds": seconds,
        "cache_folder": cache_folder(),
        "kept": not cannot_keep(),
    }
    if as_json:
        print_json(result)
        return
    found = "nothing had to be compiled" if counts.compiled == 0 else f"{counts.compiled} compiled now"
    facts = {
        "ways in": f"{counts.entries}, {found}",
        "seconds": f"{seconds:.1f}",
        "kept in": cache_folder() if result["kept"] else f"not kept: {cannot_keep()}",
    }
    print_facts("the matching core is ready", facts)
