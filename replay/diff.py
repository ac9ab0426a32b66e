"""Two runs side by side: what is the same, what is not, and the first difference in the data's way.

Both are read as a committed reader sees them, topic by topic, two readers next to each other; nothing is held whole.
Items are matched by their root (``replay/join.py``). Framing, offsets and stamps never matter.

"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from agents.topology import partitions_of
from replay.difference import NAMES, Difference
from replay.divergence import RANK, Tracer
from replay.economics import Economics
from replay.items import Items
from replay.join import Counts, Found, Join
from replay.shape import Shape
from schemas.codec import decode_any
from schemas.errors import ConfigError
from schemas.execution import Execution
from streams.log import Log
from streams.sample import FEATURE_SAMPLE

CHUNK = 32_768
"""Items of either side that are compared at a time."""
FIRST_DEFAULT = 20
"""Differences that are told one by one."""

OnProgress = Callable[[str, int], None]
"""Called with what is compared, and how many items of A are behind."""


def compare(
    log_a: Log, shape_a: Shape, log_b: Log, shape_b: Shape, *, first: int = FIRST_DEFAULT,
    on_progress: OnProgress = lambda _what, _items: None,
) -> Difference:  # fmt: skip
    """Compare run B with run A.

    Args:
        log_a: Where A is.
        shape_a: A (``replay.shape.shape_of``), or a part of it: see ``Shape.ranges``.
        log_b: Where B is; may be the same log.
        shape_b: B.
        first: How many differences are told one by one.
        on_progress: Hears how far it is.

    Raises:
        ConfigError: The two have different numbers of partitions: roots are counted by partition.
        BrokerError: A log cannot be read.
    """
    _check(shape_a, shape_b)
    notes: list[str] = []
    sampled = 1
    if shape_a.opened.split != shape_b.opened.split:
        sampled = FEATURE_SAMPLE
        notes.append(f"of features, one in {sampled} is compared: one run logged no more beside those of intents")
    economics = (Economics(log_a, shape_a), Economics(log_b, shape_b))
    counts: dict[str, Counts] = {}
    found: list[tuple[str, int, Found]] = []
    digests = (sha256(), sha256())
    order_hashes = ("", "")
    for table_name, what in NAMES.items():
        counts[what] = Counts()
        there = [log.partitions(s.topic(table_name)) for log, s in ((log_a, shape_a), (log_b, shape_b))]
        if not all(there):
            notes.append(f"{what} are in one run alone, and not compared" if any(there) else f"no run has {what}")
            continue
        for partition in range(partitions_of(table_name, shape_a.opened.partitions)):
            join = Join(first)
            every = sampled if table_name == "features" else 1
            a, b = (
                Items(log, shape, table_name, partition, every) for log, shape in ((log_a, shape_a), (log_b, shape_b))
            )
            _run(join, a, b, table_name, economics, lambda n, what=what: on_progress(what, n))  # type: ignore[misc]
            counts[what].add(join.counts)
            found += [(table_name, partition, f) for f in join.found]
            of_join = join.digests()
            for digest, of_side in zip(digests, of_join, strict=True):
                digest.update(f"{table_name}[{partition}]".encode() + of_side)
            if table_name == "orders.intent":
                order_hashes = (of_join[0].hex(), of_join[1].hex())
    tracer = Tracer((log_a, shape_a), (log_b, shape_b), lambda n: on_progress("recomputed", n))
    found.sort(key=lambda f: (f[2].time, RANK[f[0]]))
    return Difference(
        a=shape_a.watched.run, b=shape_b.watched.run, counts=counts, first=tracer.first(found),
        others=[tracer.told(*f) for f in found[:first]],
        economics=(economics[0].figures(), economics[1].figures()),
        hashes=(digests[0].hexdigest(), digests[1].hexdigest()), order_hashes=order_hashes, notes=notes,
    )  # fmt: skip


def _run(
    join: Join, a: Items, b: Items, table_name: str, economics: tuple[Economics, Economics],
    on_progress: Callable[[int], None],
) -> None:  # fmt: skip
    while True:
        parts = (a.take(CHUNK), b.take(CHUNK))
        if parts[0] is None and parts[1] is None:
            break
        join.feed(*parts)
        for part, side in zip(parts, economics, strict=True):
            if part is None:
                continue
            if table_name == "ticks.<source>":
                side.ticks(part.content)
            elif table_name == "executions":
                for _, value in part.content.tolist():
                    document = decode_any(value)
                    if isinstance(document, Execution):
                        side.execution(document)
        on_progress(join.counts.a)
    join.finish()


def _check(a: Shape, b: Shape) -> None:
    if a.opened.partitions != b.opened.partitions:
        raise ConfigError(
            "runs of different numbers of partitions cannot be compared", kind="runs_differ",
            got=f"{a.watched.run}: {a.opened.partitions}, {b.watched.run}: {b.opened.partitions}",
            allowed="the same number: roots are counted by partition", where="replay diff",
        )  # fmt: skip
