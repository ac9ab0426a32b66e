"""The cache of compiled kernels, and the broker's jars: a start of 2 s, or of a minute."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from operations.finding import Finding, amount
from streams.broker_jars import FETCH_MB, KAFKA_VERSION, ServerJars

STALE_BYTES_WARN = 200_000_000
"""Kernels of former versions above which it is worth a word."""
FILL = "tapedeck demo --log memory --seconds 2 --speed max"
"""Compiles every kernel."""


def cache(folder: Path) -> list[Finding]:
    """The cache of this version's kernels, and what former versions left beside it.

    Args:
        folder: Named by the hash of the kernels' sources.
    """
    found = []
    above = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(above, os.W_OK | os.X_OK):
        found.append(Finding("kernels", "fail", f"{above} cannot be written: every start compiles anew",
                             "a folder that this user may write",
                             f"sudo chown -R $(id -u) {shlex.quote(str(above))}"))  # fmt: skip
    elif not (entries := list(folder.rglob("*.nbi"))):
        found.append(Finding("kernels", "warn", f"none compiled in {folder}: the next start takes up to a minute",
                             "compiled before it matters", FILL))  # fmt: skip
    else:
        found.append(Finding("kernels", "ok", f"{len(entries)} compiled, {amount(_size(folder))}, in {folder}"))
    return [*found, *_stale(folder)]


def jars(folder: Path, *, embedded: bool) -> Finding:
    """The embedded broker's jars.

    Args:
        folder: Of all versions.
        embedded: Whether the embedded broker is the one meant.
    """
    mine = ServerJars(folder / f"kafka-{KAFKA_VERSION}")
    if names := mine.names():
        return Finding("jars", "ok", f"Kafka {KAFKA_VERSION}, {len(names)} files in {mine.folder}")
    if not embedded:
        return Finding("jars", "ok", "not needed: a cluster is named")
    return Finding("jars", "warn", f"not in {mine.folder}", f"{FETCH_MB} MB, fetched once", "tapedeck broker up")


def _stale(folder: Path) -> list[Finding]:
    """Folders of other hashes. Only where the parent is ours can anything else in it be told to be kernels."""
    others: Sequence[Path] = ()
    if folder.parent.name == "kernels" and folder.parent.is_dir():
        others = sorted(path for path in folder.parent.iterdir() if path.is_dir() and path != folder)
    size = sum(_size(path) for path in others)
    if not others:
        return []
    said = f"{len(others)} of former versions, {amount(size)}"
    remove = f"rm -r {' '.join(shlex.quote(str(path)) for path in others)}"
    return [Finding("old kernels", "warn" if size > STALE_BYTES_WARN else "ok", said, fix=remove)]


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # replaced while we looked
            continue
    return total
