"""Which Kafka answers: the feature levels that a cluster has agreed on, asked by ApiVersions (KIP-584).

The Kafka client knows them and tells nobody, so one request is made by hand: version 3 of ApiVersions, whose answer
any broker since 2.4 understands. Plaintext listeners only, as all of ours.
"""

from __future__ import annotations

import socket
import struct

from schemas.errors import BrokerError

METADATA = "metadata.version"
TRANSACTION = "transaction.version"

RELEASES = {7: "3.3", 8: "3.4", 11: "3.5", 14: "3.6", 19: "3.7", 20: "3.8", 21: "3.9", 25: "4.0", 33: "4.4"}
"""Kafka release by its highest ``metadata.version``, as far as it was looked up; 33 is the embedded one's."""

ANSWER_BYTES_MAX = 1024 * 1024
_API_VERSIONS, _VERSION, _CORRELATION = 18, 3, 1
_FINALIZED_TAG = 2
_NAME = b"tapedeck"


def feature_levels(address: str, timeout_s: float) -> dict[str, int]:
    """Finalized feature levels by name; empty where the broker states none (ZooKeeper, or another implementation).

    Args:
        address: ``host:port`` of one broker.
        timeout_s: Bound of each step.

    Raises:
        BrokerError: It does not answer, or in another way than Kafka.
    """
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout_s) as connection:
            connection.sendall(_request())
            (size,) = struct.unpack(">i", _exactly(connection, 4))
            if not 0 < size <= ANSWER_BYTES_MAX:
                raise ValueError(f"an answer of {size} bytes")
            return levels_in(_exactly(connection, size))
    except (OSError, ValueError, struct.error, IndexError) as error:
        raise BrokerError(
            "a broker does not tell its version", kind="no_version", where=address,
            got=str(error) or type(error).__name__,
        ) from error  # fmt: skip


def release(metadata_level: int) -> str:
    """The Kafka release of a ``metadata.version``.

    >>> release(33), release(14), release(15), release(40)
    ('4.4', '3.6', 'between 3.6 and 3.7', 'newer than 4.4')
    """
    if metadata_level in RELEASES:
        return RELEASES[metadata_level]
    below = [name for level, name in RELEASES.items() if level < metadata_level]
    above = [name for level, name in RELEASES.items() if level > metadata_level]
    if not above:
        return f"newer than {below[-1]}"
    return f"between {below[-1]} and {above[0]}" if below else f"older than {above[0]}"


def levels_in(answer: bytes) -> dict[str, int]:
    """Finalized levels in the body of an answer to ApiVersions 3, its correlation id included.

    Raises:
        ValueError, IndexError, struct.error: It is none.
    """
    (error,) = struct.unpack_from(">h", answer, 4)
    if error:
        raise ValueError(f"Kafka's error {error}")
    count, at = _varint(answer, 6)
    for _ in range(count - 1):  # key, lowest, highest, then tags
        at = _skip_tags(answer, at + 6)
    at += 4  # throttle time
    fields, at = _varint(answer, at)
    for _ in range(fields):
        tag, at = _varint(answer, at)
        size, at = _varint(answer, at)
        if tag == _FINALIZED_TAG:
            return _features(answer[at : at + size])
        at += size
    return {}


def _features(data: bytes) -> dict[str, int]:
    """A compact array of (name, highest level, lowest level)."""
    found = {}
    count, at = _varint(data, 0)
    for _ in range(count - 1):
        length, at = _varint(data, at)
        name = data[at : at + length - 1].decode()
        at += length - 1
        (found[name],) = struct.unpack_from(">h", data, at)
        at = _skip_tags(data, at + 4)
    return found


def _request() -> bytes:
    head = struct.pack(">hhih", _API_VERSIONS, _VERSION, _CORRELATION, len(_NAME)) + _NAME + b"\0"
    software = bytes([len(_NAME) + 1]) + _NAME
    body = head + software + bytes([2]) + b"1" + b"\0"
    return struct.pack(">i", len(body)) + body


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ValueError("the connection was closed")
        data += part
    return data


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7


def _skip_tags(data: bytes, at: int) -> int:
    count, at = _varint(data, at)
    for _ in range(count):
        _, at = _varint(data, at)
        size, at = _varint(data, at)
        at += size
    return at
