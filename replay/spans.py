"""Which recorded stretch is meant, and the runs that made it: one, or several where releases cut it.

A stretch begins where a task's recorded state stands, or with nothing at the first record. At a release each task of
the succeeding run commits a state before it writes anything else; its span begins with these, whatever was migrated or
re-warmed for them. So each span is played by itself, by its own opening: its model, view, limits and parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec import UNSET

from agents.defining import all_defined, known_to
from agents.topology import GATEWAY, PRIMARY, TaskHops
from replay.known import check_schema
from replay.recording import NO_END, RAW_TOPIC, Recording, header_of, snapshot_records, time_of
from replay.tape_time import lost, stretch
from schemas.catalog import END
from schemas.codec import decode_any
from schemas.control import ReleaseCut, RunOpened
from schemas.definition import Definition
from schemas.errors import BadFrame, ConfigError, SnapshotError
from schemas.topics import topic_name
from streams.log import Log, Record
from streams.snapshot import TaskState, from_bytes
from streams.state_bytes import load_values


def open_recording(
    log: Log, namespace: str = "", *, since_ns: int | None = None, until_ns: int | None = None, folder: Path = Path(),
    run: str = "",
) -> Recording:  # fmt: skip
    """The recorded run of a namespace, or a stretch of it that one run made; of several the one that is named.

    Raises:
        ConfigError, SnapshotError: See ``open_spans``; or several runs made it.
    """
    found = open_spans(log, namespace, since_ns=since_ns, until_ns=until_ns, folder=folder)
    found = tuple(span for span in found if span.opening.run == run) or found
    check_one(found, "a release lies within the stretch: it was made by several runs")
    return found[0]


def check_one(spans: Sequence[Recording], told: str) -> None:
    """Refuse what is asked of a stretch that releases cut.

    Raises:
        ConfigError: Several runs made it.
    """
    if len(spans) > 1:
        raise ConfigError(
            told, kind="replay_spans", got=", ".join(run.opening.run for run in spans),
            allowed=f"a stretch of {spans[-1].opening.run} alone",
            where=f"{spans[-1].topic(RAW_TOPIC)} from {min(spans[-1].begin.values(), default=0)}",
            fix="replay from a moment after it: --from-time",
        )  # fmt: skip


def open_spans(
    log: Log, namespace: str = "", *, since_ns: int | None = None, until_ns: int | None = None, folder: Path = Path()
) -> tuple[Recording, ...]:
    """The recorded runs of a namespace, or of a stretch of it, in order.

    Args:
        log: Where.
        namespace: Topic prefix, none for live.
        since_ns: First receive time that is meant; None: from the first record on.
        until_ns: The first receive time behind it; None: to the end of what has been worked off.
        folder: Where the paths of the desk's own code begin.

    Raises:
        ConfigError: There is nothing in it, its clock leaps, or a payload is of a schema that this build does not know.
        SnapshotError: No run was opened there, or no state of that time is there to begin with.
    """
    runs = _runs(log, namespace, folder)
    whole = runs[-1]
    raw = whole.topic(RAW_TOPIC)
    stretch = {p: _stretch(whole, p, since_ns, until_ns) for p in range(log.partitions(raw))}
    if not any(end > begin for begin, end in stretch.values()):
        raise ConfigError(
            "there is nothing to replay", kind="nothing_recorded", got="no record in that time",
            where=raw, fix="tapedeck days list shows what there is",
        )  # fmt: skip
    played = [run for run in (_clipped(run, stretch) for run in runs) if _any(run)]
    return tuple(_begun(run) for run in played)


def _any(run: Recording) -> bool:
    return any(run.end[p] > begin for p, begin in run.begin.items())


def _runs(log: Log, namespace: str, folder: Path) -> list[Recording]:
    """Every run that was opened there, none with a stretch yet.

    Raises:
        SnapshotError: None was.
    """
    openings: dict[str, RunOpened] = {}
    cuts: dict[str, ReleaseCut] = {}
    for said in _documents(log, topic_name(namespace, "control")):
        if isinstance(said, RunOpened):
            openings.setdefault(said.run, said)
        elif isinstance(said, ReleaseCut):
            cuts.setdefault(said.opening.run, said)
    if not openings:
        raise SnapshotError(
            "no run was opened here", kind="no_run", where=topic_name(namespace, "control"), allowed="a run record"
        )
    there = all_defined(log, namespace)
    defined: list[Definition] = [d.definition for d in there]
    found: list[Recording] = []
    after: RunOpened | None = None
    for opening in reversed(openings.values()):
        ends = {} if after is None else after.starts
        defined = defined if opening.defined is UNSET else known_to(opening, there)
        found.append(Recording(log, namespace, opening, tuple(defined), {}, {}, {}, folder, ends=ends))
        if opening.run in cuts:  # what it brought along, those before it did not know
            brought = cuts[opening.run].definitions
            defined = [d for d in defined if d not in brought]
        after = opening
    return found[::-1]


def _documents(log: Log, topic: str) -> list[Any]:
    found = []
    if log.partitions(topic):
        for record in log.scan(topic, 0, 0, committed=True):
            try:
                found.append(decode_any(record.value))
            except BadFrame:  # a stranger's
                continue
    return found


def _clipped(run: Recording, stretch: Mapping[int, tuple[int, int]]) -> Recording:
    """What of a stretch a run made."""
    names = {task.partition: task.name for task in run.tasks if task.hops[0] == "normalise"}
    begin, end = {}, {}
    for partition, (first, after) in stretch.items():
        name = names.get(partition, "")
        starts, ends = run.opening.starts.get(name), run.ends.get(name)
        begin[partition] = max(first, 0 if starts is None else starts.offset)
        end[partition] = max(begin[partition], min(after, NO_END if ends is None else ends.offset))
    return replace(run, begin=begin, end=end)


def _begun(run: Recording) -> Recording:
    """With the states of its tasks where it begins."""
    begin = dict(run.begin)
    states = _states(run, begin) if any(_behind_the_first(run, p, at) for p, at in begin.items()) else {}
    for task in run.tasks:
        if task.hops[0] == "normalise":
            state = states.get(task.name)
            begin[task.partition] = 0 if state is None else int(state.values["input"]["offset"])
            _check_there(run, task.partition, begin[task.partition])
    return replace(run, begin=begin, states=states)


def _check_there(run: Recording, partition: int, begin: int) -> None:
    """Refuse a beginning from which on the log no longer has all.

    Raises:
        ConfigError: Retention took some of it away, and no archive has it.
    """
    topic = run.topic(RAW_TOPIC)
    low, _ = run.log.bounds(topic, partition)
    if low > begin:
        raise ConfigError(
            "what lies between the state and the stretch is not in the log", kind="replay_removed",
            got=f"offsets {begin} to {low - 1} are removed", where=f"{topic}[{partition}]",
            allowed="a log, or an archive, that has all from the state on", fix="replay a later day, or restore them",
        )  # fmt: skip


def _stretch(whole: Recording, partition: int, since_ns: int | None, until_ns: int | None) -> tuple[int, int]:
    """Offsets of the payloads received from ``since_ns`` on and before ``until_ns``; time never runs backwards here."""
    first, after = -1, 0
    known: set[tuple[int, int]] = set()
    since, until = (0 if since_ns is None else since_ns), (NO_END if until_ns is None else until_ns)
    for record, head, _ in stretch(whole.log, whole.topic(RAW_TOPIC), partition, since, until, raw=True):
        if head is not None and head.schema == END.number:
            break
        if head is not None and (head.schema, head.version) not in known:
            check_schema(record, head)
            known.add((head.schema, head.version))
        first = record.offset if first < 0 else first
        after = record.offset + 1
    return (0, 0) if first < 0 else (first, after)


def _behind_the_first(whole: Recording, partition: int, begin: int) -> bool:
    """Whether anything lies before a place in raw: then a state must be there to begin with."""
    low, _ = whole.log.bounds(whole.topic(RAW_TOPIC), partition)
    first = next((record.offset for record, _ in whole.scan(RAW_TOPIC, partition)), begin)
    return low > 0 or begin > first


def _states(whole: Recording, begin: Mapping[int, int]) -> dict[str, TaskState]:
    """Each task's newest state from which all that follows can be made again.

    In the data's way: the first task's stands at or before the beginning. Each later one's takes no input that the one
    before has yet to make, or at least none of the stretch: what is made once more up to there it drops. Where a later
    one has none so old, its first: what comes before it is not made again.
    """
    found: dict[str, TaskState] = {}
    begun_ns = _begun_ns(whole, begin) if whole.mode == "live" else 0
    for task in whole.tasks:
        source = _newest_within(whole, task, begin, found, begun_ns)
        if source is None:
            if not whole.opening.starts and whole.log.bounds(whole.topic(RAW_TOPIC), 0)[0] == 0:
                return {}  # all of the log is there: from its first record on
            raise SnapshotError(
                "no state is there to begin with", kind="no_start", where=f"{whole.topic('state')} of {task.name}",
                got="; ".join(lost(whole.log, whole.topic(RAW_TOPIC))), allowed="a snapshot at or before the beginning",
                fix="replay a later day, or one whose state was archived",
            )  # fmt: skip
        found[task.name] = source
    return found


def _begun_ns(whole: Recording, begin: Mapping[int, int]) -> int:
    """Receive time of the first payload from the beginning on, ns; 0 where there is none."""
    times = (time_of(*found) for p, at in begin.items() for found in islice(whole.scan(RAW_TOPIC, p, at), 1))
    return min(times, default=0)


def _newest_within(
    whole: Recording, task: TaskHops, begin: Mapping[int, int], found: Mapping[str, TaskState], begun_ns: int
) -> TaskState | None:
    first: Record | None = None
    best: Record | None = None
    for record in snapshot_records(whole, task):
        first = first or record
        header = header_of(record)
        before = header is not None and 0 < header.time < begun_ns and task.hops[0] != "normalise"
        if not before and not _reached(task, load_values(record.value), begin, found):
            break
        best = record
    if best is None and task.hops[0] != "normalise":
        best = first
    return None if best is None else from_bytes(best.value)


def _reached(task: TaskHops, values: dict[str, Any], begin: Mapping[int, int], found: Mapping[str, TaskState]) -> bool:
    """Whether a state stands at or before the beginning: in raw, or by what the task before it had made by then."""
    if task.hops[0] == "normalise":
        return int(values["input"]["offset"]) <= begin[task.partition]
    primary, taken = PRIMARY[task.hops[0]], values["input"]["seqs"]
    if task.hops == GATEWAY.hops:  # what it reads comes from outside: it stands where it has heard of the orders
        primary, taken = "orders", values["sides"]["orders"]["seqs"]
    return all(
        int(seq) <= int(found[writer].values["outputs"][primary][0]) for writer, seq in taken.items() if writer in found
    )
