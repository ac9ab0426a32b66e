"""The archive and Kafka as one log: each partition from the archive as far as Kafka no longer has it, then from Kafka.

Of a compacted topic both are merged: what was archived at a day's cut may be gone from Kafka in the middle. What is
served from the archive is committed, whoever reads.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain as joined
from pathlib import Path

from replay.archive.chain import HEADS, Chain, current, heads_of, places_in
from replay.archive.columns import Columns
from replay.archive.reading import columns_from
from replay.archive.record_hash import hash_record
from replay.archive.topics import is_compacted
from schemas.errors import ArchiveError, BrokerError
from streams.home import archive_dir
from streams.log import Appender, Log, Place, Reader, Record, TopicSpec, Writer, check_position


def connect(log: Log | None, folder: Path | None = None) -> Log:
    """The log joined with the archive in ``folder`` (``streams.home.archive_dir``); itself where there is no archive.

    Raises:
        ArchiveError: The archive's heads are not as they were written.
        BrokerError: There is neither.
    """
    folder = folder or archive_dir()
    if log is not None and not (folder / HEADS).exists() and not any(True for _ in places_in(folder)):
        return log
    return JoinedLog(log, folder)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Where a partition's records are.

    Attributes:
        chain: In the archive; None: not there.
        low: The first offset that Kafka still has, and where the archive's part ends.
        high: The offset after the last, wherever it is.
        live: Whether Kafka has the partition.
    """

    chain: Chain | None
    low: int
    high: int
    live: bool

    @property
    def first(self) -> int:
        """The first offset that is anywhere."""
        return self.low if self.chain is None else min(self.chain.begin, self.low)


class JoinedLog:
    """Implements ``streams.log.Log``; what writes goes to the log itself.

    Args:
        log: Kafka, or whatever stands in its place; None: the archive is all there is.
        folder: The archive.

    Raises:
        ArchiveError: The archive's heads are not as they were written.
    """

    def __init__(self, log: Log | None, folder: Path) -> None:
        self._log = log
        self._folder = folder
        self._places = sorted({*places_in(folder), *heads_of(folder)})
        self._chains: dict[Place, Chain] = {}
        self._known: set[Place] = set()

    @property
    def bootstrap(self) -> str:
        """Address of the cluster; empty where there is none."""
        return str(getattr(self._log, "bootstrap", ""))

    def create(self, topics: Sequence[TopicSpec]) -> None:
        """Create topics in the log."""
        self._live().create(topics)

    def names(self, prefix: str = "") -> list[str]:
        """Names of topics that begin with ``prefix``, archived or not, sorted."""
        archived = {topic for topic, _ in self._places if topic.startswith(prefix)}
        return sorted(archived.union(self._log.names(prefix) if self._log is not None else ()))

    def partitions(self, topic: str) -> int:
        """Number of partitions of a topic; 0 when there is no such topic."""
        archived = [partition + 1 for name, partition in self._places if name == topic]
        return max(0, *archived, self._log.partitions(topic) if self._log is not None else 0)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """(first offset that is archived or still there, offset after the last).

        Raises:
            BrokerError: There is no such topic or partition.
            ArchiveError: What was archived is not as it was written, or another log's.
        """
        parts = self._parts((topic, partition))
        return parts.first, parts.high

    def scan(self, topic: str, partition: int, start: int, *, committed: bool) -> Iterator[Record]:
        """Every record from ``start`` (or the first there is) to the end as it was when the call began.

        Raises:
            SnapshotError: ``start`` lies beyond the end.
            ArchiveError: A segment is corrupt, or neither archive nor Kafka has what follows.
            BrokerError: There is no such topic or partition, or it cannot be read.
        """
        place = (topic, partition)
        parts = self._parts(place)
        start = max(start, parts.first)
        check_position(place, start, parts.first, parts.high)
        rest: Iterator[Record] = iter(())
        if parts.live and max(start, parts.low) < parts.high:
            rest = self._live().scan(topic, partition, max(start, parts.low), committed=committed)
        if parts.chain is None:
            return rest
        if is_compacted(topic):
            return _merged(_records(place, columns_from(parts.chain, start, parts.high)), rest)
        if start >= parts.low:
            return rest
        return joined(_records(place, self._archived(place, parts, start)), rest)

    def reader(self, start: Mapping[Place, int], *, committed: bool = False) -> Reader:
        """A reader from the given offsets.

        Raises:
            SnapshotError: A position lies outside of ``bounds``.
            ArchiveError: What was archived is not as it was written, or another log's.
            BrokerError: There is no such topic or partition.
        """
        archived: dict[Place, Iterator[tuple[Columns, int, int]]] = {}
        then: dict[Place, int | None] = {}
        live: dict[Place, int] = {}
        for place, at in start.items():
            parts = self._parts(place)
            check_position(place, at, parts.first, parts.high)
            if parts.chain is None or at >= parts.low:
                live[place] = at
            else:
                archived[place] = self._archived(place, parts, at)
                then[place] = parts.low if parts.live else None
        if not archived:
            return self._live().reader(start, committed=committed) if self._log is not None else JoinedReader({}, {})
        opened = [self._live().reader(live, committed=committed)] if live and self._log is not None else []
        return JoinedReader(archived, then, self._log, opened, committed=committed)

    def writer(self, transactional_id: str) -> Writer:
        """Take a transactional id over, in the log."""
        return self._live().writer(transactional_id)

    def appender(self) -> Appender:
        """A plain producer of the log."""
        return self._live().appender()

    def close(self) -> None:
        """Release what the log holds."""
        if self._log is not None:
            self._log.close()

    def _live(self) -> Log:
        if self._log is None:
            raise BrokerError(
                "there is only the archive, and no Kafka", kind="not_running", where=str(self._folder),
                fix="start it: tapedeck broker up; or name a cluster with --bootstrap or TAPEDECK_BOOTSTRAP",
            )  # fmt: skip
        return self._log

    def _chain(self, place: Place) -> Chain | None:
        if place not in self._places:
            return None
        if place not in self._chains:
            self._chains[place] = current(self._folder, place).check()
        chain = self._chains[place]
        return chain if chain.segments else None

    def _parts(self, place: Place) -> _Parts:
        chain = self._chain(place)
        if chain is None:
            if self._log is None:
                raise BrokerError("there is no such topic or partition", kind="no_topic",
                                  where=f"{place[0]}[{place[1]}]", fix="neither archive nor Kafka has it")  # fmt: skip
            return _Parts(None, *self._log.bounds(*place), live=True)
        low = high = 0
        if self._log is not None and self._log.partitions(place[0]) > place[1]:
            low, high = self._log.bounds(*place)
        if low > chain.end:  # it may have been archived since the chain was read
            chain = self._chains[place] = current(self._folder, place).check()
        if high == 0:
            return _Parts(chain, chain.end, chain.end, live=False)
        if high < chain.end:
            raise _other_log(place, got=f"{high} offsets", allowed=f"{chain.end} or more")
        self._check_same(chain, low)
        return _Parts(chain, low, high, live=True)

    def _check_same(self, chain: Chain, low: int) -> None:
        """Refuse to join an archive with another log: its newest record must be there, while Kafka has that offset.

        Raises:
            ArchiveError: Another record is, or none.
        """
        place, last = chain.place, chain.segments[-1].manifest
        if place in self._known or is_compacted(place[0]) or last.last < low:
            return
        record = next(iter(self._live().scan(*place, last.last, committed=True)), None)
        same = record is not None and record.offset == last.last and hash_record(record) == last.last_sha256
        if not same and self._live().bounds(*place)[0] <= last.last:  # else retention has just taken it
            raise _other_log(place, got=f"another record at {last.last}", allowed="the one that was archived")
        self._known.add(place)

    def _archived(self, place: Place, parts: _Parts, start: int) -> Iterator[tuple[Columns, int, int]]:
        """The archive's part of a partition; a hole behind it is told where a reader comes to it."""
        assert parts.chain is not None
        yield from columns_from(parts.chain, start, parts.low)
        if parts.chain.end < parts.low:
            raise ArchiveError(
                "neither archive nor Kafka has these records", kind="hole",
                got=f"offsets {max(start, parts.chain.end)} to {parts.low - 1}", where=f"{place[0]}[{place[1]}]",
                fix=f"begin at {parts.low}, or bring back the archive's segments",
            )  # fmt: skip


