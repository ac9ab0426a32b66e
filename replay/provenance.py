"""Where a record comes from: back from any tick, feature, score or document to the payload, with who made each step.

Each step names the task that wrote it and the code that it ran: the run, Tapedeck's own build, and the view, model or
strategy by hash. Which run that was is told by the numbers at which each run's tasks began.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from msgspec import UNSET

from agents.defining import all_defined
from agents.plugins import view_of
from agents.release_watch import ReleaseWatch
from replay.amended import amended_by, amends
from replay.header_peek import Peek, peek
from replay.items import PART_BITS, id_of, rows_of
from replay.lookup import Lookup
from replay.shape import Shape, shape_of
from replay.shown import columns_of, document_of, payload_of, place_of
from replay.watched import OF_LIVE
from schemas.catalog import BY_NUMBER, RAW
from schemas.codec import decode, decode_any
from schemas.control import RunOpened
from schemas.dead_letter import DeadLetter
from schemas.document import Document, Root
from schemas.errors import BadFrame, ConfigError, TapedeckError
from schemas.execution import Execution
from schemas.header import unpack
from schemas.retry import Retried, Retry
from schemas.topics import table_row, topic_name
from streams.admission import RETRIED_FROM
from streams.inputs import carried_header
from streams.log import Log, Record
from streams.namespace import LIVE, namespaces

RAW_TABLE = "raw.<source>"
TICKS = "ticks.<source>"
ROWS = (TICKS, "features", "scores")
DOCUMENTS = ("orders.intent", "orders.decision", "orders", "executions")
WAY = (RAW_TABLE, *ROWS, *DOCUMENTS)
"""The data's way: what a record is made from stands before it."""


def provenance(log: Log, topic: str, partition: int, offset: int, row: int = 0) -> dict[str, Any]:
    """A record's way from its payload, as one JSON-able object.

    Args:
        log: Where; joined with the archive, if need be.
        topic: Full name.
        partition: Counted from 0.
        offset: Of the record.
        row: Counted from 0, of a record that holds several.

    Returns:
        ``record``, ``raw`` (the payload, its publisher and when it was first seen), ``retried`` (the person who put it
        back, and the letter), ``instrument`` (the revision that the run knew, and those that came later), ``steps``
        from the payload to the record, each with its place and code, ``amended``: what took the trade of its tick back
        or told it anew, ``amends``: the trade that its tick amends, and ``missing``: what the log no longer holds.

    Raises:
        ConfigError: There is no such record or row, or records of its topic are made from no payload.
        BrokerError, ArchiveError: It cannot be read.
    """
    runs = namespaces(log.names())
    run, prefix = next(((r, p) for r, p in runs.items() if topic.startswith(p)), (LIVE, ""))
    table = table_row(topic.removeprefix(prefix))
    if table is None or table.name not in WAY:
        raise ConfigError("records of this topic are made from no payload", kind="no_provenance", got=topic,
                          allowed=", ".join(WAY), where="tapedeck provenance")  # fmt: skip
    record = _record(log, topic, partition, offset)
    shape = shape_of(log, run)
    return _Way(log, shape, prefix).told(table.name, record, row)


