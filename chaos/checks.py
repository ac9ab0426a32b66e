"""What must hold of a run, whatever died in it: START HERE. Every topic is read back once the run has come to rest.

* every acknowledged input is there and has been worked off once (``chaos/chain.py``);
* each writer's numbers in each partition have no hole and no repeat for a committed reader, and a reader of ours, who
  reads what is not committed and skips what it has seen, ends with the same bytes (``chaos/numbering.py``);
* a task's newest snapshot stands for exactly what is committed (``chaos/chain.py``);
* what is committed is, byte for byte, what a clean re-run gives that follows the recorded order
  (``chaos/rerun.py``, ``chaos/outcomes.py``);
* in play, the intents are those of a run without faults, by their ``order_hash``;
* no approved order lay beyond a limit, a halt or its time (``chaos/limit_judge.py``);
* readers that start anywhere see a suffix of what the first ones saw (``chaos/readers.py``).

A live run has come to rest when its tasks were ended in order: each has worked off its input and committed.
"""

from __future__ import annotations

from collections.abc import Collection

from agents.context import Context, context_of, read_context
from agents.topology import TaskHops
from chaos.chain import AllSaid, check_chain, check_commits, check_inputs, documents
from chaos.findings import Findings
from chaos.limit_judge import LimitJudge
from chaos.numbering import check_numbers
from chaos.outcomes import Build, check_outcomes
from chaos.readers import STARTS, check_readers
from chaos.tape import Shape, Tape
from replay.audit import order_hash
from schemas.codec import decode
from schemas.control import RunOpened
from schemas.decision import Decision
from schemas.errors import BadFrame
from schemas.execution import Execution
from streams.log import Log


def check(
    log: Log, shape: Shape, acknowledged: Collection[tuple[str, int]], *, expected_hash: str = "", starts: int = STARTS,
    seed: int = 0, context: Context | None = None, build: Build = TaskHops.build,
) -> Findings:  # fmt: skip
    """Read a run back and judge it.

    Args:
        log: Where.
        shape: What the run is.
        acknowledged: (source, source_seq) of every input whose publisher was told that it is durable.
        expected_hash: In play, the ``order_hash`` of the same run without faults; empty: not compared.
        starts: Random offsets that readers start at.
        seed: Draws them.
        context: What agents are built from; None: as the log tells.
        build: Builds a task's agents.

    Raises:
        BrokerError: The log cannot be read.
        SnapshotError: No run was opened there.
    """
    found = Findings()
    tape = Tape(log, shape)
    said = check_numbers(tape, found)
    check_inputs(tape, set(acknowledged), found)
    check_commits(tape, said, found)
    check_chain(tape, said, found)
    contexts = contexts_of(tape) if context is None else {context.run.run: context}
    context = contexts[list(contexts)[-1]]
    decisions = {d.client_order_id: d for d in documents(tape, said, "orders.decision") if isinstance(d, Decision)}
    reports = [d for d in documents(tape, said, "executions") if isinstance(d, Execution)]
    judge = LimitJudge(
        context, decisions, reports if shape.mode == "play" else None, shape.topic("orders.decision"), found
    )
    risk = next((task.name for task in shape.tasks if task.hops[0] == "risk"), "")
    check_outcomes(tape, contexts, said, build, {risk: judge}, found)
    if expected_hash and (there := order_hash_of(tape, said)) != expected_hash:
        found.tell("diverged", shape.topic("orders.intent"), f"order_hash {there[:16]}",
                   f"{expected_hash[:16]}, as without faults")  # fmt: skip
    check_readers(tape, starts, seed, found)
    return found


def contexts_of(tape: Tape) -> dict[str, Context]:
    """What agents were built from, by run, in the order in which the runs were opened.

    Raises:
        SnapshotError: No run was opened there.
    """
    shape = tape.shape
    newest = read_context(tape.log, shape.namespace, shape.folder)
    openings = []
    for strip in tape.all("control"):
        for record, _ in strip.committed:
            try:
                openings.append(decode(record.value, RunOpened))
            except BadFrame:  # a halt, or a change of limits
                continue
    return {opening.run: context_of(opening, newest.instruments, shape.folder) for opening in openings}


def order_hash_of(tape: Tape, said: AllSaid) -> str:
    """The ``order_hash`` of a run, as its summary gives it; of several writers, those of the first partition first."""
    every = [said.get(("orders.intent", 0, writer)) for writer in tape.shape.writers_of("orders.intent")]
    return order_hash(intent for outs in every if outs is not None for intent in outs.documents if intent is not None)
