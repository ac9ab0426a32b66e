"""A side topic of several writers, in the order in which the tasks of a live run heard it.

A live task reads such a topic as it is written. When a writer dies before its commit, its successor writes the same
records again, further back in the log: those who had heard the first ones skip the repeats. The committed log keeps the
repeats alone, behind what other writers have said meanwhile, and a task that followed it would hear the others too
early. All read the same log, so there is one order that fits what each of them told of places, and this finds it.

>>> order = HeardOrder([[Side(5, 0, 0, 1, 0), Side(6, 0, 0, 2, 1)]], {})
>>> [name for crc, seq, name in [(2, 0, "b0"), (2, 1, "b1"), (1, 0, "a0")] for name in order.take(crc, seq, name)]
['a0', 'b0', 'b1']
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from schemas.header import Side

T = TypeVar("T")


class _Told:
    """What one task told: by writer, how far it had heard at which of its places."""

    def __init__(self, sides: Iterable[Side]) -> None:
        self.places: dict[int, list[int]] = {}
        self.seqs: dict[int, list[int]] = {}
        for side in sides:
            seqs = self.seqs.setdefault(side.writer_crc, [])
            if not seqs or side.seq > seqs[-1]:
                seqs.append(side.seq)
                self.places.setdefault(side.writer_crc, []).append(side.place)

    def before(self, writer: int, seq: int) -> dict[int, int]:
        """How far each writer had been heard before the place at which this record was; none where that is not told."""
        at = bisect_left(self.seqs.get(writer, ()), seq)
        if at == len(self.seqs.get(writer, ())):
            return {}
        place = self.places[writer][at]
        return {
            other: self.seqs[other][earlier - 1]
            for other, places in self.places.items()
            if other != writer and (earlier := bisect_left(places, place))
        }


class HeardOrder(Generic[T]):
    """Puts records that come in the committed log's order into the order in which they were heard.

    Args:
        told: Of each task the places of the topic, in order.
        heard: The highest ``seq`` that all of them had heard at the beginning, by writer's crc.
    """

    def __init__(self, told: Sequence[Iterable[Side]], heard: Mapping[int, int]) -> None:
        self._told = [_Told(sides) for sides in told]
        self._left: dict[int, int] = dict(heard)
        self._held: dict[int, deque[tuple[int, T]]] = {}

    def take(self, writer: int, seq: int, record: T) -> list[T]:
        """The next record of the log; gives what may leave now, in order."""
        self._held.setdefault(writer, deque()).append((seq, record))
        leaving: list[T] = []
        moved = True
        while moved:
            moved = False
            for of, held in self._held.items():
                while held and self._may_leave(of, held[0][0]):
                    self._left[of], found = held.popleft()
                    leaving.append(found)
                    moved = True
        return leaving

    def rest(self) -> list[T]:
        """What waited for records that the log does not hold, writer by writer."""
        return [record for held in self._held.values() for _, record in held]

    def _may_leave(self, writer: int, seq: int) -> bool:
        return all(
            self._left.get(other, -1) >= needed
            for told in self._told
            for other, needed in told.before(writer, seq).items()
        )
