"""Bytes at every door: refused in the tree's own words or used; never another exception, and memory does not grow."""

from __future__ import annotations

import gc
import json
import os
import random
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from schemas.errors import TapedeckError
from tests.fuzz import doors
from tests.fuzz.seeds import SEEDS

EXAMPLES = int(os.environ.get("TAPEDECK_FUZZ_EXAMPLES", "30"))
"""Of each property; ``just fuzz`` asks for more."""
BOUNDED = settings(
    max_examples=EXAMPLES, deadline=None, derandomize="TAPEDECK_FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck), database=None,
)  # fmt: skip
ROUNDS = 60
GROWTH_BYTES_MAX = 64 * 1024
"""What a round of knocks may leave behind: caches of the interpreter's own; a leak of a byte a knock is more."""

Bend = tuple[int, int, bytes]


def bent(seed: bytes, bends: list[Bend]) -> bytes:
    """The seed with pieces of it replaced: at a place, so many bytes, by others."""
    data = bytearray(seed)
    for place, length, by in bends:
        at = place % (len(data) + 1)
        data[at : at + length] = by
    return bytes(data)


bends = st.lists(st.tuples(st.integers(0, 4_096), st.integers(0, 40), st.binary(max_size=24)), min_size=1, max_size=6)


@pytest.mark.parametrize("door", sorted(doors.DOORS))
def test_good_bytes_pass(door: str) -> None:
    for seed in SEEDS[door]:
        found = doors.knocked(door, seed)
        assert not isinstance(found, TapedeckError), (door, seed, found)


@pytest.mark.parametrize("door", sorted(doors.DOORS))
def test_any_bytes_are_refused_or_used(door: str) -> None:
    @BOUNDED
    @given(st.binary(max_size=600))
    @example(b"")
    def knock(data: bytes) -> None:
        doors.knocked(door, data)

    knock()


@pytest.mark.parametrize("door", sorted(doors.DOORS))
def test_nearly_good_bytes_are_refused_or_used(door: str) -> None:
    @BOUNDED
    @given(st.sampled_from(SEEDS[door]), bends)
    def knock(seed: bytes, bends: list[Bend]) -> None:
        doors.knocked(door, bent(seed, bends))

    knock()


numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([2**63 - 1, 2**63, 2**64, -(2**63), 10**400, 0, -1]))
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=8), st.just("\ud800"))
values = st.recursive(scalars, lambda inner: st.one_of(st.lists(inner, max_size=3),
                      st.dictionaries(st.text(max_size=6), inner, max_size=3)), max_leaves=6)  # fmt: skip


@pytest.mark.parametrize("door", ["any_document", "payloads", "model"])
def test_json_with_any_value_in_any_field_is_refused_or_used(door: str) -> None:
    plain = [
        seed.lstrip(b"\0") for seed in SEEDS[door] if seed.lstrip(b"\0\1").startswith(b"{") and b"\n\0" not in seed
    ]

    @BOUNDED
    @given(st.sampled_from(plain), st.integers(0, 60), values)
    def knock(seed: bytes, place: int, value: Any) -> None:
        found = json.loads(seed.lstrip(b"\0\1"))
        where = found["data"] if isinstance(found.get("data"), dict) and place % 2 else found
        where[sorted(where)[place % len(where)]] = value
        prefix = b"\0" if door == "payloads" else b""
        doors.knocked(door, prefix + json.dumps(found).encode())

    knock()


@pytest.mark.parametrize("door", sorted(doors.DOORS))
def test_knocking_leaves_nothing_behind(door: str) -> None:
    rng = random.Random(7)

    def knock() -> None:
        for _ in range(ROUNDS):
            seed = rng.choice(SEEDS[door])
            by = rng.randbytes(rng.randrange(8))
            doors.knocked(door, bent(seed, [(rng.randrange(4_096), rng.randrange(20), by)]))

    knock()
    gc.collect()
    tracemalloc.start()
    try:
        knock()
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        knock()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < GROWTH_BYTES_MAX
