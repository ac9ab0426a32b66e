"""Writes a live feed's payloads as a capture: lines of ``<receive time, ns> <payload>``."""

from __future__ import annotations

from pathlib import Path

from schemas.errors import ConfigError


class Recorder:
    """Appends to a file; nothing is overwritten.

    Raises:
        ConfigError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise ConfigError(
                "a recording cannot be written", kind="record_unwritable", got=error.strerror or str(error),
                where=str(path), fix="name another file after --record",
            ) from error  # fmt: skip

    def take(self, ts_recv: int, payload: bytes) -> None:
        """One payload; line breaks in it, which JSON knows as white space only, become blanks."""
        self._file.write(b"%d %b\n" % (ts_recv, payload.replace(b"\n", b" ")))

    def close(self) -> None:
        """Everything is on disk's way."""
        self._file.close()