class _Way:
    def __init__(self, log: Log, shape: Shape, prefix: str) -> None:
        self._log = log
        self._shape = shape
        self._prefix = prefix
        self._lookup = Lookup(log, shape)
        self._openings = [release.opening for release in ReleaseWatch(log, prefix).history]
        self._made_live = [release.opening for release in ReleaseWatch(log).history] if shape.watched.shadow else []

    def told(self, table: str, record: Record, row: int) -> dict[str, Any]:
        head = peek(record.header)
        if table == RAW_TABLE:
            return self._of_payload(record)
        if head is None:
            raise _nothing(record, "a record that a task wrote")
        if table in ROWS:
            rows = rows_of(record, head)
            if rows is None or not 0 <= row < len(rows):
                raise _nothing(record, f"rows 0 to {0 if rows is None else len(rows) - 1}", f"row {row}")
            root = Root(source=self._shape.watched.source, seq=int(rows["root_seq"][row]),
                        part=int(rows["root_part"][row]))  # fmt: skip
            time, number, name, at = int(rows["ts_log"][row]), int(rows["instrument_id"][row]), "", record.partition
        else:
            document: Any = decode_any(record.value)
            root, name, time, number = document.root, document.client_order_id, document.ts, document.instrument_id
            at = int(root.source.partition("@")[2] or 0)
        steps: list[dict[str, Any]] = []
        missing: list[str] = []
        tick = (record, row) if table == TICKS else None
        for before in WAY[1 : WAY.index(table)]:
            found = self._row(before, at, root, time) if before in ROWS else self._document(before, name, time)
            if found is None:
                missing += [before]
            else:
                steps.append(self._step(before, *found))
                tick = (found[0], found[1] or 0) if before == TICKS else tick
        steps.append(self._step(table, record, row if table in ROWS else None))
        raw = self._lookup.payload(at, root.seq)
        told = {} if raw is None else self._of_payload(raw)
        missing += [RAW_TABLE] if raw is None else []
        return {
            "record": place_of(record, row if table in ROWS else None), "run": steps[0]["run"],
            "root": {"source": root.source, "seq": root.seq, "part": root.part}, "raw": told.get("raw"),
            "retried": told.get("retried"), "instrument": self._instrument(number), "steps": steps,
            **self._amendments(tick), "missing": missing,
        }  # fmt: skip

    def _amendments(self, tick: tuple[Record, int] | None) -> dict[str, Any]:
        """What a tick's trade was taken back by, or what it takes back."""
        if tick is None:
            return {"amended": [], "amends": None}
        record, number = tick
        head = peek(record.header)
        rows = None if head is None else rows_of(record, head)
        assert rows is not None
        found = (record, number, rows[number])
        return {"amended": amended_by(self._log, self._shape, found), "amends": amends(self._log, self._shape, found)}

    def _of_payload(self, record: Record) -> dict[str, Any]:
        """A payload: who published it, and when; one that was put back: by whom, why, and when it was first seen."""
        try:
            header = carried_header(record) if record.header is None else unpack(record.header)
        except BadFrame as error:
            raise _nothing(record, "a payload with a header that can be read") from error
        if header.schema != RAW.number:
            raise _nothing(record, "a payload")
        source = record.topic.removeprefix(self._prefix).partition(".")[2]
        retried = self._retried(record, header.seq) if header.seq >= RETRIED_FROM else None
        raw = {
            **payload_of(record), "source": source, "source_seq": header.seq, "publisher": header.writer,
            "session_ns": header.cause, "first_seen_ns": header.time, "sha256": sha256(record.value).hexdigest(),
        }  # fmt: skip
        return {
            "record": place_of(record), "run": self._shape.watched.run,
            "root": {"source": source, "seq": header.seq, "part": 0}, "raw": raw, "retried": retried,
            "instrument": None, "steps": [], "amended": [], "amends": None, "missing": [],
        }  # fmt: skip

    def _row(self, table: str, partition: int, root: Root, time: int) -> tuple[Record, int | None] | None:
        found = self._lookup.row(table, partition, root.seq << PART_BITS | root.part, time)
        return None if found is None else (found[0], found[1])

    def _document(self, table: str, order_id: str, time: int) -> tuple[Record, int | None] | None:
        found = self._lookup.documents(
            table, lambda d: getattr(d, "client_order_id", "") == order_id, order_id, time
        )  # fmt: skip
        return (found[0][0], None) if found else None

    def _step(self, table: str, record: Record, row: int | None) -> dict[str, Any]:
        head = peek(record.header)
        assert head is not None
        opening = self._opening(table, head)
        step: dict[str, Any] = {
            "table": table, **place_of(record, row), "task": head.writer, "schema": BY_NUMBER[head.schema].name,
            "schema_version": head.version, "run": opening.run, "code": self._code(table, opening),
        }  # fmt: skip
        if row is not None:
            rows = rows_of(record, head)
            step["columns"] = columns_of(rows[row], self._names(opening) if table == "features" else ())
        else:
            step["document"] = document_of(record.value)
            report = self._report(opening, decode_any(record.value)) if table == "executions" else None
            step |= {} if report is None else {"report": payload_of(report)}
        return step

    def _opening(self, table: str, head: Peek) -> RunOpened:
        """The run that wrote a number: the newest whose task began at or before it."""
        openings = self._made_live if self._shape.watched.shadow and table in OF_LIVE else self._openings
        for opening in reversed(openings):
            start = opening.starts.get(head.writer)
            if start is None or start.seqs.get(table, 0) <= head.seq:
                return opening
        return self._shape.opened

    def _code(self, table: str, opening: RunOpened) -> dict[str, str]:
        """Hashes of what made a record of a topic."""
        code = {"build": opening.build}
        own = {"features": "feature", "orders.intent": "strategy"}.get(table)
        code |= {f"{c['kind']} {c['load']}": c["sha256"] for c in opening.code if c["kind"] == own}
        if table == "features":
            try:
                code["view"] = view_of(self._shape.context()).hash if opening.run == self._shape.opened.run else ""
            except TapedeckError:  # its families cannot be loaded here: their own hashes stand above
                code["view"] = ""
        if table in ("scores", "orders.intent"):
            code["model"] = str(opening.model.get("sha256", ""))
        return code

    def _names(self, opening: RunOpened) -> tuple[str, ...]:
        try:
            return view_of(self._shape.context()).names if opening.run == self._shape.opened.run else ()
        except TapedeckError:
            return ()

    def _report(self, opening: RunOpened, execution: Document) -> Record | None:
        """The payload of a gateway's report; None where the paper venue made it."""
        if opening.gateway is UNSET or not isinstance(execution, Execution):
            return None
        topic, wanted = self._shape.watched.reports_of(opening.gateway), id_of(execution).encode()
        there = self._log.scan(topic, 0, 0, committed=True) if self._log.partitions(topic) else iter(())
        return next((record for record in there if wanted in record.value), None)

    def _retried(self, copy: Record, seq: int) -> dict[str, Any] | None:
        """The order that put a payload back, and where it was first seen."""
        orders: dict[int, Retry] = {}
        for record in self._log.scan(self._shape.watched.people, 0, 0, committed=True):
            try:
                said = decode_any(record.value)
            except BadFrame:
                continue
            if isinstance(said, Retry):
                orders[record.offset] = said
            elif isinstance(said, Retried) and said.retry in orders:
                order = orders[said.retry]
                at = seq - said.first_seq
                if (order.topic, order.partition) == (copy.topic, copy.partition) and 0 <= at < len(order.letters):
                    return {"author": order.author, "reason": order.reason, "ts": order.ts, "control": said.retry,
                            "letter": self._letter(order.dlq_partition, order.letters[at])}  # fmt: skip
        return None

    def _letter(self, partition: int, offset: int) -> dict[str, Any]:
        topic = topic_name("" if self._shape.watched.shadow else self._prefix, "dlq")
        letter = decode(_record(self._log, topic, partition, offset).value, DeadLetter)
        return {
            "topic": topic, "partition": partition, "offset": offset, "kind": letter.kind, "first_seen_ns": letter.ts,
            "first_seen": f"{letter.topic}[{letter.partition}]@{letter.offset}",
        }  # fmt: skip

    def _instrument(self, number: int) -> dict[str, Any] | None:
        """The definition that the run knew, and what revised it since: by whom, when and why."""
        known = next((d for d in self._shape.watched.definitions if d.instrument_id == number), None)
        if known is None:
            return None
        later = [d for d in all_defined(self._log, self._prefix)
                 if d.definition.instrument_id == number and d.definition.revision > known.revision]  # fmt: skip
        return {
            "instrument": known.instrument, "instrument_id": number, "revision": known.revision,
            "revised": [
                {"revision": d.definition.revision, "ts_known": d.ts_known, "author": d.definition.author or "",
                 "reason": d.definition.reason or ""}
                for d in later
            ],
        }  # fmt: skip


def _record(log: Log, topic: str, partition: int, offset: int) -> Record:
    """A committed record by its place.

    Raises:
        ConfigError: There is none; says which offsets there are.
    """
    low, high = log.bounds(topic, partition) if 0 <= partition < log.partitions(topic) else (0, 0)
    found = next(iter(log.scan(topic, partition, offset, committed=True)), None) if low <= offset < high else None
    if found is None or found.offset != offset:
        raise ConfigError(
            "no record there", kind="no_record", got=str(offset), where=f"{topic}[{partition}]",
            allowed=f"{low} to {high - 1}; offsets of markers hold none" if high > low else "none is there",
        )  # fmt: skip
    return found


def _nothing(record: Record, allowed: str, got: str = "something else") -> ConfigError:
    return ConfigError("no such record", kind="no_record", got=got, allowed=allowed,
                       where=f"{record.topic}[{record.partition}]@{record.offset}")  # fmt: skip
