"""The embedded server's settings, each with its reason, and how a ``.properties`` file spells them.

The same settings stand in ``docker-compose.yml``. Defaults of Kafka are not repeated unless a promise rests on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

LOOPBACK = "127.0.0.1"
NODE_ID = 1

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
SEGMENT_BYTES = 256 * 1024 * 1024
INDEX_BYTES_MAX = 1024 * 1024
CLEANER_BYTES = 8 * 1024 * 1024
SERVER_LOG_BYTES_MAX = 8 * 1024 * 1024
SERVER_LOGS_MAX = 3
"""Server logs kept: the running broker's and those of earlier starts."""

_INT64_MAX = 2**63 - 1
_YEAR_MINUTES = 365 * 24 * 60
_WEEK_MS = 7 * 24 * 3600 * 1000

_FIXED: tuple[tuple[str, str, str], ...] = (
    ("process.roles", "broker,controller", "KRaft, both roles in one process: nothing else to start"),
    ("node.id", str(NODE_ID), "the only node"),
    ("controller.listener.names", "CONTROLLER", "KRaft wants the controller's listener named"),
    ("inter.broker.listener.name", "PLAINTEXT", "transaction markers travel on the clients' listener"),
    # One replica: Kafka's defaults of 3 would leave the internal topics uncreated, and so every transaction waiting.
    ("offsets.topic.replication.factor", "1", "one broker, one replica"),
    ("transaction.state.log.replication.factor", "1", "one broker, one replica"),
    ("transaction.state.log.min.isr", "1", "one replica is all there is"),
    ("share.coordinator.state.topic.replication.factor", "1", "one broker, one replica"),
    ("share.coordinator.state.topic.min.isr", "1", "one replica is all there is"),
    ("offsets.topic.num.partitions", "4", "50 by default: first use of a group would create and load them all"),
    ("transaction.state.log.num.partitions", "4", "50 by default: first transaction would create and load them all"),
    # Exactly once.
    ("transaction.partition.verification.enable", "true", "a late write of a dead task must not hang a transaction"),
    ("transaction.max.timeout.ms", "900000", "the longest transaction a task may ask for"),
    ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000", "a dead task's open transaction is ended "
     "within a second of its timeout: read_committed readers wait for it"),
    ("producer.id.expiration.ms", str(_WEEK_MS), "a publisher silent over a weekend still has its repeats dropped"),
    ("auto.create.topics.enable", "false", "a misspelt topic is an error, not a new topic"),
    # Groups.
    ("group.initial.rebalance.delay.ms", "0", "a lone consumer need not wait 3 s for others"),
    ("group.min.session.timeout.ms", "1000", "lets a task ask to be found dead within a second (6 s by default)"),
    # A worker that died has its partitions taken over within 10 s; the new protocol's defaults, which clients cannot
    # lower themselves, are 45 s and a heartbeat every 5 s.
    ("group.consumer.min.session.timeout.ms", "5000", "lets the next line stand (45 s by default)"),
    ("group.consumer.session.timeout.ms", "10000", "a dead worker's partitions have others within 10 s"),
    ("group.consumer.min.heartbeat.interval.ms", "1000", "lets the next line stand (5 s by default)"),
    ("group.consumer.heartbeat.interval.ms", "2000", "several heartbeats a session"),
    ("offsets.retention.minutes", str(_YEAR_MINUTES), "a stock reader resumes where it was after a month's pause"),
    # The log.
    ("message.max.bytes", str(MESSAGE_BYTES_MAX), "a snapshot is one record"),
    ("log.retention.ms", "-1", "the log is the data version: nothing goes unless a topic says so"),
    ("log.retention.bytes", "-1", "nor by size"),
    ("log.message.timestamp.after.max.ms", str(_INT64_MAX), "a simulated day may lie in the future"),
    ("log.segment.bytes", str(SEGMENT_BYTES), "small segments: compaction and deletion work on closed ones only"),
    ("log.index.size.max.bytes", str(INDEX_BYTES_MAX), "indexes are preallocated and mapped, 10 MB each by default, "
     "two a partition; 1 MB suffices for a 256 MB segment"),
    ("log.cleaner.enable", "true", "`state` is compacted"),
    ("log.cleaner.dedupe.buffer.size", str(CLEANER_BYTES), "128 MB by default, allocated at start; this holds 300,000 "
     "keys a pass"),
    # Two cores.
    ("num.network.threads", "2", "as many as cores here"),
    ("num.io.threads", "4", "8 by default; a request waits on no disk but the page cache"),
    ("background.threads", "2", "10 by default"),
    # A server killed outright is taken for alive by its own successor until its session ends: measured 11 s to come
    # back with the default of 9 s, 4 to 5 s with 3 s.
    ("broker.session.timeout.ms", "3000", "bounds the restart after a SIGKILL"),
    ("broker.heartbeat.interval.ms", "500", "several heartbeats a session"),
)  # fmt: skip


