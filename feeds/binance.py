"""Binance: its adapter, and how to speak with its markets. Messages are read by ``binance_reader.py``.

>>> from streams.agent import Payload
>>> from feeds.venues import adapter_of
>>> adapter = adapter_of("binance")
>>> state = adapter.start()
>>> text = b'{"stream":"btcusdt@bookTicker","data":{"u":7,"s":"BTCUSDT","b":"9.01","B":"2","a":"9.02","A":"1"}}'
>>> payload = Payload(source="binance", seq=0, ts_recv=1_723_161_254_000_000_000, key=b"spot:BTCUSDT", value=text)
>>> rows, index, rejects = adapter.ingest(state, [payload, payload])
>>> len(rows), int(rows["bid_price"][0]), index.tolist(), rejects
(1, 9010000000, [0], [])
>>> adapter.counters(state)["spot:BTCUSDT"]["duplicates"]
1
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson

from feeds.capture_market import shape_of
from feeds.definitions import DEFINITIONS, VENUE
from feeds.increments import increment
from feeds.rules import RULE_FUTURES, RULE_REPEATS_CORRECT
from feeds.venue import Dialect, Reader, Venue
from schemas.columns import PRICE_SCALE
from schemas.definition import Definition

_SAID_SYMBOL = re.compile(rb'"(?:s|symbol)"\s*:\s*"([A-Z0-9_]{1,64})"')
_CONTRACT_ID_FIRST = 900


def _key(payload: bytes, market: str) -> bytes | None:
    said = _SAID_SYMBOL.search(payload)
    return market.encode() + b":" + said[1] if said else None


def _path(speed: str, symbols: Sequence[str]) -> str:
    names = (f"{s.lower()}@{stream}" for s in symbols for stream in (f"depth@{speed}", "bookTicker", "trade"))
    return "/stream?streams=" + "/".join(names)


def _definitions(market: str, text: bytes, symbols: Sequence[str]) -> dict[str, Definition]:
    """Out of ``exchangeInfo``: increments are the price and the lot filter's."""
    found: dict[str, Definition] = {}
    for listed in orjson.loads(text)["symbols"]:
        if listed["symbol"] in symbols:
            steps = {f["filterType"]: f for f in listed["filters"]}
            inverse = market == "inverse"
            found[listed["symbol"]] = Definition(
                instrument_id=_CONTRACT_ID_FIRST + len(found), instrument=f"{market}:{listed['symbol']}", venue=VENUE,
                market=market, symbol=listed["symbol"], base=listed["baseAsset"], quote=listed["quoteAsset"],  # type: ignore[arg-type]
                settlement=listed["baseAsset"] if inverse else listed["quoteAsset"],
                price_increment=increment(steps["PRICE_FILTER"]["tickSize"]),
                size_increment=increment(steps["LOT_SIZE"]["stepSize"]),
                multiplier=int(listed.get("contractSize", 1)) * PRICE_SCALE, inverse=inverse,
            )  # fmt: skip
    return found


def _dialect(market: str, url: str, rest_url: str, root: str, speed: str) -> Dialect:
    """Of one market. A snapshot of 1,000 levels weighs 50 of 6,000 a minute on spot, 20 of 2,400 on futures."""
    return Dialect(
        url=url, rest_url=rest_url, path=lambda symbols: _path(speed, symbols),
        snapshot=lambda symbol: f"{root}/depth?symbol={symbol}&limit=1000", instruments=f"{root}/exchangeInfo",
        definitions=lambda text, symbols: _definitions(market, text, symbols),
    )  # fmt: skip


def _reader(definitions: Sequence[Definition]) -> Reader:
    from feeds.binance_reader import MessageReader  # its kernels come with the first reader, as of ``said.reads``

    return MessageReader(definitions)


BINANCE = Venue(
    name=VENUE, definitions=DEFINITIONS, reader=_reader,
    rule=lambda definition: RULE_REPEATS_CORRECT | (RULE_FUTURES if definition.market != "spot" else 0),
    shape=shape_of, key=_key,
    dialects={
        "spot": _dialect("spot", "wss://stream.binance.com:9443", "https://api.binance.com", "/api/v3", "100ms"),
        "linear": _dialect("linear", "wss://fstream.binance.com", "https://fapi.binance.com", "/fapi/v1", "0ms"),
        "inverse": _dialect("inverse", "wss://dstream.binance.com", "https://dapi.binance.com", "/dapi/v1", "0ms"),
    },
)  # fmt: skip
"""Depth differences, best bid and offer, and trades, of three markets; snapshots by HTTP."""
