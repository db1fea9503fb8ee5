"""What lies at a path, sorted into what can be read and what cannot: a file, the members of a zip, or every file below a folder.

Invariants: files come in the order of their paths, members in the order of their names; names that begin with a dot are litter and passed over.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lobsim.errors import DataError
from lobsim.feeds import lobster
from lobsim.feeds.recognise import Recognised, recognise
from lobsim.feeds.source import sources_in


class Plan(NamedTuple):
    """What an import would read.

    lobster  LOBSTER message files and zips; their books lie beside or in them
    found    sources of every other format
    unknown  names of what nobody reads
    """

    lobster: list[Path]
    found: list[Recognised]
    unknown: list[str]


def plan_of(path: Path, *, mapped: bool = False) -> Plan:
    """Look at the first bytes of everything at a path (``mapped``: as ``recognise``); raises DataError for what is cut, damaged or could be two formats."""
    plan = Plan([], [], [])
    for file in _files_below(path) if path.is_dir() else [path]:
        if lobster.recognise(file):
            name = lobster.parse_name(file.name)
            if name is None or name.role == "message":
                plan.lobster.append(file)
            elif not _messages_beside(file):
                plan.unknown.append(str(file))
            continue
        for source in sources_in(file):
            found = recognise(source, mapped=mapped)
            if found is None:
                plan.unknown.append(source.name)
            else:
                plan.found.append(found)
    return plan


def refuse_unknown(path: Path, unknown: list[str]) -> None:
    """Refuse to import a part of what was named; raises DataError with the names."""
    if unknown:
        shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        raise DataError(
            f"lobsim does not understand {shown}",
            file=path,
            hint="take them away or pass over them with --skip-unknown",
        )


def _files_below(folder: Path) -> list[Path]:
    """Every file below a folder, but what begins with a dot."""
    below = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in below if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _messages_beside(book: Path) -> bool:
    """Whether the message file that a LOBSTER book belongs to lies beside it."""
    plain = book.name.replace("_orderbook_", "_message_").removesuffix(".gz")
    return any(book.with_name(plain + suffix).exists() for suffix in ("", ".gz"))
