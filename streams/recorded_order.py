"""A recorded order in a file: what a replay's task, in a process of its own, follows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from schemas.errors import SnapshotError
from schemas.header import Side

_SIDE = np.dtype([("place", "<i8"), ("input", "u1"), ("partition", "<u2"), ("writer_crc", "<u4"), ("seq", "<u8")])


def save_order(path: Path, order: Sequence[Side]) -> None:
    """Write places to a file, whole or not at all."""
    rows = np.array([(s.place, s.input, s.partition, s.writer_crc, s.seq) for s in order], dtype=_SIDE)
    written = path.with_suffix(".new")
    written.write_bytes(rows.tobytes())
    written.replace(path)


def load_order(path: Path) -> tuple[Side, ...]:
    """Places from a file.

    Raises:
        SnapshotError: It is torn.
    """
    data = path.read_bytes()
    if len(data) % _SIDE.itemsize:
        raise SnapshotError(
            "a recorded order is torn", kind="torn", got=f"{len(data)} bytes", where=str(path),
            allowed=f"a multiple of {_SIDE.itemsize}",
        )  # fmt: skip
    return tuple(Side(*row) for row in np.frombuffer(data, dtype=_SIDE).tolist())
