"""What the arrays of the feeds are, for type checkers: named apart from the kernels, which bring a compiler along."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Records = npt.NDArray[Any]
