"""The chain from tick to final report: each link once. No order id approved twice."""

from __future__ import annotations

from collections import Counter
from itertools import repeat
from typing import Any

import numpy as np

from agents.topology import PRIMARY, TaskHops
from chaos.findings import Findings
from chaos.numbering import Said
from chaos.tape import Tape
from schemas.catalog import END, RAW
from schemas.codec import decode_any
from schemas.dead_letter import DeadLetter
from schemas.decision import Decision
from schemas.document import Document
from schemas.errors import BadInput, SnapshotError
from schemas.execution import Execution
from schemas.intent import Intent
from schemas.order import Order
from schemas.score import SCORE
from schemas.tick import TICK
from streams.snapshot import from_bytes

AllSaid = dict[tuple[str, int, str], Said]


def check_inputs(tape: Tape, acknowledged: set[tuple[str, int]], found: Findings) -> None:
    """Every acknowledged input is in the log, and every number below the highest; normalise has passed them all."""
    found.acknowledged = len(acknowledged)
    shape = tape.shape
    for strip in tape.all("raw.<source>"):
        numbers = {h.seq for _, h in strip.of(shape.source) if h.schema in (RAW.number, END.number)}
        promised = {seq for name, seq in acknowledged if name == shape.source_of(strip.partition)}
        below = set(range(max(numbers, default=-1) + 1))
        for seq in sorted((promised | below) - numbers):
            said = "acknowledged, and not in the log" if seq in promised else "missing below the highest"
            found.tell("lost", strip.place, f"source_seq {seq} is {said}", "every number once")


def check_commits(tape: Tape, said: AllSaid, found: Findings) -> None:
    """A task's newest snapshot stands for exactly what is committed of its outputs, and for all of its input."""
    for hops in tape.shape.tasks:
        strip = tape.strip("state", hops.state_partition)
        newest = None if strip is None else next(
            (r for r, h in reversed(strip.committed) if r.key == hops.name.encode() and h is not None), None
        )  # fmt: skip
        if strip is None or newest is None:
            continue
        where = f"{strip.place}@{newest.offset} of {hops.name}"
        try:
            values = from_bytes(newest.value).values
        except SnapshotError as error:
            found.tell("torn", where, str(error), "a whole snapshot")
            continue
        for name, (seq, _) in values["outputs"].items():
            outs = said.get((name, hops.partition_of(name), hops.name))
            there = 0 if outs is None else len(outs) + outs.ended
            if there != seq:
                found.tell("torn", where, f"{there} rows or documents committed on {name}",
                           f"{seq}, as its newest snapshot says")  # fmt: skip
        if not values["waits"]:  # live, the paper venue waits for a tick that may never come
            _check_consumed(tape, hops, values["input"]["seqs"], where, found)


def _check_consumed(tape: Tape, hops: TaskHops, seqs: dict[str, int], where: str, found: Findings) -> None:
    """A task that has come to rest has taken all of its input."""
    primary = PRIMARY[hops.hops[0]]
    strip = tape.strip(primary, hops.input_partition)
    for writer in tape.shape.writers_of(primary, hops.partition):
        last = 0 if strip is None else max((h.seq + h.count for _, h in strip.of(writer)), default=0)
        if seqs.get(writer, 0) < last:
            found.tell("lost", where, f"{primary} of {writer} is consumed up to seq {seqs.get(writer, 0)}", f"{last}",
                       last - seqs.get(writer, 0))  # fmt: skip


def check_chain(tape: Tape, said: AllSaid, found: Findings) -> None:
    """Ticks to scores, intents to decisions, approvals to orders, orders to final reports."""
    letters = [d for d in documents(tape, said, "dlq") if isinstance(d, DeadLetter)]
    refused = {(letter.topic, letter.partition, letter.seq) for letter in letters if not letter.writer}  # rows
    ticks = tape.shape.topic("ticks.<source>")
    scored = _roots(said, "scores", SCORE)
    wanted: Counter[tuple[int, int, int]] = Counter()
    for (name, partition, _), outs in said.items():
        if name == "ticks.<source>" and outs.widths:
            rows = np.frombuffer(bytes(outs.rows), dtype=TICK)
            roots = zip(repeat(partition), rows["root_seq"].tolist(), rows["root_part"].tolist(), strict=False)
            wanted.update(root for seq, root in enumerate(roots) if (ticks, partition, seq) not in refused)
    _hold(tape, "scores", "score of tick", wanted, scored, found)
    places = Counter((letter.topic, letter.partition, letter.offset, letter.seq) for letter in letters)
    for place, times in places.items():
        if times > 1:
            found.tell("duplicated", tape.shape.topic("dlq"), f"{place} refused {times} times", "once", times - 1)
    intents = Counter(d.client_order_id for d in documents(tape, said, "orders.intent") if isinstance(d, Intent))
    decisions = [d for d in documents(tape, said, "orders.decision") if isinstance(d, Decision)]
    approved = Counter(d.client_order_id for d in decisions if d.verdict == "approved")
    orders = Counter(d.client_order_id for d in documents(tape, said, "orders") if isinstance(d, Order))
    final = Counter(
        d.client_order_id for d in documents(tape, said, "executions") if isinstance(d, Execution) and d.final
    )
    for order_id, times in (approved & orders).items():
        if times > 1:
            found.tell(
                "duplicated", tape.shape.topic("orders"), f"{order_id} approved {times} times", "once", times - 1
            )
    _hold(tape, "orders.decision", "decision on", intents, Counter(d.client_order_id for d in decisions), found)
    _hold(tape, "orders", "order", approved, orders, found)
    for order_id, times in (final - orders).items():
        found.tell("duplicated", tape.shape.topic("executions"), f"{times} final reports too many of {order_id}",
                   "one of each order", times)  # fmt: skip
    if tape.shape.mode == "play":
        for order_id in orders - final:
            found.tell("lost", tape.shape.topic("executions"), f"no final report of {order_id}", "one")


def documents(tape: Tape, said: AllSaid, table_name: str) -> list[Document]:
    """Committed documents of a topic, by partition and number."""
    made = []
    for (name, _, writer), outs in said.items():
        if name != table_name or (table_name != "dlq" and writer not in tape.shape.writers_of(table_name)):
            continue
        for document in outs.documents:
            try:
                made += [] if document is None else [decode_any(document[1])]
            except BadInput:
                continue
    return made


def _roots(said: AllSaid, table_name: str, dtype: Any) -> Counter[tuple[int, int, int]]:
    """Partition, source sequence and part of every row of a topic."""
    found: Counter[tuple[int, int, int]] = Counter()
    for (name, partition, _), outs in said.items():
        if name == table_name and outs.widths:
            rows = np.frombuffer(bytes(outs.rows), dtype=dtype)
            found.update(zip(repeat(partition), rows["root_seq"].tolist(), rows["root_part"].tolist(), strict=False))
    return found


def _hold(
    tape: Tape, table_name: str, what: str, wanted: Counter[Any], there: Counter[Any], found: Findings
) -> None:  # fmt: skip
    topic = tape.shape.topic(table_name)
    for identity, times in (wanted - there).items():
        found.tell("lost", topic, f"no {what} {identity}", "exactly one", times)
    for identity, times in (there - wanted).items():
        found.tell("duplicated", topic, f"{times} too many: {what} {identity}", "exactly one", times)
