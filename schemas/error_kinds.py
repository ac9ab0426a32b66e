"""Every kind of error: its code, what it means, what to do. ``docs/errors.md`` is made of this table.

A kind's code is its class's, a dot, and a word: ``bad_payload.zero_price``. Codes are stable: dead letters and logs
carry them, and programs go by them. To add one, give its place ``kind="word"``, put the word into the table of its
class, and show in ``tests/kinds`` how it comes about.

>>> KINDS["bad_payload.zero_price"].meaning
'A price is zero.'
>>> kind_of("bad_payload.of_a_plugin").code
'bad_payload'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas import (
    errors,
    kinds_of_execution,
    kinds_of_input,
    kinds_of_log,
    kinds_of_pins,
    kinds_of_replay,
    kinds_of_use,
)


@dataclass(frozen=True, slots=True)
class Group:
    """Kinds that end in the same way.

    Attributes:
        code: Their class's.
        title: What they have in common.
        end: What happens then: an exit code, or a dead letter.
    """

    code: str
    title: str
    end: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind.

    Attributes:
        code: As dead letters and logs carry it.
        meaning: What is wrong, in a sentence.
        do: What the reader should do.
        group: How it ends.
    """

    code: str
    meaning: str
    do: str
    group: Group


def _group(error: type[errors.TapedeckError], title: str) -> Group:
    letter = issubclass(error, errors.BadInput)
    return Group(error.code, title, "a dead letter; the run goes on" if letter else f"exit {error.exit_code}")


_TABLES: tuple[tuple[Group, Mapping[str, tuple[str, str]]], ...] = (
    (_group(errors.BadFrame, "Records that cannot be read"), kinds_of_input.BAD_FRAME),
    (_group(errors.BadPayload, "Payloads and rows whose content is impossible"), kinds_of_input.BAD_PAYLOAD),
    (_group(errors.UnknownInstrument, "Instruments without a definition"), kinds_of_input.UNKNOWN_INSTRUMENT),
    (_group(errors.BadExecution, "Reports of execution systems"), kinds_of_execution.BAD_EXECUTION),
    (_group(errors.BadInput, "Other input that cannot be used"), kinds_of_input.BAD_INPUT),
    (
        _group(errors.ConfigError, "Flags, files and variables"),
        {**kinds_of_use.CONFIG, **kinds_of_replay.REPLAY, **kinds_of_pins.PINS},
    ),
    (_group(errors.BrokerError, "Kafka cannot be reached, started or trusted"), kinds_of_log.BROKER),
    (_group(errors.DeliveryError, "Records that were not acknowledged"), kinds_of_log.DELIVERY),
    (_group(errors.Fenced, "Tasks that were taken over"), kinds_of_log.FENCED),
    (
        _group(errors.StateDiverged, "Broken promises: recovery and the log differ"),
        {**kinds_of_log.STATE_DIVERGED, **kinds_of_pins.DIVERGED},
    ),
    (_group(errors.SnapshotError, "Snapshots and positions"), kinds_of_log.SNAPSHOT),
    (_group(errors.ArchiveError, "The archive"), kinds_of_replay.ARCHIVE),
    (_group(errors.TaskFailed, "Tasks that could not be kept alive"), kinds_of_log.TASK_FAILED),
    (Group("usage", "The command line", "exit 2"), kinds_of_use.USAGE),
    (Group("fault", "Files that are used as far as they go", "exit 1"), kinds_of_use.FAULT),
    (Group("unsound", "Runs that are not sound", "exit 1"), kinds_of_use.UNSOUND),
    (Group("crash", "Faults of Tapedeck itself", "exit 70"), kinds_of_use.CRASH),
    (Group("interrupted", "Interrupts", "exit 130"), kinds_of_use.INTERRUPTED),
)

GROUPS: tuple[Group, ...] = tuple(group for group, _ in _TABLES)
"""All groups, in the order of the page."""

KINDS: dict[str, Kind] = {
    code: Kind(code, meaning, do, group)
    for group, table in _TABLES
    for word, (meaning, do) in table.items()
    for code in (f"{group.code}.{word}" if word else group.code,)
}
"""All kinds by code, in the order of the page."""


def kind_of(code: str) -> Kind:
    """The kind that a code names; of a word that is in no table, as an extension of yours may use, its class's."""
    known = KINDS.get(code) or KINDS.get(code.partition(".")[0])
    return known or KINDS[errors.BadInput.code]
