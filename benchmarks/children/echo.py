"""Child process: a bare confluent-kafka echo with the client settings of ``streams.kafka_reader`` and its sibling.

Each order is a run: it reads a tick topic to the end record and writes without transactions. What: as many records of
the same sizes as ``writes`` says (per topic: records per input record, bytes of a value and of a header), cut from what
it has read, or padded; or what the hot task would write, batch by batch (``like_hot``); or each record as it is.
"""

from __future__ import annotations

import gc
import time
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from benchmarks.children.echo_like_hot import LikeHot, Mimic
from benchmarks.children.orders import Orders, arguments, say
from schemas.header import HEADER_KEY
from streams import kafka_reader
from streams.kafka_client import LOGGER, client_settings
from streams.kafka_writer import producer_settings

WAIT_S = 0.1
CONSUME_RECORDS_MAX = 256
"""Records taken at a time: as many as the runner takes."""
FULL_WAIT_S = 0.001
FLUSH_S_MAX = 60.0


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
        "allow.auto.create.topics": False,
        "fetch.wait.max.ms": kafka_reader.FETCH_WAIT_MS,
        "max.partition.fetch.bytes": kafka_reader.FETCH_PARTITION_BYTES_MAX,
        "fetch.max.bytes": kafka_reader.FETCH_BYTES_MAX,
        "queued.max.messages.kbytes": kafka_reader.QUEUED_KBYTES_MAX,
        "fetch.queue.backoff.ms": kafka_reader.FETCH_BACKOFF_MS,
        "fetch.error.backoff.ms": kafka_reader.FETCH_ERROR_BACKOFF_MS,
    }


class Writing:
    """Records of one size to one topic, so many per record read."""

    def __init__(self, topic: str, per_input: float, value_bytes: int, header_bytes: int) -> None:
        self.topic = topic
        self._per_input = per_input
        self._value_bytes = value_bytes
        self._header_bytes = header_bytes
        self._due = 0.0

    def records(self, values: list[bytes], header: bytes) -> list[tuple[bytes, list[tuple[str, bytes]]]]:
        """What is to be written for the records just read."""
        self._due += self._per_input * len(values)
        count = int(self._due)
        self._due -= count
        if not count:
            return []
        headers = [(HEADER_KEY, header[: self._header_bytes].ljust(self._header_bytes, b"\0"))]
        size, n = self._value_bytes, len(values)
        return [
            (b"".join(values[i * n // count : (i + 1) * n // count])[:size].ljust(size, b"\0"), headers)
            for i in range(count)
        ]


class Echo:
    """Consumer and producer, and the loop between."""

    def __init__(self, bootstrap: str, order: dict[str, Any]) -> None:
        self._echo_topic = order["echo_topic"]
        self._writes = [Writing(*w) for w in order.get("writes", ())]
        like = order.get("like_hot")
        self._mimic = Mimic(msgspec.convert(like, LikeHot), self._produce) if like else None
        self._producer: Any = Producer(producer_settings(bootstrap), logger=LOGGER)
        self._consumer: Any = Consumer(consumer_settings(bootstrap), logger=LOGGER)
        self._consumer.assign([TopicPartition(order["topic"], 0, 0)])

    def run(self) -> int:
        """Read to the end record, write, and wait until all is acknowledged; returns how many records were read."""
        read, ended = 0, False
        while not ended:
            first = self._consumer.poll(WAIT_S)
            if first is None:
                continue
            messages = [first, *self._consumer.consume(CONSUME_RECORDS_MAX - 1, 0)]
            for message in messages:
                if message.error() is not None:
                    raise KafkaException(message.error())
            read += len(messages)
            ended = messages[-1].key() is not None  # a frame has no key, the end record an empty one
            if self._mimic is not None:
                self._mimic.write(messages)
            elif self._writes:
                self._write(messages)
            else:
                for message in messages:
                    self._produce(self._echo_topic, message.value(), message.key(), message.headers())
            self._producer.poll(0)
        if self._producer.flush(FLUSH_S_MAX):
            raise TimeoutError("the echo's records were not acknowledged")
        return read

    def close(self) -> None:
        """Release the consumer; the producer has nothing left."""
        self._consumer.close()

    def _write(self, messages: list[Any]) -> None:
        values = [message.value() for message in messages]
        header = [message.headers()[0][1] for message in messages][-1]
        for writing in self._writes:
            for value, headers in writing.records(values, header):
                self._produce(writing.topic, value, None, headers)

    def _produce(self, topic: str, value: bytes, key: bytes | None, headers: Any) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, 0, headers=headers, on_delivery=_delivered)
                return
            except BufferError:
                self._producer.poll(FULL_WAIT_S)


def _delivered(error: Any, _message: Any) -> None:
    if error is not None:
        raise KafkaException(error)


def main(spec: dict[str, Any]) -> None:
    orders = Orders()
    say("ready")
    while True:
        order = orders.take()
        gc.collect()
        gc.freeze()
        echo = Echo(spec["bootstrap"], order)
        wall_s, process_s, thread_s = time.perf_counter(), time.process_time(), time.thread_time()
        read = echo.run()
        figures = {
            "elapsed_s": time.perf_counter() - wall_s,
            "cpu_s": time.process_time() - process_s,
            "main_thread_cpu_s": time.thread_time() - thread_s,
        }
        echo.close()
        say("done", inputs=read, **figures)


if __name__ == "__main__":
    main(arguments())
