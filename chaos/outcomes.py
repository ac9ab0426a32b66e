"""What a run's tasks made, held against a clean re-run: the same rows and documents, in the same order, to the byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from agents.context import Context
from agents.topology import TaskHops
from chaos.findings import Findings
from chaos.numbering import Said
from chaos.rerun import DLQ, Made, Observer, Rerun
from chaos.spans import spans
from chaos.tape import Tape
from schemas.codec import decode_any
from schemas.errors import BadInput, TapedeckError
from schemas.score import SCORE
from schemas.tick import TICK
from streams.agent import Agent
from streams.task_outputs import ROW_SCHEMAS

Build = Callable[[TaskHops, Context], Sequence[Agent]]


def check_outcomes(
    tape: Tape, contexts: Mapping[str, Context], said: dict[tuple[str, int, str], Said], build: Build,
    observers: dict[str, Observer], found: Findings,
) -> None:  # fmt: skip
    """Re-run every task over its partition of its input.

    Args:
        tape: The run.
        contexts: What agents are built from, by run; the last one where a run is not named.
        said: What each writer has said.
        build: Builds a task's agents.
        observers: Who hears a task's input in the merged order, by task.
        found: Takes what differs.
    """
    newest = contexts[list(contexts)[-1]]
    for hops in tape.shape.tasks:
        parts = [(span, build(hops, contexts.get(span.run, newest))) for span in spans(tape, hops)]
        strip = tape.strip(parts[0][1][0].reads, hops.input_partition)
        if strip is None:
            continue
        made = Made()
        try:
            for span, stages in parts:
                Rerun(tape, hops, stages, made, observers.get(hops.name), span).run()
        except TapedeckError as error:
            found.tell("diverged", f"{strip.place} of {hops.name}", str(error), "a re-run in the recorded order")
            continue
        for name in (*(name for stage in parts[0][1] for name in stage.writes), DLQ):
            key = (name, hops.partition_of(name), hops.name)
            if key in said:
                _compare(tape.shape.topic(name), key, said[key], made, found)


def _compare(topic: str, key: tuple[str, int, str], said: Said, made_again: Made, found: Findings) -> None:
    name, partition, writer = key
    where = f"{topic}[{partition}] of {writer}"
    if name in ROW_SCHEMAS:
        if b"".join(made_again.rows.get(name, [])) == said.rows:
            return
        expected: list[Any] = list(made_again.each(name))
        got: list[Any] = list(said)
        identity = _row_identity(name)
    else:
        expected, got = made_again.documents.get(name, []), list(said.documents)
        if expected == got:
            return
        identity = _document_identity
    _tell(where, expected, got, identity, found)


def _tell(
    where: str, expected: list[Any], got: list[Any], identity: Callable[[Any], Hashable], found: Findings
) -> None:  # fmt: skip
    """Count what is missing, what is too much, and otherwise what differs; the first of each is told."""
    wanted, there = Counter(map(identity, expected)), Counter(map(identity, got))
    missing, extra = wanted - there, there - wanted
    first = next(
        (i for i, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b), min(len(expected), len(got))
    )
    if missing:
        found.tell("lost", f"{where} seq {first}", f"nothing of {_some(missing)}", "as a clean run gives",
                   missing.total())  # fmt: skip
    if extra:
        found.tell("duplicated", f"{where} seq {first}", f"too much of {_some(extra)}", "as a clean run gives",
                   extra.total())  # fmt: skip
    if not missing and not extra:
        differing = sum(a != b for a, b in zip(expected, got, strict=True))
        found.tell("diverged", f"{where} seq {first}", f"other content or order of {identity(got[first])}",
                   "the bytes that a clean run gives there", differing)  # fmt: skip


def _some(counted: Counter[Hashable]) -> str:
    names = [str(name) for name in list(counted)[:3]]
    return ", ".join(names) + (f" and {len(counted) - 3} more" if len(counted) > 3 else "")


_IDENTITIES: dict[str, np.dtype[Any]] = {"ticks.<source>": TICK, "scores": SCORE}


def _row_identity(name: str) -> Callable[[bytes], Hashable]:
    """Source sequence and part of a row, wherever they stand in it."""
    if name in _IDENTITIES:
        dtype = _IDENTITIES[name]
    else:
        from schemas.feature import feature_dtype

        dtype = feature_dtype(1)  # identity stands before the values, which differ in number
    fields: Any = dtype.fields
    seq_at, part_at = fields["root_seq"][1], fields["root_part"][1]

    def identity(row: bytes) -> Hashable:
        seq = int.from_bytes(row[seq_at : seq_at + 8], "little")
        part = int.from_bytes(row[part_at : part_at + 2], "little")
        return f"root {seq}/{part}"

    return identity


def _document_identity(document: Any) -> Hashable:
    """Order or execution id of a document; a dead letter's place."""
    if document is None:
        return "nothing"
    try:
        said: Any = decode_any(document[1])
    except BadInput:
        return "bytes that are no document"
    for name in ("execution_id", "client_order_id"):
        if hasattr(said, name):
            return f"{type(said).__name__.lower()} {getattr(said, name)}"
    if hasattr(said, "offset"):
        return f"letter {said.topic}[{said.partition}]@{said.offset} seq {said.seq}"
    return type(said).__name__
