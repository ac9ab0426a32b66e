"""The one way a kernel is compiled here, so that its bits do not depend on the machine.

No ``fastmath``: the order of operations is the source's, and a product and a sum stay two roundings (LLVM fuses them
into one only where it is allowed to). No ``parallel``: one order of summation. IEEE division, so a kernel guards its
divisors itself and no exception path is compiled in.

Compiled code is cached on disk. numba drops an entry when the kernel's own file changes, but not when a kernel that it
calls lives in another file and that one changes: it would go on computing the old formula. So the cache lies in a
folder named by the hash of all the sources here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from numba import config, njit

F = TypeVar("F", bound=Callable[..., Any])

SOURCES = sorted(Path(__file__).parent.glob("*.py"))
SOURCES_HASH = hashlib.sha256(b"\0".join(path.read_bytes() for path in SOURCES)).hexdigest()[:16]
"""Names the cache folder: other sources, other folder."""


def kernel(function: F) -> F:
    """Compile a function on first use, for the types it is called with."""
    place = config.CACHE_DIR
    config.CACHE_DIR = os.path.join(place or str(Path(__file__).with_name("__pycache__")), SOURCES_HASH)
    try:  # the decorator reads the place of the cache, once
        compiled: F = njit(cache=True, nogil=True, error_model="numpy")(function)
    finally:
        config.CACHE_DIR = place
    return compiled
