"""Numbers: what each writer said in a partition, once and without a hole, whoever reads it.

A committed reader sees each number once, in order. A reader of ours, who takes what is not committed yet and skips what
it has seen, ends with the same; and a number that is said again says the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from chaos.findings import Findings
from chaos.tape import Strip, Tape
from schemas.catalog import BY_NUMBER, END
from schemas.errors import BadFrame
from schemas.header import Header
from streams.frame import decode_rows
from streams.log import Record

SAID_AGAIN = frozenset({"clock", "raw.<source>", "definitions"})
"""Topics of plain producers: twins say a number twice there, and readers take the first."""
COMMITTED_ONLY = frozenset({"control", "definitions", "state"})
"""Topics that nobody reads before they are committed."""
COMPACTED = frozenset({"state"})


@dataclass(slots=True)
class Said:
    """What one writer said in one partition, by number: rows as bytes end to end, or documents.

    Attributes:
        widths: Number, place in ``rows`` and bytes of the first row of each width: a release may change the view. Empty
            where documents are said.
        rows: Rows from number 0 on.
        documents: Key and value from number 0 on; None where one is missing.
        ended: Whether an end record stands behind it, which is no row and no document of these.
    """

    widths: list[tuple[int, int, int]] = field(default_factory=list)
    rows: bytearray = field(default_factory=bytearray)
    documents: list[tuple[bytes, bytes] | None] = field(default_factory=list)
    ended: bool = False

    def __len__(self) -> int:
        return self._number_at(len(self.rows)) if self.widths else len(self.documents)

    def __iter__(self) -> Iterator[bytes]:
        """Each row."""
        ends = [*(at for _, at, _ in self.widths[1:]), *([len(self.rows)] if self.widths else [])]
        for (_, begin, width), end in zip(self.widths, ends, strict=True):
            yield from (bytes(self.rows[at : at + width]) for at in range(begin, end, width))

    def add(self, record: Record, header: Header, skip: int) -> None:
        """Append a record's content, but for the first ``skip`` rows."""
        if _is_rows(header):
            width = len(record.value) // header.count
            if not self.widths or self.widths[-1][2] != width:
                self.widths.append((len(self), len(self.rows), width))
            self.rows += record.value[skip * width :]
        elif not skip:
            self.documents.append((record.key or b"", record.value))

    def pad(self, missing: int) -> None:
        """Keep the numbers of what follows right."""
        if self.widths:
            self.rows += bytes(self.widths[-1][2] * missing)
        else:
            self.documents += [None] * missing

    def same(self, record: Record, header: Header) -> bool:
        """Whether a record says what stands here under its numbers."""
        if _is_rows(header):
            at = self._place_of(header.seq)
            return bytes(self.rows[at : at + len(record.value)]) == record.value
        return header.seq < len(self.documents) and self.documents[header.seq] == (record.key or b"", record.value)

    def _number_at(self, place: int) -> int:
        first, at, width = self.widths[-1]
        return first + (place - at) // width

    def _place_of(self, number: int) -> int:
        first, at, width = next(span for span in reversed(self.widths) if span[0] <= number or not span[0])
        return at + (number - first) * width


def check_numbers(tape: Tape, found: Findings) -> dict[tuple[str, int, str], Said]:
    """Check every writer of every partition; gives what each has said by (table name, partition, writer)."""
    said: dict[tuple[str, int, str], Said] = {}
    tasks = [task.name for task in tape.shape.tasks]
    for (name, partition), strip in tape.strips.items():
        known = tape.shape.writers_of(name, partition)
        _check_whole(strip, {*tasks, *known}, found)
        for writer in known or tasks:
            if name == "raw.<source>" or (name == "state" and not any(strip.of(writer))):
                continue
            said[(name, partition, writer)] = _committed(strip, writer, found)
            if name not in COMMITTED_ONLY | SAID_AGAIN:
                _as_we_read(strip, writer, said[(name, partition, writer)], found)
    return said


def _check_whole(strip: Strip, writers: set[str], found: Findings) -> None:
    """Records that bear the name of a writer of the run can be read."""
    for record, header in strip.committed:
        if header is None or header.writer not in writers:
            continue
        try:
            if _is_rows(header):
                decode_rows(header.schema, header.version, record.value, header.count)
        except BadFrame as error:
            found.tell("torn", f"{strip.place}@{record.offset}", str(error), f"a whole frame of {header.writer}")


def _committed(strip: Strip, writer: str, found: Findings) -> Said:
    said = Said()
    next_seq = 1 if strip.table_name == "state" else 0
    for record, header in strip.of(writer):
        where = f"{strip.place}@{record.offset}"
        if header.seq > next_seq:
            if strip.table_name not in COMPACTED:
                missing = header.seq - next_seq
                found.tell("lost", where, f"seq {header.seq} of {writer}", f"seq {next_seq}", missing)
                if header.schema != END.number:
                    said.pad(missing)
            next_seq = header.seq
        again = min(next_seq - header.seq, header.count)
        if again and strip.table_name not in SAID_AGAIN:
            found.tell("duplicated", where, f"committed again: seq {header.seq} of {writer}", f"seq {next_seq}", again)
        if header.schema == END.number:
            said.ended = said.ended or not again
        elif again < header.count:
            said.add(record, header, again)
        next_seq = max(next_seq, header.seq + header.count)
    return said


def _as_we_read(strip: Strip, writer: str, said: Said, found: Findings) -> None:
    next_seq = 0
    for record, header in strip.of(writer, committed=False):
        where = f"{strip.place}@{record.offset}"
        if header.schema == END.number:
            continue
        if header.seq > next_seq:
            found.tell(
                "lost", where, f"readers of ours meet seq {header.seq} of {writer}", f"seq {next_seq}",
                header.seq - next_seq,
            )  # fmt: skip
        next_seq = max(next_seq, header.seq + header.count)
        if next_seq > len(said):
            found.tell("lost", where, f"never committed, and read: seq {header.seq} of {writer}", "a commit of it")
            return
        if not said.same(record, header):
            found.tell(
                "diverged", where, f"other bytes under seq {header.seq} of {writer} than were committed",
                "the same bytes whenever a number is said again",
            )  # fmt: skip


def _is_rows(header: Header) -> bool:
    schema = BY_NUMBER.get(header.schema)
    return schema is not None and schema.kind == "rows"
