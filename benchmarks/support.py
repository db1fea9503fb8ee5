"""Many streams of the yardstick's mix at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from lobsim.types import MESSAGE, Verb

_MANY_STREAMS = """
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
from gen_stream import MD, distance_table, generate, quantity_table
out, streams, count, live = sys.argv[2], *map(int, sys.argv[3:])
found = np.zeros((streams, 5, count), np.int32)
for k in range(streams):
    kind, side = np.zeros(count, np.uint8), np.zeros(count, np.uint8)
    price, qty, order_id = (np.zeros(count, np.int32) for _ in range(3))
    market = np.zeros(3 * count, MD), np.zeros(3 * count, MD), np.zeros(16, np.int64)
    generate(count, live, 0, distance_table(6, 40), quantity_table(), 1000 + k, 26_000, 39_000,
             kind, side, price, qty, order_id, *market)
    found[k] = kind, side, price, qty, order_id
np.save(out, found)
"""
DENSE = 1024
"""Ids of `many_streams` are below this: an order that lives long enough to meet its id again is one in millions."""


def many_streams(yardstick: Path, folder: Path, streams: int, count: int, live: int) -> np.ndarray:
    """The yardstick's mix (uniform cancels) in so many streams of their own, each around so many live orders.

    Returns MESSAGE [streams, count]; ids are used again after DENSE orders.
    """
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    out = folder / "streams.npy"
    command = [sys.executable, "-c", _MANY_STREAMS, str(yardstick), str(out), *map(str, (streams, count, live))]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    kind, side, price, size, order_id = np.load(out).transpose(1, 0, 2)
    messages = np.zeros((streams, count), MESSAGE)
    messages["verb"] = np.where(kind == 0, Verb.NEW, Verb.CANCEL)
    for name, values in {"side": side, "price_ticks": price, "size_lots": size, "order_id": order_id % DENSE}.items():
        messages[name] = values
    return messages