class JoinedReader:
    """Implements ``streams.log.Reader``: partitions in turn, each from the archive first, then from the log."""

    def __init__(
        self, archived: dict[Place, Iterator[tuple[Columns, int, int]]], then: Mapping[Place, int | None],
        log: Log | None = None, opened: Sequence[Reader] = (), *, committed: bool = False,
    ) -> None:  # fmt: skip
        self._archived = archived
        self._then = then
        self._log = log
        self._opened = list(opened)
        self._committed = committed
        self._held: dict[Place, tuple[Columns, int, int]] = {}
        self._turn = 0

    def read(self, records_max: int, timeout_s: float) -> Sequence[Record]:
        """At most ``records_max`` records of one partition, or what the log gives.

        Raises:
            ArchiveError: A segment is corrupt, or neither archive nor log has what follows.
            SnapshotError, BrokerError: As the log's own reader.
        """
        self._turn += 1
        if self._turn % 2 and self._archived and (records := self._from_log(records_max, 0.0)):
            return records  # a long archived partition must not starve those that are in the log
        for place in list(self._archived):
            part = self._held.pop(place, None) or next(self._archived[place], None)
            if part is None:
                self._go_on(place)
                continue
            columns, at, end = part
            upto = min(end, at + records_max)
            if upto < end:
                self._held[place] = (columns, upto, end)
            self._archived[place] = self._archived.pop(place)  # the others have their turn first
            return columns.part(*place, at, upto)
        return self._from_log(records_max, timeout_s)

    def close(self) -> None:
        """Release the log's readers."""
        for reader in self._opened:
            reader.close()
        self._archived.clear()

    def _from_log(self, records_max: int, timeout_s: float) -> Sequence[Record]:
        for _ in range(len(self._opened)):
            self._opened.append(self._opened.pop(0))
            if records := self._opened[-1].read(records_max, timeout_s / len(self._opened)):
                return records
        return []

    def _go_on(self, place: Place) -> None:
        """The archive's part of a partition is through."""
        del self._archived[place]
        offset = self._then[place]
        if offset is not None and self._log is not None:
            self._opened.append(self._log.reader({place: offset}, committed=self._committed))


def _other_log(place: Place, got: str, allowed: str) -> ArchiveError:
    return ArchiveError(
        "this is not the log that was archived", kind="other_log", got=got, allowed=allowed,
        where=f"{place[0]}[{place[1]}]",
        fix="the topic was made anew, or it is another cluster's: name another archive, TAPEDECK_ARCHIVE",
    )  # fmt: skip


def _records(place: Place, parts: Iterator[tuple[Columns, int, int]]) -> Iterator[Record]:
    for columns, at, end in parts:
        yield from columns.part(*place, at, end)


def _merged(archived: Iterator[Record], rest: Iterator[Record]) -> Iterator[Record]:
    """Both by offset, each offset once."""
    last = -1
    for record in heapq.merge(archived, rest, key=lambda record: record.offset):
        if record.offset > last:
            last = record.offset
            yield record