def settings(port: int, controller_port: int, data_dir: Path | str) -> dict[str, str]:
    """The server's settings; :func:`reasons` tells why each.

    Args:
        port: Where clients connect, on the loopback interface only.
        controller_port: Where the server's two halves meet, on the loopback interface only.
        data_dir: Where the log segments lie.
    """
    located = {
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "controller.quorum.voters": f"{NODE_ID}@{LOOPBACK}:{controller_port}",
        "log.dirs": str(data_dir),
    }
    return located | {name: value for name, value, _ in _FIXED}


def reasons() -> dict[str, str]:
    """Why each setting is as it is, by its name."""
    located = {
        "listeners": "loopback only: no other machine reaches an unauthenticated broker",
        "advertised.listeners": "what clients are told to connect to",
        "controller.quorum.voters": "a quorum of one; static, so that the port may change between starts",
        "log.dirs": "the tape itself",
    }
    return located | {name: why for name, _, why in _FIXED}


def logging_settings(log_pattern: Path | str) -> dict[str, str]:
    """How ``java.util.logging`` writes the server's log: one line a message, bounded, begun anew at each start.

    Args:
        log_pattern: The log's path; ``%g`` in its name stands for the generation, 0 the newest.
    """
    folder, name = str(Path(log_pattern).parent), Path(log_pattern).name
    handler = "java.util.logging.FileHandler"
    return {
        "handlers": handler,
        ".level": "INFO",
        # At INFO these print every setting, every partition and every metadata record at each start.
        "org.apache.kafka.common.config.level": "WARNING",
        "org.apache.kafka.controller.level": "WARNING",
        "org.apache.kafka.storage.internals.log.level": "WARNING",
        f"{handler}.pattern": f"{folder.replace('%', '%%')}/{name}",
        f"{handler}.limit": str(SERVER_LOG_BYTES_MAX),
        f"{handler}.count": str(SERVER_LOGS_MAX),
        f"{handler}.append": "false",
        f"{handler}.encoding": "UTF-8",
        f"{handler}.formatter": "java.util.logging.SimpleFormatter",
        "java.util.logging.SimpleFormatter.format": "%1$tFT%1$tT.%1$tL %4$s %3$s: %5$s%6$s%n",
    }


def properties(pairs: Mapping[str, str], why: Mapping[str, str] | None = None) -> str:
    r"""A Java ``.properties`` file, which is Latin-1: everything else is written as ``\uXXXX``.

    >>> properties({"log.dirs": "/home/jürgen/a b"}, {"log.dirs": "the tape itself"})
    '# the tape itself\nlog.dirs=/home/j\\u00fcrgen/a b\n'
    """
    lines = []
    for name, value in pairs.items():
        if why and name in why:
            lines.append(f"# {why[name]}")
        lines.append(f"{_escaped(name)}={_escaped(value)}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    units = text.replace("\\", "\\\\").encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(code) if 0x20 <= code < 0x7F else f"\\u{code:04x}" for code in codes)
