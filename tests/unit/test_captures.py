"""Recorded files are read as they are, merged by time, and say so when they cannot be read to their end."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds import capture_lines
from feeds.capture_lines import CHUNK_BYTES, LINE_BYTES_MAX
from feeds.captures import CaptureFault, Line, open_captures
from schemas.errors import ConfigError

T = 1_723_161_254_000_000_000

SPOT_DEPTH = '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}}'
SPOT_QUOTE = '{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}'
SPOT_TRADE = (
    '{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true,"M":true}}'
)
SPOT_BOOK = '{"lastUpdateId":1,"bids":[],"asks":[]}'
LINEAR_DEPTH = SPOT_DEPTH.replace('"u":2', '"u":2,"pu":0')
LINEAR_QUOTE = SPOT_QUOTE.replace('"u":1', '"e":"bookTicker","u":1')
LINEAR_TRADE = SPOT_TRADE.replace(',"M":true', "")
LINEAR_BOOK = SPOT_BOOK.replace('"bids"', '"E":1,"T":1,"bids"')
INVERSE_DEPTH = LINEAR_DEPTH.replace('"BTCUSDT"', '"BTCUSD_PERP","ps":"BTCUSD"')
INVERSE_QUOTE = LINEAR_QUOTE.replace('"BTCUSDT"', '"BTCUSD_PERP","ps":"BTCUSD"')
INVERSE_TRADE = LINEAR_TRADE.replace('"BTCUSDT"', '"BTCUSD_PERP"')
INVERSE_BOOK = LINEAR_BOOK.replace('"bids"', '"symbol":"BTCUSD_PERP","pair":"BTCUSD","bids"')
ETH_QUOTE = SPOT_QUOTE.replace("BTCUSDT", "ETHUSDT")


def write(path: Path, *lines: str | bytes | tuple[int, str]) -> Path:
    texts = (f"{line[0]} {line[1]}" if isinstance(line, tuple) else line for line in lines)
    path.write_bytes(b"".join((t if isinstance(t, bytes) else t.encode()) + b"\n" for t in texts))
    return path


def played(*paths: Path) -> list[Line]:
    return list(open_captures(paths))


@pytest.mark.parametrize(
    ("message", "instrument"),
    [
        (SPOT_DEPTH, "spot:BTCUSDT"), (SPOT_QUOTE, "spot:BTCUSDT"), (SPOT_TRADE, "spot:BTCUSDT"),
        (LINEAR_DEPTH, "linear:BTCUSDT"), (LINEAR_QUOTE, "linear:BTCUSDT"), (LINEAR_TRADE, "linear:BTCUSDT"),
        (INVERSE_DEPTH, "inverse:BTCUSD_PERP"), (INVERSE_QUOTE, "inverse:BTCUSD_PERP"),
        (INVERSE_TRADE, "inverse:BTCUSD_PERP"), (INVERSE_BOOK, "inverse:BTCUSD_PERP"),
    ],
)  # fmt: skip
def test_one_kind_of_message_is_enough_to_tell_the_market(tmp_path: Path, message: str, instrument: str) -> None:
    path = write(tmp_path / "c", "garbage", b"\xff\xfe\x00", f"{T} not json", (T, message))
    assert open_captures([path]).files[0].instrument == instrument
    assert played(path)[-1].key.decode() == instrument


def test_a_snapshot_without_symbol_is_its_files_only_instruments(tmp_path: Path) -> None:
    path = write(tmp_path / "c", (T, LINEAR_BOOK), (T, LINEAR_QUOTE))
    assert [line.key for line in played(path)] == [b"linear:BTCUSDT"] * 2


def test_in_a_file_of_several_symbols_each_message_keeps_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "c", (T, SPOT_QUOTE), (T + 1, SPOT_BOOK), (T + 2, ETH_QUOTE), "x")
    keys = [line.key for line in played(path)]
    assert keys == [b"spot:BTCUSDT", b"spot:?", b"spot:ETHUSDT", b"spot:?"]


def test_payloads_are_untouched_and_lines_numbered(tmp_path: Path) -> None:
    odd = "  " + SPOT_QUOTE.replace(",", " ,\t") + "\r"
    lines = played(write(tmp_path / "c", (T, SPOT_QUOTE), (T + 1, odd)))
    assert [line.payload for line in lines] == [SPOT_QUOTE.encode(), odd.encode()]
    assert [(line.ts_recv, line.file, line.line) for line in lines] == [(T, 0, 1), (T + 1, 0, 2)]


def test_a_last_line_without_its_end_is_a_line(tmp_path: Path) -> None:
    path = write(tmp_path / "c", (T, SPOT_QUOTE), (T + 1, SPOT_TRADE))
    path.write_bytes(path.read_bytes()[:-1])
    assert len(played(path)) == 2


def test_garbage_is_stamped_with_the_line_before_it(tmp_path: Path) -> None:
    bad = ["{}", "", f"{T}", "12 {}", f"-{T} {{}}", f"{T * 10} {{}}", "4102444800000000000 {}", "946684799999999999 {}"]
    lines = played(write(tmp_path / "c", bad[0], (T + 5, SPOT_QUOTE), *bad, (T + 9, SPOT_TRADE), bad[0]))
    assert [line.ts_recv - T for line in lines] == [5] * (2 + len(bad)) + [9, 9]
    assert [line.payload.decode() for line in lines[2:-2]] == bad
    assert {line.key for line in lines} == {b"spot:BTCUSDT"}


def test_files_are_merged_by_receive_time(tmp_path: Path) -> None:
    spot = write(tmp_path / "s", (T, SPOT_QUOTE), (T + 20, SPOT_QUOTE))
    linear = write(tmp_path / "l", (T + 10, LINEAR_QUOTE), (T + 30, LINEAR_QUOTE))
    assert [line.file for line in played(spot, linear)] == [0, 1, 0, 1]


def test_ties_go_by_instrument_then_line_then_payload_never_by_the_order_of_naming(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "a", (T, SPOT_QUOTE), (T, SPOT_TRADE)),
        write(tmp_path / "b", (T, LINEAR_QUOTE), (T, LINEAR_TRADE)),
        write(tmp_path / "c", (T, SPOT_DEPTH)),
    ]
    orders = {tuple((line.key, line.payload) for line in played(*some)) for some in itertools.permutations(files)}
    assert len(orders) == 1
    assert [text for _, text in orders.pop()] == [
        t.encode() for t in (LINEAR_QUOTE, LINEAR_TRADE, SPOT_QUOTE, SPOT_DEPTH, SPOT_TRADE)
    ]


def test_two_files_of_one_instrument_continue_each_other(tmp_path: Path) -> None:
    today = write(tmp_path / "b", (T + 10, SPOT_TRADE))
    yesterday = write(tmp_path / "a", (T, SPOT_QUOTE))
    assert [line.ts_recv - T for line in played(today, yesterday)] == [0, 10]


def test_a_stamp_that_steps_back_keeps_its_lines_place(tmp_path: Path) -> None:
    stepping = write(tmp_path / "s", (T + 10, SPOT_QUOTE), (T + 2, SPOT_TRADE), (T + 11, SPOT_QUOTE))
    other = write(tmp_path / "o", (T + 5, LINEAR_QUOTE), (T + 12, LINEAR_QUOTE))
    assert [line.ts_recv - T for line in played(stepping, other)] == [5, 10, 2, 11, 12]


def test_gzip_is_told_by_its_first_bytes_and_may_have_several_members(tmp_path: Path) -> None:
    plain = write(tmp_path / "c", *[(T + i, SPOT_QUOTE) for i in range(5000)])
    first, second = plain.read_bytes()[:200_000], plain.read_bytes()[200_000:]
    packed = tmp_path / "named.txt"
    packed.write_bytes(gzip.compress(first) + b"\0\0" + gzip.compress(second) + b"\0" * 70_000)
    captures = open_captures([packed])
    assert [line.payload for line in captures] == [line.payload for line in played(plain)]
    assert captures.faults == []
    assert captures.bytes_read == captures.bytes_total == packed.stat().st_size


def test_a_gzip_cut_short_is_read_up_to_the_cut_and_says_so(tmp_path: Path) -> None:
    lines = [(T + i, SPOT_QUOTE.replace('"u":1', f'"u":{i * 7919}')) for i in range(9000)]
    path = write(tmp_path / "c", *lines)
    whole = path.read_bytes()
    packed = gzip.compress(whole)
    path.write_bytes(packed[: len(packed) // 2])
    faults: list[CaptureFault] = []
    captures = open_captures([path], faults.append)
    read = list(captures)
    assert 4000 < len(read) < 5000
    assert [(line.ts_recv, line.payload) for line in read[:-1]] == [(t, m.encode()) for t, m in lines[: len(read) - 1]]
    assert whole.startswith(b"\n".join(f"{line.ts_recv} ".encode() + line.payload for line in read[:-1]))
    assert captures.faults == faults
    assert (faults[0].path, faults[0].line) == (path, len(read))
    assert "cut short" in str(faults[0])


@pytest.mark.parametrize("tail", [b"trailing garbage", b"\0\0xyz"])
def test_garbage_behind_a_gzip_is_said(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "c"
    path.write_bytes(gzip.compress(f"{T} {SPOT_QUOTE}\n".encode()) + tail)
    captures = open_captures([path])
    assert len(list(captures)) == 1
    assert "damaged" in captures.faults[0].reason


def test_a_wrong_checksum_is_said_and_nothing_read_is_lost(tmp_path: Path) -> None:
    path = write(tmp_path / "c", *[(T + i, SPOT_QUOTE) for i in range(3000)])
    packed = bytearray(gzip.compress(path.read_bytes()))
    packed[-8] ^= 1
    path.write_bytes(packed)
    captures = open_captures([path])
    assert len(list(captures)) == 3000
    assert "damaged" in captures.faults[0].reason


def test_a_gzip_that_unpacks_a_thousandfold_is_read_in_small_blocks(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(gzip.compress(f"{T} {SPOT_QUOTE}\n".encode() + b" " * 30_000_000 + b"\nend\n"))
    lines = played(path)
    assert [len(line.payload) for line in lines] == [len(SPOT_QUOTE), LINE_BYTES_MAX, 3]


def test_an_endless_line_is_garbage_and_cut(tmp_path: Path) -> None:
    long = f"{T} {SPOT_QUOTE}".encode() + b"x" * (LINE_BYTES_MAX + CHUNK_BYTES)
    exact = f"{T + 1} ".encode() + b"y" * (LINE_BYTES_MAX - 20)
    lines = played(write(tmp_path / "c", (T, SPOT_QUOTE), long, exact, (T + 2, SPOT_TRADE), long[: LINE_BYTES_MAX + 1]))
    assert [len(line.payload) for line in lines[1:]] == [
        LINE_BYTES_MAX,
        LINE_BYTES_MAX - 20,
        len(SPOT_TRADE),
        LINE_BYTES_MAX,
    ]
    assert lines[1].payload == long[:LINE_BYTES_MAX]
    assert [line.line for line in lines] == [1, 2, 3, 4, 5]


def test_lines_do_not_depend_on_how_the_file_is_chunked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "c", *[(T + i, SPOT_QUOTE if i % 3 else SPOT_TRADE) for i in range(50)], "", "x")
    whole = played(path)
    for size in (1, 7, 100):
        monkeypatch.setattr(capture_lines, "CHUNK_BYTES", size)
        assert played(path) == whole


@given(
    content=st.binary(max_size=200), packed=st.booleans(), damage=st.tuples(st.integers(0, 400), st.integers(0, 255))
)
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_content_does_harm(tmp_path: Path, content: bytes, packed: bool, damage: tuple[int, int]) -> None:
    path = write(tmp_path / "c", (T, SPOT_QUOTE), content, (T + 1, SPOT_TRADE))
    text = bytearray(gzip.compress(path.read_bytes()) if packed else path.read_bytes())
    text[damage[0] % len(text)] = damage[1]
    path.write_bytes(text)
    try:
        lines = played(path)
    except ConfigError:
        return
    assert [line.line for line in lines] == list(range(1, len(lines) + 1))


def test_captures_can_be_played_again(tmp_path: Path) -> None:
    captures = open_captures([write(tmp_path / "c", (T, SPOT_QUOTE))])
    assert list(captures) == list(captures)


@pytest.mark.parametrize(
    "content", [b"", b"\n\n\n", b"no capture\n" * 99, gzip.compress(b"", mtime=0), b"\x1f\x8b\x08", b"\x1f\x8bxxxxxxxx"]
)
def test_a_file_without_a_usable_message_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "named.gz"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"named\.gz"):
        open_captures([path])


def test_a_snapshot_alone_names_no_instrument_and_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names its symbol"):
        open_captures([write(tmp_path / "c", (T, SPOT_BOOK))])


def test_what_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    good = write(tmp_path / "good", (T, SPOT_QUOTE))
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(ConfigError, match=path.name):
            open_captures([good, path])
    with pytest.raises(ConfigError):
        open_captures([])


def test_a_capture_cut_at_a_tie_plays_like_the_whole(tmp_path: Path) -> None:
    lines = [(T, SPOT_QUOTE), (T + 5, SPOT_TRADE), (T + 5, SPOT_DEPTH), (T + 5, SPOT_QUOTE), (T + 9, SPOT_TRADE)]
    whole = write(tmp_path / "whole", *lines)
    for cut in range(1, len(lines)):
        first, second = write(tmp_path / "1", *lines[:cut]), write(tmp_path / "2", *lines[cut:])
        expected = [(line.key, line.ts_recv, line.payload) for line in played(whole)]
        for order in ((first, second), (second, first)):
            assert [(line.key, line.ts_recv, line.payload) for line in played(*order)] == expected
