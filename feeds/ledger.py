"""A publisher's ledger of acknowledgements, kept outside the pipeline: promises to be held against the log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

BUFFER_SEQS = 1_024
"""Acknowledgements held before they are written. Those lost with a killed publisher are read back from Kafka."""

SEQ_BYTES = 8


class Ledger:
    """Appends acknowledged ``source_seq`` numbers to a file (u64, little-endian), or keeps them where there is none."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._buffer: list[int] = []

    def acknowledge(self, seq: int) -> None:
        """The log has made this one durable."""
        self._buffer.append(seq)
        if self._path is not None and len(self._buffer) >= BUFFER_SEQS:
            self.flush()

    def confirm(self, seqs: Iterator[int] | range) -> None:
        """Numbers found durable by reading back after a restart."""
        for seq in seqs:
            self.acknowledge(seq)

    def flush(self) -> None:
        """Write what is buffered."""
        if self._path is None or not self._buffer:
            return
        with self._path.open("ab") as file:
            # A publisher killed at a full disk may have left half a number: the next one begins where one must.
            file.truncate(file.tell() // SEQ_BYTES * SEQ_BYTES)
            file.write(np.array(self._buffer, dtype="<u8").tobytes())
        self._buffer.clear()

    def seqs(self) -> set[int]:
        """All acknowledged numbers."""
        known = set(self._buffer)
        if self._path is not None and self._path.exists():
            known.update(np.fromfile(self._path, dtype="<u8").tolist())
        return known
