"""One partition of the memory log: what stands at each offset, and who may see it."""

from __future__ import annotations

from streams.log import Record

HIDDEN, SHOWN = 0, 1


class Tape:
    """Records from offset ``low`` on; None where a marker stands.

    ``written`` and ``committed`` hold one byte per offset: a marker is hidden in both, an open or aborted record in
    the second only. Finding the next visible run is a search for a byte, so skipping costs next to nothing.
    """

    def __init__(self) -> None:
        self.low = 0
        self.records: list[Record | None] = []
        self.written = bytearray()
        self.committed = bytearray()
        self.open: dict[int, int] = {}

    @property
    def end(self) -> int:
        """Offset after the last, markers included."""
        return self.low + len(self.records)

    def append(self, record: Record | None, committed: int) -> int:
        """Append a record or a marker; returns its offset."""
        offset = self.end
        self.records.append(record)
        self.written.append(HIDDEN if record is None else SHOWN)
        self.committed.append(committed)
        return offset

    def end_transaction(self, owner: int, runs: list[list[int]], shown: int) -> None:
        """Show (or leave hidden) the runs of offsets of a transaction, and append its marker."""
        del self.open[owner]
        if shown:
            for first, after in runs:
                a, b = max(first - self.low, 0), max(after - self.low, 0)
                self.committed[a:b] = bytes((SHOWN,)) * (b - a)
        self.append(None, HIDDEN)

    def stable(self) -> int:
        """Last stable offset: the first record of the oldest open transaction, else the end."""
        # Transactions enter ``open`` with their first record here, so the first entry is the lowest offset.
        return next(iter(self.open.values()), self.end)

    def read(self, position: int, limit: int, committed: bool, into: list[Record]) -> int:
        """Append up to ``limit`` visible records from ``position`` on to ``into``; returns the next position."""
        shown = self.committed if committed else self.written
        at = position - self.low
        end = (self.stable() if committed else self.end) - self.low
        while at < end and limit > 0:
            first = shown.find(SHOWN, at, end)
            if first < 0:
                at = end
                break
            after = shown.find(HIDDEN, first, min(end, first + limit))
            at = min(end, first + limit) if after < 0 else after
            into.extend(self.records[first:at])  # type: ignore[arg-type]  # markers are hidden
            limit -= at - first
        return at + self.low

    def truncate(self, before: int) -> None:
        """Remove everything below offset ``before``."""
        n = min(max(before - self.low, 0), len(self.records))
        del self.records[:n], self.written[:n], self.committed[:n]
        self.low += n
