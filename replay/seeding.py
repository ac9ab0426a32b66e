"""Opening a replay: its topics, what was recorded beside the input, and the states its tasks begin with.

All of it is there before a task starts: the opening and the instruments, what the live tasks heard on their sides (in
topics of their own, ``streams.task_plan.RECORDED``), the states, and of every topic that a task will write again what
its readers, whose states stand further back, have yet to take.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from agents.topology import GATEWAY, PRIMARY, TaskHops, topic_specs
from replay.frame_part import part_of
from replay.heard_order import HeardOrder
from replay.order import LISTENED, listener_of
from replay.recording import RAW_TOPIC, TICKS_TOPIC, Recording, header_of
from replay.replay_plan import ReplayPlan
from schemas.catalog import END, RELEASE, RUN
from schemas.codec import decode, encode
from schemas.control import End, RunOpened
from schemas.definition import Definition
from schemas.errors import BadFrame
from schemas.header import Header, Side, pack
from schemas.topics import topic_name
from streams.flushing import flush_all
from streams.inputs import carried_header
from streams.log import Appender, Log, Record, TopicSpec
from streams.snapshot import TaskState, record_header, to_bytes
from streams.task_plan import RECORDED

FLUSH_S_MAX = 60.0
ANSWERS = ("orders.decision", "executions")
"""What tasks hear of those behind them: a state may stand behind answers that were made before the answerer's own."""
SHARED = ("executions",)
"""Side topics of several writers, read as they are written: ``heard_order.py``."""


def open_replay(log: Log, plan: ReplayPlan, orders: Mapping[str, tuple[Side, ...]]) -> None:
    """Create a replay's topics and write all that its tasks find when they start.

    Args:
        log: Guarded by the replay's namespace.
        plan: The replay.
        orders: The recorded order of each task that follows one.

    Raises:
        BrokerError: Something cannot be read or written.
    """
    recording = plan.recording
    gateway = plan.opening.gateway or ""
    specs = topic_specs(plan.namespace, recording.source, recording.opening.partitions, gateway)
    prefix = plan.namespace + RECORDED
    heard = sorted({name for task in plan.tasks for name in LISTENED.get(listener_of(task), ())})
    if plan.followed:
        specs += [TopicSpec(topic_name(prefix, name)) for name in heard]
    log.create(specs)
    appender = log.appender()
    for record, _ in recording.scan("definitions"):
        if _known(recording, record):
            _append(appender, plan.topic("definitions"), record)
    for record, header in recording.scan("control"):
        number = 0 if header is None else header.schema
        if number == RUN.number and decode(record.value, RunOpened).run == recording.opening.run:
            _append(appender, plan.topic("control"), record, encode(plan.opening))
        elif number not in (RUN.number, RELEASE.number):  # a task takes the newest run that is opened for its own
            _append(appender, plan.topic("control"), record)
    if plan.followed:
        for name in heard:
            _copy_heard(appender, plan, name, topic_name(prefix, name), orders)
    if gateway and recording.reports:
        _copy_reports(appender, plan, gateway)
    states = plan.states()
    for task in plan.tasks:
        if task.name in states:
            _seed(appender, plan, task, states[task.name])
    for name, task, wanted, made in _owed(plan, states):
        _copy_owed(appender, plan, name, task, wanted, made)
    flush_all(appender, plan.namespace, FLUSH_S_MAX)
    appender.close()


def _known(recording: Recording, record: Record) -> bool:
    """Whether a record is one of the definitions that the run was built from."""
    try:
        return decode(record.value, Definition) in recording.definitions
    except BadFrame:
        return False


def _append(appender: Appender, topic: str, record: Record, value: bytes | None = None) -> None:
    appender.append(topic, record.partition, record.key, record.value if value is None else value, record.header)


