"""What thrown bytes have found, kept: each was an exception of Python's own once, or a line that moved the cursor."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.catalog import TICK_SCHEMA
from schemas.codec import decode, decode_any, encode
from schemas.control import RunOpened
from schemas.dead_letter import DeadLetter
from schemas.errors import BadFrame, SnapshotError
from schemas.header import Header, pack
from streams.admission import schemas_of
from streams.inputs import BadRecord, Input
from streams.log import Record
from streams.memory import MemoryLog
from streams.snapshot import from_bytes
from streams.state_bytes import load, load_values
from tests.fuzz.doors import sealed
from tests.golden.test_golden_bytes import DOCUMENTS


@pytest.mark.parametrize("number", [2**64, -(2**64), 10**400])
def test_an_integer_beyond_64_bits_is_refused_when_it_comes(number: int) -> None:
    """It was read, and could not be written: the dead letter that should have held it ended the task."""
    for name, field, event in (("dead_letter", "seq", DeadLetter), ("run", "seed", RunOpened)):
        found = json.loads(encode(DOCUMENTS[name]))
        value = json.dumps({**found, field: number}).encode()
        for read in (lambda value=value, event=event: decode(value, event), lambda value=value: decode_any(value)):
            with pytest.raises(BadFrame):
                read()


def test_an_integer_beyond_64_bits_is_found_within_free_fields() -> None:
    found = json.loads(encode(DOCUMENTS["run"]))
    with pytest.raises(BadFrame, match="64"):
        decode_any(json.dumps({**found, "limits": {"default": {"notional_max": 2**70}}}).encode())
    assert decode_any(json.dumps({**found, "limits": {"default": {"notional_max": 2**64 - 1}}}).encode())


def test_a_document_that_cannot_be_written_is_an_error_of_the_tree() -> None:
    with pytest.raises(BadFrame) as refused:
        encode(DeadLetter(code="x", reason="", task="t", topic="t", partition=0, offset=0, writer="", seq=2**64, ts=0,
                          key="", payload=""))  # fmt: skip
    assert refused.value.kind == "bad_frame.unwritable"


INDEXES: list[Any] = [
    [], {}, {"kind": "KIND"}, {"kind": "KIND", "values": [], "arrays": []},
    {"kind": "KIND", "values": {}, "arrays": 5}, {"kind": "KIND", "values": {}, "arrays": [["a", "O", [1]]]},
    {"kind": "KIND", "values": {}, "arrays": [["a", "<i8", [2**62, 4]]]},
    {"kind": "KIND", "values": {}, "arrays": [["a", "<i8", [-1]]]}, {"kind": 5, "values": {}, "arrays": []},
    {"kind": "KIND", "values": {}, "arrays": [["a", "nonsense", [1]]]},
    {"kind": "KIND", "values": {}, "arrays": [["a", [["x"]], [1]]]},
]  # fmt: skip


@pytest.mark.parametrize("index", [*INDEXES, None], ids=str)
def test_a_snapshot_whose_checksum_holds_over_nonsense_is_torn(index: Any) -> None:
    body = b"no json" if index is None else json.dumps(index).encode()
    with pytest.raises(SnapshotError):
        load("task/1", sealed(body, "task/1"))


def test_a_snapshot_that_lacks_its_parts_does_not_fit() -> None:
    empty = sealed(b'{"kind":"KIND","values":{},"arrays":[]}', "task/1")
    assert load_values(empty) == {}
    with pytest.raises(SnapshotError, match="does not fit"):
        from_bytes(empty)


def test_a_strangers_name_moves_no_cursor() -> None:
    """A writer's name is ASCII, and ASCII has controls: they stood as they were in lines for the terminal."""
    source = Input(MemoryLog(), "t", 0, accepts=schemas_of("ticks.<source>"), writer="normalise")
    head = Header(schema=TICK_SCHEMA.number, version=1, seq=0, time=0, writer="\x1b[2Jme\x0b\r\x1c")
    source.push([Record("t", 0, 0, None, b"", pack(head))])
    refused = source.take()
    assert isinstance(refused, BadRecord)
    assert str(refused.error).isprintable()
    assert "\\x1b[2Jme" in str(refused.error)
    assert "2Jme" not in refused.error.told
