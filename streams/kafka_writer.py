"""Writing to Kafka: transactions under an exclusive id, and the plain idempotent producer of publishers.

One rule for both: after any failed delivery, unknown outcome or fatal error the object is over and says so at every
call. Whoever owns it recovers from the log; nothing is resent blindly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.errors import BrokerError, DeliveryError, Fenced
from schemas.header import HEADER_KEY
from streams.clock import monotonic_s
from streams.kafka_client import (
    FENCED,
    LOGGER,
    RECORD_BYTES_MAX,
    broker_away,
    client_settings,
    described,
    kafka_error,
)
from streams.log import Acknowledged, Place

LINGER_MS = 0
"""A record leaves at once; what comes while a request is on its way fills the next one.

Measured on two cores with the embedded broker: a hop's p50 is 0.7 to 1.5 ms, with 1 ms of lingering 2.1 ms, with 5 ms
6.8 ms. One-row records come to 0.26 million a second, with 1 ms of lingering 0.35 to 0.46 million: bursts are framed.
"""

COMPRESSION = "none"
"""A frame of 256 ticks costs 16 µs of CPU from ``append`` to commit, with lz4 77 µs; the broker is near."""

BATCH_BYTES_MAX = 1024 * 1024
BATCH_RECORDS_MAX = 10_000
"""Most that goes into one request per partition."""

QUEUE_RECORDS_MAX = 100_000
QUEUE_KBYTES_MAX = 256 * 1024
"""Most that waits in a producer. When it is full, ``append`` waits up to its bound, then fails."""

APPEND_S_MAX = 30.0
"""How long ``append`` waits for room, and how long a record may stay unacknowledged."""

TOPIC_UNKNOWN_MS_MAX = 10_000
"""How long a topic that the broker does not know may be waited for."""

TAKEOVER_S_MAX = 60.0
"""Bound of taking a transactional id over. Aborting what the former holder left open takes about 0.6 s."""

COMMIT_S_MAX = 30.0
"""Bound of a commit, retries included; then its outcome counts as unknown."""

TRANSACTION_MS_MAX = 60_000
"""The broker aborts a transaction that is open for longer: committed readers wait no longer than this for the dead."""

WAIT_S = 0.05

POLL_EVERY_S = 0.001
"""An appender looks for reports so often, not at each record: flat out that would take a third of its time."""


def producer_settings(bootstrap: str) -> dict[str, Any]:
    """Settings of every producer of ours."""
    return {
        **client_settings(bootstrap),
        "acks": "all",
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,
        "linger.ms": LINGER_MS,
        "compression.type": COMPRESSION,
        "batch.size": BATCH_BYTES_MAX,
        "batch.num.messages": BATCH_RECORDS_MAX,
        "queue.buffering.max.messages": QUEUE_RECORDS_MAX,
        "queue.buffering.max.kbytes": QUEUE_KBYTES_MAX,
        "message.max.bytes": RECORD_BYTES_MAX,
        "message.timeout.ms": int(APPEND_S_MAX * 1000),
        "topic.metadata.propagation.max.ms": TOPIC_UNKNOWN_MS_MAX,
    }


class _Told:
    """Counts errors of a client, which goes on by itself or fails at the next call. Holds no sender alive."""

    def __init__(self) -> None:
        self.errors = 0

    def take(self, _error: KafkaError) -> None:
        """Called within poll."""
        self.errors += 1


class _Sender:
    """A producer, the failure that ended it, and the wait for room in its queue."""

    def __init__(self, name: str, bootstrap: str, settings: dict[str, Any]) -> None:
        self._name = name
        self._bootstrap = bootstrap
        self._broken: BrokerError | None = None
        self._failed: KafkaError | None = None
        self._told = _Told()
        told = {"error_cb": self._told.take}
        self._producer: Any = Producer({**producer_settings(bootstrap), **settings, **told}, logger=LOGGER)

    @property
    def errors(self) -> int:
        """Errors of the client as a whole that it has told of: connections lost, above all."""
        return self._told.errors

    @property
    def queued(self) -> int:
        """Records handed over and not acknowledged. May be asked for from any thread."""
        producer = self._producer
        return 0 if producer is None else len(producer)

    def serve(self) -> None:
        """Handle delivery reports without waiting.

        Raises:
            Fenced: Another process took the id over.
            DeliveryError: A record failed.
        """
        self._poll(0)

    def close(self) -> None:
        """Drop the producer and what it still holds, within milliseconds and without a word to the broker."""
        # Producer.close() would abort the open transaction and wait for a broker that may be away.
        producer, self._producer = self._producer, None
        if producer is not None:
            self._broken = self._broken or DeliveryError("closed", kind="closed", where=self._name)
            producer.purge(blocking=False)

    def _poll(self, timeout_s: float) -> None:
        if self._broken is not None:
            raise self._broken
        try:
            self._producer.poll(timeout_s)
        except (KafkaException, SystemError) as error:
            raise self._end(kafka_error(error), "cannot write") from error
        if self._failed is not None:
            raise self._end(self._failed, "a record was not acknowledged")

    def _produce(
        self, topic: str, partition: int, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]] | None,
        report: Any,
    ) -> None:  # fmt: skip
        deadline = None
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=report, headers=headers)
                return
            except BufferError as full:
                now = monotonic_s()
                deadline = now + APPEND_S_MAX if deadline is None else deadline
                if now >= deadline:
                    away = broker_away(self._bootstrap, APPEND_S_MAX, None, f"{self._name} found no room in its queue")
                    self._broken = DeliveryError(
                        away.message, kind="away", got=away.got, where=away.where, fix=away.fix
                    )
                    raise self._broken from full
                self._poll(WAIT_S)
            except KafkaException as error:
                raise self._end(kafka_error(error), f"cannot append to {topic}[{partition}]") from error

    def _undelivered(self, error: KafkaError) -> None:
        """Called by delivery reports, within poll: only the first failure is the cause, the others follow from it."""
        if self._failed is None:
            self._failed = error

    def _end(self, error: KafkaError, doing: str) -> BrokerError:
        """Remember the failure for good and return it as an error of ours."""
        if error.code() == KafkaError._FATAL:
            error = self._fatal(error)
        if error.code() in FENCED:
            self._broken = Fenced(
                f"another process took this transactional id over, or Kafka ended a transaction of over "
                f"{TRANSACTION_MS_MAX // 1000} s",
                kind="taken_over",
                got=described(error),
                where=self._name,
                fix="end this task: its successor goes on from the last commit",
            )
        elif error.code() in (KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT):
            away = broker_away(self._bootstrap, APPEND_S_MAX, error, f"{self._name}: {doing}")
            self._broken = DeliveryError(away.message, kind="away", got=away.got, where=away.where, fix=away.fix)
        else:
            self._broken = DeliveryError(
                doing,
                kind="unacknowledged",
                got=described(error),
                where=self._name,
                fix="recover from what the log holds",
            )
        return self._broken

    def _fatal(self, error: KafkaError) -> KafkaError:
        """The reason behind "fatal error", which only a transactional call tells."""
        return error


class KafkaWriter(_Sender):
    """Implements ``streams.log.Writer``."""

    def __init__(self, bootstrap: str, transactional_id: str) -> None:
        super().__init__(
            f"writer {transactional_id}",
            bootstrap,
            {
                "transactional.id": transactional_id,
                "transaction.timeout.ms": TRANSACTION_MS_MAX,
            },
        )
        self._offsets: dict[Place, int] = {}
        self._reports: dict[Place, Callable[[KafkaError | None, Any], None]] = {}
        deadline = monotonic_s() + TAKEOVER_S_MAX
        try:
            self._until(deadline, self._producer.init_transactions, "cannot take the transactional id over")
        except BrokerError:
            self.close()
            raise

    def begin(self) -> None:
        """Open a transaction; the broker hears of it with the first record.

        Raises:
            Fenced: Another process took the id over.
            DeliveryError: This writer has failed before.
        """
        self._poll(0)
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            raise self._end(kafka_error(error), "cannot begin a transaction") from error

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes, header: bytes,
        extra: Sequence[tuple[str, bytes]] = (),
    ) -> None:  # fmt: skip
        """Append to the open transaction, without waiting while the queue has room.

        Raises:
            Fenced: Another process took the id over.
            DeliveryError: A record failed, or the queue stayed full for ``APPEND_S_MAX``.
        """
        report = self._reports.get((topic, partition))
        if report is None:
            report = self._reports[(topic, partition)] = partial(self._report, (topic, partition))
        self._poll(0)
        self._produce(topic, partition, key, value, [(HEADER_KEY, header), *extra], report)

    def delivered(self, topic: str, partition: int) -> int:
        """Highest acknowledged offset of this writer's records there, by the reports served so far; -1 when none."""
        return self._offsets.get((topic, partition), -1)

    def commit(self) -> None:
        """Commit, having waited for every record of the transaction.

        Raises:
            Fenced: Another process took the id over.
            DeliveryError: A record failed, or the outcome is unknown after ``COMMIT_S_MAX``.
        """
        self._poll(0)
        self._until(monotonic_s() + COMMIT_S_MAX, self._producer.commit_transaction, "the commit failed")

    def _until(self, deadline: float, call: Any, doing: str) -> None:
        """Call with the time that is left, again while Kafka says that the same call may be repeated."""
        while True:
            try:
                call(max(deadline - monotonic_s(), 0.0))
                return
            except (KafkaException, SystemError) as error:
                reason = kafka_error(error)
                if reason.fatal() or not reason.retriable() or monotonic_s() >= deadline:
                    raise self._end(self._failed or reason, doing) from error

    def _report(self, place: Place, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._undelivered(error)
        else:
            self._offsets[place] = message.offset()

    def _fatal(self, error: KafkaError) -> KafkaError:
        try:
            self._producer.begin_transaction()
        except KafkaException as told:
            return kafka_error(told)
        return error


class KafkaAppender(_Sender):
    """Implements ``streams.log.Appender``. The queue's policy: block up to ``APPEND_S_MAX``, then fail for good."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__("appender", bootstrap, {})
        self._poll_at_s = 0.0
        self._acknowledged: Acknowledged | None = None
        self._reported: Any = self._reporter(None)

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes, header: bytes | None,
        acknowledged: Acknowledged | None = None, extra: Sequence[tuple[str, bytes]] = (),
    ) -> None:  # fmt: skip
        """Hand a record over; it leaves at once.

        Raises:
            DeliveryError: A former record failed for good, or the queue stayed full for ``APPEND_S_MAX``.
        """
        now = monotonic_s()
        if now >= self._poll_at_s or self._broken is not None:
            self._poll_at_s = now + POLL_EVERY_S
            self._poll(0)
        headers = [*extra] if header is None else [(HEADER_KEY, header), *extra]
        if acknowledged is not self._acknowledged:  # the same is told as a rule
            self._acknowledged, self._reported = acknowledged, self._reporter(acknowledged)
        try:
            self._producer.produce(topic, value, key, partition, on_delivery=self._reported, headers=headers or None)
        except (BufferError, KafkaException):  # no room, as a rule: wait for it
            self._produce(topic, partition, key, value, headers or None, self._reported)

    def flush(self, timeout_s: float) -> int:
        """Wait until everything is acknowledged, at most ``timeout_s``; returns how many records are not.

        Raises:
            DeliveryError: A record failed for good.
        """
        self._poll(0)
        deadline = monotonic_s() + timeout_s
        while (left := len(self._producer)) and monotonic_s() < deadline:
            self._poll(WAIT_S)
        return left

    def _reporter(self, acknowledged: Acknowledged | None) -> Callable[[KafkaError | None, Any], None]:
        def report(error: KafkaError | None, message: Any) -> None:
            if error is not None:
                self._undelivered(error)
            elif acknowledged is not None:
                acknowledged(message.partition(), message.offset())

        return report
