"""A log that can be written to within one namespace only: what a replay or a shadow is given, whatever it tries.

The one place through which a run of its own reaches the log. Reading is free. A topic or a transactional id outside of
the namespace is refused before anything is sent, so no mistake further up can put an order on a live topic, or take a
live task's place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from schemas.errors import ConfigError
from streams.log import Acknowledged, Appender, Log, Place, Reader, Record, TopicSpec, Writer


class GuardedLog:
    """A log guarded by a namespace; implements ``streams.log.Log``.

    Args:
        log: The log.
        namespace: Prefix, with its dot at the end, of all that may be written.
    """

    def __init__(self, log: Log, namespace: str) -> None:
        if not namespace.endswith("."):
            raise _outside("", namespace)
        self.namespace = namespace
        self._log = log

    def check(self, name: str) -> None:
        """Refuse a topic or a transactional id outside of the namespace.

        Raises:
            ConfigError: It lies outside.
        """
        if not name.startswith(self.namespace):
            raise _outside(name, self.namespace)

    def create(self, topics: Sequence[TopicSpec]) -> None:
        """Create topics of the namespace."""
        for topic in topics:
            self.check(topic.name)
        self._log.create(topics)

    def names(self, prefix: str = "") -> list[str]:
        """As the log."""
        return self._log.names(prefix)

    def partitions(self, topic: str) -> int:
        """As the log."""
        return self._log.partitions(topic)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """As the log."""
        return self._log.bounds(topic, partition)

    def scan(self, topic: str, partition: int, start: int, *, committed: bool) -> Iterator[Record]:
        """As the log."""
        return self._log.scan(topic, partition, start, committed=committed)

    def reader(self, start: Mapping[Place, int], *, committed: bool = False) -> Reader:
        """As the log."""
        return self._log.reader(start, committed=committed)

    def writer(self, transactional_id: str) -> Writer:
        """A writer whose id and topics are of the namespace."""
        self.check(transactional_id)
        return _GuardedWriter(self._log.writer(transactional_id), self)

    def appender(self) -> Appender:
        """A producer whose topics are of the namespace."""
        return _GuardedAppender(self._log.appender(), self)

    def close(self) -> None:
        """Release the log."""
        self._log.close()


class _GuardedWriter:
    def __init__(self, writer: Writer, guard: GuardedLog) -> None:
        self._writer, self._guard = writer, guard
        self.begin, self.serve, self.delivered = writer.begin, writer.serve, writer.delivered
        self.commit, self.close = writer.commit, writer.close

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes, header: bytes,
        extra: Sequence[tuple[str, bytes]] = (),
    ) -> None:  # fmt: skip
        """Append, if the topic is of the namespace."""
        self._guard.check(topic)
        self._writer.append(topic, partition, key, value, header, extra)


class _GuardedAppender:
    def __init__(self, appender: Appender, guard: GuardedLog) -> None:
        self._appender, self._guard = appender, guard
        self.flush, self.close = appender.flush, appender.close

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes, header: bytes | None,
        acknowledged: Acknowledged | None = None, extra: Sequence[tuple[str, bytes]] = (),
    ) -> None:  # fmt: skip
        """Append, if the topic is of the namespace."""
        self._guard.check(topic)
        self._appender.append(topic, partition, key, value, header, acknowledged, extra)


def _outside(name: str, namespace: str) -> ConfigError:
    return ConfigError(
        "a run of its own may not write there", kind="outside_namespace", got=name or "no namespace",
        allowed=f"names that begin with {namespace or 'the namespace of the run'}",
        fix="this is a fault of Tapedeck: nothing was written; please report it",
    )  # fmt: skip
