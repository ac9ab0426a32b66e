"""Whether the tasks of a live run have ended in order: nothing lies in the log that only their own code can make again.

What a task writes after its last commit is read by the next task at once, and repeated by its own next life from the
snapshot before it. Other code would repeat something else. So a run with other code, model, view or parameters may only
be opened where every task has committed all that it wrote: a recorded cut.
"""

from __future__ import annotations

from agents.topology import TaskHops, deployed, source_of
from schemas.control import RunOpened
from schemas.errors import ConfigError
from schemas.topics import TOPICS, topic_name
from streams.log import Log
from streams.outputs import Output
from streams.snapshot import newest_record
from streams.state_bytes import load_values


def check_settled(log: Log, opened: RunOpened) -> None:
    """Refuse to go on from a run whose tasks left something uncommitted.

    Raises:
        ConfigError: They did; names the tasks, and what to do.
    """
    unsettled = [task.name for task in deployed(opened) if left_behind(log, task, source_of(task, opened))]
    if unsettled:
        raise ConfigError(
            "the run before did not end in order, and only its own code can go on from where it stopped",
            kind="unsettled", got=f"uncommitted records of {', '.join(unsettled)}", where=opened.run,
            fix="bring its topology and files back, tapedeck up, end it with ctrl-C; then change them",
        )  # fmt: skip


def left_behind(log: Log, task: TaskHops, source: str) -> bool:
    """Whether a task has written beyond its newest snapshot."""
    snapshot = newest_record(log, "state", task.state_partition, task.name)
    outputs = {} if snapshot is None else load_values(snapshot.value).get("outputs", {})
    for topic in TOPICS:
        if not topic.made_by(task.hops):
            continue
        output = Output(topic_name("", topic.name, source), task.partition_of(topic.name), task.name)
        output.seq, output.since = outputs.get(topic.name, (0, 0))
        output.recall(log)
        if output.recalls:
            return True
    return False
