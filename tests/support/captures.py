"""Made-up recordings of crypto venues, written as their recorders write them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lobsim.feeds.source import Source

Levels = Sequence[tuple[str, str]]
START_MS = 1_700_000_000_000


class SmallBlocks(Source):
    """A source that is read a few lines at a time, so that everything falls on the border of two blocks once."""

    def __init__(self, path: Path, member: str | None = None, *, nbytes: int = 300) -> None:
        super().__init__(path, member)
        self._nbytes = nbytes

    def blocks(self, nbytes: int = 0) -> Iterator[bytes]:
        return super().blocks(self._nbytes)

    def line_blocks(self, nbytes: int = 0) -> Iterator[bytes]:
        return super().line_blocks(self._nbytes)


class BinanceCapture:
    """Lines ``<local ns> <JSON>`` of one Binance market, a millisecond apart."""

    def __init__(self, symbol: str = "BTCUSDT", *, futures: bool = True) -> None:
        self.symbol = symbol
        self.futures = futures
        self.lines: list[str] = []
        self.time_ms = START_MS

    def add(self, message: dict[str, Any]) -> BinanceCapture:
        """One line as it is, received 2 ms after the time that has come."""
        self.time_ms += 1
        self.lines.append(f"{(self.time_ms + 2) * 10**6} {json.dumps(message, separators=(',', ':'))}")
        return self

    def update(
        self, first: int, last: int, before: int = 0, bids: Levels = (), asks: Levels = (), **changes: Any
    ) -> BinanceCapture:
        """A depth update; ``before`` is pu."""
        data = {"e": "depthUpdate", "E": self.time_ms + 2, "s": self.symbol, "U": first, "u": last}
        if self.futures:
            data |= {"T": self.time_ms + 1, "pu": before}
        data |= {"b": list(bids), "a": list(asks)} | changes
        return self.add({"stream": f"{self.symbol.lower()}@depth@0ms", "data": data})

    def snapshot(self, last: int, bids: Levels, asks: Levels) -> BinanceCapture:
        """A REST snapshot."""
        times = {"E": self.time_ms + 2, "T": self.time_ms + 1} if self.futures else {}
        return self.add({"lastUpdateId": last} | times | {"bids": list(bids), "asks": list(asks)})

    def trade(
        self, number: int, price: str, size: str, *, buyer_is_maker: bool = False, ms: int | None = None, **changes: Any
    ) -> BinanceCapture:
        """A trade at the time that has come, or at ``ms``."""
        time_ms = self.time_ms + 1 if ms is None else ms
        data = {"e": "trade", "E": time_ms, "T": time_ms, "s": self.symbol, "t": number, "p": price, "q": size}
        data |= ({"X": "MARKET"} if self.futures else {}) | {"m": buyer_is_maker} | changes
        return self.add({"stream": f"{self.symbol.lower()}@trade", "data": data})

    def write(self, folder: Path, name: str = "capture.jsonl") -> Path:
        path = folder / name
        path.write_text("".join(f"{line}\n" for line in self.lines))
        return path


class BybitCapture:
    """Bare v5 messages of one Bybit symbol, 100 ms apart."""

    def __init__(self, symbol: str = "BTCUSDT", depth: int = 200) -> None:
        self.symbol = symbol
        self.depth = depth
        self.lines: list[str] = []
        self.time_ms = START_MS

    def add(self, message: dict[str, Any]) -> BybitCapture:
        self.lines.append(json.dumps(message, separators=(",", ":")))
        return self

    def book(
        self, kind: str, update: int, bids: Levels = (), asks: Levels = (), *, seq: int | None = None, **changes: Any
    ) -> BybitCapture:
        self.time_ms += 100
        data = {"s": self.symbol, "b": list(bids), "a": list(asks), "u": update, "seq": seq or 1000 * update}
        message = {"topic": f"orderbook.{self.depth}.{self.symbol}", "type": kind, "ts": self.time_ms + 3, "data": data}
        return self.add(message | {"cts": self.time_ms} | changes)

    def trade(self, price: str, size: str, taker: str = "Buy", **changes: Any) -> BybitCapture:
        one = {"T": self.time_ms + 1, "s": self.symbol, "S": taker, "v": size, "p": price, "L": "PlusTick", "i": "x"}
        one |= {"BT": False, "RPI": False, "seq": 1} | changes
        message = {"topic": f"publicTrade.{self.symbol}", "type": "snapshot", "ts": self.time_ms + 2, "data": [one]}
        return self.add(message)

    def write(self, folder: Path, name: str = "capture.data") -> Path:
        path = folder / name
        path.write_text("".join(f"{line}\n" for line in self.lines))
        return path
