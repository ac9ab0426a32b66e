"""Rows for the record, held back a moment so that those of many small batches leave as one.

A fused task passes rows on in memory; that they are published too is for the record, and nobody's next step waits for
it. At one tick a batch a record for each score would cost task and broker more than the tick itself, and orders would
wait behind them. How rows are framed is no part of what they mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.catalog import Schema
from schemas.header import Side
from streams.log import Writer
from streams.outputs import Output

HOLD_S = 0.010
"""Longest time for which rows that were already passed on in memory wait for more of them."""
INFINITE = float("inf")
SMALL_ROWS = 256
"""A batch of more rows than this leaves by itself: what a record costs hardly counts."""


@dataclass(slots=True)
class _Part:
    rows: Any
    stamps: Any
    ordinals: Any
    passed: tuple[int, ...]


class HeldRows:
    """Rows of one output that wait.

    Attributes:
        until_s: When they must leave, by the clock that was given; infinite while there are none.
    """

    def __init__(self, output: Output, schema: Schema, monotonic: Callable[[], float], hold_s: float) -> None:
        self.until_s = INFINITE
        self._output = output
        self._schema = schema
        self._monotonic = monotonic
        self._hold_s = hold_s
        self._parts: list[_Part] = []
        self._count = 0
        self._hops: tuple[int, ...] = ()
        self._places: tuple[Side, ...] = ()

    def add(
        self, writer: Writer, rows: Any, stamps: Any, ordinals: Any, hops: tuple[int, ...], places: tuple[Side, ...],
        passed: tuple[int, ...],
    ) -> None:  # fmt: skip
        """Hold rows, or publish them with all that were held. ``places``: as they stood when the rows were made."""
        if self._parts and (hops != self._hops or places or len(passed) != len(self._parts[0].passed)):
            self.publish(writer)
        if not self._parts:
            if len(rows) > SMALL_ROWS or not self._hold_s:
                self._output.append_rows(writer, self._schema, rows, stamps, ordinals, hops, places, passed)
                return
            self.until_s = self._monotonic() + self._hold_s
            self._hops, self._places = hops, places
        self._parts.append(_Part(rows, stamps, ordinals, passed))
        self._count += len(rows)
        if self._count > SMALL_ROWS:
            self.publish(writer)

    def publish(self, writer: Writer) -> None:
        """Append what is held."""
        if not self._parts:
            return
        parts, self._parts, self._count, self.until_s = self._parts, [], 0, INFINITE
        if len(parts) == 1:
            (part,) = parts
            rows, stamps, ordinals, passed = part.rows, part.stamps, part.ordinals, part.passed
        else:
            # numpy's own joining of structured rows looks at every field of every part.
            data = b"".join([part.rows.tobytes() for part in parts])
            rows = np.frombuffer(data, dtype=parts[0].rows.dtype)
            stamps = np.concatenate([_stamps(part) for part in parts])
            ordinals, passed = np.concatenate([part.ordinals for part in parts]), ()
        self._output.append_rows(writer, self._schema, rows, stamps, ordinals, self._hops, self._places, passed)


def _stamps(part: _Part) -> Any:
    """Stamps of every row, with what all of its batch have in common behind: shape (rows, columns)."""
    count, columns = len(part.rows), part.stamps.shape[1]
    stamps = np.empty((count, columns + len(part.passed)), dtype=np.int64)
    stamps[:, :columns] = part.stamps
    stamps[:, columns:] = part.passed
    return stamps
