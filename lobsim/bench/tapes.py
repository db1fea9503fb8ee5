"""Consensus tapes: flows whose whole report stream has a published digest (lobsim.order_tapes), from an empty book to the last report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from lobsim.bench.drive import fresh_book, replay_whole
from lobsim.order_tapes import read_tape, report_digest
from lobsim.types import REPORT


def tape_names(folder: Path) -> dict[str, dict[str, Any]]:
    """The manifest's tapes by their short names, quickest first; empty without a manifest."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return {}
    entries = sorted(json.loads(manifest.read_text()), key=lambda entry: entry["messages"])
    return {entry["scenario"]: entry for entry in entries}


def measure_tape(folder: Path, entry: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Messages per second (thread CPU time, best round, every report kept) and whether the digest is the published one."""
    messages = read_tape(folder / entry["file"])
    live = int((messages["verb"] == 0).sum())
    reports = np.zeros(entry["reports"] + live + 1024, REPORT)
    spent_ns, right = [], True
    for _ in range(rounds):
        book = fresh_book(messages, min(live, 2**17))
        taken_ns, count = replay_whole(book, messages, 0, len(messages), reports)
        spent_ns.append(taken_ns)
        right = right and count == entry["reports"]
    digest = report_digest(reports[:count])
    return {
        "messages_per_s": round(len(messages) / min(spent_ns) * 1e9),
        "ns_per_message": round(min(spent_ns) / len(messages), 2),
        "digest_ok": right and digest == entry["report_sha256"],
    }
