"""Dead letters: a refused input, whole, with reason and place, from whatever shape it came in."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from schemas.codec import encode
from schemas.dead_letter import DeadLetter
from schemas.document import Document
from schemas.errors import BadInput
from streams.agent import Batch, Payload
from streams.inputs import BadRecord

LETTER_BYTES_MAX = 16 * 1024 * 1024 - 65_536
"""Key and input as a letter holds them must fit into a record; a longer input stays where it lies."""
KEY_BYTES_MAX = 65_536
"""A longer key is cut there."""


class Letters:
    """Writes the dead letters of one task's input.

    Args:
        task: Name of the task.
        topic: Full name of its primary topic.
        partition: Partition of it.
    """

    def __init__(self, task: str, topic: str, partition: int) -> None:
        self._task = task
        self._topic = topic
        self._partition = partition

    def of_record(self, bad: BadRecord) -> tuple[bytes, DeadLetter]:
        """Key and letter of a record that could not be read."""
        record = bad.record
        return self._letter(bad.error, record.offset, bad.writer, bad.seq, bad.ts, record.key or b"", record.value)

    def of_item(self, batch: Batch, index: int, error: BadInput) -> tuple[bytes, DeadLetter]:
        """Key and letter of one item of a batch that an agent refused."""
        item, origin = batch.items[index], batch.origins[index]
        key, value, ts, writer = _content(item)
        return self._letter(error, int(origin["offset"]), writer, int(origin["seq"]), ts, key, value)

    def _letter(
        self, error: BadInput, offset: int, writer: str, seq: int, ts: int, key: bytes, value: bytes
    ) -> tuple[bytes, DeadLetter]:
        key, reason = key[:KEY_BYTES_MAX], str(error)
        if 4 * (len(key) + len(value)) // 3 + len(key) > LETTER_BYTES_MAX:
            reason = f"{reason}; its {len(value)} bytes are too many for a letter, and stay whole where they lie"
            value = b""
        return key, DeadLetter(
            code=error.code, kind=error.kind, reason=reason, task=self._task, topic=self._topic,
            partition=self._partition, offset=offset, writer=writer, seq=seq, ts=ts, key=base64.b64encode(key).decode(),
            payload=base64.b64encode(value).decode(),
        )  # fmt: skip


def _content(item: Any) -> tuple[bytes, bytes, int, str]:
    """Key, value, log time and writer of an item, as far as its shape tells them."""
    if isinstance(item, Payload):
        return item.key, item.value, item.ts_recv, item.source
    if isinstance(item, np.void):
        return b"", item.tobytes(), int(item["ts_log"]), ""
    if isinstance(item, Document):
        return b"", encode(item), int(getattr(item, "ts", 0)), ""
    return b"", b"", 0, ""
