"""Payloads to messages for venues whose messages are read by msgspec alone: the venue says what one text means.

Prices and sizes come as text and become int64 exactly, in one kernel call a batch. Displayed sizes off the grid are
rounded down as ``binance_numbers.py`` says; traded sizes off it are refused, and so is all that is off the grid in a
message that is a tick already (``TOP``): whoever sold it had the venue's own numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from feeds.arrays import Bytes, Ints, Records
from feeds.binance_numbers import (
    FAULT_KINDS,
    FAULTS,
    OFF_GRID,
    OFF_STEP,
    TOO_MANY_LEVELS,
    ZERO_PRICE,
    ZERO_SIZE,
)
from feeds.decimal import OK, parse_decimals
from feeds.envelope import Unfit, publisher_of, unknown_key
from feeds.messages import CORRECTION, MESSAGE, MESSAGE_LEVELS_MAX, QUOTE, TOP, TRADE, Messages, Reject
from feeds.said import Said
from feeds.venue import SESSION_SYMBOL
from feeds.wire import excerpt
from schemas.definition import Definition
from schemas.errors import BadInput, BadPayload
from streams.agent import Payload

_COLUMNS = 16
_SESSION_KEY_END = f":{SESSION_SYMBOL}".encode()


class TextReader:
    """Reads payloads of the instruments it has definitions of.

    Args:
        definitions: The instruments.
        said: What a payload's bytes mean. Raises BadPayload for what is no message, ``Unfit`` for a field.
        own: The source's name, where it is in no table.
        name_of: What messages call an instrument.
    """

    def __init__(
        self, definitions: Sequence[Definition], said: Callable[[bytes], Said], *, own: str = "",
        name_of: Callable[[Definition], str] = lambda definition: definition.symbol,
    ) -> None:  # fmt: skip
        self._slots = {d.instrument.encode(): (slot, name_of(d)) for slot, d in enumerate(definitions)}
        self._own = own
        self._increments = np.array([d.size_increment for d in definitions], np.int64)
        self._steps = np.array([d.price_increment for d in definitions], np.int64)
        self._said = said

    def read(self, payloads: Sequence[Payload]) -> tuple[Messages, list[Reject]]:
        """Valid messages, and rejects in the order of their payloads. Raises nothing, whatever the bytes."""
        columns: list[int] = []
        texts: list[str] = []
        rejects: list[Reject] = []
        for cause, payload in enumerate(payloads):
            try:
                self._read_one(cause, payload, columns, texts)
            except BadInput as error:
                rejects.append((cause, error))
        messages = np.array(columns, np.int64).reshape(-1, _COLUMNS).view(MESSAGE)[:, 0]
        return self._with_numbers(messages, texts, rejects)

    def _read_one(self, cause: int, payload: Payload, columns: list[int], texts: list[str]) -> None:
        """Append a message's columns and texts; nothing is appended when it raises."""
        known = self._slots.get(payload.key)
        if known is None and not (payload.key or b"").endswith(_SESSION_KEY_END):
            raise unknown_key(payload.key)
        publisher = publisher_of(payload, self._own)
        try:
            said = self._said(payload.value)
            if said.kind == 0:
                return
            if known is None:
                raise unknown_key(payload.key)
            slot, symbol = known
            if said.symbol != symbol:
                raise Unfit("other_symbol", "symbol", f"the key's symbol {symbol}", repr(said.symbol))
        except Unfit as unfit:
            raise unfit.told(payload.value) from None
        bids, asks = len(said.bids), len(said.asks)
        if bids + asks > MESSAGE_LEVELS_MAX:
            raise BadPayload(
                FAULTS[TOO_MANY_LEVELS], kind=FAULT_KINDS[TOO_MANY_LEVELS], got=str(bids + asks),
                allowed=f"{MESSAGE_LEVELS_MAX}",
            )  # fmt: skip
        first = said.last if said.first < 0 else said.first
        columns.extend((
            said.kind, slot, publisher, payload.seq, cause, payload.ts_recv, said.ts_event, said.ts_event,
            first, said.last, said.previous, said.seller, len(texts) // 2, bids, asks, 0,
        ))  # fmt: skip
        for level in said.bids:
            texts += level
        for level in said.asks:
            texts += level

    def _with_numbers(
        self, messages: Records, texts: list[str], rejects: list[Reject]
    ) -> tuple[Messages, list[Reject]]:
        """Numbers of all levels, and the messages whose numbers can be used."""
        text = "".join(texts).encode()
        lengths = list(map(len, texts)) if len(text) == sum(map(len, texts)) else [len(t.encode()) for t in texts]
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum(np.array(lengths, np.int64), out=offsets[1:])
        values, codes = parse_decimals(np.frombuffer(text, np.uint8), offsets)
        runs = messages["bids"] + messages["asks"]
        owner = np.repeat(np.arange(len(messages)), runs)
        kinds = messages["kind"][owner]
        slots = messages["slot"][owner]
        increments = self._increments[slots]
        prices = values[0::2].copy()
        sizes = values[1::2] // increments
        rounded = (sizes * increments != values[1::2]).astype(np.int64)
        sizes = np.maximum(sizes, rounded)
        codes[0::2][(codes[0::2] == OK) & (prices == 0) & (kinds != TOP)] = ZERO_PRICE
        codes[0::2][(codes[0::2] == OK) & (kinds == TOP) & (prices % self._steps[slots] != 0)] = OFF_STEP
        sized = codes[1::2] == OK
        traded = (kinds == TRADE) | (kinds == CORRECTION)
        codes[1::2][sized & (traded | (kinds == QUOTE)) & (values[1::2] == 0)] = ZERO_SIZE
        codes[1::2][sized & (traded | (kinds == TOP)) & (rounded == 1)] = OFF_GRID
        if len(messages):
            np.add.at(messages["rounded"], owner, rounded)
        batch = Messages(messages, prices, sizes)
        if not codes.any():
            return batch, rejects
        return _without(batch, codes, owner, texts, rejects)


def _without(
    batch: Messages, codes: Bytes, owner: Ints, texts: list[str], rejects: list[Reject]
) -> tuple[Messages, list[Reject]]:
    """A batch without the messages that have a wrong number: each is refused for its first."""
    messages = batch.messages
    wrong = np.flatnonzero(codes)
    bad, first = np.unique(owner[wrong // 2], return_index=True)
    for message, place in zip(messages[bad], wrong[first], strict=True):
        code = int(codes[place])
        what = "a size" if place % 2 else "a price"
        rejects.append((int(message["cause"]), BadPayload(
            f"{what}: {FAULTS[code]}", kind=FAULT_KINDS[code], got=excerpt(texts[place].encode()),
        )))  # fmt: skip
    kept = np.ones(len(messages), np.bool_)
    kept[bad] = False
    rejects.sort(key=lambda reject: reject[0])
    return Messages(messages[kept], batch.prices, batch.sizes), rejects
