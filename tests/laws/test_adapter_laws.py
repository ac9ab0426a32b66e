"""Laws of the adapter: batching is no part of meaning, a snapshot is the whole memory, and no bytes can hurt it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.binance import BinanceAdapter, State
from feeds.captures import open_captures
from feeds.definitions import DEFINITIONS
from feeds.simulator import SOURCE, simulate
from schemas.errors import BadInput, SnapshotError
from streams.agent import Payload

PREFIX = 6_000
"""Recorded lines: all four snapshots come within."""

ADAPTER = BinanceAdapter()
quick = settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Session(list[Payload]):
    """Payloads that do not print themselves whole."""

    def __repr__(self) -> str:
        return f"{len(self)} payloads"


@pytest.fixture(scope="module", params=["captures", "simulator"])
def payloads(request: pytest.FixtureRequest) -> Session:
    if request.param == "simulator":
        messages = simulate(seconds=3, seed=7)
        return Session(Payload(SOURCE, i, m.ts_recv, m.key, m.payload) for i, m in enumerate(messages))
    folder: Path = request.getfixturevalue("data_dir")
    lines = islice(open_captures(sorted((folder / "binance").glob("*.gz"))), PREFIX)
    real = [Payload("binance", i, line.ts_recv, line.key, line.payload) for i, line in enumerate(lines)]
    # A refused difference tears a hole: what follows waits, and is part of what must not depend on batching.
    hole = next(p for p in real[PREFIX // 2 :] if b"depthUpdate" in p.value)
    real[real.index(hole)] = Payload("binance", hole.seq, hole.ts_recv, hole.key, b"garbage")
    return Session(real)


def play(payloads: Sequence[Payload], cuts: Sequence[int], state: State | None = None) -> tuple[str, State]:
    """sha256 of rows, of causes and of rejects, and the state at the end."""
    state = state or ADAPTER.start()
    of_rows, of_causes, of_rejects = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for begin, end in pairwise(sorted({0, *cuts, len(payloads)})):
        rows, index, rejects = ADAPTER.ingest(state, payloads[begin:end])
        of_rows.update(rows.tobytes())
        of_causes.update((index + begin).tobytes())
        for at, error in rejects:
            of_rejects.update(f"{begin + at} {error}".encode())
    return " ".join(h.hexdigest() for h in (of_rows, of_causes, of_rejects)), state


@given(cuts=st.lists(st.integers(0, PREFIX), max_size=40))
@quick
def test_any_batching_gives_the_same_rows(payloads: Session, cuts: list[int]) -> None:
    whole, end = play(payloads, [])
    cut, same_end = play(payloads, [c for c in cuts if c <= len(payloads)])
    assert whole == cut
    assert ADAPTER.snapshot(end) == ADAPTER.snapshot(same_end)


def test_one_payload_at_a_time_gives_the_same_rows(payloads: Session) -> None:
    few = payloads[:2500]
    assert play(few, [])[0] == play(few, range(len(few)))[0]


@given(at=st.integers(0, 3_000))
@quick
def test_a_restored_state_goes_on_as_if_never_stored(payloads: Session, at: int) -> None:
    head, tail = payloads[:at], payloads[at:]
    _, state = play(head, [])
    stored = ADAPTER.snapshot(state)
    restored = ADAPTER.restore(stored)
    assert ADAPTER.snapshot(restored) == stored
    straight, end = play(tail, [], state)
    again, same_end = play(tail, [], restored)
    assert straight == again
    assert ADAPTER.snapshot(end) == ADAPTER.snapshot(same_end)


def test_a_snapshot_of_other_instruments_is_refused() -> None:
    stored = ADAPTER.snapshot(ADAPTER.start())
    with pytest.raises(SnapshotError):
        BinanceAdapter(DEFINITIONS[:2]).restore(stored)
    with pytest.raises(SnapshotError):
        ADAPTER.restore(stored[:-1])


VALID = [
    (b"spot:BTCUSDT", {"u": 7, "s": "BTCUSDT", "b": "9.01", "B": "2", "a": "9.02", "A": "1"}, "x@bookTicker"),
    (b"spot:BTCUSDT", {"e": "depthUpdate", "E": 5, "s": "BTCUSDT", "U": 5, "u": 7, "b": [["9", "2"]], "a": []}, "x"),
    (b"linear:BTCUSDT", {"e": "depthUpdate", "E": 5, "T": 4, "s": "BTCUSDT", "U": 5, "u": 7, "pu": 4,
                         "b": [["9", "2"], ["8", "0"]], "a": [["10", "1"]]}, "x"),
    (b"inverse:BTCUSD_PERP", {"e": "trade", "E": 5, "s": "BTCUSD_PERP", "t": 5, "p": "9", "q": "1", "m": True}, "x"),
]  # fmt: skip
numbers = st.sampled_from(["1", "0", "-1", "NaN", "inf", "1e9", "0.000001", "99999999999", ""]) | st.text(max_size=5)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def dumped(message: Any) -> bytes:
    try:
        return orjson.dumps(message)
    except (TypeError, orjson.JSONEncodeError):
        return repr(message).replace("'", '"').encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A valid message of which a field was replaced or dropped, then bytes were changed, or none of it."""
    key, data, stream = draw(st.sampled_from(VALID))
    data = dict(data)
    for name in draw(st.lists(st.sampled_from(sorted(data)), max_size=2)):
        if draw(st.booleans()):
            data[name] = draw(anything)
        else:
            data.pop(name, None)
    text = bytearray(dumped({"stream": stream, "data": data}))
    for at, byte in draw(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=3)):
        if at < len(text):
            text[at] = byte
    return key, bytes(text[: draw(st.sampled_from([len(text), len(text) // 2]))])


@given(st.lists(mutated() | st.tuples(st.sampled_from([b"spot:BTCUSDT", b"", b"\xff"]), st.binary()), max_size=6))
@settings(deadline=None, max_examples=300)
def test_whatever_bytes_come_a_payload_is_read_whole_or_refused(values: list[tuple[bytes, bytes]]) -> None:
    state = ADAPTER.start()
    for seq, (key, value) in enumerate(values):
        before = ADAPTER.snapshot(state)
        messages = sum(c["messages"] for c in ADAPTER.counters(state).values())
        rows, _, rejects = ADAPTER.ingest(state, [Payload("binance", seq, 10**18, key, value)])
        read = sum(c["messages"] for c in ADAPTER.counters(state).values()) - messages
        assert read + len(rejects) == 1
        if rejects:
            assert isinstance(rejects[0][1], BadInput)
            assert str(rejects[0][1])
            assert ADAPTER.snapshot(state) == before
            assert not len(rows)


@given(st.lists(mutated(), max_size=8))
@settings(deadline=None, max_examples=50)
def test_garbage_among_others_is_refused_the_same_in_any_batching(values: list[tuple[bytes, bytes]]) -> None:
    payloads = [Payload("binance", seq, 10**18, key, value) for seq, (key, value) in enumerate(values)]
    assert play(payloads, [])[0] == play(payloads, range(len(payloads)))[0]


def test_an_empty_batch_gives_nothing() -> None:
    rows, index, rejects = ADAPTER.ingest(ADAPTER.start(), [])
    assert (len(rows), len(index), rejects) == (0, 0, [])
    assert rows.dtype.names is not None
    assert index.dtype == np.int64
