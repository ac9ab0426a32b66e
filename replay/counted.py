"""What headers tell: by ``seq`` how many a topic's own writer has written, by ``cause`` what it has answered."""

from __future__ import annotations

from collections.abc import Mapping

from replay.header_peek import Peek
from schemas.catalog import END
from streams.admission import Writers


class Counted:
    """Takes headers in the order of their topics.

    Args:
        writers: Who writes each topic, by table name; what others have put there is not counted. One that is not named
            has several writers, each with numbers of its own.

    Attributes:
        totals: Rows or documents so far, by table name.
        answered: Ordinal after the last input that was answered there, by table name and writer.
        ended: Table names of topics whose end record has been seen.
    """

    def __init__(self, writers: Mapping[str, Writers]) -> None:
        self.totals: dict[str, int] = {}
        self.answered: dict[tuple[str, str], int] = {}
        self.ended: set[str] = set()
        self._writers = {name: {known} if isinstance(known, str) else set(known) for name, known in writers.items()}
        self._next_seq: dict[tuple[str, str], int] = {}

    def total_of(self, table_name: str, writer: str) -> int:
        """Rows or documents of one writer so far."""
        return self._next_seq.get((table_name, writer), 0)

    def take(self, table_name: str, head: Peek) -> bool:
        """Count a record; whether it holds anything that was not counted before."""
        known = self._writers.get(table_name)
        if known is not None and head.writer not in known:
            return False
        after, key = head.seq + head.items, (table_name, head.writer)
        if after <= self._next_seq.get(key, 0):
            return False
        before, self._next_seq[key] = self._next_seq.get(key, 0), after
        if head.schema == END.number:
            self.ended.add(table_name)
            return False
        self.totals[table_name] = self.totals.get(table_name, 0) + after - before
        self.answered[key] = max(self.answered.get(key, 0), head.cause + head.items)
        return True
