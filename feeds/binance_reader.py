"""Payloads to messages: the hot kernel takes what it can, the checked reader all the rest, and the order stays.

Both say the same of any payload that both take; only the checked one refuses, so a refusal's words do not depend on who
looked first.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from feeds.arrays import Bytes, Ints
from feeds.binance_checked import CheckedReader
from feeds.binance_hot import instrument_table, read_hot
from feeds.binance_numbers import level_room
from feeds.messages import MESSAGE, Messages, Reject
from feeds.plain_json import END
from schemas.definition import Definition
from schemas.sources import SOURCES
from streams.agent import Payload


class MessageReader:
    """Reads payloads of the instruments it has definitions of.

    Attributes:
        checked: The reader of what the kernel does not take.
    """

    def __init__(self, definitions: Sequence[Definition]) -> None:
        self.checked = CheckedReader(definitions)
        self._slots = {d.instrument.encode(): slot for slot, d in enumerate(definitions)}
        self._instruments = instrument_table(definitions)

    def read(self, payloads: Sequence[Payload]) -> tuple[Messages, list[Reject]]:
        """Valid messages, and rejects in the order of their payloads. Raises nothing, whatever the bytes."""
        hot, left = self.take_hot(payloads)
        if not len(left):
            return hot, []
        checked, rejects = self.checked.read(payloads, left.tolist())
        return _merged(hot, checked), rejects

    def take_hot(self, payloads: Sequence[Payload]) -> tuple[Messages, Ints]:
        """What the kernel takes, and the indices of the payloads that it leaves."""
        count = len(payloads)
        left = np.empty(count, np.int64)
        messages = np.empty(count, MESSAGE)
        try:
            text, envelopes = self._flat(payloads)
        except OverflowError:  # a number in an envelope is no int64
            return Messages(messages[:0], *level_room(0)), np.arange(count)
        prices, sizes = level_room(len(text))
        taken = read_hot(text, envelopes, self._instruments, messages, prices, sizes, left)
        if taken == count:
            return Messages(messages, prices, sizes), left[:0]
        return Messages(messages[:taken], prices, sizes), left[: count - taken]

    def _flat(self, payloads: Sequence[Payload]) -> tuple[Bytes, Ints]:
        slot_of, publisher_of = self._slots.get, SOURCES.get
        values: list[bytes] = []
        envelopes: list[int] = []
        for payload in payloads:
            value = payload.value
            values.append(value)
            envelopes += (
                slot_of(payload.key, -1), publisher_of(payload.source, -1), payload.seq, payload.ts_recv, len(value),
            )  # fmt: skip
        values.append(b"")
        return np.frombuffer(END.join(values), np.uint8), np.frombuffer(array("q", envelopes), np.int64)


def _merged(one: Messages, other: Messages) -> Messages:
    """Two parts of a batch as one: messages and their levels in the order of their payloads."""
    if not len(one.messages):
        return other
    if not len(other.messages):
        return one
    messages = np.concatenate((one.messages, other.messages))
    messages["begin"][len(one.messages) :] += len(one.prices)
    messages = messages[np.argsort(messages["cause"], kind="stable")]
    runs = messages["bids"] + messages["asks"]
    begins = np.cumsum(runs) - runs
    places = np.repeat(messages["begin"] - begins, runs) + np.arange(runs.sum())
    messages["begin"] = begins
    prices, sizes = (np.concatenate(pair)[places] for pair in ((one.prices, other.prices), (one.sizes, other.sizes)))
    return Messages(messages, prices, sizes)
