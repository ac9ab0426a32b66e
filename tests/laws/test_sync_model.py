"""The synchronisation kernel does what the venue's rules say, told once more in plain Python over sets and lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.venues import adapter_of
from schemas.tick import FLAG_BUFFERED, FLAG_DEPTH_UNSYNCED
from streams.agent import Payload

ID_MAX = 14
PRICES = ("8", "9", "10", "11")

Difference = tuple[int, int, int, str, str]
"""U, u, pu, bid price, bid size."""

differences = st.tuples(
    st.integers(1, ID_MAX), st.integers(0, 3), st.integers(0, 3), st.sampled_from(PRICES), st.sampled_from(["0", "1"])
).map(lambda d: (d[0], d[0] + d[1], max(0, d[0] - d[2]), d[3], d[4]))
snapshots = st.tuples(st.integers(0, ID_MAX), st.sets(st.sampled_from(PRICES)))
messages = st.lists(differences | snapshots, max_size=25)


@dataclass
class Model:
    """A local order book by the venue's rules."""

    futures: bool
    seen: set[int] = field(default_factory=set)
    waiting: list[Difference] = field(default_factory=list)
    book: dict[str, str] = field(default_factory=dict)
    synced: bool = False
    fresh: bool = False
    last: int = -1
    newest: int = -1
    hole: bool = False
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("applied", "discarded", "gaps", "duplicates", "out_of_order"), 0)
    )

    def take_difference(self, difference: Difference) -> list[tuple[int, int]]:
        u = difference[1]
        if u in self.seen:
            self.counts["duplicates"] += 1
            return []
        late = any(u < other for other in self.seen)
        self.seen.add(u)
        if late:
            self.counts["out_of_order"] += 1
            return []
        first, _, previous, _, _ = difference
        self.hole = self.newest >= 0 and (previous != self.newest if self.futures else first != self.newest + 1)
        self.newest = u
        self.counts["gaps"] += self.hole
        if not self.synced:
            self.waiting.append(difference)
            return []
        return self.judge(difference, waited=False)

    def take_snapshot(self, last: int, prices: set[str]) -> list[tuple[int, int]]:
        if last < self.last or (self.synced and last == self.last):
            return []
        self.book = dict.fromkeys(prices, "1")
        self.last, self.synced, self.fresh = last, True, True
        rows: list[tuple[int, int]] = []
        queue, self.waiting = self.waiting, []
        while queue and self.synced:
            rows += self.judge(queue.pop(0), waited=True)
        self.waiting += queue
        return rows

    def judge(self, difference: Difference, *, waited: bool) -> list[tuple[int, int]]:
        first, last, previous, price, size = difference
        if self.fresh and (last < self.last if self.futures else last <= self.last):
            self.counts["discarded"] += 1
            return []
        if self.fresh:
            edge = self.last if self.futures else self.last + 1
            fits = first <= edge <= last
        else:
            fits = previous == self.last if self.futures else first == self.last + 1
        if not fits:
            # A hole in the stream was counted when its far side came; a snapshot that does not bridge is one more.
            self.counts["gaps"] += self.fresh if waited else not self.hole
            self.synced = False
            self.waiting.append(difference)
            return []
        self.fresh, self.last = False, last
        if size == "0":
            self.book.pop(price, None)
        else:
            self.book[price] = size
        self.counts["applied"] += 1
        return [(last, FLAG_BUFFERED if waited else 0)]

    @property
    def best(self) -> int:
        return max((int(p) * 10**9 for p in self.book), default=2**63 - 1)


def text_of(message: Any) -> bytes:
    if len(message) == 2:
        last, prices = message
        bids = [[p, "1"] for p in sorted(prices, key=int, reverse=True)]
        return orjson.dumps({"lastUpdateId": last, "bids": bids, "asks": []})
    first, last, previous, price, size = message
    data = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": first, "u": last, "pu": previous}
    return orjson.dumps({"stream": "x", "data": {**data, "b": [[price, size]], "a": []}})


@pytest.mark.parametrize("key", [b"spot:BTCUSDT", b"linear:BTCUSDT"])
@given(messages)
@settings(deadline=None, max_examples=300)
def test_the_kernel_and_the_rules_agree(key: bytes, messages: list[Any]) -> None:
    adapter, model = adapter_of("binance"), Model(futures=key.startswith(b"linear"))
    state = adapter.start()
    for seq, message in enumerate(messages):
        rows, _, rejects = adapter.ingest(state, [Payload("binance", seq, 10**18, key, text_of(message))])
        wanted = model.take_snapshot(*message) if len(message) == 2 else model.take_difference(message)
        assert not rejects
        assert [(int(r["sequence"]), int(r["flags"]) & FLAG_BUFFERED) for r in rows] == wanted
        assert not (rows["flags"] & FLAG_DEPTH_UNSYNCED).any() or not model.synced
        assert adapter.synchronised(state)[key.decode()] == model.synced
        if len(rows):
            assert rows[-1]["bid_price"] == model.best or not model.synced
    counted = adapter.counters(state)[key.decode()]
    assert {name: counted[name] for name in model.counts} == model.counts
