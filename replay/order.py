"""The recorded order of a live run: before which of a task's inputs each side record took effect.

The task's committed outputs tell it in their headers, each place once. What no output had told when a snapshot was
taken stands in that snapshot. For a task of another deployment the places are counted over: in its own inputs, of which
those that a stage before it refused are none, nor are records of strangers, which a replay does not repeat.
"""

from __future__ import annotations

import zlib
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from agents.topology import GATEWAY, PRIMARY, TaskHops
from replay.recording import RAW_TOPIC, Recording, snapshots
from schemas.codec import decode, decode_any
from schemas.dead_letter import DeadLetter
from schemas.errors import BadFrame, ConfigError, SnapshotError
from schemas.header import Side
from schemas.partitions import named
from schemas.topics import TOPICS
from streams.sides import CLOCK_STOPPED, in_order
from streams.state_bytes import load_values

LISTENED: Mapping[str, tuple[str, ...]] = {
    "strategy": ("executions", "orders.decision"),
    "risk": ("clock", "control", "executions"),
    "gateway": ("orders",),
}
"""Side topics of the hops that hear any in a live run, in the order of their numbers. The agents say the same."""
DLQ = "dlq"


def listener_of(task: TaskHops) -> str:
    """The hop of a task that hears sides whose places are recorded; empty where none does."""
    return next((hop for hop in task.hops if hop in LISTENED), "")


def recorded_order(recording: Recording, task: TaskHops) -> tuple[Side, ...]:
    """Places of all side records of a task of a replay, in its own inputs and in order.

    Args:
        recording: The live run.
        task: The replay's, of the recording's deployment or another.
    """
    hop = listener_of(task)
    if not hop:
        return ()
    made_by = next(t for t in recording.tasks if hop in t.hops and t.partition == task.partition)
    found = in_order(_told(recording, made_by, LISTENED[hop]))
    places = np.array([side.place for side in found], dtype=np.int64)
    counted = _counted_over(recording, made_by, task, places)
    return tuple(
        Side(place=int(place), input=side.input, partition=side.partition, writer_crc=side.writer_crc, seq=side.seq)
        for side, place in zip(found, counted, strict=True)
    )  # fmt: skip


def merged_order(recording: Recording, names: Mapping[str, str]) -> tuple[str, ...]:
    """Whose intent came next, intent by intent, where the tasks of several partitions sent them.

    Risk's own word: each decision, or dead letter of an intent, names its input's number, and its root the partition.

    Args:
        recording: The live run.
        names: Tasks that send intents: their names in the recording, and in the replay.
    """
    task = next(t for t in recording.tasks if "risk" in t.hops)
    state = recording.states.get(task.name)
    begun = 0 if state is None else int(state.values["input"]["ordinal"])
    count = recording.opening.partitions
    senders = {t.partition: names[t.name] for t in recording.tasks if t.name in names}
    by_source = {named(recording.source, p, count): sender for p, sender in senders.items()}
    found: dict[int, str] = {}
    for name in ("orders.decision", DLQ):
        since = 0 if state is None else int(state.values["outputs"][name][1])
        for record, header in recording.scan(name, 0, since):
            if header is not None and header.writer == task.name and begun <= header.cause < recording.inputs_of(task):
                with suppress(BadFrame, ValueError):
                    said: Any = decode_any(record.value)
                    if isinstance(said, DeadLetter):
                        said = None if is_strangers(said) else decode_any(b64decode(said.payload))
                    root = getattr(said, "root", None)
                    if root is not None and root.source in by_source:
                        found[header.cause] = by_source[root.source]
    return tuple(found[ordinal] for ordinal in sorted(found))


def outputs_of(task: TaskHops) -> list[str]:
    """Table names of the topics that a task writes, but for its snapshots."""
    return [topic.name for topic in TOPICS if topic.made_by(task.hops)] + [DLQ]


def heard_by(values: dict[str, Any], names: Sequence[str], task: TaskHops) -> set[Side]:
    """How far sides had been heard before the input that follows a snapshot, and what was untold by then."""
    found = set()
    for name, position in values["sides"].items():
        number, partition = names.index(name), task.partition_of(name)
        for writer, seq in position["seqs"].items():
            found.add(Side(values["input"]["ordinal"], number, partition, zlib.crc32(writer.encode()), seq - 1))
        for place, of, writer_crc, seq in position.get("untold", ()):
            if seq == CLOCK_STOPPED and place == values["input"]["ordinal"]:
                continue  # the next record of the clock may take it back there: stopped_by tells of it
            found.add(Side(place, number, of, writer_crc, seq))
    return found


