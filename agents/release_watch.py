"""Releases as ``control`` tells them: the opening in force, the cut that is under way, and all that were before.

A release is what computes: Tapedeck's own code, the desk's code, model, view, strategy, parameters and the band of
peers. Its id is a hash of these, so that two desks that run the same say the same. A cut
(``schemas.control.ReleaseCut``) follows an opening, names its run, and holds the successor's opening whole; the first
such cut counts. It is under way until that opening stands in ``control`` too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import orjson
from msgspec import UNSET, to_builtins

from schemas.codec import decode_any
from schemas.control import ReleaseCut, RunOpened
from schemas.document import Document
from schemas.errors import BadFrame
from schemas.topics import topic_name
from streams.log import Log, Reader, Record

CONTROL = "control"
READ_RECORDS_MAX = 256
"""Records of ``control`` taken in one look."""
ID_CHARS = 12


def release_of(opening: RunOpened) -> str:
    """The id of the release that a run's opening names."""
    computes = {
        "build": opening.build, "code": opening.code, "model": opening.model.get("sha256", opening.model),
        "view": opening.view, "strategy": opening.strategy, "parameters": opening.parameters,
        **({} if opening.peers is UNSET else {"peers": to_builtins(opening.peers)}),
    }  # fmt: skip
    return f"rel-{sha256(orjson.dumps(computes, option=orjson.OPT_SORT_KEYS)).hexdigest()[:ID_CHARS]}"


@dataclass(frozen=True, slots=True)
class Release:
    """One run in the history of the live topics.

    Attributes:
        opening: Its opening record.
        cut: The cut by which it took over; None where it was opened at rest, or first.
    """

    opening: RunOpened
    cut: ReleaseCut | None


class ReleaseWatch:
    """``control`` of a run's topics, followed from its beginning.

    Attributes:
        history: Every run that was opened, in order; the last one is in force.
        cut: The cut that is under way: its successor is certain, and not opened yet. Else None.
    """

    def __init__(self, log: Log, namespace: str = "") -> None:
        self.history: list[Release] = []
        self.cut: ReleaseCut | None = None
        self._log = log
        self._topic = topic_name(namespace, CONTROL)
        self._reader: Reader | None = None
        self._next = 0
        if log.partitions(self._topic):
            self._take(log.scan(self._topic, 0, 0, committed=True))

    @property
    def opening(self) -> RunOpened | None:
        """The opening in force; None where no run was ever opened."""
        return self.history[-1].opening if self.history else None

    @property
    def run(self) -> str:
        """The run in force; empty where none is."""
        return self.history[-1].opening.run if self.history else ""

    def look(self) -> None:
        """Take in what was said since the last look, as far as it has come."""
        if self._reader is None:
            if not self._log.partitions(self._topic):
                return
            self._reader = self._log.reader({(self._topic, 0): self._next}, committed=True)
        while records := self._reader.read(READ_RECORDS_MAX, 0.0):
            self._take(records)

    def look_again(self) -> None:
        """Take in all that is committed by now: before something is written that depends on it."""
        self._take(self._log.scan(self._topic, 0, self._next, committed=True))

    def succeeded(self, run: str) -> bool:
        """Whether a run that was opened here has been cut over from, or is about to be."""
        if self.cut is not None and self.cut.from_run == run:
            return True
        return any(release.cut is not None and release.cut.from_run == run for release in self.history)

    def close(self) -> None:
        """Stop following."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _take(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.offset < self._next:
                continue
            self._next = record.offset + 1
            try:
                self._hear(decode_any(record.value))
            except BadFrame:  # junk that somebody has put there
                continue

    def _hear(self, document: Document) -> None:
        if isinstance(document, ReleaseCut):
            if self.cut is None and document.from_run == self.run and document.opening.run != self.run:
                self.cut = document
        elif isinstance(document, RunOpened) and document.run != self.run:
            by = self.cut if self.cut is not None and self.cut.opening.run == document.run else None
            self.history.append(Release(document, by))
            self.cut = None
