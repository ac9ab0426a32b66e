"""Every error Tapedeck raises on purpose, as one tree.

::

    TapedeckError                 what was got, what is allowed, where, what to do
    ├── ConfigError               a file, flag or environment variable is wrong: nothing was started      exit 2
    ├── BadInput                  one record cannot be used: it goes to the dead-letter topic, the run goes on
    │   ├── BadFrame              the bytes are no frame of a known schema (truncated, unknown version)
    │   ├── BadPayload            a venue's message is not what its shape says (NaN, negative, garbage)
    │   ├── UnknownInstrument     no definition for the instrument named
    │   └── BadExecution          a report of an execution system that no order of ours can have
    ├── BrokerError               Kafka cannot be reached, started or trusted                            exit 3
    │   ├── DeliveryError         a record was not acknowledged within its bound
    │   └── Fenced                another process took this task over: this one must end
    ├── StateDiverged             recovery regenerated other bytes than the log holds: a broken promise  exit 4
    ├── SnapshotError             a snapshot is torn, foreign, or its inputs are gone                     exit 4
    ├── ArchiveError              the archive is not what was written, or cannot be written              exit 4
    └── TaskFailed                a task died more often than its supervisor allows                      exit 5

A refused tick or order is an event with a reason; a broken promise is a crash.

Each place that raises one names its *kind* (``bad_payload.zero_price``). ``schemas/error_kinds.py`` says of every kind
what it means and what to do; ``docs/errors.md`` is made from that table by ``python -m schemas.errors``.
"""

from __future__ import annotations


class TapedeckError(Exception):
    """Base of the tree; renders as one line.

    Args:
        message: What is wrong.
        got: The offending value, shortened.
        allowed: What would have been accepted.
        where: Topic, partition and offset, or file and line, or flag.
        fix: What the reader should do.
        kind: Which kind of this class it is, without the class's code; empty for one that has no line of its own.
    """

    exit_code = 1
    code = "error"
    got_is_content = False
    """Whether ``got`` may be part of a record: then it is in the dead letter, and nowhere else."""

    def __init__(
        self, message: str, *, got: str = "", allowed: str = "", where: str = "", fix: str = "", kind: str = ""
    ) -> None:
        super().__init__(message, got, allowed, where, fix)
        self.kind = f"{self.code}.{kind}" if kind else self.code
        self.message = message
        self.got = got
        self.allowed = allowed
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        return self._line(with_got=True)

    @property
    def told(self) -> str:
        """The line for standard error and logs: as ``str``, without anything that a record held."""
        return self._line(with_got=not self.got_is_content)

    def _line(self, *, with_got: bool) -> str:
        parts = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.got and with_got:
            parts.append(f"got {_short(self.got)}")
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.fix:
            parts.append(self.fix)
        return one_line("; ".join(parts))


class ConfigError(TapedeckError):
    """A file, flag or environment variable is wrong; raised before anything starts."""

    exit_code = 2
    code = "config"


class BadInput(TapedeckError):
    """One record that cannot be used. The runner turns it into a dead letter."""

    code = "bad_input"
    got_is_content = True


class BadFrame(BadInput):
    """Bytes that are no frame, header or document of a known schema and version."""

    code = "bad_frame"


class BadPayload(BadInput):
    """A venue message whose content is impossible: NaN, infinite, negative, absurd, or not the shape it claims."""

    code = "bad_payload"


class UnknownInstrument(BadInput):
    """A message names an instrument that has no definition."""

    code = "unknown_instrument"


class BadExecution(BadInput):
    """A report of an execution system that cannot be used."""

    code = "bad_execution"


class BrokerError(TapedeckError):
    """Kafka cannot be reached, started or trusted."""

    exit_code = 3
    code = "broker"


class DeliveryError(BrokerError):
    """A record was not acknowledged within its bound."""

    code = "delivery"


class Fenced(BrokerError):
    """Another process has taken this task's transactional id: this one may write no more."""

    code = "fenced"


class StateDiverged(TapedeckError):
    """Recovery regenerated something else than the log holds: determinism is broken."""

    exit_code = 4
    code = "state_diverged"


class SnapshotError(TapedeckError):
    """A snapshot is torn or foreign, or the inputs that follow it are gone."""

    exit_code = 4
    code = "snapshot"


class ArchiveError(TapedeckError):
    """The archive is not what was written, has not what is asked for, or cannot be written. Never partly used."""

    exit_code = 4
    code = "archive"


class TaskFailed(TapedeckError):
    """A task died more often than its supervisor allows, or before it could start."""

    exit_code = 5
    code = "task_failed"


def one_line(text: str) -> str:
    r"""Text that stays one line and moves no cursor, whatever was put into it: line ends as spaces, controls escaped.

    >>> one_line("a\nb\x1b[2J")
    'a b\\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c in "\n\r\t" else repr(c)[1:-1] for c in text)


TEXT_CHARS_MAX = 160
"""Longest excerpt of an offending value shown in a message."""


def _short(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX else text[:TEXT_CHARS_MAX] + f"… ({len(text)} characters)"


if __name__ == "__main__":
    from schemas.error_page import page

    print(page(), end="")
