"""The audit, by planting faults: a checker that never caught one proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from replay.audit import Audit, Auditor
from replay.cut import Cut
from replay.plan import PlayPlan
from replay.session import MemorySession
from schemas.catalog import DEAD_LETTER, DECISION, END, EXECUTION, INTENT, ORDER, RAW, SCORE_SCHEMA, TICK_SCHEMA
from schemas.codec import decode, encode
from schemas.decision import Decision
from schemas.execution import Execution
from schemas.header import Header, pack, unpack
from schemas.tick import TICK
from streams.log import Log, Record
from streams.memory import MemoryLog

Edit = Callable[[Record, Header | None], list[Record]]
"""What becomes of a record: itself, nothing, or several."""

SOUND = (0, 0)


class Doctored(MemoryLog):
    """A run's log in which records of one topic are not what was written."""

    def __init__(self, log: Log, topic: str, edit: Edit) -> None:
        super().__init__()
        self._log = log
        self._topic = topic
        self._edit = edit

    def scan(self, topic: str, partition: int, start: int, *, committed: bool) -> Iterator[Record]:
        for record in self._log.scan(topic, partition, start, committed=committed):
            if topic == self._topic:
                yield from self._edit(record, None if record.header is None else unpack(record.header))
            else:
                yield record


@dataclass
class Run:
    """A sound run, and audits of what might have become of it."""

    session: MemorySession
    acknowledged: set[int]

    def audit(self, table_name: str = "", edit: Edit | None = None, acknowledged: set[int] | None = None) -> Audit:
        plan = self.session.plan
        log = self.session.log if edit is None else Doctored(self.session.log, plan.topic(table_name), edit)
        return Auditor(log, plan).run(self.acknowledged if acknowledged is None else acknowledged)

    def verdict(self, table_name: str, edit: Edit) -> tuple[int, int]:
        audit = self.audit(table_name, edit)
        return audit.lost, audit.duplicated

    def nth(
        self, table_name: str, schema: int, n: int, then: Callable[[Record, Header], list[Record]]
    ) -> tuple[int, int]:
        """Verdict when the n-th record of a schema becomes something else."""
        seen = -1

        def edit(record: Record, header: Header | None) -> list[Record]:
            nonlocal seen
            if header is not None and header.schema == schema:
                seen += 1
                if seen == n:
                    return then(record, header)
            return [record]

        verdict = self.verdict(table_name, edit)
        assert seen >= n, "nothing was planted"
        return verdict


@pytest.fixture(scope="module")
def run() -> Run:
    session = MemorySession(PlayPlan(run="r", seconds=2.0, speed=0.0), cut=Cut(frame_rows=16))
    session.run(lambda: None)
    run = Run(session, session.acknowledged())
    audit = run.audit()
    assert (audit.lost, audit.duplicated) == SOUND
    assert min(audit.ticks, audit.intents, audit.orders, audit.denied, audit.executions) > 0
    return run


def lose(_record: Record, _header: Header) -> list[Record]:
    return []


def repeat(record: Record, _header: Header) -> list[Record]:
    return [record, record]


def renumbered(record: Record, header: Header, **fields: int) -> Record:
    changed = Header(**{name: getattr(header, name) for name in header.__struct_fields__} | fields)
    return msgspec.structs.replace(record, header=pack(changed))


def test_a_sound_run_is_sound_whatever_the_deployment() -> None:
    session = MemorySession(PlayPlan(run="r", seconds=1.0, speed=0.0, split=True))
    session.run(lambda: None)
    audit = Run(session, session.acknowledged()).audit()
    assert (audit.lost, audit.duplicated) == SOUND


@pytest.mark.parametrize("n", [0, 500, 1_500])
def test_an_acknowledged_payload_that_is_gone_is_lost(run: Run, n: int) -> None:
    lost, duplicated = run.nth("raw.<source>", RAW.number, n, lose)
    assert lost >= 1
    assert duplicated == 0


def test_the_last_payload_is_missed_only_because_it_was_acknowledged(run: Run) -> None:
    last = max(run.acknowledged) - 1  # the very last number is the end record's
    planted = run.audit("raw.<source>", lambda r, h: [] if h is not None and h.seq >= last else [r])
    assert planted.lost >= 2
    unpromised = {seq for seq in run.acknowledged if seq < last}
    kept = run.audit("raw.<source>", lambda r, h: [] if h is not None and h.seq >= last else [r], unpromised)
    assert planted.lost - kept.lost == 2, "the payload and the end record"


