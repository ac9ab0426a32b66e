"""What a bare echo writes so that it writes what the hot task writes: as many records, of the same sizes, in its order.

Per batch read: an intent for every so many ticks, first; then the scores, one record for the rows of the batch; then
one feature row in so many. It computes nothing; the bytes are those it has read, cut or padded.
"""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.catalog import INTENT
from schemas.feature import feature_dtype
from schemas.header import HEADER_KEY, Header, pack, unpack
from schemas.score import SCORE
from schemas.tick import TICK
from streams.frame import FRAME_ROWS_DEFAULT
from streams.sample import FEATURE_SAMPLE

FEATURE_BYTES = feature_dtype(8).itemsize
PREFIX_BYTES, STAMP_BYTES = 48, 8
SCORE_STAMPS = 7
"""Columns in the header of a score: born, and in and out of three hops."""
PUBLISHED_STAMPS = 3
"""Of these, the columns that differ between rows of several frames."""

Produce = Any
"""``produce(topic, value, key, headers)``."""


class LikeHot(msgspec.Struct, frozen=True):
    """Topics, and how often an intent is due."""

    intents: str
    scores: str
    features: str
    intent_every: int
    intent_bytes: int


class Mimic:
    """Writes for one batch at a time; counts rows over all of them."""

    def __init__(self, like: LikeHot, produce: Produce) -> None:
        self._like = like
        self._produce = produce
        self._rows = 0
        self._intents = 0
        self._sampled = 0

    def write(self, messages: list[Any]) -> None:
        """What is due for tick records just read."""
        like = self._like
        values = [message.value() for message in messages if message.key() is None]
        before = self._rows
        for message, value in zip(messages, values, strict=False):
            count = len(value) // TICK.itemsize
            due = -self._rows % like.intent_every
            if due < count:
                self._intent(message.headers()[0][1], due)
            self._rows += count
        body, rows = b"".join(values), self._rows - before
        for at in range(0, rows, FRAME_ROWS_DEFAULT):
            n = min(rows - at, FRAME_ROWS_DEFAULT)
            self._produce(like.scores, _sized(body, n * SCORE.itemsize), None, _header(n, len(values)))
        sampled = self._rows // FEATURE_SAMPLE - self._sampled
        if sampled:
            self._sampled += sampled
            self._produce(like.features, _sized(body, sampled * FEATURE_BYTES), None, _header(sampled, len(values)))

    def _intent(self, header: bytes, row: int) -> None:
        found = unpack(header)
        stamps = found.stamps[row % len(found.stamps)][None]
        sent = pack(
            Header(schema=INTENT.number, version=1, seq=self._intents, time=0, writer="echo", hops=(0,), stamps=stamps)
        )
        self._intents += 1
        self._produce(self._like.intents, b" " * self._like.intent_bytes, b"echo", [(HEADER_KEY, sent)])


def _sized(data: bytes, size: int) -> bytes:
    return data[:size].ljust(size, b"\0")


def _header(rows: int, frames: int) -> list[tuple[str, bytes]]:
    """A header as long as that of so many scores, read from so many frames."""
    varying = 0 if rows == 1 else 1 if frames == 1 else PUBLISHED_STAMPS
    return [(HEADER_KEY, b"\0" * (PREFIX_BYTES + STAMP_BYTES * (varying * rows + SCORE_STAMPS - varying)))]
