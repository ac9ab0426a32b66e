"""Where everything Tapedeck keeps on disk lies: one home, one subfolder per function.

``$TAPEDECK_HOME`` moves all of it; ``$TAPEDECK_JARS`` moves the Kafka server's jars alone, so that tests with a
temporary home share one download; ``$TAPEDECK_ARCHIVE`` moves the archive, which may have a disk of its own. Nothing
here creates a folder: who writes into one makes it.
"""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path

HOME_VARIABLE = "TAPEDECK_HOME"
JARS_VARIABLE = "TAPEDECK_JARS"
ARCHIVE_VARIABLE = "TAPEDECK_ARCHIVE"
KERNELS_VARIABLE = "NUMBA_CACHE_DIR"
KERNEL_PACKAGES = ("agents", "features", "feeds", "models", "replay", "streams")
"""Packages with kernels in them. The files that name one (``KERNEL_WORDS``) make up the cache's name, and so do those
that a file with a kernel imports from: their layouts and constants are compiled into it."""
KERNEL_WORDS = (b"njit", b"kernel")
_DEFINES = re.compile(rb"^@(?:kernel|njit|intrinsic)\b", re.MULTILINE)
_IMPORTS = re.compile(rb"^from (\w+)\.(\w+) import", re.MULTILINE)


def home() -> Path:
    """The folder that holds all the others: ``$TAPEDECK_HOME``, else the platform's folder for a user's data."""
    named = _named(HOME_VARIABLE)
    if named is not None:
        return named
    from platformdirs import user_data_dir  # lazily: most processes are told their home

    return Path(user_data_dir("tapedeck", appauthor=False))


def broker_dir() -> Path:
    """The embedded Kafka: its log segments, settings, state file and server log."""
    return home() / "broker"


def jars_dir() -> Path:
    """The Kafka server's jars and Java's start-up cache of them: ``$TAPEDECK_JARS``, else below the home."""
    return _named(JARS_VARIABLE) or home() / "jars"


def kernels_dir() -> Path:
    """Compiled numba kernels, so that a second process starts in milliseconds.

    In a folder named by the hash of the kernels' sources: numba drops an entry when the kernel's own file changes, but
    not when a kernel it calls, or a constant it uses, stands in another file and that one changes.
    """
    return home() / "kernels" / _sources_hash()


def runs_dir() -> Path:
    """One folder per run: reports, recorded latencies, logs of its tasks."""
    return home() / "runs"


def archive_dir() -> Path:
    """The archive of the committed log: ``$TAPEDECK_ARCHIVE``, else below the home."""
    return _named(ARCHIVE_VARIABLE) or home() / "archive"


def pins_dir() -> Path:
    """What pins pinned: a manifest each, and the states that they begin with."""
    return home() / "pins"


def crashes_dir() -> Path:
    """Tracebacks of Tapedeck's own faults."""
    return home() / "crashes"


def use_kernel_cache() -> None:
    """Point numba's cache at :func:`kernels_dir`, unless the environment already says where.

    Must be called before numba is imported: numba reads the variable once, when it is imported.
    """
    if not os.environ.get(KERNELS_VARIABLE):
        os.environ[KERNELS_VARIABLE] = str(kernels_dir())


def _sources_hash() -> str:
    root = Path(__file__).parents[1]
    sources: dict[Path, bytes] = {}
    imported: set[Path] = set()
    for package in KERNEL_PACKAGES:
        for path in (root / package).glob("*.py"):
            source = path.read_bytes()
            if any(word in source for word in KERNEL_WORDS):
                sources[path] = source
            if _DEFINES.search(source):
                imported |= {
                    root / found[1].decode() / f"{found[2].decode()}.py" for found in _IMPORTS.finditer(source)
                }
    sources |= {path: path.read_bytes() for path in imported - sources.keys() if path.exists()}
    return sha256(b"\0".join(sources[path] for path in sorted(sources))).hexdigest()[:16]


def _named(variable: str) -> Path | None:
    """The absolute folder a variable names, or None; empty counts as unset, as in the XDG rules."""
    value = os.environ.get(variable)
    return Path(value).expanduser().absolute() if value else None
