"""Child process: answers every intent with a denial as soon as it reads it, in the place of risk and venue.

So the strategy goes on sending, and what is measured is the fused task, not whatever else shares its machine.
"""

from __future__ import annotations

import gc
from typing import Any

from benchmarks.children.orders import Orders, arguments, say
from schemas.catalog import DECISION, INTENT
from schemas.codec import decode, encode
from schemas.decision import Decision
from schemas.header import Header, no_stamps, pack, unpack
from schemas.intent import Intent
from streams.inputs import RECORDS_MAX
from streams.kafka import connect

WAIT_S = 0.1
WRITER = "risk"


def main(spec: dict[str, Any]) -> None:
    log = connect(spec["bootstrap"])
    reader, appender = log.reader({(spec["intents"], 0): 0}), log.appender()
    orders = Orders()
    gc.collect()
    gc.freeze()
    say("ready")
    seq = 0
    while not orders.waiting:
        for record in reader.read(RECORDS_MAX, WAIT_S):
            if record.header is not None and unpack(record.header).schema == INTENT.number:
                intent = decode(record.value, Intent)
                header = Header(
                    schema=DECISION.number, version=DECISION.version, seq=seq, time=intent.ts, writer=WRITER,
                    stamps=no_stamps(),
                )  # fmt: skip
                appender.append(spec["decisions"], 0, record.key, encode(denial(intent)), pack(header))
                seq += 1
        appender.flush(0)


def denial(intent: Intent) -> Decision:
    """Its final answer."""
    return Decision(
        client_order_id=intent.client_order_id, root=intent.root, ts=intent.ts, account=intent.account,
        strategy=intent.strategy, instrument_id=intent.instrument_id, instrument=intent.instrument, verdict="denied",
        reasons=["benchmark"], checks=[],
    )  # fmt: skip


if __name__ == "__main__":
    main(arguments())
