"""Where pins lie on disk: by id a manifest, the states that it begins with, and the marks along its records.

The manifest is written last and put in place by a rename: what is there is whole. States and marks serve it: a state
counts only if its hash is the manifest's, and marks only tell where a difference is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from replay.pins.chain import Marks
from replay.pins.manifest import Manifest, decode, encode
from replay.pins.measuring import Measured
from schemas.errors import ConfigError
from streams.home import pins_dir
from streams.log import Place


class _Marked(msgspec.Struct):
    topic: str
    partition: int
    stride: int
    hashes: bytes


def save(manifest: Manifest, measured: Measured) -> Path:
    """Keep a pin; what is there of the same id stays as it is. Returns the manifest's path.

    Raises:
        ConfigError: It cannot be written.
    """
    path = path_of(manifest.id)
    if path.exists():
        return path
    marks = [_Marked(t, p, m.stride, m.hashes) for (t, p), m in measured.marks.items()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for start in measured.starts.values():
            _write(_state_path(sha256(start.value).hexdigest()), start.value)
        _write(path.with_suffix(".marks"), msgspec.msgpack.encode(marks))
        _write(path, encode(manifest))
    except OSError as error:
        raise ConfigError(
            "a pin cannot be written", kind="pin_unwritable", got=error.strerror or str(error), where=str(path),
            fix="make room, or mend the folder's rights",
        ) from error  # fmt: skip
    return path


def path_of(pin: str) -> Path:
    """Path of a pin's manifest."""
    return pins_dir() / f"{pin}.json"


def load(pin: str) -> Manifest | None:
    """The manifest of an id; None where it is not here.

    Raises:
        ConfigError: It is not as it was written.
    """
    path = path_of(pin)
    if not path.is_file():
        return None
    manifest = decode(path.read_bytes(), str(path))
    if manifest.id != pin:
        raise ConfigError("a manifest under another pin's name", kind="pin_torn", got=manifest.id, where=str(path),
                          fix="restore the file")  # fmt: skip
    return manifest


def ids() -> list[str]:
    """Ids of all pins that are here, sorted."""
    return sorted(path.stem for path in pins_dir().glob("*.json"))


def marks_of(pin: str) -> Mapping[Place, Marks]:
    """Marks along a pin's records; none where they are not here, or not readable: they are no part of the proof."""
    path = path_of(pin).with_suffix(".marks")
    if not path.is_file():
        return {}
    try:
        marked = msgspec.msgpack.decode(path.read_bytes(), type=list[_Marked])
    except msgspec.DecodeError:
        return {}
    return {(m.topic, m.partition): Marks(m.stride, m.hashes) for m in marked}


def state_bytes(digest: str) -> bytes | None:
    """A kept state's bytes; None where it is not here, or not what its name says."""
    path = _state_path(digest)
    data = path.read_bytes() if path.is_file() else b""
    return data if sha256(data).hexdigest() == digest else None


def _state_path(digest: str) -> Path:
    return pins_dir() / "states" / digest


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
