"""Takes the committed log into the archive: once, up to a day's cut, or again and again behind a live log.

A day ends, in each partition, before the first record whose log time is at or after midnight UTC: the header's time
(for raw: ``ts_recv``), or Kafka's timestamp where there is none. Of ``state``: ``replay/archive/day_cuts.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from replay.archive.chain import Chain
from replay.archive.columns import Columns, log_time
from replay.archive.day_cuts import DayCuts
from replay.archive.merging import merge_small
from replay.archive.reading import loaded
from replay.archive.record_hash import hash_record
from replay.archive.topics import archived_topics, is_compacted
from replay.archive.writer import ArchiveWriter
from replay.tape_time import LOOK_RECORDS, SET_BACK_NS
from schemas.errors import ArchiveError
from streams.clock import monotonic_s, sleep_s
from streams.failpoints import Failpoint, nothing
from streams.log import Log, Place, Record

SEGMENT_BYTES_MAX = 16 * 1024 * 1024
"""Keys, values and headers of a segment, before compression; one record may go beyond."""
SEGMENT_RECORDS_MAX = 65_536
NEWEST_OFFSETS = 256
"""At a partition's end, in which its newest committed record is looked for."""
EVERY_S = 10.0
"""Between two looks at a live log."""
NAP_S = 0.1
Progress = Callable[[str, int], None]


@dataclass(slots=True)
class Pass:
    """What one pass over the log committed.

    Attributes:
        segments: How many.
        records: By topic; topics with nothing new are left out.
        bytes: Of the files.
    """

    segments: int = 0
    records: dict[str, int] = field(default_factory=dict)
    bytes: int = 0


