"""The one way a kernel is compiled here, so that its bits do not depend on the machine.

No ``fastmath``: the order of operations is the source's, and a product and a sum stay two roundings (LLVM fuses them
into one only where it is allowed to). No ``parallel``: one order of summation. IEEE division, so a kernel guards its
divisors itself and no exception path is compiled in.

Compiled code is cached on disk. numba drops an entry when the kernel's own file changes, but not when a kernel that it
calls lives in another file and that one changes: it would go on computing the old formula. So whoever sets the cache's
place (``NUMBA_CACHE_DIR``) names it by the hash of the sources.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function on first use, for the types it is called with."""
    compiled: F = njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled
