"""Whether a log still holds what was pinned, and the first place where it does not. In doubt it does not.

The state at the beginning is taken from the log where its snapshot is still there, else from the copy that the pin
kept when it was created: compaction and retention may take the one in the log away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any, Literal

from replay.pins.chain import MARK_BYTES, Marks
from replay.pins.manifest import Manifest, Part
from replay.pins.measuring import Measured, OnProgress, measure
from replay.pins.starting import Start, starts_at
from replay.pins.store import marks_of, state_bytes
from replay.recording import Recording
from schemas.errors import ConfigError, SnapshotError, StateDiverged
from streams.log import Log, Record

NOWHERE = -1
GONE = f"{SnapshotError.code}.no_start"
"""A snapshot that compaction or retention took away."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that is not as it was pinned.

    Attributes:
        what: Changed, missing, added; or a word for what cannot be read at all.
        topic: Without the run's prefix; ``state`` for a task's state, ``schemas`` for a schema.
        partition: Of it; -1: of none.
        position: Of the record within what was pinned of the partition, from 0; -1: not known.
        within: So many records from there on hold the difference: 1 where marks tell it exactly.
        offset: Of that record in this log; -1: it is not there.
        detail: In words.
    """

    what: Literal["changed", "missing", "added", "refused"]
    topic: str
    partition: int = NOWHERE
    position: int = NOWHERE
    within: int = 1
    offset: int = NOWHERE
    detail: str = ""

    def __str__(self) -> str:
        at = self.topic if self.partition < 0 else f"{self.topic}[{self.partition}]"
        if self.position >= 0:
            stretch = f"record {self.position}" if self.within == 1 else (
                f"records {self.position} to {self.position + self.within - 1}"
            )  # fmt: skip
            at += f" {stretch}" + (f", offset {self.offset}" if self.offset >= 0 else "")
        return f"{at}: {self.what}" + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one pin: ``measured`` is what the log holds; None where it could not be read as the pin was."""

    manifest: Manifest
    measured: Measured | None
    difference: Difference | None

    @property
    def identical(self) -> bool:
        """Whether the log holds what was pinned, to the byte."""
        return self.difference is None

    def check(self) -> Measured:
        """What the log holds, which is what was pinned.

        Raises:
            StateDiverged: It is not.
        """
        if self.measured is None or self.difference is not None:
            raise StateDiverged(
                "the log does not hold what was pinned", kind="pin_differs", got=str(self.difference),
                allowed=f"pin {self.manifest.id[:12]}", fix="restore it from the archive; nothing was started",
            )  # fmt: skip
        return self.measured


def verify(log: Log, manifest: Manifest, on_progress: OnProgress = lambda _n: None) -> Verdict:
    """Read a pin's data again and hold it to the manifest.

    Raises:
        BrokerError: The log cannot be read: that is no verdict.
    """
    selection = manifest.selection.selection
    try:
        found = measure(log, selection, on_progress, lambda whole, first: _starts(manifest, whole, first))
    except (ConfigError, SnapshotError) as error:
        return Verdict(manifest, None, Difference("refused", error.where or "the range", detail=error.told))
    if found.data.id == manifest.id:
        return Verdict(manifest, found, None)
    return Verdict(manifest, found, _first_difference(log, manifest, found))


def _starts(manifest: Manifest, whole: Recording, first: Mapping[int, Record]) -> dict[str, Start]:
    """The pin's states: the log's where it has the very snapshots, else those that were kept."""
    try:
        found = starts_at(whole, first)
    except SnapshotError as error:
        if error.kind != GONE or not manifest.data.states:
            raise  # torn: what is there is not what was written
        found = {}
    numbers: Mapping[str, Any] = manifest.context.get("snapshots", {})
    starts = {} if manifest.data.states else found
    for state in manifest.data.states:
        start, number = found.get(state.task), int(numbers.get(state.task, NOWHERE))
        if start is None or start.number != number:
            kept = state_bytes(state.hash)
            if kept is None:
                raise SnapshotError(
                    "the state that the pin begins with is neither in the log nor kept", kind="no_start",
                    where=state.task, got=f"snapshot {number}", fix="restore it from the archive",
                )  # fmt: skip
            start = Start(state.task, number, kept)
        starts[state.task] = start
    return starts


def _first_difference(log: Log, manifest: Manifest, found: Measured) -> Difference:
    was, now = manifest.data, found.data
    known_marks = marks_of(manifest.id)
    for a, b in _paired(was.topics, now.topics):
        if a != b:
            part = a or b
            assert part is not None, "pairs have one side at least"
            place = (part.topic, part.partition)
            begin = found.offsets.get(place, (NOWHERE, NOWHERE))[0]
            topic = manifest.selection.namespace + part.topic
            return _placed(log, topic, part, begin, a, b, known_marks.get(place), found.marks.get(place))
    for name, mine, theirs in (("lead-in of", was.lead, now.lead), ("known at the cutoff:", was.known, now.known)):
        for a, b in _paired(mine, theirs):
            if a != b and (part := a or b) is not None:
                counts = f"{a.records if a else 0:,} records were pinned, {b.records if b else 0:,} are there"
                return Difference(_word(a, b), part.topic, part.partition, detail=f"{name} {part.topic}, {counts}")
    schemas = {(s.name, s.version): s.hash for s in was.schemas}
    for schema in now.schemas:
        if schemas.get((schema.name, schema.version)) != schema.hash:
            return Difference("changed", "schemas", detail=f"{schema.name}/{schema.version}")
    states = {s.task: s.hash for s in was.states}
    for task, start in found.starts.items():
        if states.get(task) != sha256(start.value).hexdigest():
            return Difference("changed", "state", detail=f"{task}, snapshot {start.number}")
    return Difference("missing", "state", detail="a state at the beginning")


def _paired(was: tuple[Part, ...], now: tuple[Part, ...]) -> list[tuple[Part | None, Part | None]]:
    mine, theirs = ({(p.topic, p.partition): p for p in parts} for parts in (was, now))
    return [(mine.get(place), theirs.get(place)) for place in sorted({*mine, *theirs})]


def _word(a: Part | None, b: Part | None) -> Literal["changed", "missing", "added"]:
    was, now = a.records if a else 0, b.records if b else 0
    return "changed" if was == now else "missing" if now < was else "added"


def _placed(
    log: Log, topic: str, part: Part, begin: int, a: Part | None, b: Part | None, was: Marks | None, now: Marks | None
) -> Difference:
    """The place of a difference, as closely as marks tell it."""
    if a is None or b is None:
        return Difference(_word(a, b), part.topic, part.partition, 0)
    if was is None or now is None:
        return Difference(_word(a, b), part.topic, part.partition, detail="the pin's marks are not here to tell where")
    within = max(was.stride, now.stride)
    position = was.first_difference(now)
    if position is None:  # behind the last mark
        position = len(was.hashes) // MARK_BYTES * was.stride
    what = _word(a, b) if position + within > min(a.records, b.records) else "changed"
    records = log.scan(topic, part.partition, begin, committed=True)
    at = next(islice(records, position, position + 1), None) if position < b.records else None
    return Difference(what, part.topic, part.partition, position, within, NOWHERE if at is None else at.offset)
