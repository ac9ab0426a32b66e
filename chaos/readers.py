"""Readers that start anywhere: each sees a suffix of what the first reader saw, committed or not."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

from chaos.findings import Findings
from chaos.tape import Strip, Tape
from schemas.catalog import END
from schemas.header import Header
from streams.log import Log, Record

STARTS = 1_000
"""Random offsets that readers start at, over all partitions of a run."""
READ_RECORDS = 64
"""Records that such a reader looks at; one in ``WHOLE_EVERY`` reads on to the end."""
WHOLE_EVERY = 50


AT_ONCE = 16
"""Readers at once; fewer in all are read one after the other."""


class Start(NamedTuple):
    """A reader: where it starts, whether it reads committed, and how many records it looks at (None: all)."""

    strip: Strip
    offset: int
    committed: bool
    most: int | None


def check_readers(tape: Tape, starts: int, seed: int, found: Findings) -> None:
    """Start readers at offsets drawn from the seed, and hold what they see against the first readers' views."""
    rng = random.Random(seed)
    strips = [strip for strip in tape.strips.values() if strip.written]
    if not strips:
        return
    drawn: list[Start] = []
    for number in range(starts):
        strip = rng.choice(strips)
        offset = rng.randrange(strip.written[0].record.offset, strip.written[-1].record.offset + 1)
        drawn.append(Start(strip, offset, bool(number % 2), None if number % WHOLE_EVERY == 0 else READ_RECORDS))
    for start, got in zip(drawn, _read_all(tape.log, drawn), strict=True):
        entries = start.strip.committed if start.committed else start.strip.written
        at = bisect_left(entries, start.offset, key=lambda entry: entry.record.offset)
        expected = [entry.record for entry in islice(entries, at, None if start.most is None else at + start.most)]
        if got != expected:
            _tell(start.strip, start.offset, start.committed, got, expected, found)
        elif not start.committed:
            _check_seqs(tape, start.strip, got, found)


def _read_all(log: Log, drawn: list[Start]) -> Iterable[list[Record]]:
    """What each reader sees. Many at once, as on Kafka each spends its time waiting for the broker."""
    if len(drawn) < AT_ONCE:
        return [_read(log, start) for start in drawn]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda start: _read(log, start), drawn))


def _read(log: Log, start: Start) -> list[Record]:
    records = log.scan(start.strip.topic, start.strip.partition, start.offset, committed=start.committed)
    try:
        return list(islice(records, start.most))
    finally:
        close = getattr(records, "close", None)
        if close is not None:
            close()


def _tell(
    strip: Strip, offset: int, committed: bool, got: list[Record], expected: list[Record], found: Findings
) -> None:  # fmt: skip
    """Say the first record in which a late reader's view differs."""
    who = "a read_committed reader" if committed else "a reader of ours"
    at = next((i for i, (a, b) in enumerate(zip(got, expected, strict=False)) if a != b), min(len(got), len(expected)))
    there = f"offset {got[at].offset}" if at < len(got) else "nothing more"
    wanted = f"offset {expected[at].offset}" if at < len(expected) else "nothing more"
    kind = "lost" if len(got) < len(expected) else "duplicated" if len(got) > len(expected) else "diverged"
    found.tell(kind, f"{strip.place}@{offset}", f"{who} that starts there sees {there}", f"{wanted}, as the first did")


def _check_seqs(tape: Tape, strip: Strip, records: list[Record], found: Findings) -> None:
    """What a reader of ours keeps, from wherever it starts, has no hole."""
    writers = tape.shape.writers_of(strip.table_name, strip.partition)
    if strip.table_name in ("raw.<source>", "clock", "control"):
        return
    headers = {entry.record.offset: entry.header for entry in strip.written}
    next_seq: dict[str, int] = {}
    for record in records:
        header: Header | None = headers[record.offset]
        if header is None or header.writer not in writers:
            continue
        known = next_seq.get(header.writer)
        if known is not None and header.seq > known and header.schema != END.number:
            found.tell("lost", f"{strip.place}@{record.offset}", f"seq {header.seq} of {header.writer}", f"seq {known}",
                       header.seq - known)  # fmt: skip
        next_seq[header.writer] = max(known or 0, header.seq + header.count)
