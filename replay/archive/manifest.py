"""What is said of a segment, and of a chain's newest: small JSON files whose own bytes are hashed."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import msgspec

from schemas.errors import ArchiveError

FORMAT = 1
"""Version of files, manifests and heads."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One segment: every committed record of a partition from offset ``begin`` to below ``end``.

    Of a compacted topic it holds each key's newest in that range.

    Attributes:
        first: Offset of its first record; ``last`` of its last. Markers and aborted records take offsets too.
        first_ns: Lowest log time in it, ns; ``last_ns`` the highest.
        bytes: Size of the file.
        sha256: Of the file.
        records_sha256: Of the records, however a file lays them out: see ``replay.archive.record_hash``.
        last_sha256: The same of the last record alone: by it a log is known again.
        previous: Hash of the manifest before it in the chain; empty for the first.
    """

    topic: str
    partition: int
    begin: int
    end: int
    first: int
    last: int
    records: int
    first_ns: int
    last_ns: int
    bytes: int
    sha256: str
    records_sha256: str
    last_sha256: str
    previous: str
    format: int = FORMAT


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The end of a chain.

    Attributes:
        segments: How many there are.
        manifest: Hash of the newest one's manifest.
        merging: Name, without its ending, of the segment into which the newest ones are being merged; empty: none is.
    """

    topic: str
    partition: int
    segments: int
    manifest: str
    merging: str = ""


class Heads(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ends of all chains, and a hash over them: without it, the newest segment could go unnoticed."""

    heads: tuple[Head, ...]
    sha256: str
    format: int = FORMAT


def encode(value: Manifest | Heads) -> bytes:
    """JSON, a line."""
    return msgspec.json.encode(value) + b"\n"


def digest(data: bytes) -> str:
    """Hash of a file's bytes."""
    return sha256(data).hexdigest()


def decode_manifest(path: Path) -> tuple[Manifest, str]:
    """A manifest and the hash of its bytes.

    Raises:
        ArchiveError: It is not as any was written.
    """
    data = read(path)
    try:
        found = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise corrupt(path, "a manifest cannot be read", got=str(error)) from error
    if encode(found) != data or found.format != FORMAT:
        raise corrupt(path, "a manifest is not as it was written", got=f"format {found.format}")
    return found, digest(data)


def encode_heads(heads: dict[tuple[str, int], Head]) -> bytes:
    """The file of heads."""
    ordered = tuple(heads[place] for place in sorted(heads))
    return encode(Heads(heads=ordered, sha256=digest(msgspec.json.encode(ordered))))


def decode_heads(path: Path) -> dict[tuple[str, int], Head]:
    """Heads by topic and partition.

    Raises:
        ArchiveError: The file is not as it was written.
    """
    data = read(path)
    try:
        found = msgspec.json.decode(data, type=Heads)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise corrupt(path, "the heads of the chains cannot be read", got=str(error)) from error
    heads = {(head.topic, head.partition): head for head in found.heads}
    if encode_heads(heads) != data:
        raise corrupt(path, "the heads of the chains are not as they were written")
    return heads


def read(path: Path) -> bytes:
    """A file, whole.

    Raises:
        ArchiveError: It is missing, or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise corrupt(path, "a file of the archive is missing") from error
    except OSError as error:
        raise ArchiveError(
            "a file of the archive cannot be read", kind="unwritable", got=error.strerror or str(error), where=str(path)
        ) from error


def corrupt(path: Path, message: str, *, got: str = "", allowed: str = "") -> ArchiveError:
    """The error that names a file."""
    return ArchiveError(
        message, kind="corrupt", got=got, allowed=allowed, where=str(path),
        fix="bring it back from a copy; tapedeck archive verify names every one",
    )  # fmt: skip
