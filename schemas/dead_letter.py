"""Dead letter: a rejected input, whole, with reason and place. Nothing is lost."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from schemas.columns import I64, U16, U64, Nanos
from schemas.document import Document, Text
from schemas.error_kinds import kind_of


class DeadLetter(Document, frozen=True, kw_only=True, tag="dead_letter"):
    """One input that could not be used, and why."""

    code: Annotated[Text, Meta(description="error class of schemas/errors.py, e.g. bad_payload")]
    reason: str
    task: Text
    topic: Text
    partition: U16
    offset: I64
    writer: str
    seq: Annotated[U64, Meta(description="of the row, document or payload; names the row within its frame")]
    ts: Annotated[Nanos, Meta(description="log time, or ts_recv of a raw payload; 0 when unreadable")]
    key: Annotated[str, Meta(description="record key, base64")]
    payload: Annotated[str, Meta(description="record value, base64, whole")]
    kind: Annotated[str, Meta(description="its line in docs/errors.md, e.g. bad_payload.zero_price")] = ""


def notice(letter: DeadLetter) -> dict[str, Any]:
    """What may be told of a dead letter outside of the log: where it is and what kind, nothing that the input held."""
    return {
        "task": letter.task, "code": letter.code, "kind": letter.kind, "reason": kind_of(letter.kind).meaning,
        "topic": letter.topic, "offset": letter.offset, "seq": letter.seq,
    }  # fmt: skip