def test_a_hole_in_raw_is_a_loss_even_where_nothing_was_promised(run: Run) -> None:
    promised = run.acknowledged - {1_000}
    assert run.audit(acknowledged=promised).lost == 0

    def gone(record: Record, header: Header | None) -> list[Record]:
        return [] if header is not None and header.seq == 1_000 else [record]

    planted = run.audit("raw.<source>", gone, promised)
    assert planted.lost == run.audit("raw.<source>", gone).lost >= 1, "the same loss, promised or not"


def test_a_payload_that_is_there_but_was_not_acknowledged_is_no_fault(run: Run) -> None:
    audit = run.audit(acknowledged=set())
    assert (audit.lost, audit.duplicated) == SOUND


def test_a_payload_that_is_there_twice_is_duplicated(run: Run) -> None:
    assert run.nth("raw.<source>", RAW.number, 1_000, repeat) == (0, 1)


@pytest.mark.parametrize("n", [0, 7])
def test_a_tick_frame_that_is_gone_is_lost(run: Run, n: int) -> None:
    lost, duplicated = run.nth("ticks.<source>", TICK_SCHEMA.number, n, lose)
    assert lost >= 1
    assert duplicated >= 1, "its scores have no tick"


def test_a_tick_that_came_from_no_payload_is_caught(run: Run) -> None:
    def strange(record: Record, header: Header) -> list[Record]:
        rows = np.frombuffer(record.value, dtype=TICK).copy()
        rows["root_seq"][0] = 2**40
        return [msgspec.structs.replace(record, value=rows.tobytes())]

    lost, _ = run.nth("ticks.<source>", TICK_SCHEMA.number, 3, strange)
    assert lost >= 2, "its own payload, and the score of the one it should be"


@pytest.mark.parametrize("table_name", ["ticks.<source>", "scores"])
def test_a_frame_that_is_there_twice_is_duplicated(run: Run, table_name: str) -> None:
    schema = TICK_SCHEMA if table_name.startswith("ticks") else SCORE_SCHEMA
    lost, duplicated = run.nth(table_name, schema.number, 5, repeat)
    assert lost == 0
    assert duplicated >= 2


def test_a_score_frame_that_is_gone_is_lost_by_its_numbers_and_by_its_ticks(run: Run) -> None:
    rows = []

    def drop(_record: Record, header: Header) -> list[Record]:
        rows.append(header.count)
        return []

    lost, duplicated = run.nth("scores", SCORE_SCHEMA.number, 4, drop)
    assert (lost, duplicated) == (2 * rows[0], 0)


def test_a_lost_score_is_missed_even_when_the_numbers_hide_it(run: Run) -> None:
    gone = 0

    def hide(record: Record, header: Header | None) -> list[Record]:
        nonlocal gone
        assert header is not None
        if header.schema == SCORE_SCHEMA.number and gone == 0 and header.seq > 100:
            gone = header.count
            return []
        return [renumbered(record, header, seq=header.seq - gone)]

    lost, duplicated = run.verdict("scores", hide)
    assert (lost, duplicated) == (gone, 0)
    assert gone > 0


DOCUMENTS = [("orders.intent", INTENT), ("orders.decision", DECISION), ("orders", ORDER), ("executions", EXECUTION)]


@pytest.mark.parametrize(("table_name", "schema"), DOCUMENTS, ids=[t for t, _ in DOCUMENTS])
@pytest.mark.parametrize("n", [0, 3])
def test_a_document_that_is_gone_is_lost(run: Run, table_name: str, schema: type, n: int) -> None:
    lost, _ = run.nth(table_name, schema.number, n, lose)  # type: ignore[attr-defined]
    assert lost >= 1


@pytest.mark.parametrize(("table_name", "schema"), DOCUMENTS, ids=[t for t, _ in DOCUMENTS])
def test_a_document_that_is_there_twice_is_duplicated(run: Run, table_name: str, schema: type) -> None:
    _, duplicated = run.nth(table_name, schema.number, 2, repeat)  # type: ignore[attr-defined]
    assert duplicated >= 1


@pytest.mark.parametrize(
    "table_name", ["ticks.<source>", "scores", "orders.intent", "orders.decision", "orders", "executions"]
)
def test_a_topic_that_lost_its_end_has_lost_something(run: Run, table_name: str) -> None:
    assert run.nth(table_name, END.number, 0, lose) == (1, 0)


def test_a_run_that_was_never_ended_needs_no_end_anywhere(run: Run) -> None:
    session = MemorySession(PlayPlan(run="r", seconds=0.1, speed=0.0))
    session.stop()
    session.run(lambda: None)
    audit = Auditor(session.log, session.plan).run(session.acknowledged())
    assert (audit.raw, audit.lost, audit.duplicated) == (0, 0, 0)


