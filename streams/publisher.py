"""Publishing a source: payloads exactly as received into ``raw.<source>``, numbered without a gap.

A publisher cannot regenerate what it sent, so it never resends: after any ambiguity it stops, and a new one reads back
the last durable number and goes on from there. What has arrived leaves at once; nothing waits for a batch to fill.

**One publisher a source.** Each payload names the publisher's session. A publisher whose acknowledged offsets do not
follow each other looks at what lies between: where that is another session of its source, the one that was opened
later goes on, and the other ends by ``Fenced``. What both have numbered alike normalise refuses into ``dlq``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import numpy as np

from schemas.catalog import END, RAW
from schemas.codec import encode
from schemas.control import End
from schemas.errors import BadPayload, BrokerError, ConfigError, DeliveryError
from schemas.header import Header, pack, payload_packer
from schemas.partitions import partition_of
from schemas.sources import is_source_name
from schemas.topics import topic_name
from streams.bootstrap import open_log
from streams.clock import wall_ns
from streams.log import Log, TopicSpec
from streams.neighbours import Neighbours
from streams.read_back import last_header

PAYLOAD_BYTES_MAX = 8 * 1024 * 1024
"""Largest payload: half of the largest record."""

FLUSH_S_MAX = 30.0
"""How long ``flush``, ``end`` and ``close`` wait for acknowledgements."""

PartitionOf = Callable[[bytes, int], int]
"""Partition of a key, given the number of partitions."""

by_key: PartitionOf = partition_of
"""By crc32 of the key: librdkafka's ``consistent`` partitioner, and Tapedeck's own rule."""


class Publisher:
    """Numbers and sends the payloads of one source. Not thread-safe; one publisher per source.

    The queue is bounded, and its policy is to wait: ``publish`` blocks while it is full, for up to
    ``streams.kafka_writer.APPEND_S_MAX``, then raises ``DeliveryError`` ("broker away"). From then on this publisher
    is over.

    Args:
        where: A log, a bootstrap address, or None for the configured cluster.
        source: Name of the source: the topic is ``raw.<source>``, created where it is not there.
        namespace: Topic prefix of a run, with its dot at the end; none for live.
        partitions: Partitions of the topic, should it have to be created.
        partition_of: Which partition a key belongs to.
        recorded: Numbers stand for messages of a recording: a second publisher of it repeats, and is dropped as that.
        on_ack: Called with each number when its record is durable, in order: for a ledger outside of the pipeline.

    Raises:
        ConfigError: The source's name is no topic name.
        BrokerError: No broker answers.
        SnapshotError: Numbers cannot be read back, as the records that bore them are gone.
    """

    def __init__(
        self, where: Log | str | None, source: str, *, namespace: str = "", partitions: int = 1,
        partition_of: PartitionOf = by_key, on_ack: Callable[[int], None] | None = None,
        recorded: bool = False,
    ) -> None:  # fmt: skip
        if not is_source_name(source):
            raise ConfigError(
                "not a source name",
                kind="source_name",
                got=source,
                allowed="ASCII letters, digits, - and _, 64 at most",
            )
        self.source = source
        self.topic = topic_name(namespace, "raw.<source>", source)
        self._partition_of = partition_of
        self._on_ack = on_ack
        self._broken: BrokerError | None = None
        self._log, self._owned = open_log(where)
        try:
            self._log.create([TopicSpec(self.topic, partitions)])
            found = [_read_back(self._log, self.topic, p, source) for p in range(self._log.partitions(self.topic))]
        except BaseException:
            self._release()
            raise
        self.ended = any(last for _, last in found)
        self._next = [number for number, _ in found]
        self._durable = list(self._next)
        self._session = 0 if recorded else wall_ns()
        self._neighbours = Neighbours(self._log, self.topic, source, self._session)
        self._alone = len(found) == 1 and partition_of is by_key
        self._last = [-1] * len(found)
        self._packed = payload_packer(RAW.number, RAW.version, source, self._session)
        self._report = self._acknowledged  # one object: whoever is told by it can tell that it is the same
        self._appender = self._log.appender()

    @property
    def next_seq(self) -> int:
        """Number of the next payload: how many are in the log, and where a restarted feed of one partition resumes.

        Raises:
            ConfigError: The topic has several partitions: each counts for itself, see :attr:`next_seqs`.
        """
        if len(self._next) != 1:
            raise ConfigError(
                f"{self.topic} has {len(self._next)} partitions", kind="several_partitions", fix="resume by next_seqs"
            )
        return self._next[0]

    @property
    def next_seqs(self) -> tuple[int, ...]:
        """Number of the next payload of each partition."""
        return tuple(self._next)

    @property
    def queued(self) -> int:
        """Payloads handed over and not acknowledged."""
        return sum(self._next) - sum(self._durable)

    @property
    def errors(self) -> int:
        """Errors that the Kafka client told of."""
        return int(getattr(self._appender, "errors", 0))

    @property
    def durable(self) -> tuple[int, ...]:
        """How many payloads of each partition are acknowledged, those of former publishers included."""
        return tuple(self._durable)

    def publish(self, payload: bytes, key: bytes | str, ts_recv: int, scheduled: int | None = None) -> int:
        """Send one payload; returns its ``source_seq``.

        Args:
            payload: Exactly as received.
            key: ``market:symbol``; records of one key stay in order.
            ts_recv: When it was captured, ns UTC.
            scheduled: When it should have been published, wall ns: what latency is measured from. None: now.

        Raises:
            BadPayload: Too large; nothing was sent and the next may be.
            DeliveryError: The broker is away, or a former record's fate is unknown: a new publisher must read back.
            Fenced: A publisher that was opened later writes under the same source name.
            ConfigError: The run has ended.
        """
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise BadPayload(
                "a payload is too large", kind="too_large", got=f"{len(payload)} bytes", allowed=f"{PAYLOAD_BYTES_MAX}"
            )
        key = key.encode() if isinstance(key, str) else key
        partition = 0 if self._alone else self._partition_of(key, len(self._next))
        if self._broken is not None or self.ended or self._neighbours.seen:
            self._check_open()
        seq = self._next[partition]
        header = self._packed(seq, ts_recv, wall_ns() if scheduled is None else scheduled)
        try:  # as _append does, without a further call: this is what a payload costs
            self._appender.append(self.topic, partition, key, payload, header, self._report)
        except BrokerError as error:
            self._broken = error
            raise
        self._next[partition] = seq + 1
        return seq

    def end(self, run: str, ts: int, inputs: int) -> None:
        """Close the source's part of a run: an end record in every partition, and everything acknowledged.

        Args:
            run: Run id.
            ts: Log time of the last payload, ns.
            inputs: Payloads published in this run.

        Raises:
            DeliveryError: Not everything was acknowledged within ``FLUSH_S_MAX``.
            ConfigError: The run has ended before.
        """
        value = encode(End(run=run, ts=ts, inputs=inputs))
        for partition in range(len(self._next)):
            self._check_open()
            born = np.array([[wall_ns()]], dtype=np.int64)
            header = Header(
                schema=END.number, version=END.version, seq=self._next[partition], time=ts, writer=self.source,
                stamps=born, cause=self._session,
            )  # fmt: skip
            self._append(partition, b"", value, pack(header))
        self.ended = True
        self.flush()

    def flush(self, timeout_s: float = FLUSH_S_MAX) -> None:
        """Wait until everything is acknowledged. ``flush(0)`` serves acknowledgements and waits for none.

        Raises:
            DeliveryError: Something failed, or is not acknowledged after ``timeout_s`` > 0.
        """
        if self._broken is not None:
            raise self._broken
        try:
            left = self._appender.flush(timeout_s)
        except BrokerError as error:
            self._broken = error
            raise
        if left and timeout_s > 0:
            self._broken = DeliveryError(
                f"{left} payloads are not acknowledged after {timeout_s:g} s",
                kind="unacknowledged",
                where=self.topic,
                fix="open a new publisher: it reads back what is durable",
            )
            raise self._broken

    def close(self) -> None:
        """Flush, unless this publisher has failed before, and release.

        Raises:
            DeliveryError: As ``flush``; everything is released nevertheless.
        """
        try:
            if self._broken is None:
                self.flush()
        finally:
            self._broken = self._broken or DeliveryError("closed", kind="closed", where=self.topic)
            self._appender.close()
            self._release()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, partition: int, key: bytes, value: bytes, header: bytes) -> None:
        try:
            self._appender.append(self.topic, partition, key, value, header, self._report)
        except BrokerError as error:
            self._broken = error
            raise
        self._next[partition] += 1

    def _check_open(self) -> None:
        """Refuse what may not be sent, and look at records of others among one's own."""
        if self._broken is not None:
            raise self._broken
        if self.ended:
            raise ConfigError(
                "the run has ended: nothing may follow its end record", kind="run_ended", where=self.topic
            )
        if self._neighbours.seen:
            try:
                self._neighbours.look()
            except BrokerError as error:
                self._broken = error
                raise

    def _acknowledged(self, partition: int, offset: int) -> None:
        last, self._last[partition] = self._last[partition], offset
        if offset != last + 1 and last >= 0:
            self._neighbours.between(partition, last + 1, offset)
        # Records of a partition are acknowledged in the order in which they were sent.
        seq = self._durable[partition]
        self._durable[partition] = seq + 1
        if self._on_ack is not None:
            self._on_ack(seq)

    def _release(self) -> None:
        if self._owned:
            self._log.close()


def _read_back(log: Log, topic: str, partition: int, source: str) -> tuple[int, bool]:
    """The number after a source's last durable one, and whether that was an end record."""
    last = last_header(log, topic, partition, source, frozenset((RAW.number, END.number)))
    return (0, False) if last is None else (last.seq + 1, last.schema == END.number)
