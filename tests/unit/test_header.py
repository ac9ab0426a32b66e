"""The packed header: everything survives, and no bytes that do not add up are taken for one."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadFrame
from schemas.header import (
    HOPS,
    HOPS_MAX,
    MAGIC,
    PREFIX,
    WRITER_BYTES_MAX,
    Header,
    Side,
    no_stamps,
    pack,
    payload_packer,
    unpack,
)

U64 = st.integers(0, 2**64 - 1)
I64 = st.integers(-(2**63), 2**63 - 1)
SIDES = st.builds(
    Side,
    place=U64,
    input=st.integers(0, 255),
    partition=st.integers(0, 65_535),
    writer_crc=st.integers(0, 2**32 - 1),
    seq=U64,
)


@st.composite
def headers(draw: st.DrawFn) -> Header:
    hops = tuple(draw(st.lists(st.integers(0, len(HOPS) - 1), max_size=6)))
    count = draw(st.integers(1, 5))
    rows = draw(st.sampled_from([1, count]))
    columns = 1 + 2 * len(hops)
    flat = draw(
        st.lists(st.sampled_from([0, 1, -1, 2**62, -(2**63)]), min_size=rows * columns, max_size=rows * columns)
    )
    return Header(
        schema=draw(st.integers(0, 255)),
        version=draw(st.integers(0, 255)),
        seq=draw(U64),
        time=draw(I64),
        cause=draw(U64),
        writer=draw(st.text(st.characters(max_codepoint=127), max_size=20)),
        count=count,
        sides=tuple(draw(st.lists(SIDES, max_size=4))),
        hops=hops,
        stamps=np.array(flat, dtype=np.int64).reshape(rows, columns),
    )


@given(headers())
def test_a_header_survives_the_way_there_and_back(header: Header) -> None:
    back = unpack(pack(header))
    for field in ("schema", "version", "seq", "time", "cause", "writer", "count", "sides", "hops"):
        assert getattr(back, field) == getattr(header, field)
    assert np.array_equal(np.broadcast_to(back.stamps, (header.count, back.stamps.shape[1])),
                          np.broadcast_to(header.stamps, (header.count, header.stamps.shape[1])))  # fmt: skip


@given(headers(), st.data())
def test_no_truncated_or_extended_header_is_taken_for_one(header: Header, data: st.DataObject) -> None:
    whole = pack(header)
    with pytest.raises(BadFrame):
        unpack(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(BadFrame):
        unpack(whole + data.draw(st.binary(min_size=1, max_size=20)))


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_and_never_crash(data: bytes) -> None:
    with contextlib.suppress(BadFrame):
        unpack(bytes([MAGIC, 1]) + data)


@pytest.mark.parametrize(("at", "value"), [(0, 0x55), (1, 0), (1, 2), (1, 255)])
def test_another_magic_or_version_is_refused(at: int, value: int) -> None:
    data = bytearray(pack(Header(schema=1, version=1, seq=0, time=0, writer="w")))
    data[at] = value
    with pytest.raises(BadFrame, match="no header of this build"):
        unpack(bytes(data))


def test_a_header_of_no_rows_is_refused() -> None:
    data = bytearray(pack(Header(schema=1, version=1, seq=0, time=0, writer="w")))
    data[4:8] = bytes(4)
    with pytest.raises(BadFrame, match="do not add up"):
        unpack(bytes(data))


def test_a_writer_that_is_not_ascii_is_refused() -> None:
    data = bytearray(pack(Header(schema=1, version=1, seq=0, time=0, writer="w")))
    data[PREFIX.size] = 0xFF
    with pytest.raises(BadFrame, match="not ASCII"):
        unpack(bytes(data))


def test_equal_stamps_of_many_rows_take_the_room_of_one() -> None:
    one = pack(Header(schema=3, version=1, seq=0, time=0, writer="w", count=256, hops=(0,), stamps=no_stamps(3)))
    many = np.zeros((256, 3), dtype=np.int64)
    assert pack(Header(schema=3, version=1, seq=0, time=0, writer="w", count=256, hops=(0,), stamps=many)) == one
    many[7, 0] = 1
    varying = pack(Header(schema=3, version=1, seq=0, time=0, writer="w", count=256, hops=(0,), stamps=many))
    assert len(varying) == len(one) + 8 * 255
    assert unpack(varying).stamps[:, 0].tolist() == many[:, 0].tolist()


def test_what_does_not_fit_the_format_is_a_bug_of_the_writer() -> None:
    for broken in (
        Header(schema=1, version=1, seq=0, time=0, writer="w" * (WRITER_BYTES_MAX + 1)),
        Header(schema=1, version=1, seq=0, time=0, writer="w", hops=(0,) * (HOPS_MAX + 1)),
        Header(schema=1, version=1, seq=0, time=0, writer="w", count=3, stamps=np.zeros((2, 1), np.int64)),
    ):
        with pytest.raises(ValueError, match=r"bounds|rows of stamps"):
            pack(broken)


def test_a_publishers_packer_gives_what_pack_gives() -> None:
    packed = payload_packer(1, 1, "acme", 1_723_161_600_000_000_007)
    for seq, time, born in ((0, 0, 0), (2**46, 1_723_161_600_000_000_000, -1), (7, 5, 2**62)):
        header = Header(
            schema=1, version=1, seq=seq, time=time, writer="acme", cause=1_723_161_600_000_000_007,
            stamps=np.array([[born]], dtype=np.int64),
        )  # fmt: skip
        assert packed(seq, time, born) == pack(header)
