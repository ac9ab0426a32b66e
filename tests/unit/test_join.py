"""Matching two streams by identity: whatever was taken out, put in, changed or swapped is counted as that."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from replay import join as joining
from replay.items import PLACE, Part
from replay.join import Join

ROW = np.dtype([("root", "<u8"), ("value", "<f8")])


def part(keys: list[int], first: int = 0, changed: frozenset[int] = frozenset()) -> Part:
    rows = np.zeros(len(keys), dtype=ROW)
    rows["root"] = keys
    rows["value"] = [np.nextafter(1.0, 2.0) if key in changed else 1.0 for key in keys]
    places = np.zeros(len(keys), dtype=PLACE)
    places["offset"] = np.arange(first, first + len(keys))
    places["time"] = keys
    return Part(np.array(keys, dtype=np.uint64), places, rows)


def matched(a: list[int], b: list[int], changed: frozenset[int], cut_a: int, cut_b: int) -> Join:
    join = Join(20)
    at = [0, 0]
    while at[0] < len(a) or at[1] < len(b):
        left, right = a[at[0] : at[0] + cut_a], b[at[1] : at[1] + cut_b]
        join.feed(part(left, at[0]) if left else None, part(right, at[1], changed) if right else None)
        at = [at[0] + len(left), at[1] + len(right)]
    join.finish()
    return join


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_whatever_differs_is_counted_however_it_is_cut(data: Any) -> None:
    keys = list(range(data.draw(st.integers(0, 60))))
    a = [k for k in keys if k not in data.draw(st.sets(st.integers(0, 59), max_size=6))]
    b = [k for k in keys if k not in data.draw(st.sets(st.integers(0, 59), max_size=6))]
    both = set(a) & set(b)
    changed = frozenset(data.draw(st.sets(st.sampled_from(sorted(both)), max_size=4))) if both else frozenset[int]()
    join = matched(a, b, changed, data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)))
    counts = join.counts
    assert (counts.a, counts.b) == (len(a), len(b))
    assert (counts.missing, counts.added) == (len(set(a) - both), len(set(b) - both))
    assert (counts.changed, counts.moved) == (len(changed), 0)
    assert counts.same == len(both) - len(changed)
    digests = join.digests()
    assert (digests[0] == digests[1]) == counts.identical
    wrong = (both & changed) | (set(a) ^ set(b))
    assert not wrong or min(f.time for f in join.found) == min(wrong)


def test_a_swap_is_no_loss() -> None:
    counts = matched([1, 2, 3, 4], [1, 3, 2, 4], frozenset(), 2, 2).counts
    assert (counts.missing, counts.added, counts.changed, counts.moved) == (0, 0, 0, 1)


def test_nothing_is_held_beyond_the_window(monkeypatch: Any) -> None:
    monkeypatch.setattr(joining, "WINDOW", 10)
    join = Join(5)
    for at in range(0, 1_000, 20):
        join.feed(part(list(range(at, at + 20)), at), part(list(range(10_000 + at, 10_000 + at + 20)), at))
        assert all(sum(len(p) for p in waiting) <= 10 for waiting in join._waiting)
    join.finish()
    assert (join.counts.missing, join.counts.added) == (1_000, 1_000)
    assert len(join.found) <= 10
