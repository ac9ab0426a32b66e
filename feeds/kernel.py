"""The one way a kernel of the feeds is compiled, so that its bits do not depend on the machine.

No ``fastmath``, no ``parallel``; feeds count in int64 only. Compiled code is cached on disk; numba renews an entry when
the kernel's own file changes, not when one that it calls does: the cache's place must be named by the sources' hash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

F = TypeVar("F", bound=Callable[..., Any])

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Records = npt.NDArray[Any]


def kernel(function: F) -> F:
    """Compile a function on first use, for the types it is called with."""
    compiled: F = njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled
