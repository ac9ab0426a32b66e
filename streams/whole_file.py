"""A file of a person's that is there whole, as it was or as it is to be: written beside, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Where to write what is to stand at ``path``; it does once all of it was written, and nothing is left otherwise.

    Raises:
        OSError: It cannot be renamed.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        yield new
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
