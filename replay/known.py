"""Whether this build knows what it is to play: the code that made a recording, and the schema versions in it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import islice

from replay.header_peek import Peek, peek
from replay.recording import RAW_TOPIC, Recording, time_of
from replay.tape_time import place_before
from schemas.catalog import BY_NUMBER
from schemas.codec import decode_any
from schemas.control import ReleaseCut
from schemas.errors import BadFrame, ConfigError
from schemas.topics import TOPICS, is_spread
from streams.build import build_hash
from streams.log import Record

BUILD_CHARS = 12
"""Of a build's hash, as it is shown to people."""


def check_schema(record: Record, head: Peek) -> None:
    """Hold a record to the schemas of this build.

    Raises:
        ConfigError: It is of another, or of a later version.
    """
    schema = BY_NUMBER.get(head.schema)
    if schema is None or not 1 <= head.version <= schema.version:
        raise ConfigError(
            "a record is of a schema that this build does not know", kind="unknown_schema",
            got=f"{head.schema if schema is None else schema.name}/{head.version}",
            allowed=f"{schema.name}/1 to {schema.version}" if schema else "numbers of schemas/catalog.py",
            where=f"{record.topic}[{record.partition}]@{record.offset}", fix="use the build that wrote it, or a later",
        )  # fmt: skip


def check_outputs(recording: Recording) -> None:
    """Hold what was made where a recording begins to the schemas of this build.

    Raises:
        ConfigError: Something is of another schema, or of a later version.
    """
    log = recording.log
    for partition, begin in recording.begin.items():
        first = next(islice(recording.scan(RAW_TOPIC, partition, begin), 1), None)
        for topic in TOPICS:
            name = recording.topic(topic.name)
            if first is None or topic.kept != "archive" or not (is_spread(topic.name) or partition == 0):
                continue
            if partition < log.partitions(name):
                start = place_before(log, name, partition, time_of(*first), raw=False)
                record = next(iter(log.scan(name, partition, start, committed=True)), None)
                if record is not None and (head := peek(record.header)) is not None:
                    check_schema(record, head)


def check_builds(spans: Sequence[Recording]) -> None:
    """Refuse to ask whether it was so of what other code made: a difference would be nobody's.

    Raises:
        ConfigError: A span was made by another build; says which, and what to check out where a release told it.
    """
    mine = build_hash()
    for span in spans:
        if span.opening.build != mine:
            commit = _commit_of(span)
            raise ConfigError(
                f"{span.opening.run} was recorded by another build of Tapedeck", kind="replay_build",
                got=span.opening.build[:BUILD_CHARS] or "one from before builds were named",
                allowed=f"this build, {mine[:BUILD_CHARS]}", where=span.topic(RAW_TOPIC),
                fix=f"replay with the code that made it{f', commit {commit}' if commit else ''}, or hold this build "
                    "against it: --any-build",
            )  # fmt: skip


def _commit_of(span: Recording) -> str:
    """The commit that a run's code was checked out at, as the release that opened it says; empty where none does."""
    for record, _ in span.scan("control"):
        with suppress(BadFrame):
            said = decode_any(record.value)
            if isinstance(said, ReleaseCut) and said.opening.run == span.opening.run and said.commit:
                return said.commit
    return ""
