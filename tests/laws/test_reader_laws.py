"""The hot kernel and the checked reader say the same: of every recorded line, and of whatever can be made of one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.arrays import Ints
from feeds.binance_reader import MessageReader
from feeds.captures import open_captures
from feeds.definitions import DEFINITIONS
from feeds.messages import MESSAGE_LEVELS_MAX, Messages
from feeds.simulator import SOURCE, simulate
from streams.agent import Payload

READER = MessageReader(DEFINITIONS)
BATCH = 256
HOT_SHARE_MIN = 0.95
"""Of each stream of each instrument, the part that the kernel takes."""

STREAM = re.compile(rb'\{"stream":"[^"@]*@([a-zA-Z]+)')


def payload(key: bytes, value: bytes, seq: int = 0, ts_recv: int = 10**18, source: str = "binance") -> Payload:
    return Payload(source, seq, ts_recv, key, value)


def said(batch: Messages) -> list[Ints]:
    """A batch without what follows its last level."""
    levels = int((batch.messages["bids"] + batch.messages["asks"]).sum())
    return [batch.messages.view(np.int64), batch.prices[:levels], batch.sizes[:levels]]


def check(payloads: Sequence[Payload]) -> None:
    """Both readers on one batch."""
    batch, rejects = READER.read(payloads)
    checked, wanted = READER.checked.read(payloads, range(len(payloads)))
    assert [(i, type(e), e.kind, str(e)) for i, e in rejects] == [(i, type(e), e.kind, str(e)) for i, e in wanted]
    for one, other in zip(said(batch), said(checked), strict=True):
        np.testing.assert_array_equal(one, other)


def streams(payloads: Iterable[Payload]) -> Counter[tuple[bytes, bytes]]:
    """Payloads by instrument and stream."""
    found = ((p.key, STREAM.match(p.value)) for p in payloads)
    return Counter((key, match[1]) for key, match in found if match is not None)


@pytest.fixture(scope="module", params=["captures", "simulator 1", "simulator 2", "simulator 3"])
def session(request: pytest.FixtureRequest) -> list[Payload]:
    if request.param == "captures":
        folder: Path = request.getfixturevalue("data_dir") / "binance"
        lines = open_captures(sorted(folder.glob("*.gz")))
        return [payload(line.key, line.payload, i, line.ts_recv) for i, line in enumerate(lines)]
    messages = simulate(seconds=4, seed=int(request.param.split()[1]))
    return [payload(m.key, m.payload, i, m.ts_recv, SOURCE) for i, m in enumerate(messages)]


def test_every_line_is_read_the_same_by_both(session: list[Payload]) -> None:
    for begin in range(0, len(session), BATCH):
        check(session[begin : begin + BATCH])


def test_the_kernel_takes_nearly_all_of_every_stream(session: list[Payload]) -> None:
    left = [p for begin in range(0, len(session), BATCH) for batch in [session[begin : begin + BATCH]]
            for p in (batch[i] for i in READER.take_hot(batch)[1])]  # fmt: skip
    missed, whole = streams(left), streams(session)
    assert {name for _, name in whole} == {b"depth", b"bookTicker", b"trade"}
    assert {
        key: 1 - missed[key] / count for key, count in whole.items() if missed[key] > (1 - HOT_SHARE_MIN) * count
    } == {}


QUOTE = b'"s":"BTCUSDT","b":"9.01000000","B":"2","a":"9.02","A":"1.50000000"'
TRADE = b'"p":"61837.63000000","q":"0.02000000"'
LEVELS = b'"b":[["9.01","2"],["9","0.00000000"]],"a":[["9.02","1.00"]]'
SAMPLES: list[tuple[bytes, bytes]] = [
    (b"spot:BTCUSDT", b'{"stream":"btcusdt@bookTicker","data":{"u":50093239212,%b}}' % QUOTE),
    (b"spot:BTCUSDT", b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,'
                      b'%b,"T":1723161255342,"m":true,"M":true}}' % TRADE),
    (b"spot:BTCUSDT", b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT",'
                      b'"U":50093239189,"u":50093239202,%b}}' % LEVELS),
    (b"linear:BTCUSDT", b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,%b,'
                        b'"T":1723161256313,"E":1723161256314}}' % QUOTE),
    (b"linear:BTCUSDT", b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256321,'
                        b'"s":"BTCUSDT","t":5266583935,%b,"X":"MARKET","m":false}}' % TRADE),
    (b"linear:BTCUSDT", b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,'
                        b'"s":"BTCUSDT","U":5123107832006,"u":5123107837557,"pu":5123107831937,%b}}' % LEVELS),
    (b"inverse:BTCUSD_PERP", b'{"stream":"btcusd_perp@bookTicker","data":{"u":1007198632021,"e":"bookTicker",'
                             b'"s":"BTCUSD_PERP","ps":"BTCUSD","b":"61804.7","B":"35","a":"61804.8","A":"1645",'
                             b'"T":1723161257465,"E":1723161257476}}'),
    (b"inverse:BTCUSD_PERP", b'{"stream":"btcusd_perp@depth@0ms","data":{"e":"depthUpdate","E":1723161257440,'
                             b'"T":1723161257432,"s":"BTCUSD_PERP","ps":"BTCUSD","U":1007198631260,"u":1007198631565,'
                             b'"pu":1007198631198,"b":[["61773.6","1001"]],"a":[]}}'),
]  # fmt: skip

FIELD = re.compile(rb'"[A-Za-z]+":(?:\[\]|\[\[.*?\]\]|"[^"]*"|[^,}]*)')
VALUE = re.compile(rb'\[\[.*?\]\]|\[\]|"[^"]*"|\d+|true|false')

ODD_VALUES = [
    b"", b"null", b"true", b"false", b"True", b"FALSE", b"tru", b"truex", b"0", b"7", b"007", b"00", b"-0", b"-1",
    b"+1", b"1e5", b"1E5", b"7.0", b"7.", b".7", b"1_0", b"0x1", b"NaN", b"1" * 18, b"9" * 18, b"1" * 19,
    b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"9" * 30, b"4102444800000",
    b"4102444800001", b"1723161255208000", b'""', b'"0"', b'"0.0"', b'"00.10"', b'"007"', b'"-0"', b'"-1"', b'"+1"',
    b'"1e5"', b'"1."', b'".1"', b'"1.0.0"', b'" 1"', b'"1 "', b'"NaN"', b'"inf"', b'"1"', b'"0.00000001"',
    b'"0.0000000010"', b'"0.000000001"', b'"0.0000000001"', b'"0.00000000100"', b'"999999999"',
    b'"999999999.999999999"',
    b'"1000000000"', b'"1000000000.0"', b'"1000000000.000000001"', b'"1000000001"', b'"0000000000001"',
    b'"99999999999"',
    b'"1\\u0031"', b'"\\u0042TCUSDT"', b'"BTCUSDT"', b'"btcusdt"', b'"BTCUSDT "', b'"BTCUSDTX"', b'"BTCUSD"',
    b'"BTCUSDT\x00"', b'"\xc3\xa9"', b'"\xff"', b'"\x1f"', b'"\x7f"', b'"\x00"', b'"a\nb"', b'"a\\nb"', b'"',
    b'"trade"', b'"bookTicker"', b'"depthUpdate"', b'"aggTrade"', b'"Trade"', b'"trade\x00"', b"[]", b"[ ]", b"[[]]",
    b"[[],[]]", b'[["9","1"]]', b'[["9","1"],]', b'[["9","1"]', b'[["9","1"]]]', b'[["9","1"] ]', b'[ ["9","1"]]',
    b'[["9", "1"]]', b'[["9","1","2"]]', b'[["9"]]', b'[["9",1]]', b'[[9,"1"]]', b'[["0","1"]]', b'[["9","0.000001"]]',
    b'[["9","-1"]]', b'[["9","1"]["8","1"]]', b'[["9","1"],["x","1"]]', b'["9","1"]', b'[["9","1"],[]]', b"{}",
    b'{"a":1}', b"[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]", b"7,", b" 7", b"7 ", b'"x","y":1', b"7}", b"7}}",
]  # fmt: skip
ODD_FIELDS = [
    *(b'"%b":%b' % (name, value) for name in (b"e", b"E", b"s", b"U", b"u", b"pu", b"t", b"b", b"a", b"p", b"m", b"q")
      for value in (b"7", b'"7"', b"true", b"[]", b'[["9","1"]]')),
    b'"":1', b'"e":""', b'"x":{"e":"trade"}', b'"new":1', b'"new":"text"', b'"new":null', b'"new":-1', b'"new":1.5',
    b'"new":"\xc3\xa9"', b'"\xc3\xa9":1', b'"n\\u0075":1', b'"\\u0075":1', b'"p\\u0075":1', b'"pu ":1', b'"pux":1',
    b'"x":"a\\"b"', b'"x":"{[{[{[{[{[{[{[{[{[{["', b'"stream":"x@bookTicker"', b'"data":{}', b'"x":01', b'"x":"a',
    b'"x"',
    b'"x":', b"", b"x", b'"\n":1', b'"x":"\n"', b'"X":false', b'"X":falsy',
]  # fmt: skip
ODD_BYTES = b'"\\{}[],:.-+eEnu019 aAbBs@\n\t\x00\x1f\x7f\x80\xc3\xff'


def in_batches(payloads: list[Payload]) -> None:
    for begin in range(0, len(payloads), BATCH):
        check(payloads[begin : begin + BATCH])


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: STREAM.match(s[1])[1].decode() + " " + s[0].decode())  # type: ignore[index]
class TestOneChange:
    """Every odd thing at every place of every shape."""

    def test_the_sample_itself_is_taken(self, sample: tuple[bytes, bytes]) -> None:
        assert not len(READER.take_hot([payload(*sample)])[1])
        check([payload(*sample)])

    def test_an_odd_value_in_each_place(self, sample: tuple[bytes, bytes]) -> None:
        key, text = sample
        in_batches([payload(key, text[: v.start()] + odd + text[v.end() :])
                    for v in VALUE.finditer(text) for odd in ODD_VALUES])  # fmt: skip

    def test_an_odd_number_within_levels(self, sample: tuple[bytes, bytes]) -> None:
        key, text = sample
        places = list(re.finditer(rb'"[0-9.]+"', text))
        in_batches([payload(key, text[: v.start()] + odd + text[v.end() :]) for v in places for odd in ODD_VALUES])

    def test_a_further_field_in_each_place(self, sample: tuple[bytes, bytes]) -> None:
        key, text = sample
        data = text.index(b'"data":{') + 8
        places = [m.start() for m in FIELD.finditer(text, data)]
        changed = [text[:at] + odd + b"," + text[at:] for at in places for odd in ODD_FIELDS]
        changed += [text[:-2] + b"," + odd + b"}}" for odd in ODD_FIELDS]
        changed += [text[:-1] + b"," + odd + b"}" for odd in ODD_FIELDS]
        changed += [b"{" + odd + b"," + text[1:] for odd in ODD_FIELDS]
        in_batches([payload(key, value) for value in changed])

    def test_an_odd_byte_in_each_place(self, sample: tuple[bytes, bytes]) -> None:
        key, text = sample
        replaced = [text[:at] + bytes([odd]) + text[at + 1 :] for at in range(len(text)) for odd in ODD_BYTES]
        inserted = [text[:at] + bytes([odd]) + text[at:] for at in range(len(text) + 1) for odd in b' "\\\n0']
        dropped = [text[:at] + text[at + 1 :] for at in range(len(text))]
        in_batches([payload(key, value) for value in [*replaced, *inserted, *dropped]])

    def test_a_text_that_breaks_off_is_not_continued_by_the_next(self, sample: tuple[bytes, bytes]) -> None:
        key, text = sample
        parts = [part for at in range(len(text) + 1) for part in (text[:at], text[at:], text)]
        in_batches([payload(key, part) for part in parts])

    def test_another_instruments_key(self, sample: tuple[bytes, bytes]) -> None:
        keys = [d.instrument.encode() for d in DEFINITIONS] + [b"", b"spot:SOLUSDT", b"\xff"]
        check([payload(key, sample[1]) for key in keys])

    def test_an_odd_envelope(self, sample: tuple[bytes, bytes]) -> None:
        numbers = [0, 1, -1, 2**63 - 1, 2**63, -(2**63), 2**70]
        for number in numbers:  # alone and beside others: one that is no int64 must not cost the rest of its batch
            check([payload(*sample, seq=number)])
            check([payload(*sample), payload(*sample, ts_recv=number), payload(*sample)])
        check([payload(*sample, source=source) for source in ("", "elsewhere", "simulator")])


@st.composite
def changed(draw: st.DrawFn) -> Payload:
    """A sample of which fields were moved, doubled, dropped or replaced, then bytes were changed; or none of it."""
    key, text = draw(st.sampled_from(SAMPLES))
    head, data = text[: text.index(b'"data":{') + 8], text[text.index(b'"data":{') + 8 : -2]
    fields = FIELD.findall(data)
    for step in draw(st.lists(st.sampled_from(["move", "double", "drop", "value", "field"]), max_size=3)):
        at = draw(st.integers(0, len(fields) - 1))
        if step == "move":
            fields.insert(draw(st.integers(0, len(fields) - 1)), fields.pop(at))
        elif step == "double":
            fields.insert(draw(st.integers(0, len(fields))), fields[at])
        elif step == "drop" and len(fields) > 1:
            fields.pop(at)
        elif step == "value":
            fields[at] = fields[at].split(b":")[0] + b":" + draw(st.sampled_from(ODD_VALUES))
        elif step == "field":
            fields.insert(at, draw(st.sampled_from(ODD_FIELDS)))
    value = bytearray(head + b",".join(fields) + b"}}")
    for at, bit in draw(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 7)), max_size=2)):
        if at < len(value):
            value[at] ^= 1 << bit
    cut = draw(st.just(len(value)) | st.integers(0, len(value)))
    return payload(key, bytes(value[:cut]))


@given(st.lists(changed(), min_size=1, max_size=5))
@settings(deadline=None, max_examples=400)
def test_whatever_is_made_of_a_message_is_read_the_same_by_both(payloads: list[Payload]) -> None:
    check(payloads)


@given(st.lists(st.tuples(st.sampled_from([key for key, _ in SAMPLES]), st.binary(max_size=40)), max_size=5))
@settings(deadline=None, max_examples=100)
def test_garbage_is_refused_the_same_by_both(values: list[tuple[bytes, bytes]]) -> None:
    check([payload(key, value) for key, value in values])


@pytest.mark.parametrize("bids", [0, 1, MESSAGE_LEVELS_MAX - 1, MESSAGE_LEVELS_MAX, MESSAGE_LEVELS_MAX + 1])
@pytest.mark.parametrize("asks", [0, 1, 2])
def test_as_many_levels_as_a_message_may_have(bids: int, asks: int) -> None:
    key, text = SAMPLES[2]
    head = text[: text.index(b'"b":')]
    sides = (b",".join([b'["9","1"]'] * count) for count in (bids, asks))
    value = head + b'"b":[%b],"a":[%b]}}' % tuple(sides)
    check([payload(key, value)])
    assert len(READER.read([payload(key, value)])[1]) == (bids + asks > MESSAGE_LEVELS_MAX)
