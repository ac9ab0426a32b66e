"""Retry: a person puts dead letters back where they came from, and the record that it was done."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from schemas.columns import I64, U16, U64, Nanos
from schemas.document import Document, Text

RETRY_LETTERS_MAX = 1_024
"""Letters in one record."""


class Retry(Document, frozen=True, kw_only=True, tag="retry"):
    """A person orders that dead letters' payloads be published once more. Their numbers follow from the order of these.

    A letter that an earlier record names is passed over, unless ``again`` says that it is meant.
    """

    letters: Annotated[
        list[I64], Meta(min_length=1, max_length=RETRY_LETTERS_MAX, description="their offsets in dlq, in order")
    ]
    dlq_partition: U16
    topic: Annotated[Text, Meta(description="full name of the raw topic that they came from, and go to")]
    partition: U16
    since: Annotated[I64, Meta(description="end of that partition when this was said: the copies lie behind it")]
    again: Annotated[bool, Meta(description="even those that have been retried before")] = False
    author: Text
    reason: Text
    ts: Annotated[Nanos, Meta(description="wall time at which it was given")]


class Retried(Document, frozen=True, kw_only=True, tag="retried"):
    """What a retry ordered is in the log, acknowledged."""

    retry: Annotated[I64, Meta(description="offset of the order in control")]
    first_seq: Annotated[U64, Meta(description="source_seq of the first copy; each next one's is one higher")]
    copies: U16
    gone: Annotated[U16, Meta(description="letters that dlq no longer held: their numbers stay unused")] = 0
    ts: Annotated[Nanos, Meta(description="wall time at which the last copy was acknowledged")]
