"""Page sums, added up one byte at a time: what stands in for the bytes of a column, as lobsim.feeds.mapped's rule says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

PAGE_BYTES = 4096


def sums_of(data: bytes) -> list[int]:
    """The sum of each page's whole 64-bit words, modulo 2^64."""
    whole = len(data) - len(data) % 8
    sums = [0] * -(-whole // PAGE_BYTES)
    for at in range(0, whole, 8):
        sums[at // PAGE_BYTES] += sum(data[at + place] << (8 * place) for place in range(8))
    return [total % 2**64 for total in sums]


def page_sums(columns: Iterable[tuple[str, str, int, bytes]]) -> str:
    """SHA-256 over columns: name, type as numpy writes it ("<i8", "|i1"), number of values, bytes."""
    fed = b""
    for name, kind, count, data in columns:
        fed += f"{name} {kind} {count}\n".encode()
        fed += b"".join(total.to_bytes(8, "little") for total in sums_of(data))
        fed += data[len(data) - len(data) % 8 :]
    return hashlib.sha256(fed).hexdigest()
