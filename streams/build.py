"""Which code this is: the hash of all that a task executes, and the commit it was checked out at.

Two processes with the same hash compute the same bytes from the same input; for two that differ nobody can tell, so
they never work on one run (``agents/builds.py``). A comment changes it too: it names the code, not its meaning.
"""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("agents", "features", "feeds", "models", "schemas", "streams")
"""What a task executes; whoever only looks on (replay, operations, console) may be of another build."""
COMPUTING = ("numba", "numpy")
"""Distributions that compute what goes into the log."""
COMMIT_VARIABLE = "TAPEDECK_COMMIT"
COMMIT_S_MAX = 2.0
"""How long git is given to name the commit."""

_ROOT = Path(__file__).resolve().parents[1]


@cache
def build_hash() -> str:
    """Sha256 in hex over the sources of ``PACKAGES``, and the versions of Python and ``COMPUTING``.

    Read once a process, and early, so that it names the code that was loaded.
    """
    digest = sha256(f"python {'.'.join(platform.python_version_tuple()[:2])}\0".encode())
    for name in COMPUTING:
        digest.update(f"{name} {version(name)}\0".encode())
    for package in PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0")
            digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def code_commit() -> str:
    """The commit of the code: ``$TAPEDECK_COMMIT``, else git's word where this is a checkout; empty where unknown."""
    named = os.environ.get(COMMIT_VARIABLE, "").strip()
    if named or not (_ROOT / ".git").exists():
        return named[:128]
    try:
        said = subprocess.run(
            ["git", "-C", str(_ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=COMMIT_S_MAX,
            check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()
