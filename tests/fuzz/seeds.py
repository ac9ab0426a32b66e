"""Good bytes for every door, to be bent: fuzzing finds more when it begins at what is nearly right."""

from __future__ import annotations

import gzip

import numpy as np
import orjson

from models.linear import DEFAULT_MODEL
from schemas.catalog import BY_EVENT
from schemas.codec import encode
from schemas.control import End
from schemas.feature import feature_dtype
from schemas.header import Header, Side, pack
from schemas.tick import TICK
from tests.fuzz import doors
from tests.golden.test_golden_bytes import DOCUMENTS

QUOTE = b'{"stream":"btcusdt@bookTicker","data":{"u":7,"s":"BTCUSDT","b":"9.01","B":"2","a":"9.02","A":"1"}}'
TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":3,"p":"9.01","q":"1.5",'
    b'"m":true,"M":true}}'
)
CORRECTED = TRADE.replace(b'"E":1', b'"E":2').replace(b"9.01", b"9.02")
BUST = b'{"stream":"btcusdt@trade","data":{"e":"tradeBust","E":3,"s":"BTCUSDT","t":3}}'
DEPTH = (
    b'{"stream":"btcusdt@depth","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":11,"u":12,"b":[["9.00","1.5"]],'
    b'"a":[["9.03","0"],["9.04","2"]]}}'
)
BOOK = b'{"lastUpdateId":10,"bids":[["9.00","1.0"]],"asks":[["9.03","1.0"]]}'
PAYLOADS = b"\n".join(
    b"\0" + text for text in (DEPTH, BOOK, QUOTE, TRADE, DEPTH.replace(b"12", b"13"), CORRECTED, BUST)
)
LINES = b"".join(b"17231612540000000%02d %s\n" % (i, text) for i, text in enumerate((BOOK, DEPTH, QUOTE, TRADE)))
STAMPS = np.array([[1, 2, 3], [1, 2, 4]], dtype=np.int64)
HEADER = pack(Header(schema=3, version=1, seq=5, time=9, writer="normalise", count=2, cause=4,
                     sides=(Side(place=1, input=0, partition=0, writer_crc=7, seq=2),), hops=(0,),
                     stamps=STAMPS))  # fmt: skip
LIMITS = b'[account]\nmessage_rate_max = 25\n[default]\nprice_collar_bps = 10.5\nquantity_max = "0.1"\n'
LIMITS += b'[instrument."spot:BTCUSDT"]\nposition_max = "1"\n'
TOPOLOGY = b'account = "desk"\n[feed]\nkind = "simulator"\ninstruments = 3\nseed = 1\n[venue]\nlatency_ms = 50\n'
TOPOLOGY += b'[strategy]\nrest_ms = 250\n[strategy.position_max]\n"spot:BTCUSDT" = "0.2"\n[tasks]\nsplit = true\n'
INDEX = {
    "kind": "KIND", "values": {"queues": [{"hops": [0], "arrived_ns": 1, "items": [["x", 0, 1, "", ""]]}, None]},
    "arrays": [["queue0.origins", [["ordinal", "<i8"], ["offset", "<i8"], ["seq", "<u8"]], [1]],
               ["queue0.stamps", "<i8", [1, 3]], ["agent0", "|u1", [2]], ["agent1", "|u1", [0]]],
}  # fmt: skip
SEALED = orjson.dumps(INDEX) + b"\0" + bytes(24 + 24 + 2)


def record(header: bytes | None, value: bytes) -> bytes:
    """A record as ``doors.records_of`` cuts it."""
    head = header or b""
    return bytes([255 if header is None else len(head)]) + len(value).to_bytes(2, "little") + head + value


def one(schema: int, seq: int, writer: str = "binance", **more: int) -> bytes:
    """The header of one document or payload."""
    return pack(Header(schema=schema, version=1, seq=seq, time=doors.TS, writer=writer, **more))  # type: ignore[arg-type]


ROWS = np.zeros(2, dtype=TICK).tobytes()
RECORDS = (
    bytes([doors.TABLES.index("raw.<source>")])
    + record(one(1, 0), QUOTE) + record(None, TRADE) + record(one(1, 1), DEPTH)
    + record(one(22, 2), encode(End(run="r", ts=1, inputs=2)))
)  # fmt: skip
FRAMES = bytes([doors.TABLES.index("ticks.<source>")]) + record(one(3, 0, "normalise", count=2), ROWS)

SEEDS: dict[str, list[bytes]] = {
    "header": [HEADER, one(1, 0)],
    "frame": [b"\x03\x01\x02\x00" + ROWS, b"\x04\x01\x01\x00" + np.zeros(1, feature_dtype(8)).tobytes()],
    "document": [bytes([i]) + encode(DOCUMENTS[schema.name]) for i, schema in enumerate(BY_EVENT.values())],
    "any_document": [encode(document) for document in DOCUMENTS.values()],
    "state": [doors.sealed(SEALED, "task/1")],
    "sealed_state": [SEALED],
    "snapshot": [SEALED],
    "agent_state": [
        bytes([i]) + agent_bytes
        for i, name in enumerate(doors.STATEFUL)
        for whole in [doors.hop(name).snapshot(doors.hop(name).start())]
        for n in [int.from_bytes(whole[4:8], "little")]
        for agent_bytes in [whole[8 : 8 + n] + b"\0" + whole[8 + n : -4]]
        if len(whole) < 65_536
    ],
    "payloads": [PAYLOADS, b"\0" + QUOTE, b"\1" + BOOK],
    "capture": [LINES, gzip.compress(LINES, mtime=0), gzip.compress(LINES, mtime=0)[:-9]],
    "limits": [LIMITS],
    "model": [DEFAULT_MODEL.read_bytes()],
    "config": [b'bootstrap = "localhost:9092, b:1"\n'],
    "topology": [TOPOLOGY],
    "change": [b"default.notional_max=5000", b"spot:BTCUSDT.quantity_max=none"],
    "record_input": [RECORDS, FRAMES],
}
"""At least one for each door."""