class Archiver:
    """Archives one namespace of a log.

    Args:
        log: Whose committed records.
        archive: The folder.
        namespace: Topic prefix, none for live.
        stopping: Asked between records; once it says so, what was read becomes a whole segment and the pass ends.
        failpoint: See ``replay.archive.writer``.

    Raises:
        ArchiveError: Another is at work there, or the folder refuses.
    """

    def __init__(
        self, log: Log, archive: Path, namespace: str = "", *, stopping: Callable[[], bool] = lambda: False,
        failpoint: Failpoint = nothing, progress: Progress = lambda _topic, _records: None,
    ) -> None:  # fmt: skip
        self._log = log
        self._namespace = namespace
        self._stopping = stopping
        self._progress = progress
        self._writer = ArchiveWriter(archive, namespace, failpoint=failpoint)
        self._cuts: dict[Place, DayCuts] = {}
        self._pass = Pass()
        self._leap: ArchiveError | None = None

    def write(self, until_ns: int | None = None) -> Pass:
        """Archive all that is committed, or what lies before a cut, ns; the newest snapshots go with it.

        Raises:
            ArchiveError: The disk is full, the log is another one, or retention was faster; or, once all else is
                archived, a clock leaped over the cut and was set back.
            BrokerError: The log cannot be read.
        """
        return self._once(until_ns, cut=True)

    def follow(self, every_s: float, told: Callable[[Pass, float], None] = lambda _pass, _behind_s: None) -> None:
        """Archive again and again until ``stopping``; ``told`` hears of each pass, and of how far behind it is then, s.

        Raises:
            ArchiveError, BrokerError: As ``write``.
        """
        while not self._stopping():
            began = monotonic_s()
            told(self._once(None, cut=False), self.behind_s())
            while not self._stopping() and monotonic_s() < began + every_s:
                sleep_s(NAP_S)

    def behind_s(self) -> float:
        """Log time between the newest record that is archived and the newest that is committed, s: the longest of all.

        Snapshots do not count: they are archived as their day ends.

        Raises:
            BrokerError: The log cannot be read.
        """
        most = 0
        for topic in archived_topics(self._log.names(self._namespace), self._namespace):
            for partition in range(0 if is_compacted(topic) else self._log.partitions(topic)):
                most = max(most, self._behind_ns((topic, partition)))
        return most / 1e9

    def _behind_ns(self, place: Place) -> int:
        chain = self._writer.chain(place)
        low, high = self._log.bounds(*place)
        start = max(low, chain.end)
        first = next(iter(self._log.scan(*place, start, committed=True)), None) if start < high else None
        if first is None:
            return 0  # an open transaction, or an aborted one
        newest = log_time(first)
        for record in self._log.scan(*place, max(start, high - NEWEST_OFFSETS), committed=True):
            newest = log_time(record)
        return max(0, newest - (chain.segments[-1].manifest.last_ns if chain.segments else log_time(first)))

    def close(self) -> None:
        """Let others write."""
        self._writer.close()

    def _once(self, until_ns: int | None, *, cut: bool) -> Pass:
        self._pass = Pass()
        self._leap = None
        for topic in archived_topics(self._log.names(self._namespace), self._namespace):
            for partition in range(self._log.partitions(topic)):
                if self._stopping():
                    break
                if is_compacted(topic):
                    self._snapshots((topic, partition), until_ns, cut=cut)
                else:
                    self._records((topic, partition), until_ns)
                    merge_small(self._writer, (topic, partition), SEGMENT_RECORDS_MAX, SEGMENT_BYTES_MAX)
        if self._leap is not None:
            raise self._leap
        return self._pass

    def _records(self, place: Place, until_ns: int | None) -> None:
        chain = self._writer.chain(place)
        low, high = self._log.bounds(*place)
        begin = _check_place(chain, low, high)
        if begin >= high:
            return
        columns = Columns()
        for record in self._known(chain, begin, low):
            time = log_time(record)
            if (until_ns is not None and time >= until_ns) or self._stopping():
                end = record.offset
                if until_ns is not None and time >= until_ns:
                    self._leap = self._leap or self._leaps(record, until_ns)
                break
            if columns.bytes >= SEGMENT_BYTES_MAX or len(columns) >= SEGMENT_RECORDS_MAX:
                begin, columns = self._commit(place, columns, begin, record.offset), Columns()
            columns.add(record, time)
        else:
            end = self._covered(place, columns.offsets[-1] + 1, high) if columns else begin
        if columns:
            self._commit(place, columns, begin, end)

    def _leaps(self, cut: Record, until_ns: int) -> ArchiveError | None:
        """The error of a clock that leaped over a day's end and was set back: all that follows would wait behind it."""
        time = log_time(cut)
        behind = self._log.scan(cut.topic, cut.partition, cut.offset, committed=True)
        if not any(log_time(later) < min(until_ns, time - SET_BACK_NS) for later in islice(behind, LOOK_RECORDS)):
            return None
        return ArchiveError(
            "a clock leaped ahead and was set back: where a day ends is not known", kind="clock_leaps",
            got=f"{(time - until_ns) / 1e9:.0f} s behind the day's end",
            where=f"{cut.topic}[{cut.partition}]@{cut.offset}", fix="archive all that is committed: without --day",
        )  # fmt: skip

    def _known(self, chain: Chain, begin: int, low: int) -> Iterator[Record]:
        """Committed records from ``begin`` on, once the last archived one was found again where it should lie."""
        last = chain.segments[-1].manifest if chain.segments else None
        start = begin if last is None or last.last < low else last.last
        for record in self._log.scan(*chain.place, start, committed=True):
            if last is not None and start == last.last:
                if record.offset != last.last or hash_record(record) != last.last_sha256:
                    raise _other_log(chain, f"another record than was archived at {last.last}")
                last = None
            elif record.offset >= begin:
                yield record

    def _covered(self, place: Place, after: int, high: int) -> int:
        """The offset up to which nothing but markers follows: a reader need not look for records there."""
        if after >= high:
            return after
        following = next(iter(self._log.scan(*place, after, committed=False)), None)
        return high if following is None else min(high, following.offset)

    def _snapshots(self, place: Place, until_ns: int | None, *, cut: bool) -> None:
        chain = self._writer.chain(place)
        low, high = self._log.bounds(*place)
        if high < chain.end:
            raise _other_log(chain, f"{high} offsets")
        if place not in self._cuts:
            newest = loaded(chain.segments[-1]) if chain.segments else Columns()
            self._cuts[place] = DayCuts(chain.end, newest.part(*place, 0, len(newest)))
        cuts = self._cuts[place]
        if max(cuts.next, low) < high:
            for record in self._log.scan(*place, max(cuts.next, low), committed=True):
                if (until_ns is not None and log_time(record) >= until_ns) or self._stopping():
                    break
                cuts.take(record)
        if (cut or cuts.due) and (held := cuts.drain()):
            columns = Columns()
            for record in held:
                columns.add(record, log_time(record))
            self._commit(place, columns, chain.end, cuts.next)

    def _commit(self, place: Place, columns: Columns, begin: int, end: int) -> int:
        segment = self._writer.commit(place, columns, begin, end)
        self._pass.segments += 1
        self._pass.bytes += segment.manifest.bytes
        self._pass.records[place[0]] = self._pass.records.get(place[0], 0) + len(columns)
        self._progress(f"records of {place[0]}", self._pass.records[place[0]])
        return end


def _check_place(chain: Chain, low: int, high: int) -> int:
    """Where to begin: where the chain ends, or at the log's first record where there is no chain."""
    if not chain.segments:
        return low
    if high < chain.end:
        raise _other_log(chain, f"{high} offsets")
    if low > chain.end:
        raise ArchiveError(
            "retention removed records before they were archived", kind="hole", got=f"offsets {chain.end} to {low - 1}",
            where=f"{chain.place[0]}[{chain.place[1]}]", fix="archive into another folder: --archive",
        )  # fmt: skip
    return chain.end


def _other_log(chain: Chain, got: str) -> ArchiveError:
    return ArchiveError(
        "this is not the log that was archived", kind="other_log", got=got, allowed=f"one that goes on at {chain.end}",
        where=f"{chain.place[0]}[{chain.place[1]}]",
        fix="the topic was made anew, or it is another cluster's: name another folder, --archive",
    )  # fmt: skip
