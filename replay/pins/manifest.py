"""A pin's manifest: the data that its id is the hash of, and beside it what the data is the data of.

Canonical JSON, keys sorted, a file a pin, named by its id. ``data`` alone makes the id. ``selection`` says how the data
was asked for, ``context`` where it lay and what made it: neither renames it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any

import msgspec
import orjson
from msgspec import Meta

from replay.pins.selection import Selection
from schemas.errors import ConfigError

FORMAT = 3
"""Version of manifests. 1 began with the newest states before the range, whichever compaction had left. 2 knew no
states where an execution system reported beside the feed."""
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Records of a partition in log order: how many, and their running hash. ``topic`` is without the run's prefix."""

    topic: str
    partition: int
    records: int
    hash: Hash


class SchemaUsed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A schema version that some record is of, and its frozen fingerprint."""

    name: str
    version: int
    hash: Hash


class StateUsed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task's snapshot at the beginning."""

    task: str
    hash: Hash


class Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a pin's id is the hash of.

    Attributes:
        topics: The range, of each partition that holds any of it.
        lead: What lies between the states at the beginning and the range: a replay begins with it.
        known: Of definitions and facts: what was known at the cutoff.
        schemas: Of all of these.
        states: At the beginning; none: everything begins empty.
    """

    topics: tuple[Part, ...]
    lead: tuple[Part, ...]
    known: tuple[Part, ...]
    schemas: tuple[SchemaUsed, ...]
    states: tuple[StateUsed, ...]

    @property
    def id(self) -> str:
        """SHA-256 of all of it, in hex."""
        return hash_of(self)


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the data was asked for: see ``replay.pins.selection.Selection``."""

    namespace: str
    since: int
    until: int
    known_by: int
    topics: tuple[str, ...]

    @property
    def selection(self) -> Selection:
        """The same."""
        return Selection(self.since, self.until, self.known_by, self.namespace, self.topics)


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    id: Hash
    data: Data
    selection: Asked
    context: dict[str, Any]
    format: int = FORMAT

    @property
    def records(self) -> int:
        """Records in the range."""
        return sum(part.records for part in self.data.topics)


def hash_of(data: Any) -> str:
    """SHA-256 of the canonical JSON of what has been told."""
    return sha256(orjson.dumps(msgspec.to_builtins(data), option=orjson.OPT_SORT_KEYS)).hexdigest()


def asked(selection: Selection) -> Asked:
    """A selection as it stands in a manifest."""
    return Asked(
        namespace=selection.namespace, since=selection.since, until=selection.until, known_by=selection.known_by,
        topics=selection.topics,
    )  # fmt: skip


def encode(manifest: Manifest) -> bytes:
    """Bytes of a manifest's file: the same manifest gives the same."""
    return orjson.dumps(msgspec.to_builtins(manifest), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"


def decode(data: bytes, where: str) -> Manifest:
    """A manifest whose id is that of its data.

    Raises:
        ConfigError: It is of another format, or not as it was written.
    """
    try:
        told = msgspec.json.decode(data)
        if isinstance(told, dict) and told.get("format") != FORMAT:
            raise ConfigError("a manifest of another format", kind="pin_format", got=str(told.get("format")),
                              allowed=str(FORMAT), where=where)  # fmt: skip
        manifest = msgspec.convert(told, Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _torn(str(error), where) from error
    if manifest.id != manifest.data.id:
        raise _torn(f"data of {manifest.data.id[:12]}", where)
    return manifest


def _torn(got: str, where: str) -> ConfigError:
    return ConfigError("not a pin's manifest as it was written", kind="pin_torn", got=got, where=where,
                       fix="restore the file, or create the pin again")  # fmt: skip
