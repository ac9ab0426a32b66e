"""Windows of ``dlq``: what of each source and instrument was refused, and why.

Letters come from several tasks, whose log times differ, so a window's time is the newest that a letter had. What was
refused may bear any time: one more than ``STEP_NS_MAX`` away, in either direction, begins a window of its own, so that
a letter from the year 2099 does not hold all that follow it in one window.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterator

from monitoring.place_health import Carry, Spot
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.errors import BadFrame
from schemas.feed_health import REASONS_MAX, FeedHealth
from schemas.header import unpack
from schemas.topics import table_row
from streams.log import Place, Record

STEP_NS_MAX = 3_600 * 1_000_000_000
"""Letters further apart belong to different windows, whichever is the later."""
INSTRUMENTS_MAX = 1_024
"""Instruments told apart in a window: anybody may send a payload under any key."""
UNKNOWN = "unknown"
"""Stands for an instrument where the refused input's key is none, or there are too many."""
FEED_TOPICS = ("raw.<source>", "ticks.<source>")
_KEY = re.compile(r"[a-z]{1,16}:[\w./:-]{1,64}", re.ASCII)


class LetterHealth:
    """Implements ``monitoring.place_health.Health`` for a partition of ``dlq``.

    Args:
        namespace: Topic prefix of the run.
        place: Topic and partition.
        window_ns: Length of a window.
        carry: Where to go on, from the documents of an earlier window; None: from the first record.
    """

    def __init__(self, namespace: str, place: Place, window_ns: int, carry: Carry | None = None) -> None:
        self._namespace, self._place, self._window_ns = namespace, place, window_ns
        self._from = carry.at if carry is not None else Spot(-1)
        self._begin: Spot | None = None
        self._now = 0
        self._letters: dict[tuple[str, str], Counter[str]] = {}

    def take(self, record: Record) -> list[FeedHealth]:
        """The documents of the window that this record ends; letters of no feed are passed over."""
        letter = _letter(record) if record.offset >= self._from.offset else None
        source = None if letter is None else self._source(letter)
        if letter is None or source is None:
            return []
        closed: list[FeedHealth] = []
        if self._begin is not None and self._is_other(letter.ts):
            closed = list(self._close(Spot(record.offset)))
        if self._begin is None:
            self._begin, self._now = Spot(record.offset), letter.ts
        self._now = max(self._now, letter.ts)
        self._count(source, letter)
        return closed

    def _is_other(self, ts: int) -> bool:
        return abs(ts - self._now) > STEP_NS_MAX or ts // self._window_ns > self._now // self._window_ns

    def _source(self, letter: DeadLetter) -> str | None:
        if not letter.topic.startswith(self._namespace):
            return None
        short = letter.topic.removeprefix(self._namespace)
        row = table_row(short)
        return short.partition(".")[2] if row is not None and row.name in FEED_TOPICS else None

    def _count(self, source: str, letter: DeadLetter) -> None:
        name = (source, _instrument(letter))
        if name not in self._letters and len(self._letters) >= INSTRUMENTS_MAX:
            name = (source, UNKNOWN)
        reasons = self._letters.setdefault(name, Counter())
        kind = letter.kind or letter.code
        reasons[kind if kind in reasons or len(reasons) < REASONS_MAX else kind.partition(".")[0]] += 1

    def _close(self, end: Spot) -> Iterator[FeedHealth]:
        assert self._begin is not None
        begin, self._begin = self._begin, None
        counted, self._letters = self._letters, {}
        for part, (source, instrument) in enumerate(sorted(counted)):
            reasons = counted[source, instrument]
            yield FeedHealth(
                source=source, instrument=instrument,
                window_start=self._now // self._window_ns * self._window_ns, window_ns=self._window_ns,
                topic=self._place[0], partition=self._place[1], begin_offset=begin.offset, end_offset=end.offset,
                part=part, parts=len(counted), rejected=reasons.total(), reasons=dict(sorted(reasons.items())),
            )  # fmt: skip


def _letter(record: Record) -> DeadLetter | None:
    """The letter that a task has put there; None of anything else, as anybody may write."""
    try:
        letter = decode(record.value, DeadLetter)
        return letter if record.header is not None and unpack(record.header).writer == letter.task else None
    except BadFrame:
        return None


def _instrument(letter: DeadLetter) -> str:
    try:
        key = base64.b64decode(letter.key, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return UNKNOWN
    return key if _KEY.fullmatch(key) else UNKNOWN
