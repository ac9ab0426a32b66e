"""Two streams of items matched by identity, a window at a time: what is there, what is not, what is another.

Where both go alike, as nearly always, bytes are compared and nothing else. Where they do not, what has no counterpart
yet waits for one, up to ``WINDOW`` items a side; then it counts as missing there.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from replay.items import Part, joined

WINDOW = 65_536
"""Items of a side that wait for their counterpart; of more, the oldest has none."""


@dataclass(slots=True)
class Counts:
    """Items of one topic: of A, of B, and how they compare. ``missing`` are in A alone, ``added`` in B alone."""

    a: int = 0
    b: int = 0
    same: int = 0
    changed: int = 0
    missing: int = 0
    added: int = 0
    moved: int = 0

    @property
    def identical(self) -> bool:
        """Nothing differs."""
        return not (self.changed or self.missing or self.added or self.moved)

    def add(self, other: Counts) -> None:
        """Add another partition's."""
        for name in ("a", "b", "same", "changed", "missing", "added", "moved"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Found:
    """One difference: the item of either side; None where that side has none. Each part holds exactly one item."""

    kind: str
    a: Part | None
    b: Part | None

    @property
    def time(self) -> int:
        """Log time, ns: of A's where there is one."""
        part = self.a or self.b
        return 0 if part is None else int(part.places["time"][0])

    @property
    def key(self) -> int:
        """Identity."""
        part = self.a or self.b
        return 0 if part is None else int(part.keys[0])


class Join:
    """Matches one partition of one topic.

    Args:
        first: How many differences are kept, the earliest.

    Attributes:
        counts: So far.
        found: Differences, the earliest first.
    """

    def __init__(self, first: int) -> None:
        self.counts = Counts()
        self.found: list[Found] = []
        self._first = first
        self._waiting: tuple[list[Part], list[Part]] = ([], [])
        self._newest = [-1, -1]
        self._hash_a = sha256()
        self._hash_b: Any = None

    def feed(self, a: Part | None, b: Part | None) -> bool:
        """Take what comes next on either side; whether it was the same, and nothing waits."""
        raw = [b"" if part is None else part.raw() for part in (a, b)]
        self.counts.a += 0 if a is None else len(a)
        self.counts.b += 0 if b is None else len(b)
        alike = raw[0] == raw[1] and a is not None and b is not None and len(a) == len(b)
        self._digest(*raw, alike=alike)
        if alike and a is not None and b is not None and not any(self._waiting):
            self.counts.same += len(a)
            return True
        sides = []
        for waiting, part in zip(self._waiting, (a, b), strict=True):
            sides.append(joined([*waiting, part]) if part is not None else joined(waiting) if waiting else None)
        self._match(*sides)
        return False

    def finish(self) -> None:
        """Nothing follows: what waits has no counterpart."""
        for side, waiting in enumerate(self._waiting):
            if waiting:
                self._alone(side, joined(waiting))
        self._waiting = ([], [])

    def digests(self) -> tuple[bytes, bytes]:
        """Sha256 of each side's content, in its order."""
        return self._hash_a.digest(), (self._hash_b or self._hash_a).digest()

    def _digest(self, a: bytes, b: bytes, *, alike: bool) -> None:
        if not alike and self._hash_b is None:
            self._hash_b = self._hash_a.copy()
        self._hash_a.update(a)
        if self._hash_b is not None:
            self._hash_b.update(b)

    def _match(self, a: Part | None, b: Part | None) -> None:
        if a is None or b is None:
            self._keep(a, b, None, None)
            return
        if len(a) == len(b) and np.array_equal(a.keys, b.keys):
            self._pairs(a, b)
            self._waiting = ([], [])
            return
        _, at_a, at_b = np.intersect1d(a.keys, b.keys, return_indices=True)
        order = np.argsort(at_a, kind="stable")
        at_a, at_b = at_a[order], at_b[order]
        self._pairs(a.at(at_a), b.at(at_b))
        self._keep(a, b, at_a, at_b)

    def _pairs(self, a: Part, b: Part) -> None:
        """Items of one identity, in A's order."""
        if not len(a):
            return
        changed = _differs(a.content, b.content)
        seq_a, seq_b = (part.places["offset"] * (1 << 20) + part.places["row"] for part in (a, b))
        before = np.maximum.accumulate(np.concatenate(([self._newest[1]], seq_b)))[:-1]
        moved = ~changed & ((seq_a < self._newest[0]) | (seq_b < before))
        self._newest = [max(self._newest[0], int(seq_a.max())), max(self._newest[1], int(seq_b.max()))]
        self.counts.changed += int(changed.sum())
        self.counts.moved += int(moved.sum())
        self.counts.same += int((~changed & ~moved).sum())
        for kind, which in (("changed", changed), ("moved", moved)):
            for i in np.flatnonzero(which)[: self._first].tolist():
                self._tell(Found(kind, a.at([i]), b.at([i])))

    def _keep(self, a: Part | None, b: Part | None, at_a: Any, at_b: Any) -> None:
        """What found none waits; what has waited for too long has none."""
        kept: list[list[Part]] = []
        for side, (part, matched) in enumerate(((a, at_a), (b, at_b))):
            if part is not None and matched is not None:
                alone = np.ones(len(part), dtype=bool)
                alone[matched] = False
                part = part.at(alone)
            if part is not None and len(part) > WINDOW:
                self._alone(side, part.at(slice(0, len(part) - WINDOW)))
                part = part.at(slice(len(part) - WINDOW, None))
            kept.append([part] if part is not None and len(part) else [])
        self._waiting = (kept[0], kept[1])

    def _alone(self, side: int, part: Part) -> None:
        if side == 0:
            self.counts.missing += len(part)
        else:
            self.counts.added += len(part)
        for i in range(min(len(part), self._first)):
            one = part.at([i])
            self._tell(Found("missing", one, None) if side == 0 else Found("added", None, one))

    def _tell(self, found: Found) -> None:
        self.found.append(found)
        if len(self.found) > 2 * self._first:
            self.found = sorted(self.found, key=lambda f: f.time)[: self._first]


def _differs(a: Any, b: Any) -> Any:
    """Row by row, whether any byte differs."""
    if a.dtype == object or b.dtype == object or a.dtype.itemsize != b.dtype.itemsize:
        return np.array([x != y for x, y in zip(_bytes(a), _bytes(b), strict=True)], dtype=bool)
    left, right = (np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1) for rows in (a, b))
    return (left != right).any(axis=1)


def _bytes(content: Any) -> list[Any]:
    return content.tolist() if content.dtype == object else [row.tobytes() for row in content]
