"""Both sides of a comparison: what was recorded and what a replay makes, each as far as it can be equal.

Left out is what the recording had not worked off when it was read, what it made of input behind the stretch, executions
that the paper venue answers with ticks behind the stretch, and of the features those that a fused deployment does not
publish.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
import orjson

from agents.topology import TaskHops
from replay.order import is_strangers, outputs_of
from replay.pieces import Choice, Piece, Pieces, Tail
from replay.recording import NO_END, TICKS_TOPIC, Recording, payload_times, snapshots
from replay.replay_plan import ReplayPlan
from schemas.catalog import END
from schemas.codec import decode, decode_any
from schemas.dead_letter import DeadLetter
from schemas.errors import BadInput
from schemas.partitions import named
from streams.frame import decode_rows
from streams.log import Log
from streams.sample import FEATURE_SAMPLE
from streams.snapshot import from_bytes

LETTER_FREE = ("task", "topic", "offset", "partition")
"""What of a dead letter tells where it was written down, and not what was refused."""
DLQ, FEATURES, EXECUTIONS = "dlq", "features", "executions"


class Sides:
    """The recording and the replay.

    Attributes:
        answered: Log time of the replay's newest tick that has been seen: the venue answers an order by the first that
            is later than it may fill.
    """

    def __init__(self, plan: ReplayPlan, log: Log) -> None:
        self.plan, self.recording = plan, plan.recording
        self.answered = 0
        self._states = plan.states()
        self._replay = Recording(log, plan.namespace, plan.opening, (), {}, {}, {}, self.recording.folder)
        self._ticks = [Tail(self._replay, TICKS_TOPIC, p) for p in self.recording.begin]
        self._sampled = self.recording.opening.split != plan.split
        self._wanted = self._intents() if self._sampled else set[tuple[str, int, int]]()
        self._worked_off = {task.name: self._worked_off_by(task) for task in plan.tasks}

    @property
    def tails(self) -> list[Tail]:
        """What is read of the replay beside its outputs."""
        return self._ticks

    def look(self) -> None:
        """See how far the replay's ticks have come."""
        for tail in self._ticks:
            for record, header in tail:
                if header is not None and header.schema != END.number:
                    rows = decode_rows(header.schema, header.version, record.value, header.count)
                    self.answered = max(self.answered, int(rows["ts_log"][-1]))

    def recorded(self, task: TaskHops, name: str, partition: int) -> Pieces:
        """What was recorded, from where the task's state stands."""
        made_by = next(t for t in self.recording.tasks if task.hops[-1] in t.hops or name in outputs_of(t)[:-1])
        if name != DLQ:
            made_by = next(
                t for t in self.recording.tasks if name in outputs_of(t)[:-1] and t.partition == task.partition
            )
        state = self.recording.states.get(made_by.name)
        seq = 0 if state is None else int(state.values["outputs"][name][0])
        choice = self._choice(name, partition, split=self.recording.opening.split)
        last = self.recording.outputs_of(made_by, name)
        return Pieces(Tail(self.recording, name, partition), made_by.name, seq, choice, last=last)

    def replayed(self, task: TaskHops, name: str, partition: int) -> tuple[Pieces, Tail]:
        """What the replay made, and where it is read."""
        state = self._states.get(task.name)
        seq = 0 if state is None else int(state.values["outputs"][name][0])
        # At a cut the venue leaves its orders in hand to the next run, which answers them.
        last = self.recording.outputs_of(task, name) if name == EXECUTIONS else NO_END
        tail = Tail(self._replay, name, partition)
        return Pieces(tail, task.name, seq, self._choice(name, partition, split=self.plan.split), last=last), tail

    def not_ahead(self, task: TaskHops, piece: Piece) -> int:
        """How many of a piece that the replay made were caused by inputs that the recording had worked off."""
        at = self._worked_off.get(task.name)
        return piece.count if at is None else min(max(at - piece.ordinal, 0), piece.count)

    def until(self, *, whole: bool) -> int:
        """Log time behind which nothing that was recorded need come again: of the last payload, or the last tick."""
        if not whole:
            return self.answered
        return max((payload_times(self.recording, partition)[1] for partition in self.recording.begin), default=0)

    def _choice(self, name: str, partition: int, *, split: bool) -> Choice:
        if name == EXECUTIONS:
            return self._answered_by_then
        if name == FEATURES and self._sampled and split:
            source = named(self.recording.source, partition, self.recording.opening.partitions)
            return partial(self._in_sample, source)
        return _told if name == DLQ else _all

    def _answered_by_then(self, piece: Piece, final: bool) -> Iterable[Piece] | None:
        if piece.time < self.answered:
            return (piece,)
        return () if final else None

    def _in_sample(self, source: str, piece: Piece, final: bool) -> Iterable[Piece]:
        del final
        rows = piece.rows
        kept = (rows["root_seq"] % np.uint64(FEATURE_SAMPLE) == 0).tolist()
        roots = zip(rows["root_seq"].tolist(), rows["root_part"].tolist(), strict=True)
        for i, (seq, part) in enumerate(roots):
            if kept[i] or (source, seq, part) in self._wanted:
                yield piece.part(i, i + 1)

    def _worked_off_by(self, task: TaskHops) -> int | None:
        """Inputs that all recorded tasks which did a replayed task's work had worked off; None: that is not known."""
        alike = [t for t in self.recording.tasks if t.partition == task.partition and set(t.hops) & set(task.hops)]
        return min((n for n in map(self._inputs_of, alike) if n is not None), default=None)

    def _inputs_of(self, task: TaskHops) -> int | None:
        """Inputs that a recorded task had worked off by its newest snapshot: those that still wait in it were not."""
        if task.name in self.recording.ends:
            return self.recording.inputs_of(task)
        newest = None
        for value in snapshots(self.recording, task):
            newest = value
        if newest is None:
            return None
        state = from_bytes(newest)
        waiting = (int(queue.origins["ordinal"][0]) for queue in state.queues if queue is not None)
        return min((int(state.values["input"]["ordinal"]), *waiting))

    def _intents(self) -> set[tuple[str, int, int]]:
        wanted = set()
        for record, header in self.recording.scan("orders.intent"):
            if header is not None and header.schema != END.number:
                root = getattr(decode_any(record.value), "root", None)
                if root is not None:
                    wanted.add((root.source, root.seq, root.part))
        return wanted


def _all(piece: Piece, final: bool) -> Iterable[Piece]:
    del final
    return (piece,)


def _told(piece: Piece, final: bool) -> Iterable[Piece]:
    """A dead letter of what is replayed, without where it was written down."""
    del final
    try:
        letter = decode(piece.value, DeadLetter)
    except BadInput:
        return ()
    raw = letter.topic.rpartition("raw.")[1] == "raw."
    if not raw and is_strangers(letter):
        return ()
    told = {k: v for k, v in orjson.loads(piece.value).items() if k not in LETTER_FREE and (raw or k != "seq")}
    return (Piece(piece.seq, piece.ordinal, piece.key, orjson.dumps(told), None, letter.ts),)
