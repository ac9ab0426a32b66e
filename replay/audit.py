"""The audit of a run, from its topics alone as a read_committed reader sees them, against the publisher's ledger.

What must hold, topic by topic: every acknowledged payload is in ``raw`` once, and no number is missing there; each
writer's ``seq`` has no hole and no repeat up to its end record; every tick has one score, every intent one decision,
every approval one order, every order one final report. ``lost`` counts what is missing anywhere, ``duplicated`` what is
there twice. What strangers have written to a topic is read as the tasks read it, and numbered by nobody.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np

from replay.hops import HopLatencies
from replay.plan import PlayPlan
from replay.pnl import ProfitAndLoss
from schemas.catalog import END, RAW, SCORE_SCHEMA, TICK_SCHEMA
from schemas.codec import decode_any
from schemas.dead_letter import DeadLetter
from schemas.decision import Decision
from schemas.document import Document
from schemas.errors import BadFrame, BadInput
from schemas.execution import Execution
from schemas.header import Header, unpack
from schemas.intent import Intent
from schemas.order import Order
from schemas.tick import ACTION_TRADE, TICK
from schemas.topics import TOPICS
from streams.admission import UNNUMBERED_FROM
from streams.frame import decode_rows
from streams.log import Log, Record

PART_FACTOR = 1 << 16
"""A row's identity as one number: root_seq * PART_FACTOR + root_part."""


@dataclass(slots=True)
class Audit:
    """Counts of one run."""

    raw: int = 0
    ticks: int = 0
    trades: int = 0
    scores: int = 0
    intents: int = 0
    approved: int = 0
    denied: int = 0
    orders: int = 0
    executions: int = 0
    dead_letters: int = 0
    rejected_payloads: int = 0
    lost: int = 0
    duplicated: int = 0
    denials: Counter[str] = field(default_factory=Counter)
    order_hash: str = ""
    hops: HopLatencies = field(default_factory=HopLatencies)
    pnl: ProfitAndLoss = field(default_factory=ProfitAndLoss)


