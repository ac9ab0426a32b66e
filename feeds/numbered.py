"""One numbered stream of an instrument, brought by several connections: each number leaves once, without a hole.

The first to come with a number is passed on, whoever brings it. Where numbers count on and one is missing, what follows
waits for another connection to bring it, ``HOLD_S`` at most; then it leaves as it is, and the hole is told by what
follows it, as any gap is. A number behind the newest that nobody had brought leaves late: nothing is kept back for
good. A number that comes again and says another thing, where that corrects what was said, leaves too
(``retold.py``).

A book's snapshot in the stream begins the book anew for whoever reads on, so that one passes only where the book is not
whole: at the beginning, behind a hole that nobody filled, when it was asked for, or when the venue has begun to count
anew. What a mark names waits likewise, so that a connection that is ahead makes no hole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import inf

from feeds.frames import Frame, Tally
from feeds.retold import Retold, Word
from feeds.window import NUMBERS_MAX, Window

HOLD_S = 1.0
"""Longest wait for a number that is missing: what another connection may lag behind."""

HELD_MAX = 1_024
"""Payloads of one stream that wait; with more, all leave as they are."""


class Sort(IntEnum):
    """What an item is; of two with one number the lower leaves first."""

    STEP = 0
    SNAPSHOT = 1
    MARK = 2


@dataclass(frozen=True, slots=True)
class Item:
    """A payload of the stream.

    Attributes:
        sort: What it is.
        number: Id that it ends at.
        first: Id that it begins at.
        previous: Id before it, as the venue names it; -1: it does not.
        frame: The payload.
        since_s: When it came.
        word: What it says, where the venue corrects what it said by saying another thing under the same number; else
            empty. Only of streams in which nothing waits.
        told_ns: When the venue said so.
    """

    sort: Sort
    number: int
    first: int
    previous: int
    frame: Frame
    since_s: float
    word: Word = ()
    told_ns: int = 0


class Numbered:
    """A stream.

    Args:
        tallies: Of the connections.
        counts_on: Whether a jump of numbers is a hole.
        chained: Whether each names the one before it.
    """

    def __init__(self, tallies: Sequence[Tally], *, counts_on: bool, chained: bool) -> None:
        self._tallies = tallies
        self._counts_on = counts_on
        self._chained = chained
        self._newest = -1
        self._whole = False
        self._seen = Window()
        self._retold = Retold()
        self._held: dict[tuple[int, Sort], Item] = {}

    def take(self, item: Item, *, alone: bool) -> list[Frame]:
        """What leaves now; ``alone``: no other connection is open that could bring what is missing."""
        now_s, number = item.since_s, item.number
        if item.sort is Sort.SNAPSHOT:
            return self._take_snapshot(item, alone=alone)
        if item.sort is Sort.MARK:
            if number > self._newest >= 0 and not alone:
                return self._hold(item)
            self._newest = max(self._newest, number)
            return [item.frame, *self._follow_on(now_s)]
        twin = self._held.get((number, Sort.STEP))
        first_s = self._seen.first_s(number) if twin is None else twin.since_s
        is_news = bool(item.word) and self._retold.is_news(number, item.word, item.told_ns)
        if first_s is not None and is_news:
            return [item.frame]
        if first_s is not None:
            self._tallies[item.frame.line].lose(now_s - first_s)
            return []
        if number <= self._newest:
            self._seen.add(number, now_s)
            return [item.frame]
        if self._fits(item):
            return [self._pass(item), *self._follow_on(now_s)]
        waiting = self._hold(item)
        return waiting + self.release(inf, now_s) if alone else waiting

    def release(self, until_s: float, now_s: float) -> list[Frame]:
        """What has waited since a moment or longer leaves, with all that comes before it."""
        leaving: list[Frame] = []
        while self._held and min(item.since_s for item in self._held.values()) <= until_s:
            leaving.append(self._pass(self._held.pop(min(self._held))))
            leaving += self._follow_on(now_s)
        return leaving

    def want_snapshot(self) -> None:
        """One was asked for: the next passes."""
        self._whole = False

    @property
    def waiting(self) -> bool:
        """Whether anything is held."""
        return bool(self._held)

    def _take_snapshot(self, item: Item, *, alone: bool) -> list[Frame]:
        number, newest = item.number, self._newest
        if self._whole and not alone and number >= newest - NUMBERS_MAX:
            if number > newest and (number, Sort.SNAPSHOT) not in self._held:
                return self._hold(item)
            self._tallies[item.frame.line].lose(inf)
            return []
        leaving = [self._held.pop(place).frame for place in sorted(self._held) if place[0] <= number]
        return [*leaving, self._pass(item), *self._follow_on(item.since_s)]

    def _fits(self, item: Item) -> bool:
        if self._newest < 0 or not self._counts_on:
            return True
        return self._newest == (item.previous if self._chained else item.first - 1)

    def _pass(self, item: Item) -> Frame:
        if item.sort is Sort.SNAPSHOT:
            self._whole = True
            self._newest = item.number
            self._seen.begin_after(item.number)
        else:
            self._whole = self._whole and self._fits(item)
            self._newest = max(self._newest, item.number)
            if item.sort is Sort.STEP:
                self._seen.add(item.number, item.since_s)
        return item.frame

    def _follow_on(self, now_s: float) -> list[Frame]:
        """What waited for nothing more than what has just left."""
        leaving: list[Frame] = []
        while self._held:
            place = min(self._held)
            item = self._held[place]
            if item.number > self._newest and not (item.sort is Sort.STEP and self._fits(item)):
                break
            del self._held[place]
            if item.sort is Sort.SNAPSHOT or (item.sort is Sort.STEP and item.number <= self._newest):
                self._tallies[item.frame.line].lose(now_s - item.since_s)
            else:
                leaving.append(self._pass(item))
        return leaving

    def _hold(self, item: Item) -> list[Frame]:
        self._held[item.number, item.sort] = item
        return self.release(inf, item.since_s) if len(self._held) > HELD_MAX else []
