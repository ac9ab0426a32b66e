"""Which recorded stretch is meant, and the runs that made it: one, or several where releases cut it.

A stretch begins where a task's recorded state stands, or with nothing at the first record. At a release each task of
the succeeding run commits a state before it writes anything else; its span begins with these, whatever was migrated or
re-warmed for them. So each span is played by itself, by its own opening: its model, view, limits and parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.topology import GATEWAY, PRIMARY, TaskHops
from replay.recording import NO_END, RAW_TOPIC, Recording, snapshots, time_of
from schemas.catalog import END, RAW
from schemas.codec import decode_any
from schemas.control import ReleaseCut, RunOpened
from schemas.definition import Definition
from schemas.errors import BadFrame, ConfigError, SnapshotError
from schemas.topics import topic_name
from streams.build import build_hash
from streams.log import Log
from streams.snapshot import TaskState, from_bytes
from streams.state_bytes import load_values

DAY_NS = 86_400_000_000_000
LEAP_NS = DAY_NS
"""A receive time that leaps ahead of the one before by more than this is a clock's fault, not a pause of the market."""
BUILD_CHARS = 12


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
        raise _refused(told, spans, f"a stretch of {spans[-1].opening.run} alone")


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
        ConfigError: There is nothing in it, its clock leaps, or another build made one of several spans.
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
    others = [run for run in played if run.opening.build != build_hash()]
    if len(played) > 1 and others:
        build = others[-1].opening.build[:BUILD_CHARS] or "unnamed"
        raise _refused(
            f"a release lies within the stretch, and {others[-1].opening.run} was made by another build, {build}",
            played,
            f"spans of this build, {build_hash()[:BUILD_CHARS]}",
        )  # fmt: skip
    return tuple(_begun(run) for run in played)


def _refused(told: str, spans: Sequence[Recording], allowed: str) -> ConfigError:
    return ConfigError(
        told, kind="replay_spans", got=", ".join(run.opening.run for run in spans), allowed=allowed,
        where=f"{spans[-1].topic(RAW_TOPIC)} from {min(spans[-1].begin.values(), default=0)}",
        fix="replay from a moment after it: --from-time",
    )  # fmt: skip


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
    defined = [d for d in _documents(log, topic_name(namespace, "definitions")) if isinstance(d, Definition)]
    found: list[Recording] = []
    after: RunOpened | None = None
    for opening in reversed(openings.values()):
        ends = {} if after is None else after.starts
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
    return replace(run, begin=begin, states=states)


def _stretch(whole: Recording, partition: int, since_ns: int | None, until_ns: int | None) -> tuple[int, int]:
    """Offsets of the payloads received from ``since_ns`` on and before ``until_ns``; time never runs backwards here."""
    first, after, newest, seen = -1, 0, -(2**63), False
    for record, header in whole.scan(RAW_TOPIC, partition):
        if header is not None and header.schema == END.number:
            break
        if record.header is None or (header is not None and header.schema == RAW.number):
            time = time_of(record, header)
            if seen and time > newest + LEAP_NS:
                raise ConfigError(
                    "the clock of the recording leaps", kind="clock_leaps",
                    got=f"{(time - newest) / 1e9:.0f} s", allowed=f"{LEAP_NS / 1e9:.0f} s between two payloads",
                    where=f"{record.topic}[{record.partition}]@{record.offset}",
                    fix="replay the days on either side of it by themselves",
                )  # fmt: skip
            newest, seen = max(newest, time), True
        if until_ns is not None and newest >= until_ns:
            break
        if first < 0 and (since_ns is None or newest >= since_ns):
            first = record.offset
        after = record.offset + 1
    return (0, 0) if first < 0 else (first, after)


def _behind_the_first(whole: Recording, partition: int, begin: int) -> bool:
    """Whether anything lies before a place in raw: then a state must be there to begin with."""
    low, _ = whole.log.bounds(whole.topic(RAW_TOPIC), partition)
    first = next((record.offset for record, _ in whole.scan(RAW_TOPIC, partition)), begin)
    return low > 0 or begin > first


def _states(whole: Recording, begin: Mapping[int, int]) -> dict[str, TaskState]:
    """Each task's newest state from which all that follows can be made again.

    In the data's way: the first task's stands at or before the beginning, each later one's takes no input that the one
    before has yet to make. Where a later one has none so old, its first: what comes before it is not made again.
    """
    found: dict[str, TaskState] = {}
    for task in whole.tasks:
        source = _newest_within(whole, task, begin, found)
        if source is None:
            if not whole.opening.starts and whole.log.bounds(whole.topic(RAW_TOPIC), 0)[0] == 0:
                return {}  # all of the log is there: from its first record on
            raise SnapshotError(
                "no state is there to begin with", kind="no_start", where=f"{whole.topic('state')} of {task.name}",
                allowed="a snapshot at or before the beginning",
                fix="replay a later day, or one whose state was archived",
            )  # fmt: skip
        found[task.name] = source
    return found


def _newest_within(
    whole: Recording, task: TaskHops, begin: Mapping[int, int], found: Mapping[str, TaskState]
) -> TaskState | None:
    first: bytes | None = None
    best: bytes | None = None
    for _, value in snapshots(whole, task):
        first = first or value
        if not _reached(task, load_values(value), begin, found):
            break
        best = value
    if best is None and task.hops[0] != "normalise":
        best = first
    return None if best is None else from_bytes(best)


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
