"""Whether a publisher is alone under its source name: seen from the offsets at which its records come to lie.

A publisher that is alone lies at offsets that follow each other. Where they do not, somebody else has written in
between: a stock producer or a retry, which is well, or a second publisher of the same source, which is not.
"""

from __future__ import annotations

from schemas.catalog import RAW
from schemas.errors import BadFrame, Fenced
from schemas.header import unpack
from streams.log import Log

LOOK_RECORDS_MAX = 10_000
"""Records of others looked at in one go; those before are passed over."""


class Neighbours:
    """Those who write beside a publisher. Costs a comparison a record while nobody does.

    Args:
        log: Where.
        topic: Full name.
        source: The publisher's.
        session: The publisher's: the later of two sessions goes on.

    Attributes:
        seen: Somebody has written in between, and nobody has looked yet.
    """

    def __init__(self, log: Log, topic: str, source: str, session: int) -> None:
        self.seen = False
        self._log, self._topic, self._source, self._session = log, topic, source, session
        self._between: dict[int, tuple[int, int]] = {}

    def between(self, partition: int, first: int, end: int) -> None:
        """Somebody has written at offsets from ``first`` to before ``end``, between records of the publisher's own."""
        self._between[partition] = (self._between.get(partition, (first, 0))[0], end)
        self.seen = True

    def look(self) -> None:
        """See who has written in between. An older publisher of the source will see this one, and end.

        Raises:
            Fenced: One of them was opened later than this one.
            BrokerError: The log cannot be read.
        """
        between, self._between, self.seen = self._between, {}, False
        for partition, (low, high) in between.items():
            for record in self._log.scan(self._topic, partition, max(low, high - LOOK_RECORDS_MAX), committed=False):
                if record.offset >= high:
                    break
                try:
                    header = None if record.header is None else unpack(record.header)
                except BadFrame:
                    continue
                if header is None or (header.writer, header.schema) != (self._source, RAW.number):
                    continue
                if header.cause > self._session:
                    raise Fenced(
                        "a publisher that was opened later writes under the same source name", kind="publisher",
                        got=f"session {header.cause}", allowed="one publisher a source",
                        where=f"{self._topic}[{partition}]@{record.offset}",
                        fix="end one of the two, or give it another source name",
                    )  # fmt: skip
