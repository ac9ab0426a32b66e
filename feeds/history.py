"""Purchased history: rows of files, each as it stood there, with where it stood and what its map makes of it.

A file's row becomes a payload of the source ``history`` (``payload``): file, sha256, row and the row itself, untouched,
beside the fields that the map named. Numbers stay text. A row that cannot be used becomes a payload all the same, and
is refused here, like anything that a venue sends.

The touch is what the row says it is (``top_of_book.py``); where it says a trade and no touch, the touch stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import orjson
from msgspec import UNSET, Meta, UnsetType

from feeds.envelope import Unfit, missing
from feeds.increments import increment
from feeds.messages import IN_DOUBT, NOTE, TELLS_EVENT, TELLS_TOUCH, TOP
from feeds.said import Said, reads
from feeds.venue import SESSION_SYMBOL, Venue
from feeds.wire import ID_MAX, Id, Symbol, decode_with
from schemas.definition import Definition

SOURCE = "history"
KEY = b'"instrument":"'
NUMBER_CHARS_MAX = 64
Text = Annotated[str, Meta(max_length=NUMBER_CHARS_MAX)]
NONE = ("0", "0")


class Provenance(NamedTuple):
    """Where a row stands.

    Attributes:
        file: Name of the file, and of the one in it where it is packed.
        sha256: Of the file as it was bought, hex.
        row: Line of a text, counted from 1; record of any other file, counted from 1.
    """

    file: str
    sha256: str
    row: int


class Row(msgspec.Struct, gc=False, omit_defaults=True):
    """A row as its map reads it.

    Attributes:
        instrument: market:symbol.
        number: Rows of this instrument in the file up to this one.
        time: Event time, ns UTC; absent where the row has none that can be read.
        action: ``T`` a trade, ``N`` nothing that happened in the market, ``M`` anything else that changed bid or offer.
        side: ``B`` a buyer, ``A`` a seller, ``N`` not told.
        price: The event's; absent: that of the side that changed.
        size: The event's.
        bid, bid_size, ask, ask_size: The touch after it; an empty price: that side is empty. All absent: not told.
        doubt: The seller of the data marked the book as possibly wrong.
        fault: Name of a field that could not be made of what stands there.
        definition: Of an instrument that the map defined, ahead of its rows: says nothing else.
    """

    instrument: str
    number: Id | UnsetType = UNSET
    time: Annotated[int, Meta(ge=0, le=ID_MAX)] | UnsetType = UNSET
    action: Literal["T", "M", "N"] = "M"
    side: Literal["A", "B", "N"] = "N"
    price: Text | UnsetType = UNSET
    size: Text | UnsetType = UNSET
    bid: Text | UnsetType = UNSET
    bid_size: Text | UnsetType = UNSET
    ask: Text | UnsetType = UNSET
    ask_size: Text | UnsetType = UNSET
    doubt: bool = False
    fault: Symbol = ""
    definition: Definition | None = None


_decode = msgspec.json.Decoder(Row).decode
_encode = msgspec.json.Encoder().encode


def payload(row: Row, where: Provenance, stood: Any) -> bytes:
    """The payload of a row.

    Args:
        row: As its map reads it.
        where: Where it stands.
        stood: What stands there: a line's text, or the columns of a record.
    """
    told = b'{"file":%b,"sha256":"%b","row":%d,"stood":%b,' % (
        orjson.dumps(where.file), where.sha256.encode(), where.row, orjson.dumps(stood),
    )  # fmt: skip
    return told + _encode(row)[1:]


def defined_in(payloads: Iterable[bytes]) -> list[Definition]:
    """Definitions that lead a file's payloads."""
    found: list[Definition] = []
    for value in payloads:
        try:
            row = _decode(value)
        except (msgspec.MsgspecError, ValueError):
            break
        if row.definition is None:
            break
        found.append(row.definition)
    return found


def said(value: bytes) -> Said:
    """What a payload means.

    Raises:
        BadPayload: No row, or a field of another type.
        Unfit: A field is missing or impossible.
    """
    row = decode_with(_decode, value, "history")
    if row.definition is not None:
        return Said(NOTE, row.instrument.partition(":")[2])
    if row.fault:
        raise Unfit("row_columns", row.fault, "a value of the kind that the map says")
    if row.time is UNSET:
        raise Unfit("row_time", "time", "a time of the unit and zone that the map says")
    if row.number is UNSET:
        raise missing(number=row.number)
    told = (row.bid, row.bid_size, row.ask, row.ask_size)
    bits = 0 if all(text is UNSET for text in told) else TELLS_TOUCH
    bid = offer = event = NONE
    if bits:
        bid_price, bid_size, ask_price, ask_size = told
        if bid_price is UNSET or bid_size is UNSET or ask_price is UNSET or ask_size is UNSET:
            raise missing(bid=bid_price, bid_size=bid_size, ask=ask_price, ask_size=ask_size)
        bid, offer = _level("bid", bid_price, bid_size), _level("ask", ask_price, ask_size)
    if row.price is not UNSET:
        if row.size is UNSET:
            raise missing(size=row.size)
        bits |= TELLS_EVENT
        event = _level("price", row.price, row.size)
    elif row.action == "T" or not bits:
        raise missing(price=row.price)
    if row.action == "T" and (not _above_zero(event[0]) or not _above_zero(event[1])):
        raise Unfit("zero_size", "size", "a trade of something at a price", f"{event[1]} at {event[0]}")
    return Said(
        TOP, row.instrument.partition(":")[2], row.time, row.number, bits | (IN_DOUBT if row.doubt else 0),
        (event, bid, offer), (), ord(row.action), ord(row.side),
    )  # fmt: skip


def _level(field: str, price: str, size: str) -> tuple[str, str]:
    if not price:
        return "0", size or "0"
    if price[:1] in "0." and not _above_zero(price):
        raise Unfit("zero_price", field, "a price above zero, or none", price)
    return price, size or "0"


def _above_zero(text: str) -> bool:
    return text.strip("0.") != ""


def _key(value: bytes, market: str) -> bytes | None:
    begin = value.rfind(KEY)
    if begin < 0:
        return f"{market}:{SESSION_SYMBOL}".encode()
    begin += len(KEY)
    return value[begin : value.find(b'"', begin)]


def _shape(message: Any) -> tuple[str, str] | None:
    if not isinstance(message, dict) or not {"file", "sha256", "row", "stood"} <= message.keys():
        return None
    market, _, symbol = str(message.get("instrument", "")).partition(":")
    return market, symbol


def _currency(instrument_id: int, base: str, quote: str, price_increment: str) -> Definition:
    return Definition(
        instrument_id=instrument_id, instrument=f"spot:{base}{quote}", venue=SOURCE, market="spot",
        symbol=base + quote, base=base, quote=quote, settlement=quote, price_increment=increment(price_increment),
        size_increment=increment("1"), calendar="FX",
    )  # fmt: skip


HISTORY = Venue(
    name=SOURCE,
    definitions=(_currency(401, "EUR", "USD", "0.00001"),),
    reader=reads(said),
    rule=lambda _definition: 0,
    shape=_shape,
    key=_key,
    dialects={},
)  # fmt: skip
"""Files; a file's map brings the definitions that do not ship."""
