"""Child process: answers every intent with a denial as soon as it reads it, in the place of risk and venue.

So the strategy goes on sending, and what is measured is the fused task, not whatever else shares its machine. The
echo's intents are read and answered as well, though nobody waits for that: both sides load broker and cores alike.
"""

from __future__ import annotations

import gc
from typing import Any

from benchmarks.children.orders import Orders, arguments, say
from schemas.catalog import DECISION, INTENT
from schemas.codec import decode, encode
from schemas.decision import Decision
from schemas.document import Root
from schemas.header import Header, no_stamps, pack, unpack
from schemas.intent import Intent
from streams.inputs import RECORDS_MAX
from streams.kafka import connect

WAIT_S = 0.1
WRITER = "risk"


def main(spec: dict[str, Any]) -> None:
    log = connect(spec["bootstrap"])
    topics: dict[str, str] = spec["topics"]
    reader, appender = log.reader({(topic, 0): 0 for topic in topics}), log.appender()
    orders = Orders()
    gc.collect()
    gc.freeze()
    say("ready")
    seqs = dict.fromkeys(topics, 0)
    like = encode(SAMPLE)
    while not orders.waiting:
        for record in reader.read(RECORDS_MAX, WAIT_S):
            if record.header is not None and unpack(record.header).schema == INTENT.number:
                ours = record.value[:1] == b"{"
                value = encode(denial(decode(record.value, Intent))) if ours else like
                header = Header(
                    schema=DECISION.number, version=DECISION.version, seq=seqs[record.topic], time=0, writer=WRITER,
                    stamps=no_stamps(),
                )  # fmt: skip
                appender.append(topics[record.topic], 0, record.key, value, pack(header))
                seqs[record.topic] += 1
        appender.flush(0)


SAMPLE = Decision(
    client_order_id="touch-pressure-binance-1000000-0", root=Root(source="binance", seq=1_000_000, part=0), ts=0,
    account="demo", strategy="touch-pressure", instrument_id=1, instrument="linear:BTCUSDT", verdict="denied",
    reasons=["benchmark"], checks=[],
)  # fmt: skip
"""What the echo's are answered with."""


def denial(intent: Intent) -> Decision:
    """Its final answer."""
    return Decision(
        client_order_id=intent.client_order_id, root=intent.root, ts=intent.ts, account=intent.account,
        strategy=intent.strategy, instrument_id=intent.instrument_id, instrument=intent.instrument, verdict="denied",
        reasons=["benchmark"], checks=[],
    )  # fmt: skip


if __name__ == "__main__":
    main(arguments())
