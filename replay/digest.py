"""SHA-256 in a thread of its own: of large updates it leaves Python's lock to whoever makes what is hashed."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256

BATCH_BYTES = 256 * 1024
"""Hashed at a time: small updates wait for others."""


class Digest:
    """A hash over all updates in order; at most one batch is under way.

    Args:
        thread: Where it is made.
    """

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread
        self._sha = sha256()
        self._parts: list[bytes] = []
        self._size = 0
        self._under_way: Future[None] | None = None

    def update(self, data: bytes) -> None:
        """Hash more."""
        self._parts.append(data)
        self._size += len(data)
        if self._size >= BATCH_BYTES:
            self._flush()

    def digest(self) -> bytes:
        """Of all that was told."""
        self._flush()
        self._wait()
        return self._sha.digest()

    def _flush(self) -> None:
        self._wait()
        self._under_way = self._thread.submit(self._hash, self._parts)
        self._parts, self._size = [], 0

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()

    def _hash(self, parts: list[bytes]) -> None:
        for part in parts:
            self._sha.update(part)
