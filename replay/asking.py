"""The states that a question begins with: what would have been, had another model, or the paper venue, been at work.

Positions and what people had ordered go on. What was open is let go of: nothing in the new run will ever answer it. And
each task begins where the one before it ends, so that no recorded intent, order or answer is taken for one of this run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from agents.topology import PRIMARY, TaskHops
from replay.recording import RAW_TOPIC, TICKS_TOPIC
from schemas.control import RunOpened
from streams.snapshot import TaskState
from streams.state_bytes import dump, kind_of, load

NOTHING_OPEN: Mapping[str, Any] = {"pending": [], "heard": {}, "inbox": []}


def aligned(states: Mapping[str, TaskState], tasks: Sequence[TaskHops]) -> dict[str, TaskState]:
    """States without open intents and orders, each input and side where its writer begins."""
    made = {
        (name, task.name): int(seq)
        for task in tasks
        if task.name in states
        for name, (seq, _) in states[task.name].values["outputs"].items()
    }
    found = {}
    for task in tasks:
        if task.name not in states:
            continue
        state = states[task.name]
        values = dict(state.values)
        primary = PRIMARY[task.hops[0]]
        if primary not in (RAW_TOPIC, TICKS_TOPIC):
            values["input"] = {**values["input"], "seqs": _begun(primary, made)}
        values["sides"] = {
            name: at if name == TICKS_TOPIC else {**at, "seqs": _begun(name, made), "stopped": False}
            for name, at in values["sides"].items()
            if name not in ("clock", "control")
        }
        values["waits"] = []
        agents = [let_go(hop, data) for hop, data in zip(values["stages"], state.agents, strict=True)]
        found[task.name] = replace(state, values=values, agents=agents)
    return found


def on_paper(opening: RunOpened) -> RunOpened:
    """An opening whose orders the paper venue works: nobody can ask an execution system what it would have said."""
    parameters = {name: value for name, value in opening.parameters.items() if name != "working_ms"}
    return msgspec.structs.replace(opening, gateway=msgspec.UNSET, parameters=parameters)


def let_go(hop: str, data: bytes) -> bytes:
    """A hop's state with nothing open."""
    if hop not in ("strategy", "risk"):
        return data
    kind = kind_of(data)
    arrays, values = load(kind, data)
    values["answers"] = dict(NOTHING_OPEN)
    for name in ("unanswered", "open_buys", "open_sells"):
        if name in arrays:
            arrays[name][:] = 0
    arrays.pop("overdue", None)
    values.pop("resting", None)
    if hop == "risk":
        values |= {"open": {}, "clock": None}
    return dump(kind, arrays, values)


def _begun(name: str, made: Mapping[tuple[str, str], int]) -> dict[str, int]:
    return {writer: seq for (topic, writer), seq in made.items() if topic == name}