def test_an_order_without_its_last_report_is_missed_even_when_the_numbers_hide_it(run: Run) -> None:
    def unfinished(record: Record, _header: Header) -> list[Record]:
        report = msgspec.structs.replace(decode(record.value, Execution), final=False)
        return [msgspec.structs.replace(record, value=encode(report))]

    assert run.nth("executions", EXECUTION.number, 0, unfinished)[0] == 1


def test_an_approval_without_an_order_is_missed(run: Run) -> None:
    planted = False

    def turned(record: Record, header: Header | None) -> list[Record]:
        nonlocal planted
        assert header is not None
        if header.schema == DECISION.number and not planted:
            decision = decode(record.value, Decision)
            if decision.verdict == "denied":
                planted = True
                record = msgspec.structs.replace(
                    record, value=encode(msgspec.structs.replace(decision, verdict="approved"))
                )
        return [record]

    assert run.verdict("orders.decision", turned) == (1, 0)


def test_refused_inputs_are_counted_and_their_letters_watched(run: Run) -> None:
    plan = PlayPlan(run="r", seconds=1.0, speed=0.0)
    session = MemorySession(plan)
    written: list[bytes] = []

    def intrude() -> None:
        if not written:
            written.extend([b"one", b"two", b"three"])
            for value in written:
                session.log.appender().append(plan.topic("raw.<source>"), 0, b"k", value, None)

    session.run(intrude)
    spoilt = Run(session, session.acknowledged())
    audit = spoilt.audit()
    assert (audit.dead_letters, audit.rejected_payloads, audit.lost, audit.duplicated) == (3, 3, 0, 0)
    number = DEAD_LETTER.number
    assert spoilt.nth("dlq", number, 1, lose) == (1, 0)
    assert spoilt.nth("dlq", number, 1, repeat) == (0, 2), "its number and its place, both twice"


def test_a_changed_intent_changes_the_hash_and_another_stamp_does_not(run: Run) -> None:
    sound = run.audit().order_hash

    def later(record: Record, header: Header | None) -> list[Record]:
        assert header is not None
        return [renumbered(record, header, time=header.time + 1)]

    def longer(record: Record, header: Header | None) -> list[Record]:
        return [msgspec.structs.replace(record, value=record.value.replace(b'"buy"', b'"sell"'))]

    assert run.audit("orders.intent", later).order_hash == sound
    assert run.audit("orders.intent", longer).order_hash != sound


@pytest.mark.parametrize("table_name", ["ticks.<source>", "scores", "orders.intent", "orders", "executions", "dlq"])
def test_what_strangers_wrote_is_neither_lost_nor_duplicated(run: Run, table_name: str) -> None:
    plan = run.session.plan
    tick = Header(schema=TICK_SCHEMA.number, version=1, seq=77, time=0, writer="stranger", count=3)
    strange: list[tuple[bytes, bytes | None]] = [
        (b"x", None), (b"", b""), (b"x", b"\x54\x01cut"), (b"\xff", pack(tick)),
        (b"{}", pack(Header(schema=99, version=9, seq=5, time=0, writer=plan.tasks[0].name))),
        (b"{", pack(Header(schema=INTENT.number, version=1, seq=10**6, time=0, writer="stranger"))),
        (b"[]", pack(Header(schema=END.number, version=1, seq=9, time=0, writer="stranger"))),
    ]  # fmt: skip
    added = False

    def crowd(record: Record, _header: Header | None) -> list[Record]:
        nonlocal added
        if added:
            return [record]
        added = True
        return [*(Record(record.topic, 0, 10**6 + i, None, v, h) for i, (v, h) in enumerate(strange)), record]

    assert run.verdict(table_name, crowd) == SOUND


def test_strange_payloads_are_captured_unless_refused(run: Run) -> None:
    crowd = [
        Record("raw", 0, 10**6, b"k", b"stock", None), Record("raw", 0, 10**6 + 1, b"k", b"x", b"cut"),
        Record("raw", 0, 10**6 + 2, None, b"x", pack(Header(schema=99, version=1, seq=3, time=0, writer="stranger"))),
    ]  # fmt: skip
    before = run.audit().raw
    first = [True]

    def edit(record: Record, _header: Header | None) -> list[Record]:
        added, first[0] = (crowd if first[0] else []), False
        return [*added, record]

    audit = run.audit("raw.<source>", edit)
    assert (audit.raw, audit.lost, audit.duplicated) == (before + 3, 0, 0)