def stopped_by(values: dict[str, Any], names: Sequence[str], task: TaskHops) -> dict[Side, int]:
    """That the clock had stopped by a snapshot, with the newest record of the clock heard before."""
    clock = values["sides"].get("clock", {})
    if not clock.get("stopped"):
        return {}
    stop = Side(values["input"]["ordinal"], names.index("clock"), task.partition, 0, CLOCK_STOPPED)
    return {stop: max(clock["seqs"].values(), default=0) - 1}


def standing_stops(found: set[Side], stops: Mapping[Side, int]) -> set[Side]:
    """All places, with those stops that no record of the clock heard behind them at the same place took back."""
    newest: dict[tuple[int, int], int] = {}
    for side in found:
        if side.seq != CLOCK_STOPPED:
            newest[side.input, side.place] = max(newest.get((side.input, side.place), -1), side.seq)
    return found | {stop for stop, heard in stops.items() if newest.get((stop.input, stop.place), -1) <= heard}


def _told(recording: Recording, task: TaskHops, names: Sequence[str]) -> set[Side]:
    state = recording.states.get(task.name)
    found: set[Side] = set()
    stops: dict[Side, int] = {}
    for name in outputs_of(task):
        partition = task.partition_of(name)
        since = 0 if state is None else int(state.values["outputs"][name][1])
        for _, header in recording.scan(name, partition, since):
            if header is not None and header.writer == task.name:
                found.update(header.sides)
    for value in snapshots(recording, task):
        with suppress(SnapshotError, BadFrame):
            values = load_values(value)
            found |= heard_by(values, names, task)
            stops |= stopped_by(values, names, task)
    begun = 0 if state is None else int(state.values["input"]["ordinal"])
    # What was heard behind the last input of the run is in the state with which the next one begins.
    return {side for side in standing_stops(found, stops) if begun <= side.place < recording.inputs_of(task)}


def _counted_over(recording: Recording, made_by: TaskHops, task: TaskHops, places: Any) -> Any:
    """Places as the replay's task counts its inputs."""
    if made_by.hops == task.hops == GATEWAY.hops:
        return places  # its input is copied whole, strangers' records among it
    strangers, refused = _letters(recording, made_by)
    if PRIMARY[made_by.hops[0]] == RAW_TOPIC:
        raise ConfigError("a task that hears sides reads raw", kind="replay_deployment", got=made_by.name)
    if made_by.hops == task.hops:
        return _without(places, strangers)
    if made_by.hops[0] == "feature":  # recorded fused, played split: refused ticks give no score
        return _without(places, sorted((*strangers, *refused)))
    # Recorded split, played fused: the tick behind a score, of those that were not refused on the way.
    places = _without(places, strangers)
    for hop in ("score", "feature"):
        before = next(t for t in recording.tasks if t.hops == (hop,) and t.partition == task.partition)
        places = _with(places, _letters(recording, before)[1])
    return places


def _letters(recording: Recording, task: TaskHops) -> tuple[list[int], list[int]]:
    """Ordinals of a task's inputs that were strangers' records, and of those that its agents refused."""
    state = recording.states.get(task.name)
    since, begun = (0, 0) if state is None else (state.values["outputs"][DLQ][1], state.values["input"]["ordinal"])
    strangers: list[int] = []
    refused: list[int] = []
    for record, header in recording.scan(DLQ, 0, since):
        if header is None or header.writer != task.name or not begun <= header.cause < recording.inputs_of(task):
            continue
        with suppress(BadFrame):
            letter = decode(record.value, DeadLetter)
            (strangers if is_strangers(letter) else refused).append(header.cause)
    return sorted(strangers), sorted(refused)


def is_strangers(letter: DeadLetter) -> bool:
    """Whether a refused input was a record of a stranger's on a topic that a task writes.

    What an agent refuses was read well: it names no writer, but for payloads.
    """
    return bool(letter.writer) or letter.code == BadFrame.code


def _without(places: Any, removed: Iterable[int]) -> Any:
    """Each place less the inputs before it that are not there."""
    gone = np.fromiter(removed, dtype=np.int64)
    return places - np.searchsorted(gone, places, side="left")


def _with(places: Any, removed: Iterable[int]) -> Any:
    """The inverse: each place plus the inputs before it that are there and were not counted."""
    moved = places.copy()
    for at in removed:
        moved[moved > at] += 1
    return moved
