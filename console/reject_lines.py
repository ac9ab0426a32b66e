"""Lines of files that are no valid message: named, one line each, up to a bound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from console.terminal import complain

if TYPE_CHECKING:
    from schemas.errors import BadInput


def tell_reject(path: Path, line: int, error: BadInput) -> None:
    """Which line and why; not what stands there, which is for whoever opens the file."""
    complain(
        f"{path}:{line}: {error.told} [{error.kind}]", event="reject", level="warning", code=error.kind,
        where=f"{path}:{line}",
    )  # fmt: skip
