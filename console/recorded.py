"""The log that holds what was recorded: Kafka joined with the archive, or the archive alone where no Kafka runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.cluster import running
from console.terminal import complain
from schemas.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.log import Log


def address(context: Any) -> str:
    """Address of the cluster; empty where none is named, the embedded broker does not run, and there is an archive.

    Raises:
        ConfigError: What names the cluster is wrong.
        BrokerError: There is neither.
    """
    try:
        return running(context)
    except BrokerError:
        from replay.archive.chain import HEADS
        from streams.home import archive_dir

        if not (archive_dir() / HEADS).exists():
            raise
        complain(f"no Kafka is named or runs: reading the archive {archive_dir()} alone", event="archive_alone")
        return ""


def open_recorded(bootstrap: str) -> Log:
    """The log at an address, joined with the archive; an empty address: the archive alone.

    Raises:
        BrokerError: No broker answers.
        ArchiveError: The archive is not as it was written.
    """
    from replay.joined_log import connect
    from streams.kafka import connect as kafka

    return connect(kafka(bootstrap) if bootstrap else None)


def recorded(context: Any) -> Log:
    """The log that a command reads.

    Raises:
        ConfigError, BrokerError, ArchiveError: As ``address`` and ``open_recorded``.
    """
    return open_recorded(address(context))


def tell_lost(log: Log, topics: Iterable[str]) -> None:
    """Say on standard error what of some topics neither Kafka nor the archive has any more.

    Raises:
        BrokerError: It cannot be told.
    """
    from replay.tape_time import lost

    for line in (line for topic in topics for line in lost(log, topic)):
        complain(f"{line}, and no archive has them: they are not in what follows", event="removed")
