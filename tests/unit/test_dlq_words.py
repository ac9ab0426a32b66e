"""What ``tapedeck dlq`` says of letters: one line each, payloads bounded, nothing that moves a cursor."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from console.dlq_words import listed_as_json, listed_lines, moment_of, number_of, shown_as_json, shown_lines
from operations.letters import Filed, Wanted
from schemas.dead_letter import DeadLetter
from schemas.errors import ConfigError
from schemas.retry import Retry

FILED_NS = 1_723_161_254_087_896_568
RETRY = Retry(
    letters=[17], dlq_partition=0, topic="raw.binance", partition=0, since=0, author="j.doe", reason="mended",
    ts=FILED_NS,
)  # fmt: skip


def filed(payload: bytes = b'{"p":"NaN"}', **letter: Any) -> Filed:
    values: dict[str, Any] = {
        "code": "bad_payload", "kind": "bad_payload.not_finite", "task": "normalise", "topic": "raw.binance",
        "reason": "price is no number; got NaN; allowed: a decimal above 0", "partition": 0, "offset": 4_711,
        "writer": "binance", "seq": 4_711, "ts": FILED_NS, "key": base64.b64encode(b"spot:BTCUSDT").decode(),
        "payload": base64.b64encode(payload).decode(),
    } | letter  # fmt: skip
    return Filed(0, 17, FILED_NS, DeadLetter(**values))


def test_a_list_is_a_line_a_letter_with_all_that_tells_them_apart() -> None:
    told = listed_as_json("live", [filed(), filed(reason="two\nlines\x1b[2J")], 30, {(0, 17): RETRY})
    heading, first, second, last = listed_lines(told)
    assert heading.split() == ["number", "refused", "(UTC)", "task", "input", "kind", "bytes", "reason"]
    assert first.split()[0] == "17"
    for part in (
        "2024-08-08 23:54:14.087",
        "normalise",
        "raw.binance[0]@4711",
        "bad_payload.not_finite",
        "11",
        "got NaN",
    ):
        assert part in first
    assert "RETRIED; two lines\\x1b[2J" in second
    assert last == "2 dead letters of live of 30: --limit shows more"
    assert told["by_kind"] == {"bad_payload.not_finite": 2}


def test_none_is_said_in_a_line() -> None:
    assert listed_lines(listed_as_json("live", [], 0, {})) == ["no dead letters of live"]


def test_one_letter_tells_what_was_wrong_what_it_means_what_to_do_and_what_it_held() -> None:
    lines = shown_lines(shown_as_json(filed(), RETRY, 4_096))
    text = "\n".join(lines)
    assert "reason   price is no number\n           got NaN\n           allowed: a decimal above 0" in text
    assert "do       " in text
    assert "retried  2024-08-08 23:54:14.087 by j.doe: mended" in text
    assert lines[-2:] == ["  payload  11 bytes, text", '{"p":"NaN"}']


def test_what_is_no_text_is_hex_and_both_are_bounded() -> None:
    told = shown_as_json(filed(b"\x00\x1b[2J" * 10), None, 20)
    assert (told["payload_is"], told["payload"], told["payload_cut"]) == ("hex", (b"\x00\x1b[2J" * 4).hex(), True)
    assert shown_lines(told)[-2:] == [
        "00000000  00 1b 5b 32 4a 00 1b 5b 32 4a 00 1b 5b 32 4a 00",
        "00000010  1b 5b 32 4a",
    ]
    cut = shown_as_json(filed("aä".encode() * 10), None, 5)  # the bound falls within a letter
    assert (cut["payload_is"], cut["payload"], cut["bytes"]) == ("text", "aäa", 30)


def test_a_letter_whose_payload_is_no_base64_is_shown_without() -> None:
    letter = {name: getattr(filed().letter, name) for name in DeadLetter.__struct_fields__}
    forged = Filed(0, 1, 0, DeadLetter(**letter | {"payload": "?"}))
    assert (forged.payload, shown_as_json(forged, None, 10)["bytes"]) == (b"", 0)


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        (Wanted(), True), (Wanted(kind="bad_payload"), True), (Wanted(kind="bad_payload.not_finite"), True),
        (Wanted(kind="bad_frame"), False), (Wanted(topic="raw"), True), (Wanted(topic="raw.binance"), True),
        (Wanted(topic="ticks"), False), (Wanted(since_ns=FILED_NS), True), (Wanted(since_ns=FILED_NS + 1), False),
    ],
)  # fmt: skip
def test_letters_are_chosen_by_kind_topic_and_time(wanted: Wanted, meant: bool) -> None:
    assert wanted.has(filed(), "") is meant


@pytest.mark.parametrize("text", ["yesterday", "", "5", "-3m", "99999-01-01"])
def test_a_moment_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not a moment"):
        moment_of(text, 0)


@pytest.mark.parametrize("text", ["", "x", "-1", "1/2/3", "1.5"])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not the number of a dead letter"):
        number_of(text)