class Auditor:
    """Reads a run's topics once, each to its end."""

    def __init__(self, log: Log, plan: PlayPlan) -> None:
        self._log = log
        self._plan = plan
        self._audit = Audit(hops=HopLatencies(split=plan.split))
        self._refused_raw: dict[int, str] = {}
        self._ended = False

    def run(self, acknowledged: Set[int]) -> Audit:
        """The audit, given the source_seqs that were acknowledged to the publisher."""
        audit = self._audit
        letters = self._dead_letters()
        raw = self._raw(acknowledged)
        ticks = self._rows("ticks.<source>", raw)
        scores = self._rows("scores", None)
        audit.ticks, audit.scores = len(ticks), len(scores)
        self._compare(set(ticks) - letters, set(scores))
        intents = self._documents("orders.intent", Intent)
        decisions = self._documents("orders.decision", Decision)
        orders = self._documents("orders", Order)
        executions = self._documents("executions", Execution)
        self._chain(intents, decisions, orders, executions)
        audit.order_hash = order_hash((record.key or b"", record.value) for record, _ in intents)
        for _, document in executions:
            audit.pnl.execution(document)
        return audit

    def _raw(self, acknowledged: Set[int]) -> set[int]:
        """source_seqs of the payloads in ``raw``; what was refused as no record of the source is not among them."""
        seqs: Counter[int] = Counter()
        known, ends, payloads = set[int](), set[int](), set[int]()
        for record, header in self._records("raw.<source>"):
            ours = header is not None and header.writer == self._plan.source
            if header is not None and header.schema == END.number:
                ends.update({header.seq} if ours else ())
                continue
            if self._refused_raw.get(record.offset) == BadFrame.code:
                continue
            if header is not None and header.schema == RAW.number:
                known.add(header.seq)
                if ours:
                    seqs[header.seq] += 1
                    if seqs[header.seq] > 1:
                        continue
            elif record.header is None:
                known.add(UNNUMBERED_FROM + record.offset)
            if not ends:  # what comes after the end is read by nobody
                payloads.add(record.offset)
        self._ended = bool(ends)
        self._audit.raw = len(payloads)
        self._audit.rejected_payloads = len(self._refused_raw.keys() & payloads)
        # The numbers below the highest were given out one by one: a hole is a loss even where nothing was promised.
        promised = acknowledged | set(range(max(seqs, default=-1) + 1))
        self._audit.lost += len(promised - seqs.keys() - ends)
        self._audit.duplicated += sum(seqs.values()) - len(seqs)
        return known

    def _rows(self, table_name: str, raw: set[int] | None) -> Counter[int]:
        roots: Counter[int] = Counter()
        seqs = _Seqs({self._writer_of(table_name)})
        for record, header in self._records(table_name):
            if header is None or header.writer != self._writer_of(table_name):
                continue
            if header.schema not in (END.number, TICK_SCHEMA.number, SCORE_SCHEMA.number):
                continue
            if header.schema == END.number:
                seqs.add(header)
                continue
            try:
                rows = decode_rows(header.schema, header.version, record.value, header.count)
            except BadInput:  # a foreign frame that its reader has refused: counted among the dead letters
                continue
            seqs.add(header)
            self._audit.hops.record(table_name, header)
            roots.update(_roots(rows))
            if raw is not None:
                self._audit.trades += int(np.count_nonzero(rows["action"] == ACTION_TRADE))
                self._audit.pnl.ticks(rows)
        self._seqs(seqs, ends=True)
        self._audit.duplicated += sum(roots.values()) - len(roots)
        if raw is not None:
            self._audit.lost += sum(1 for root in roots if root // PART_FACTOR not in raw)
        return roots

    def _dead_letters(self) -> set[int]:
        """Roots of refused tick rows; counts letters on the way."""
        seqs = _Seqs({task.name for task in self._plan.tasks})
        places: Counter[tuple[str, int, int]] = Counter()
        refused: set[int] = set()
        raw, ticks = self._plan.topic("raw.<source>"), self._plan.topic("ticks.<source>")
        for record, header in self._records("dlq"):
            letter = _decoded(record)
            if header is None or not isinstance(letter, DeadLetter):
                continue
            seqs.add(header)
            places[(letter.topic, letter.offset, letter.seq)] += 1
            if letter.topic == raw:
                self._refused_raw[letter.offset] = letter.code
            value = b64decode(letter.payload)
            if letter.topic == ticks and len(value) == TICK.itemsize:
                refused.update(_roots(np.frombuffer(value, dtype=TICK)))
        self._seqs(seqs, ends=False)
        self._audit.dead_letters = sum(places.values())
        self._audit.duplicated += sum(places.values()) - len(places)
        return refused

    def _compare(self, expected: set[int], found: set[int]) -> None:
        self._audit.lost += len(expected - found)
        self._audit.duplicated += len(found - expected)

    def _documents(self, table_name: str, event: type[Document]) -> list[tuple[Record, Any]]:
        seqs = _Seqs({self._writer_of(table_name)})
        documents = []
        for record, header in self._records(table_name):
            document = _decoded(record)
            if header is None or document is None or header.writer != self._writer_of(table_name):
                continue
            seqs.add(header)
            if isinstance(document, event):
                documents.append((header.seq, record, document))
                repeat = isinstance(document, Execution) and document.report_index > 0
                self._audit.hops.record(table_name, header, repeat=repeat)
        self._seqs(seqs, ends=True)
        documents.sort(key=lambda d: d[0])
        return [(record, document) for _, record, document in documents]

    def _chain(self, intents: list[Any], decisions: list[Any], orders: list[Any], executions: list[Any]) -> None:
        audit = self._audit
        wanted = Counter(d.client_order_id for _, d in intents)
        decided = Counter(d.client_order_id for _, d in decisions)
        approved = Counter(d.client_order_id for _, d in decisions if d.verdict == "approved")
        ordered = Counter(d.client_order_id for _, d in orders)
        final = Counter(d.client_order_id for _, d in executions if d.final)
        for expected, found in ((wanted, decided), (approved, ordered), (ordered, final)):
            audit.lost += (expected - found).total()
            audit.duplicated += (found - expected).total()
        audit.intents, audit.orders, audit.executions = len(intents), len(orders), len(executions)
        audit.approved = approved.total()
        audit.denied = decided.total() - approved.total()
        for _, decision in decisions:
            audit.denials.update(decision.reasons[:1])

    def _seqs(self, seqs: _Seqs, *, ends: bool) -> None:
        """Take the verdict; where the run was ended, a topic without its end record has lost it."""
        lost, duplicated = seqs.verdict()
        self._audit.lost += lost + (ends and self._ended and not seqs.ended)
        self._audit.duplicated += duplicated

    def _writer_of(self, table_name: str) -> str:
        """Name of the task that writes a topic: what others have put there is not its loss."""
        written = next(topic for topic in TOPICS if topic.name == table_name)
        return next(task.name for task in self._plan.tasks if written.made_by(task.hops))

    def _records(self, table_name: str) -> Iterator[tuple[Record, Header | None]]:
        for record in self._log.scan(self._plan.topic(table_name), 0, 0, committed=True):
            try:
                header = None if record.header is None else unpack(record.header)
            except BadInput:
                header = None
            yield record, header


def order_hash(intents: Iterable[tuple[bytes, bytes]]) -> str:
    """Hash of all intents of a run, by key and value, in their order: two runs with the same one wanted the same."""
    digest = sha256()
    for key, value in intents:
        digest.update(key)
        digest.update(len(value).to_bytes(8, "little"))
        digest.update(value)
    return digest.hexdigest()


def _roots(rows: Any) -> list[int]:
    identities: list[int] = (rows["root_seq"] * np.uint64(PART_FACTOR) + rows["root_part"]).tolist()
    return identities


def _decoded(record: Record) -> Document | None:
    try:
        return decode_any(record.value)
    except BadInput:
        return None


class _Seqs:
    """Numbers seen of each of the given writers of one partition."""

    def __init__(self, writers: Set[str]) -> None:
        self.ended = False
        self._seen: dict[str, list[tuple[int, int]]] = {writer: [] for writer in writers}

    def add(self, header: Header) -> None:
        """Count one record's numbers."""
        if header.writer in self._seen:
            self._seen[header.writer].append((header.seq, header.seq + header.count))
            self.ended = self.ended or header.schema == END.number

    def verdict(self) -> tuple[int, int]:
        """(missing, repeated) numbers from 0 to the highest seen."""
        missing = repeated = 0
        for runs in self._seen.values():
            next_seq = 0
            for first, after in sorted(runs):
                missing += max(0, first - next_seq)
                repeated += max(0, min(next_seq, after) - first)
                next_seq = max(next_seq, after)
        return missing, repeated