def _copy_heard(
    appender: Appender, plan: ReplayPlan, name: str, topic: str, orders: Mapping[str, tuple[Side, ...]]
) -> None:
    """What tasks heard on a side topic, up to the last place that tells of it."""
    last: dict[int, int] = {}
    told: list[list[Side]] = []
    start: int | None = None
    begun: dict[int, int] = {}
    for task in plan.tasks:
        names = LISTENED.get(listener_of(task), ())
        if name not in names:
            continue
        made_by = next(t for t in plan.recording.tasks if listener_of(task) in t.hops and t.partition == task.partition)
        state = plan.recording.states.get(made_by.name)
        position = {} if state is None else state.values["sides"].get(name, {})
        at = int(position.get("offset", 0))
        if start is None or at < start:
            start = at
            begun = {zlib.crc32(w.encode()): int(seq) - 1 for w, seq in position.get("seqs", {}).items()}
        told.append([side for side in orders[task.name] if side.input == names.index(name)])
        for side in told[-1]:
            last[side.writer_crc] = max(last.get(side.writer_crc, -1), side.seq)
    crcs: dict[str, int] = {}
    order: HeardOrder[Record] = HeardOrder(told, begun)
    for record, header in plan.recording.scan(name, 0, start or 0):
        if header is None:
            continue
        crc = crcs.setdefault(header.writer, zlib.crc32(header.writer.encode()))
        if header.seq > last.get(crc, -1):
            if len(crcs) == 1 and name == "clock":
                break  # one writer, in order, and by far the most records
        elif name in SHARED:
            for heard in order.take(crc, header.seq, record):
                _append(appender, topic, heard)
        else:
            _append(appender, topic, record)
    for heard in order.rest():
        _append(appender, topic, heard)


def _copy_reports(appender: Appender, plan: ReplayPlan, gateway: str) -> None:
    """What the execution system had said, from where the gateway's state stands, and its end."""
    topic, seq = topic_name(plan.namespace, RAW_TOPIC, gateway), 0
    state = plan.recording.states.get(GATEWAY.name)
    start = 0 if state is None else int(state.values["input"]["offset"])
    for record in plan.recording.log.scan(plan.recording.reports, 0, start, committed=True):
        header = header_of(record)
        packed = pack(carried_header(record)) if record.header is None else record.header
        appender.append(topic, 0, record.key, record.value, packed)
        if header is not None and header.writer == gateway:
            seq = header.seq + header.count
    end = End(run=plan.run, ts=0, inputs=0)
    header = Header(schema=END.number, version=END.version, seq=seq, time=0, writer=gateway)
    appender.append(topic, 0, b"", encode(end), pack(header))


def _seed(appender: Appender, plan: ReplayPlan, task: TaskHops, state: TaskState) -> None:
    header = record_header(task.name, int(state.values["snapshots"]), 0)
    appender.append(plan.topic("state"), task.state_partition, task.name.encode(), to_bytes(state), header)


def _owed(plan: ReplayPlan, states: Mapping[str, TaskState]) -> list[tuple[str, TaskHops, int, int]]:
    """Of each topic between tasks: what a reader wants next, where its writer begins further on.

    (table name, the replay's writer, first ``seq`` wanted, first ``seq`` that will be made).
    """
    wanted: dict[tuple[str, str], int] = {}
    for task in plan.tasks:
        if task.name not in states:
            continue
        values = states[task.name].values
        inputs: dict[str, Any] = {PRIMARY[task.hops[0]]: values["input"]["seqs"]}
        if "venue" in task.hops:
            inputs[TICKS_TOPIC] = values["sides"][TICKS_TOPIC]["seqs"]
        if not plan.followed:  # else they are heard where it was recorded: RECORDED
            inputs |= {name: values["sides"][name]["seqs"] for name in ANSWERS if name in values["sides"]}
        for name, seqs in inputs.items():
            # What was recorded between the tasks is no part of a question.
            if name != RAW_TOPIC and (name == TICKS_TOPIC or not plan.asks) and name != plan.fed:
                for writer in plan.renamed(name).values():
                    at = (name, writer)
                    wanted[at] = min(wanted.get(at, 2**63), int(seqs.get(writer, 0)))
    return [
        (name, task, wanted[name, task.name], int(made))
        for task in plan.tasks
        if task.name in states
        for name, (made, _) in states[task.name].values["outputs"].items()
        if wanted.get((name, task.name), made) < made
    ]


def _copy_owed(appender: Appender, plan: ReplayPlan, name: str, task: TaskHops, wanted: int, made: int) -> None:
    """Rows or documents that were recorded from ``wanted`` on and before ``made``."""
    before = plan.recording.writer_of(name, task.partition)
    partition, writer = task.partition_of(name), task.name
    for record, header in plan.recording.scan(name, partition):
        if header is None or header.writer != before or header.schema == END.number:
            continue
        if header.seq >= made:
            return
        first, after = max(header.seq, wanted), min(header.seq + header.count, made)
        if first < after:
            value, cut = part_of(record, header, first - header.seq, after - header.seq)
            # When it was made is no figure of this run.
            packed = pack(msgspec.structs.replace(cut, writer=writer, stamps=None))
            appender.append(plan.topic(name), partition, record.key, value, packed)
