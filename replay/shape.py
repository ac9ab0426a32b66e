"""A run, or a part of one, as whoever compares it reads it: its topics, who writes them, and from where to where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agents.context import Context, context_of
from agents.topology import writers
from replay.watched import Watched, watched
from schemas.control import RunOpened
from streams.admission import Writers
from streams.log import Log

NO_END = 1 << 63
Ranges = Mapping[tuple[str, int], tuple[int, int]]
"""First offset, and the offset after the last, by table name and partition."""


@dataclass(frozen=True)
class Shape:
    """What is read of a run.

    Attributes:
        watched: The run.
        ranges: Of those partitions that are read in part; all others are read whole.
        times: First and last log time of what is read, ns.
        folder: Where the paths of the desk's own code begin.
    """

    watched: Watched
    ranges: Ranges = field(default_factory=dict)
    times: tuple[int, int] = (0, NO_END)
    folder: Path = field(default_factory=Path)

    @property
    def opened(self) -> RunOpened:
        """The record that opened it."""
        return self.watched.opened

    def topic(self, table_name: str) -> str:
        """Full name of a topic of the table."""
        return self.watched.topic(table_name)

    def context(self, partition: int = 0) -> Context:
        """What its agents are built from."""
        context = context_of(self.opened, self.watched.definitions, self.folder)
        return Context(context.run, context.instruments, context.slots, self.folder, partition)

    def writers(self, table_name: str, partition: int) -> tuple[str, ...]:
        """Who writes a partition of a topic; what others have put there is nobody's."""
        known: Writers = writers(self.watched.tasks, self.watched.source, partition).get(table_name, ())
        return (known,) if isinstance(known, str) else known


def shape_of(log: Log, run: str | None, folder: Path | None = None) -> Shape:
    """A whole run by its id, or ``live``.

    Raises:
        ConfigError: There is no such run; says which there are.
        BrokerError: The log cannot be read.
    """
    return Shape(watched(log, run), folder=folder or Path())
