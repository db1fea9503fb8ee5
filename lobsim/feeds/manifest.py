"""``manifest.json`` at the root of a store: what every partition is, without opening one.

Rewritten as a whole after every import, from the metadata of the partitions, under a temporary name that is then renamed.
Known limits: two imports that end at the same instant may each miss the other's days until the next one.
"""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

from lobsim.errors import DataError
from lobsim.feeds.mapped import PREPARED, digest_in_copy
from lobsim.feeds.scales import decimal_text
from lobsim.feeds.schema import SCHEMA_VERSION
from lobsim.feeds.store import Partition, StoredInfo, disk_errors, list_partitions, read_info
from lobsim.whole_files import whole_file

MANIFEST = "manifest.json"


def write_manifest(root: str | os.PathLike[str]) -> Path:
    """Describe every partition of a store in its manifest; the path.  A partition that cannot be read is listed with the reason."""
    root = Path(root)
    partitions = [_entry(partition) for partition in list_partitions(root)]
    text = json.dumps({"schema_version": SCHEMA_VERSION, "partitions": partitions}, indent=1) + "\n"
    with disk_errors(root), whole_file(root / MANIFEST, lasting=True) as partial:
        partial.write_text(text, encoding="utf-8")
    return root / MANIFEST


def read_manifest(root: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The partitions that the manifest of a store lists; raises DataError where there is none or it cannot be read."""
    path = Path(root) / MANIFEST
    try:
        return list(json.loads(path.read_bytes())["partitions"])
    except FileNotFoundError:
        raise DataError("there is no such file", file=path, hint="import something into the store") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"it cannot be read ({error})", file=path, hint="import something into the store") from error


def _entry(partition: Partition) -> dict[str, Any]:
    try:
        return describe(read_info(partition.path)) | {"prepared": _copy_of(partition)}
    except DataError as error:
        return {"symbol": partition.symbol, "date": partition.date, "error": str(error)}


def _copy_of(partition: Partition) -> dict[str, Any] | None:
    """Size of the prepared copy and the digest that it says it has; None where there is no copy."""
    path = partition.path / PREPARED
    if not path.exists():
        return None
    size = {"bytes": path.stat().st_size}
    try:
        return size | {"digest": digest_in_copy(path)}
    except DataError as error:
        return size | {"error": str(error)}


def describe(stored: StoredInfo) -> dict[str, Any]:
    """One partition as the manifest lists it; prices and sizes are decimal text, times nanoseconds UTC."""
    info = stored.info
    return {
        "symbol": info.symbol,
        "date": info.date,
        "venue": info.venue,
        "currency": info.currency,
        "digest": stored.digest,
        "rows": stored.n_events,
        "price_quantum": info.price_quantum,
        "tick": decimal_text(Fraction(info.price_quantum) * info.tick_quanta),
        "lot": info.lot,
        "multiplier": info.multiplier,
        "inverse": info.inverse,
        "session_start_ns": info.session_start_ns,
        "session_end_ns": info.session_end_ns,
        "fidelity": info.fidelity.name,
        "depth": info.depth,
        "source": info.source,
        "source_sha256": info.source_sha256,
        "notes": list(info.notes),
    }
