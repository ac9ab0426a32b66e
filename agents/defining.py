"""Definitions of instruments written to the live topics: each once, whoever comes first."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.catalog import DEFINITION
from schemas.codec import encode
from schemas.definition import Definition
from schemas.errors import Fenced
from schemas.header import Header, no_stamps, pack
from streams.clock import wall_ns
from streams.log import Log
from streams.people import PEOPLE
from streams.read_back import last_header

DEFINITIONS = "definitions"
ATTEMPTS_MAX = 20
"""Times that definitions are tried to be written while others who open the run keep overtaking."""


def undefined(log: Log, definitions: Sequence[Definition]) -> list[Definition]:
    """Those definitions that are not there as they are."""
    known = {record.value for record in log.scan(DEFINITIONS, 0, 0, committed=True)}
    return [definition for definition in definitions if encode(definition) not in known]


def define(log: Log, definitions: Sequence[Definition], ts_known: int | None = None) -> None:
    """Append the definitions that are not there as they are.

    Args:
        log: Where.
        definitions: Instruments.
        ts_known: When they became known, ns UTC, as the record's time; None: now.

    Raises:
        BrokerError: They cannot be written.
    """
    time = wall_ns() if ts_known is None else ts_known
    for attempt in range(ATTEMPTS_MAX):
        missing = undefined(log, definitions)
        if not missing:
            return
        writer = log.writer("definitions")
        try:
            last = last_header(log, DEFINITIONS, 0, PEOPLE)
            seq = 0 if last is None else last.seq + 1
            writer.begin()
            for n, definition in enumerate(missing):
                writer.append(
                    DEFINITIONS, 0, definition.instrument.encode(), encode(definition), _header(seq + n, time)
                )
            writer.commit()
            return
        except Fenced:
            if attempt == ATTEMPTS_MAX - 1:
                raise
        finally:
            writer.close()


def _header(seq: int, time: int) -> bytes:
    return pack(
        Header(
            schema=DEFINITION.number, version=DEFINITION.version, seq=seq, time=time, writer=PEOPLE, stamps=no_stamps()
        )
    )  # fmt: skip
