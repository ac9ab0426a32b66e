"""How each kind of error comes about, through the code that a user would meet it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import TapedeckError


@dataclass(frozen=True, slots=True)
class Desk:
    """What a trigger may use.

    Attributes:
        folder: A folder of its own.
        patch: Undone afterwards.
        bootstrap: A real broker's address; empty where the trigger asked for none.
    """

    folder: Path
    patch: pytest.MonkeyPatch
    bootstrap: str = ""

    def file(self, content: str | bytes, name: str = "file") -> Path:
        """A file of that content."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


Trigger = Callable[[Desk], Any]
"""Raises the error, or returns it, or returns (code, line) of an end of a command."""

TRIGGERS: dict[str, Trigger] = {}
ON_KAFKA: set[str] = set()
"""Codes whose trigger needs a real broker."""


def trigger(code: str, *, kafka: bool = False) -> Callable[[Trigger], Trigger]:
    """Registers how one kind comes about."""

    def register(function: Trigger) -> Trigger:
        assert code not in TRIGGERS, f"{code} has a trigger already"
        TRIGGERS[code] = function
        if kafka:
            ON_KAFKA.add(code)
        return function

    return register


def came(code: str, desk: Desk) -> TapedeckError | tuple[str, str]:
    """What the trigger of a kind brings about."""
    try:
        found = TRIGGERS[code](desk)
    except TapedeckError as error:
        return error
    assert isinstance(found, TapedeckError | tuple), f"the trigger of {code} brought nothing about"
    return found
