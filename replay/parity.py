"""Whether a replay gave what was recorded: its committed outputs against the recorded ones, to the byte.

Rows and documents are compared one after another, whatever frames they came in; what cannot be equal is left out
(``replay/both_sides.py``). It can be done while the replay is under way, as far as that has come.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
import orjson

from agents.topology import TaskHops
from replay.both_sides import Sides
from replay.digest import Digest
from replay.order import outputs_of
from replay.pieces import Piece, Tail
from replay.replay_plan import ReplayPlan
from schemas.topics import TOPICS
from streams.log import Log

STAGES = tuple(topic.name for topic in TOPICS)
"""Of two differences at one log time, that of the earlier topic is the first."""


@dataclass(slots=True)
class Parity:
    """What a comparison came to.

    Attributes:
        compared: Rows and documents held against each other, by topic of the table.
        differing: The first difference of each topic that has one, the first of all first.
        digest: Of all that the replay gave and that was compared: a hash over that of each topic.
    """

    compared: dict[str, int] = field(default_factory=dict)
    differing: list[dict[str, Any]] = field(default_factory=list)
    digest: str = ""

    @property
    def identical(self) -> bool:
        """Nothing differs."""
        return not self.differing

    @property
    def first_divergence(self) -> dict[str, Any] | None:
        """The first difference in log time; of one time, in the data's way."""
        return self.differing[0] if self.differing else None


def compare(plan: ReplayPlan, log: Log, *, whole: bool = True) -> Parity:
    """Hold what a replay has committed against the recording.

    Args:
        plan: The replay.
        log: Where its topics are.
        whole: Whether it was fed all of the stretch; else what is recorded behind its last tick is left out.

    Raises:
        BrokerError: A topic cannot be read.
    """
    return Comparison(plan, log).finish(whole=whole)


class Comparison:
    """A comparison under way: :meth:`look` as often as one likes while the replay goes on, then :meth:`finish`.

    Attributes:
        tails: Where it reads the replay, and how far it has.
    """

    def __init__(self, plan: ReplayPlan, log: Log) -> None:
        self._sides = Sides(plan, log)
        self._hashing = ThreadPoolExecutor(1, thread_name_prefix="digest")
        self._topics = [
            _Topic(self._sides, Digest(self._hashing), task, name, task.partition_of(name))
            for task in plan.tasks
            for name in outputs_of(task)
        ]
        self.tails: list[Tail] = [*self._sides.tails, *(topic.tail for topic in self._topics)]

    def look(self) -> None:
        """Compare what has been committed by now."""
        self._sides.look()
        for topic in self._topics:
            topic.advance(final=False)

    def finish(self, *, whole: bool) -> Parity:
        """Compare the rest; the replay has ended."""
        self._sides.look()
        until = self._sides.until(whole=whole) + whole
        found = Parity()
        digest = sha256()
        for topic in self._topics:
            topic.advance(final=True, until=until)
            found.compared[topic.name] = found.compared.get(topic.name, 0) + topic.count
            digest.update(topic.digest.digest())
            if topic.first is not None:
                found.differing.append(topic.first)
        self._hashing.shutdown()
        found.differing.sort(key=lambda d: (d["time"], STAGES.index(d["topic"])))
        found.digest = digest.hexdigest()
        return found


class _Topic:
    """A task's output in one partition.

    Attributes:
        count: Items that are the same.
        first: The first difference.
        digest: Over what the replay gave.
    """

    def __init__(self, sides: Sides, digest: Digest, task: TaskHops, name: str, partition: int) -> None:
        self.name, self.count, self.digest = name, 0, digest
        self.first: dict[str, Any] | None = None
        self._sides, self._task, self._partition = sides, task, partition
        self._was = sides.recorded(task, name, partition)
        self._now, self.tail = sides.replayed(task, name, partition)
        self._over = False

    def advance(self, *, final: bool, until: int = 0) -> None:
        """Go on as far as both sides are there; ``final``: to the end, ``until`` being the time behind it."""
        while not self._over:
            now = self._now.head(final=final)
            if now is None and not final:
                return
            was = None if self.first is not None else self._was.head(final=final)
            if was is not None and now is not None:
                self._both(was, now)
            elif now is not None:
                if self.first is None and self._was.undecided:
                    return
                self._made_alone(now)
            else:
                if was is not None and was.time < until:
                    self._differ(was.part(0, 1), None)
                return

    def _both(self, was: Piece, now: Piece) -> None:
        n = min(was.count, now.count)
        if was.key == now.key and was.part(0, n).value == now.part(0, n).value:
            same = n
        else:
            same = _same(was, now, n)
            self._differ(was.part(same, same + 1), now.part(same, same + 1))
        self.count += same
        done = min(same + 1, n)  # with the one that differs
        made = now.part(0, done)
        self.digest.update(made.key + made.value if made.key else made.value)
        self._was.drop(done)
        self._now.drop(done)

    def _made_alone(self, now: Piece) -> None:
        """Nothing was recorded for it: it is ahead of the recording, it was added, or it follows on a difference."""
        n = self._sides.not_ahead(self._task, now)
        if n == 0 and self.first is None:
            self._over = True
            return
        if self.first is None:
            self._differ(None, now.part(0, 1))
        if n:
            made = now.part(0, n)
            self.digest.update(made.key + made.value)
        self._now.drop(now.count)

    def _differ(self, was: Piece | None, now: Piece | None) -> None:
        self.first = _difference(self.name, self._partition, was, now)


def _same(was: Piece, now: Piece, n: int) -> int:
    """How many items are the same before the first that differs, of two pieces that do."""
    if was.dtype is None or now.dtype is None or was.dtype.itemsize != now.dtype.itemsize:
        return 0
    a, b = (
        np.frombuffer(piece.part(0, n).value, dtype=np.uint8).reshape(n, piece.dtype.itemsize) for piece in (was, now)
    )
    return int(np.argmax((a != b).any(axis=1)))


def _difference(name: str, partition: int, a: Piece | None, b: Piece | None) -> dict[str, Any]:
    either = a or b
    if either is None:
        raise AssertionError("no difference")
    told: dict[str, Any] = {
        "topic": name, "partition": partition, "seq": either.seq, "time": either.time,
        "kind": "missing" if b is None else "added" if a is None else "changed",
    }  # fmt: skip
    for side, item in (("recorded", a), ("replayed", b)):
        if item is not None:
            told[side] = _shown(item)
    if a is not None and b is not None:
        was, now = told["recorded"], told["replayed"]
        told["fields"] = [key for key in was if was[key] != now.get(key)]
    return told


def _shown(item: Piece) -> dict[str, Any]:
    if item.dtype is None:
        document: dict[str, Any] = orjson.loads(item.value)
        return document
    row: Any = item.rows[0]
    return {name: row[name].tolist() for name in item.dtype.names}
