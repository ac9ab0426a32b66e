"""A pin as a recording: verified, and beginning with its own states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from agents.defining import all_defined, known_to
from agents.topology import TaskHops
from replay.pins.manifest import Manifest
from replay.pins.measuring import Measured, OnProgress
from replay.pins.store import load, state_bytes
from replay.pins.verifying import verify
from replay.recording import RAW_TOPIC, Recording, documents
from replay.tape_time import place_before
from schemas.control import RunOpened
from schemas.errors import ConfigError, SnapshotError
from schemas.topics import topic_name
from streams.log import Log
from streams.snapshot import TaskState, from_bytes


def open_pin(
    log: Log, manifest: Manifest, folder: Path = Path(), on_progress: OnProgress = lambda _n: None
) -> Recording:
    """The recording that a pin is, once the log has been found to hold it.

    Raises:
        StateDiverged: The log does not hold what was pinned.
        ConfigError: It holds nothing that can be played, a release lies within it, or its payloads have no numbers and
            lie at other offsets.
        SnapshotError: No run was opened by its end.
    """
    measured = verify(log, manifest, on_progress).check()
    selection = manifest.selection.selection
    if not measured.openings:
        raise SnapshotError(
            "no run was opened by the end of the pin", kind="no_run", allowed="a run record",
            where=topic_name(selection.namespace, "control"),
        )  # fmt: skip
    opening = measured.openings[-1]
    raw = topic_name("", RAW_TOPIC, opening.source)
    ranges = {p: bounds for (topic, p), bounds in measured.offsets.items() if topic == raw}
    if not ranges:
        raise ConfigError("the pin holds no payloads to play", kind="nothing_recorded", got="none",
                          where=f"pin {manifest.id[:12]}", allowed=f"a pin with {raw}")  # fmt: skip
    partitions = range(log.partitions(selection.namespace + raw))
    begin = {p: measured.lead[p] if p in ranges else 0 for p in partitions}
    states = {task: from_bytes(start.value) for task, start in measured.starts.items()}
    _check_numbered(manifest, measured, raw, states)
    defined = all_defined(log, selection.namespace)
    if selection.known_by is not None:
        defined = [d for d in defined if d.ts_known <= selection.known_by]
    recording = Recording(
        log, selection.namespace, opening, tuple(known_to(opening, defined)),
        begin, {p: ranges[p][1] if p in ranges else 0 for p in partitions}, {}, folder, pin=manifest.id,
        known_by=selection.known_by,
    )  # fmt: skip
    tasks = {task.name: task for task in recording.tasks}
    recording = replace(recording, states={name: _placed(recording, tasks[name], s) for name, s in states.items()})
    _check_spans(measured.openings, states, begin, recording)
    return recording


def _placed(recording: Recording, task: TaskHops, state: TaskState) -> TaskState:
    """A state whose places are those of this log: where what it has yet to hear, and to make, begins.

    Places are found by log time and lie a little early; numbers tell what was heard and made before. The state may have
    been taken in another log, of which this one is a copy with other offsets.
    """
    log, time = recording.log, int(state.values.get("time", 0))

    def place(name: str) -> int:
        topic, partition = recording.topic(name), task.partition_of(name)
        return place_before(log, topic, partition, time, raw=False) if partition < log.partitions(topic) else 0

    values = {
        **state.values,
        "sides": {name: {**at, "offset": place(name)} for name, at in state.values["sides"].items()},
        "outputs": {name: [seq, place(name)] for name, (seq, _) in state.values["outputs"].items()},
    }
    return TaskState(values, state.agents, state.queues)


def _check_numbered(manifest: Manifest, measured: Measured, raw: str, states: Mapping[str, TaskState]) -> None:
    """Refuse payloads whose offset is their number where they lie at other offsets.

    Raises:
        ConfigError: They do.
    """
    told = manifest.context["offsets"].get(raw, {})
    moved = any(told.get(str(p)) != list(at) for (topic, p), at in measured.offsets.items() if topic == raw)
    taken = {int(s.values["input"]["offset"]) for s in states.values() if s.values["stages"][0] == "normalise"}
    if measured.unnumbered and (moved or not taken <= set(measured.lead.values())):
        raise ConfigError(
            "the offset of payloads without a number is their number, and here they lie at others", kind="pin_offsets",
            got="the same records at other offsets", allowed="the log that it was pinned in, or an archive of it",
            where=f"pin {manifest.id[:12]}",
        )  # fmt: skip


def _check_spans(
    openings: list[RunOpened], states: Mapping[str, TaskState], begin: Mapping[int, int], whole: Recording
) -> None:  # fmt: skip
    """Refuse a stretch that a release cuts in two: what came before it was made by other code or parameters.

    Raises:
        ConfigError: The newest run does not cover the stretch.
    """
    before = {str(state.values.get("run", "")) for state in states.values()} - {openings[-1].run}
    if len(openings) > 1 and (before or not states):
        raise ConfigError(
            "a release lies within the stretch: it was made by several runs", kind="replay_spans",
            got=", ".join(opening.run for opening in openings), allowed=f"a stretch of {openings[-1].run} alone",
            where=f"{whole.topic(RAW_TOPIC)} from {min(begin.values(), default=0)}",
            fix="replay from a moment after it: --from-time",
        )  # fmt: skip


def reopened(log: Log, pin: str, bounds: dict[int, tuple[int, int]]) -> Recording:
    """The same in a further process of a replay whose pin has been verified: nothing is read but its manifest.

    Args:
        log: Where it lies.
        pin: Its id.
        bounds: By partition of raw: the first offset that is played, and the one after the last.

    Raises:
        ConfigError: Its manifest or a state is not here.
    """
    manifest = load(pin)
    if manifest is None:
        raise ConfigError("the pin is not here", kind="unknown_pin", got=pin)
    selection = manifest.selection.selection
    states = {}
    for state in manifest.data.states:
        kept = state_bytes(state.hash)
        if kept is None:
            raise ConfigError("a pin's state is not here", kind="pin_torn", got=state.task, where=pin)
        states[state.task] = from_bytes(kept)
    return Recording(
        log, selection.namespace, documents(log, selection.namespace, RunOpened, selection.end - 1)[-1], (),
        {p: at[0] for p, at in bounds.items()}, {p: at[1] for p, at in bounds.items()}, states, pin=pin,
        known_by=selection.known_by,
    )  # fmt: skip
