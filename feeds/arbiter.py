"""Several connections of one live feed become one sequence of payloads: each is published once, the first to come.

Which is the same as which, the venue's own numbers say, read by the venue's own reader:

======================  ===========================================  ==================================
payload                 told by                                      where one is missing
======================  ===========================================  ==================================
book difference         update id                                    waits (``numbered.py``)
trade                   trade id, and what it says where a repeat    waits, where ids count on by one
                        corrects (``retold.py``)
best bid and offer      update id                                    leaves late
mark, as a heartbeat    what it says, and the trade id that it names  waits for that trade
snapshot in the stream  update id                                    passes where the book is not whole
unnumbered difference   what it says, at its place in the sequence   cannot be missing (``unnumbered.py``)
everything else         what it says (``echoes.py``)                 nobody can tell
======================  ===========================================  ==================================

Snapshots by HTTP are fetched once, and are none of the arbiter's business. A payload that the reader refuses is
published once too, and becomes a dead letter. Pure: it is told the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from feeds.adapter import Adapter
from feeds.echoes import Echoes
from feeds.frames import Frame, Tally
from feeds.messages import DEPTH, MARK, QUOTE, SNAPSHOT, TRADE, Messages
from feeds.numbered import HOLD_S, Item, Numbered, Sort
from feeds.retold import Word
from feeds.rules import RULE_FUTURES, RULE_IN_STREAM, RULE_REPEATS_CORRECT, RULE_TRADES_COUNT_ON, RULE_UNNUMBERED
from feeds.unnumbered import Unnumbered
from streams.agent import Payload

_SORTS = {SNAPSHOT: Sort.SNAPSHOT, MARK: Sort.MARK}
_STREAMS = {SNAPSHOT: DEPTH, MARK: TRADE}
"""Whose numbers a message of another kind names."""


class Arbiter:
    """Decides which connection's payload is published.

    Args:
        adapter: Of the feed; it tells what payloads are.
        lines: How many connections there are.

    Attributes:
        tallies: How each fares.
    """

    def __init__(self, adapter: Adapter, lines: int) -> None:
        self.tallies = [Tally() for _ in range(lines)]
        self._adapter = adapter
        self._rules = [adapter.venue.rule(definition) for definition in adapter.definitions]
        self._open: set[int] = set()
        self._begin_anew()

    def opened(self, line: int) -> None:
        """A connection is there."""
        self._open.add(line)

    def closed(self, line: int, now_s: float) -> list[Frame]:
        """A connection is gone: what another was ahead with may leave. With the last, all does, and all begins anew."""
        self._open.discard(line)
        self._echoes.close(line)
        leaving = self._counted([frame for book in self._books.values() for frame in book.close(line, now_s)])
        if self._open:
            return leaving
        leaving += self.overdue(float("inf"), now_s)
        self._begin_anew()
        return leaving

    def take(self, frames: Sequence[Frame], now_s: float) -> list[Frame]:
        """What leaves now, in order, given what has come."""
        payloads = [Payload(self._adapter.venue.name, 0, f.ts_recv, f.key, f.payload) for f in frames]
        batch = self._adapter.read(payloads)[0]
        messages = {int(message["cause"]): message for message in batch.messages}
        leaving: list[Frame] = []
        for index, frame in enumerate(frames):
            leaving += self._take_one(frame, messages.get(index), batch, now_s)
        return self._counted(leaving)

    def due(self, now_s: float) -> list[Frame]:
        """What has waited long enough for what is missing."""
        return self.overdue(now_s - HOLD_S, now_s)

    def overdue(self, until_s: float, now_s: float) -> list[Frame]:
        """What was held at a moment, and is now let go."""
        waiting = (stream for stream in self._streams.values() if stream.waiting)
        return self._counted([frame for stream in waiting for frame in stream.release(until_s, now_s)])

    def want_snapshot(self, slot: int) -> None:
        """The snapshot of an instrument was asked for in the stream: the next passes."""
        if self._rules[slot] & RULE_UNNUMBERED:
            self._book(slot).want_snapshot()
        else:
            self._stream(slot, DEPTH).want_snapshot()

    def is_adrift(self, slot: int) -> bool:
        """Whether no connection can go on with an instrument's book as it stands."""
        return bool(self._rules[slot] & RULE_UNNUMBERED) and self._book(slot).adrift

    def _take_one(self, frame: Frame, message: Any, batch: Messages, now_s: float) -> list[Frame]:
        if message is None:
            return [] if self._echoes.is_echo(frame, now_s) else [frame]
        kind, slot = int(message["kind"]), int(message["slot"])
        rule = self._rules[slot]
        if rule & RULE_UNNUMBERED and kind == DEPTH:
            return self._book(slot).take(frame, now_s)
        if rule & RULE_UNNUMBERED and kind == SNAPSHOT:
            return self._book(slot).take_snapshot(frame)
        if kind not in (DEPTH, TRADE, QUOTE, MARK) and not (kind == SNAPSHOT and rule & RULE_IN_STREAM):
            return [] if self._echoes.is_echo(frame, now_s) else [frame]
        if kind == MARK and self._echoes.is_echo(frame, now_s):
            return []
        item = Item(
            _SORTS.get(kind, Sort.STEP), int(message["last"]), int(message["first"]), int(message["previous"]), frame,
            now_s, _word(message, batch) if kind == TRADE and rule & RULE_REPEATS_CORRECT else (),
            int(message["ts_venue"]),
        )  # fmt: skip
        return self._stream(slot, _STREAMS.get(kind, kind)).take(item, alone=len(self._open) < 2)

    def _stream(self, slot: int, kind: int) -> Numbered:
        found = self._streams.get((slot, kind))
        if found is None:
            rule = self._rules[slot]
            counts_on = kind == DEPTH or (kind == TRADE and bool(rule & RULE_TRADES_COUNT_ON))
            chained = kind == DEPTH and bool(rule & RULE_FUTURES)
            found = self._streams[slot, kind] = Numbered(self.tallies, counts_on=counts_on, chained=chained)
        return found

    def _book(self, slot: int) -> Unnumbered:
        return self._books.setdefault(slot, Unnumbered(self.tallies))

    def _begin_anew(self) -> None:
        self._streams: dict[tuple[int, int], Numbered] = {}
        self._books: dict[int, Unnumbered] = {}
        self._echoes = Echoes(self.tallies)

    def _counted(self, leaving: list[Frame]) -> list[Frame]:
        for frame in leaving:
            self.tallies[frame.line].won += 1
        return leaving


def _word(message: Any, batch: Messages) -> Word:
    """What a trade says."""
    begin = int(message["begin"])
    return int(batch.prices[begin]), int(batch.sizes[begin]), int(message["seller"])
