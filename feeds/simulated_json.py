"""JSON ticks as a publisher of one's own would send them: the simulator's session said in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import orjson

from feeds.simulator import simulate

QUOTED = "linear:BTCUSDT"
"""Told by quotes alone; the others by a book and its changes."""


def json_session(seconds: float, seed: int) -> Iterator[tuple[int, bytes, bytes]]:
    """(receive time, key, payload) of each message."""
    numbers: defaultdict[tuple[str, str], int] = defaultdict(int)
    for message in simulate(seconds=seconds, seed=seed):
        key = message.key.decode()
        said = orjson.loads(message.payload)
        for tick in _ticks(key, said.get("data", said)):
            kind = tick["type"]
            if kind != "quote":
                numbers[key, kind] += 1 if kind in ("trade", "change") else 0
                tick["trade_id" if kind == "trade" else "sequence"] = numbers[
                    key, "trade" if kind == "trade" else "change"
                ]
            yield message.ts_recv, message.key, orjson.dumps({**tick, "instrument": key})


def _ticks(key: str, said: dict[str, Any]) -> Iterator[dict[str, Any]]:
    event = said.get("e")
    if event == "trade":
        yield {"type": "trade", "price": said["p"], "size": said["q"], "side": "sell" if said["m"] else "buy",
               "ts_event": said["T"] * 1_000_000}  # fmt: skip
    elif key == QUOTED and "B" in said:
        yield {"type": "quote", "sequence": said["u"], "bid_price": said["b"], "bid_size": said["B"],
               "ask_price": said["a"], "ask_size": said["A"]}  # fmt: skip
    elif key != QUOTED and event == "depthUpdate":
        yield {"type": "change", "bids": said["b"], "asks": said["a"], "ts_event": said["E"] * 1_000_000}
    elif key != QUOTED and "lastUpdateId" in said:
        yield {"type": "book", "bids": said["bids"], "asks": said["asks"]}
