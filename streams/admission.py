"""What may stand on a partition: whose records, of which schemas, with which numbers and times. Anybody can write one.

What breaks a rule is refused with its place, and moves nothing. Bounds keep a forged number from stopping log time,
from making the rest look like repeats, and from filling memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.catalog import BY_NUMBER, RAW, Schema
from schemas.errors import BadFrame, BadPayload
from schemas.header import HOPS, Header
from schemas.topics import TOPICS

UNNUMBERED_FROM = 1 << 47
"""A stock producer's payload is numbered by its offset, counted from here: never like one that a publisher numbered."""

SEQ_MAX = UNNUMBERED_FROM - 1
"""Highest ``seq`` of a writer: at a million a second, four years of them."""

RETRY = "retry"
"""Writer of what people put back from ``dlq`` into a raw topic (``operations/retries.py``)."""

RETRIED_FROM = 1 << 46
"""Its numbers begin here: they are source_seqs like no publisher's, so that nothing takes a copy for a repeat."""

TS_MAX = 4_102_444_800_000_000_000
"""2100-01-01 UTC, ns. A later ``ts_recv`` is a mistake, and one would stop log time for good."""

JUMP_MAX = 1_000_000
"""Largest step in a publisher's ``seq``: one forged number must not make all that follow look like repeats."""

Writers = str | tuple[str, ...]
"""Who may write: one name, or several that write to one partition."""

WRITERS_MAX = 1_024
"""Writers told apart on one partition. What further ones write is refused."""


def schemas_of(table_name: str) -> tuple[Schema, ...]:
    """What belongs on a topic of the table."""
    return next(topic.schemas for topic in TOPICS if topic.name == table_name)


def check_time(ts_recv: int) -> None:
    """Refuse a receive time that no clock tells.

    Raises:
        BadPayload: Before 1970 or after ``TS_MAX``.
    """
    if not 0 <= ts_recv <= TS_MAX:
        raise BadPayload(
            "an absurd ts_recv", kind="absurd_time", got=f"{ts_recv} ns", allowed=f"0 to {TS_MAX}, the year 2100"
        )


def second_publisher(header: Header, expected: int) -> BadPayload:
    """Why a payload is refused whose number was used before, by a publisher that sends nothing twice."""
    return BadPayload(
        "a second publisher under one source name has used this number", kind="second_publisher",
        got=f"seq {header.seq} of session {header.cause}", allowed=f"{header.writer} at seq {expected} or later",
        fix="end one of the two; then: tapedeck dlq retry --kind bad_payload.second_publisher",
    )  # fmt: skip


PUT_BACK = frozenset({"bad_payload.second_publisher", "bad_frame.schema_future"})
"""Kinds of payloads that are refused for their header alone: they keep their receive time, so as to be put back."""


class Admission:
    """The rules of one partition.

    Args:
        accepts: Schemas that belong there. Documents grow by appended fields with defaults, so that their older
            versions are read as they are; rows are of one version.
        writer: The only one, or ones, whose records count; None: anybody's do.
        gapless: Whether writers are transactional; others' numbers may jump, up to a bound.
        source: Of a raw topic, the writer that is never one too many.
    """

    def __init__(self, accepts: tuple[Schema, ...], writer: Writers | None, *, gapless: bool, source: str) -> None:
        self._known = (writer,) if isinstance(writer, str) else writer
        self._gapless = gapless
        self._source = source
        self._accepts = {
            (s.number, version): s
            for s in accepts
            for version in (range(1, s.version + 1) if s.kind == "document" else (s.version,))
        }

    def schema(self, header: Header) -> Schema | None:
        """The schema that a header names, where it belongs here."""
        return self._accepts.get((header.schema, header.version))

    def check(self, header: Header, seqs: Mapping[str, int]) -> Schema:
        """The schema of a record that belongs here.

        Args:
            header: The record's.
            seqs: Next ``seq`` expected, by writer.

        Raises:
            BadFrame: It does not belong here, or its header claims the impossible.
        """
        schema = self.schema(header)
        if schema is None:
            raise self._foreign(header)
        if schema.kind != "rows" and header.count != 1:
            got = f"count {header.count}"
            raise BadFrame("more than one row in what holds none", kind="count_not_one", got=got, allowed="count 1")
        if header.seq + header.count > SEQ_MAX:
            raise BadFrame("an absurd seq", kind="absurd_seq", got=str(header.seq), allowed=f"below {SEQ_MAX}")
        if header.hops and (len(header.hops) > len(HOPS) or max(header.hops) >= len(HOPS)):
            known = f"numbers of {', '.join(HOPS)}"
            raise BadFrame("unknown hops", kind="unknown_hops", got=str(header.hops), allowed=known)
        retried = self._source != "" and header.writer == RETRY
        if self._source and retried != (header.seq >= RETRIED_FROM):
            allowed = f"from {RETRIED_FROM} for {RETRY}, below for all others"
            raise BadFrame("a seq of another writer's", kind="absurd_seq", got=str(header.seq), allowed=allowed)
        if self._known is not None and header.writer not in self._known and not retried:
            allowed = ", ".join(self._known)
            raise BadFrame("a record by a stranger", kind="stranger", got=header.writer, allowed=allowed)
        if not self._gapless and header.seq > seqs.get(header.writer, header.seq) + JUMP_MAX:
            step = f"a step of at most {JUMP_MAX}"
            raise BadFrame("a seq far beyond the last", kind="seq_jump", got=str(header.seq), allowed=step)
        if header.writer not in seqs and len(seqs) >= WRITERS_MAX and header.writer != self._source:
            most = f"{WRITERS_MAX} of them"
            raise BadFrame(
                "too many writers on one partition", kind="too_many_writers", got=header.writer, allowed=most
            )
        return schema

    def _foreign(self, header: Header) -> BadFrame:
        known = ", ".join(f"{s.number}={s.name}/{version}" for (_, version), s in self._accepts.items())
        named = BY_NUMBER.get(header.schema)
        message, kind = "unknown schema or version", "schema_unknown"
        if named is not None and 1 <= header.version <= named.version:
            message, kind = f"a record of schema {named.name} does not belong on this topic", "schema_misplaced"
        elif named is RAW and header.version > RAW.version and (RAW.number, RAW.version) in self._accepts:
            message, kind = "a payload by a publisher of a newer build", "schema_future"
        return BadFrame(message, kind=kind, got=f"{header.schema}/{header.version}", allowed=known)
