"""What each topic promises to who reads or writes it: order, identity, what to do after a failure, what is settled."""

from __future__ import annotations

import msgspec


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """Of one topic, each in a sentence or two.

    Attributes:
        ordering: What order holds, and within what.
        idempotency: By what a repeat is told.
        retries: What a writer or reader does after a failure.
        committed: What ``isolation.level = read_committed`` means here.
    """

    ordering: str
    idempotency: str
    retries: str
    committed: str


_TASK_RETRIES = (
    "Its task writes in transactions and repeats after its own death what was not committed, byte for byte. A reader "
    "keeps its offsets and goes on from them."
)
_UNCOMMITTED_TWICE = (
    "A reader that is not read_committed sees records at once, and those of a task that died twice: once by the dead, "
    "once by its successor, under the same seq."
)
_WITHIN_2_S = "Committed at the task's next commit, at most 2 s later. " + _UNCOMMITTED_TWICE
_EVERY_BATCH = (
    "Risk commits every batch: a record is visible within milliseconds and for good. " + _UNCOMMITTED_TWICE
    + " Work no order that is not committed: read_committed is a must. Java's client reads uncommitted unless told."
)  # fmt: skip
_ROWS = (
    "By partition: rows of one instrument lie in one partition, in the order of their payloads. The header's seq "
    "counts rows on by one for each writer and partition, without a hole."
)
_AMENDED = (
    "A row is never rewritten. A trade that the venue takes back or corrects is followed by rows of action N. With bit "
    "64 of flags: take the trade of this instrument_id and sequence off whatever you have summed up, at the price and "
    "size of the row. With bit 128 and without 64: add the trade as the row tells it. Whoever counts rows of action T "
    "counts each trade once, as it was first told."
)
_ROW_IDENTITY = (
    "(publisher_id, root_seq, root_part) names a row for ever; how rows are cut into records means nothing and differs "
    "between replays."
)
_DOCUMENTS = "One partition: offsets give one order for all instruments. Offsets have holes where transactions ended."
_PEOPLE = (
    "Appended under a number that nobody else has taken: of two people who say something at once the second is told "
    "and tries again."
)
_NO_TRANSACTION = "Written outside of transactions: every reader sees the same, as soon as it is acknowledged."

PROMISES: dict[str, Promise] = {
    "raw.<source>": Promise(
        ordering="By partition, which is crc32 of the key modulo their number (librdkafka's consistent; Java, Go and "
        "Node name the partition or give a partitioner). Payloads of one key stay in order.",
        idempotency="JSON ticks: trade_id and sequence of an instrument; a repeat gives no tick; a correction or bust "
        "amends a trade. Execution reports: "
        "execution_id. A Publisher numbers what it sends, source_seq, and sends nothing twice.",
        retries="Produce with acks=all and enable.idempotence=true; then the client's own retries double nothing. What "
        "cannot be used is whole in dlq, and is put back by tapedeck dlq retry. tapedeck feed status SOURCE --record "
        "PARTITION/OFFSET tells what became of one payload.",
        committed=_NO_TRANSACTION,
    ),
    "ticks.<source>": Promise(
        ordering=_ROWS + " " + _AMENDED, idempotency=_ROW_IDENTITY, retries=_TASK_RETRIES, committed=_WITHIN_2_S
    ),
    "definitions": Promise(
        ordering=_DOCUMENTS, idempotency="(instrument_id, revision). The highest revision counts.",
        retries="Appended again it does no harm.", committed=_NO_TRANSACTION,
    ),
    "clock": Promise(
        ordering="One partition, time never steps back.", idempotency="ts.",
        retries="Lost beats are not repeated: the next one serves.", committed=_NO_TRANSACTION,
    ),
    "features": Promise(ordering=_ROWS, idempotency=_ROW_IDENTITY, retries=_TASK_RETRIES, committed=_WITHIN_2_S),
    "scores": Promise(ordering=_ROWS, idempotency=_ROW_IDENTITY, retries=_TASK_RETRIES, committed=_WITHIN_2_S),
    "orders.intent": Promise(
        ordering=_DOCUMENTS, idempotency="client_order_id.", retries=_TASK_RETRIES,
        committed="An intent binds nobody: orders alone may be worked. " + _WITHIN_2_S,
    ),
    "orders.decision": Promise(
        ordering=_DOCUMENTS, idempotency="client_order_id: exactly one decision an intent.", retries=_TASK_RETRIES,
        committed=_EVERY_BATCH,
    ),
    "orders": Promise(
        ordering=_DOCUMENTS + " A cancel or replace follows the order that it names.",
        idempotency="client_order_id: work it once, however often you read it. Keep the ids that you have worked in a "
        "store of your own before you commit your offset.",
        retries=_TASK_RETRIES + " An order whose valid_until (log time) is over is reported, and not worked.",
        committed=_EVERY_BATCH,
    ),
    "executions": Promise(
        ordering=_DOCUMENTS + " Reports of one order follow each other by report_index.",
        idempotency="execution_id.", retries=_TASK_RETRIES, committed=_WITHIN_2_S,
    ),
    "control": Promise(
        ordering=_DOCUMENTS, idempotency="The offset: what people say takes effect where it lies.", retries=_PEOPLE,
        committed=_NO_TRANSACTION,
    ),
    "state": Promise(
        ordering="One partition a task.", idempotency="The newest committed snapshot of a task counts.",
        retries=_TASK_RETRIES,
        committed="A snapshot is committed in one transaction with the outputs it stands for, or not at all.",
    ),
    "dlq": Promise(
        ordering="By task, in the order of the refused inputs.",
        idempotency="(topic, partition, offset, seq) of the refused input: each is there once.",
        retries="tapedeck dlq retry NUMBER puts a payload back, once, on record in control.", committed=_WITHIN_2_S,
    ),
    "feed.health": Promise(
        ordering="By input partition, in the order of its windows; a window's documents follow each other by part.",
        idempotency="The key: a window that is told again has the same key and the same bytes.",
        retries="A monitor that comes back goes on behind the newest window that is whole, and may tell the one after "
        "it again.",
        committed="It is in no transaction: there at once.",
    ),
}  # fmt: skip
"""By name of the table (``schemas/topics.py``)."""
