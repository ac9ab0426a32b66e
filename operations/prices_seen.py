"""Whether a definition fits the prices that its instrument was seen at: its increments must divide them.

What was seen are the raw payloads under its key, those that wait in the dead letters among them. The newest decide.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

import numpy as np

from agents.release_watch import ReleaseWatch
from feeds.venues import venue_of
from schemas.columns import PRICE_SCALE
from schemas.definition import Definition
from schemas.errors import BadInput, ConfigError
from schemas.header import unpack
from schemas.topics import topic_name
from streams.agent import Payload
from streams.inputs import carried_header
from streams.log import Log

LOOK_BACK_RECORDS = 200_000
"""So many of the newest payloads of each partition are looked at."""
SEEN_MAX = 5_000
"""Payloads of one instrument that are read."""
SIZE_KINDS = frozenset({"bad_payload.off_grid"})


def check_prices(log: Log, definitions: Sequence[Definition]) -> None:
    """Hold definitions to what was seen on the live source.

    Raises:
        ConfigError: An increment does not divide a price, or the size of a trade, that was seen; says which and where.
    """
    opening = ReleaseWatch(log).opening
    if opening is None:
        return
    topic = topic_name("", "raw.<source>", opening.source)
    seen = _seen(log, topic, {d.instrument.encode() for d in definitions}, opening.source)
    venue = venue_of(opening.source)
    for definition in definitions:
        payloads = list(seen.get(definition.instrument.encode(), ()))
        if not payloads:
            continue
        messages, rejects = venue.reader((definition,)).read([payload for payload, _ in payloads])
        for cause, error in rejects:
            if error.kind in SIZE_KINDS:
                raise _does_not_divide("size_increment", definition.size_increment, error.got, payloads[cause][1])
        found = messages.messages
        runs = found["bids"] + found["asks"]
        owner = np.repeat(np.arange(len(found)), runs)
        level = found["begin"][owner] + np.arange(len(owner)) - np.repeat(np.cumsum(runs) - runs, runs)
        prices = messages.prices[level]
        wrong = np.flatnonzero(prices % definition.price_increment != 0)
        if len(wrong):
            where = payloads[int(found["cause"][owner[wrong[0]]])][1]
            raise _does_not_divide(
                "price_increment", definition.price_increment, _decimal(int(prices[wrong[0]])), where
            )


def _seen(log: Log, topic: str, keys: set[bytes], source: str) -> dict[bytes, deque[tuple[Payload, str]]]:
    """The newest payloads under some keys, and where each lies."""
    found: defaultdict[bytes, deque[tuple[Payload, str]]] = defaultdict(lambda: deque(maxlen=SEEN_MAX))
    for partition in range(log.partitions(topic)):
        low, high = log.bounds(topic, partition)
        for record in log.scan(topic, partition, max(low, high - LOOK_BACK_RECORDS), committed=True):
            if record.key not in keys:
                continue
            try:
                header = carried_header(record) if record.header is None else unpack(record.header)
            except BadInput:
                continue
            payload = Payload(source, header.seq, header.time, record.key, record.value)
            found[record.key].append((payload, f"{topic}[{partition}]@{record.offset}"))
    return found


def _does_not_divide(field: str, increment: int, got: str, where: str) -> ConfigError:
    return ConfigError(
        f"the {field} does not divide what was seen", kind="does_not_divide", got=f"{got} at {where}",
        allowed=f"multiples of {_decimal(increment)}", where=field, fix="give the venue's own increment",
    )  # fmt: skip


def _decimal(scaled: int) -> str:
    whole, part = divmod(scaled, PRICE_SCALE)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".")
