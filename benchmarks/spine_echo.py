"""Child process: a bare confluent-kafka echo, with the client settings of ``streams.kafka_reader`` and ``kafka_writer``.

It reads a tick topic and writes, without transactions, either each record as it is (``writes`` empty), or as many
records of the same sizes as ``writes`` says: per topic ``(topic, records per input, value bytes, header bytes)``, made
from the values and the header it has read, cut or padded. It knows nothing of frames and numbers nothing.
"""

from __future__ import annotations

import gc
import time
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from benchmarks.spine_process import arguments, await_end, await_go, say
from schemas.header import HEADER_KEY
from streams import kafka_reader as reader_bounds
from streams.kafka_client import LOGGER, client_settings
from streams.kafka_writer import producer_settings

WAIT_S = 0.1
CONSUME_RECORDS_MAX = 256
"""Records taken at a time, as the runner does."""
FLUSH_S_MAX = 60.0
PAUSE_S = 0.000_2


def consumer_settings(bootstrap: str) -> dict[str, Any]:
    """Settings of ``streams.kafka_reader.KafkaReader``."""
    return {
        **client_settings(bootstrap),
        "group.id": "tapedeck-echo",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_uncommitted",
        "check.crcs": True,
        "fetch.wait.max.ms": reader_bounds.FETCH_WAIT_MS,
        "max.partition.fetch.bytes": reader_bounds.FETCH_PARTITION_BYTES_MAX,
        "fetch.max.bytes": reader_bounds.FETCH_BYTES_MAX,
        "queued.max.messages.kbytes": reader_bounds.QUEUED_KBYTES_MAX,
        "fetch.queue.backoff.ms": reader_bounds.FETCH_BACKOFF_MS,
        "fetch.error.backoff.ms": reader_bounds.FETCH_ERROR_BACKOFF_MS,
    }


class Writing:
    """Records of given sizes, so many per input, to one topic."""

    def __init__(self, topic: str, per_input: float, value_bytes: int, header_bytes: int) -> None:
        self.topic = topic
        self.per_input = per_input
        self.value_bytes = value_bytes
        self.header_bytes = header_bytes
        self.written = 0
        self.values: list[bytes] = []
        self.held = 0

    def value(self, new: bytes) -> bytes:
        """Take a value in; so many bytes of what has been read since the last record."""
        made, self.values, self.held = b"".join(self.values), [], 0
        return made[: self.value_bytes].ljust(self.value_bytes, b"\0")
