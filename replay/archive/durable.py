"""A file that is there whole or not at all, whatever dies: a temporary one, synced, renamed, its folder synced.

Failpoints are named after what is written (``segment``, ``manifest``, ``heads``) and how far it is.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from schemas.errors import ArchiveError
from streams.failpoints import Failpoint

NEW = ".new"
"""Ends the name of a file that is being written."""
KINDS = ("segment", "manifest", "heads")
STEPS = ("opened", "half", "written", "synced", "named", "durable")
FAILPOINTS = tuple(f"{kind}.{step}" for kind in KINDS for step in STEPS)
"""In the order in which a commit passes them. Behind ``manifest.named`` the segment is committed."""

FULL = (errno.ENOSPC, errno.EDQUOT)


def write_whole(path: Path, data: bytes | memoryview, kind: str, failpoint: Failpoint, number: int) -> None:
    """Write a file; ``number`` is told to the failpoint.

    Raises:
        ArchiveError: The disk is full, or refuses; nothing is left of it.
    """
    new = path.with_name(path.name + NEW)
    fresh = not path.exists()
    try:
        with new.open("wb") as file:
            failpoint(f"{kind}.opened", number)
            half = len(data) // 2
            file.write(data[:half])
            file.flush()
            failpoint(f"{kind}.half", number)
            file.write(data[half:])
            file.flush()
            failpoint(f"{kind}.written", number)
            os.fsync(file.fileno())
        failpoint(f"{kind}.synced", number)
        new.replace(path)
        failpoint(f"{kind}.named", number)
        sync_folder(path.parent)
    except OSError as error:
        new.unlink(missing_ok=True)
        if fresh:  # named, but not durable: it was not written
            path.unlink(missing_ok=True)
        raise refused(error, path) from error
    failpoint(f"{kind}.durable", number)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each durable in the one that holds it.

    Raises:
        ArchiveError: It cannot be made.
    """
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for path in reversed(missing):
            sync_folder(path.parent)
    except OSError as error:
        raise refused(error, folder) from error


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refused(error: OSError, path: Path) -> ArchiveError:
    """The error of a file that cannot be written."""
    if error.errno in FULL:
        return ArchiveError(
            "the archive's disk is full", kind="disk_full", got=os.strerror(error.errno), where=str(path),
            fix="make room and write again: it goes on where the chain ends",
        )  # fmt: skip
    return ArchiveError(
        "a file of the archive cannot be written", kind="unwritable", got=error.strerror or str(error), where=str(path),
        fix="see to the folder's rights and its disk",
    )  # fmt: skip
