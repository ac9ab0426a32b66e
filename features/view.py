"""A view: a named, ordered, hashed set of features with their half-lives, and the state that they keep.

The hash names what a view computes: of each column its name, family, formula version and half-life, in order. It does
not hash source text, so that formatting, a comment or a faster kernel with the same bits renames nothing; a formula
that gives other bits raises its family's ``version``, which the golden bytes in the tests enforce. The view's own name
is a label for people and is not hashed.

>>> state = DEFAULT_VIEW.start(instruments=1)
>>> tick = np.zeros(1, dtype=[(name, "<i8") for name in ROW_FIELDS])
>>> tick["bid_price"], tick["ask_price"], tick["bid_size"], tick["ask_size"] = 99_000_000_000, 101_000_000_000, 3, 1
>>> out = np.empty((1, len(DEFAULT_VIEW.features)))
>>> state.compute(tick, np.zeros(1, dtype=np.int32), out)
>>> dict(zip(DEFAULT_VIEW.names, out[0].tolist()))["weighted_mid"]
100.5
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from features.arithmetic import LN2
from features.family import MEMORY_WIDTH, CustomFamily, Family
from features.fused import FAMILIES, ROW_FIELDS, TIME_UNDEFINED, compute_rows

FEATURES_MAX = 64
"""Most features in a view."""

INSTRUMENTS_MAX = 1_000_000
"""Most instruments in one state."""

HALF_LIFE_NS_MAX = 10 * 365 * 86_400 * 1_000_000_000
"""Longest half-life, ns: ten years."""

_HASH_FORMAT = 1
_SECOND_NS = 1_000_000_000
_FAMILY_BY_NAME = {family.name: family for family in FAMILIES}


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a view.

    Attributes:
        family: Name of its family, e.g. ``"order_flow_imbalance"``.
        half_life_ns: Log time in which the past loses half its weight, ns; 0 for a family that does not decay.
        name: Column name; the family's unless given (two half-lives of one family need two names).
        own: The family itself where it is a desk's own; its name is none of the shipped ones'.

    Raises:
        ValueError: No such family, or a half-life that the family does not take.
    """

    family: str
    half_life_ns: int = 0
    name: str = ""
    own: CustomFamily | None = None

    def __post_init__(self) -> None:
        known = self.own or _FAMILY_BY_NAME.get(self.family)
        if known is None or known.name != self.family or (self.own and self.family in _FAMILY_BY_NAME):
            raise ValueError(f"no feature family {self.family!r}; there are {', '.join(_FAMILY_BY_NAME)}")
        low, high = (1, HALF_LIFE_NS_MAX) if known.decays else (0, 0)
        if not low <= self.half_life_ns <= high:
            raise ValueError(f"half_life_ns of {self.family}: got {self.half_life_ns}; allowed: {low} to {high}")
        if not self.name:
            object.__setattr__(self, "name", self.family)

    @property
    def about(self) -> Family | CustomFamily:
        """The family: unit, version, number."""
        return self.own or _FAMILY_BY_NAME[self.family]


@dataclass(frozen=True)
class View:
    """An ordered set of features.

    Attributes:
        name: Label for people; not part of the hash.
        features: Columns, in order; names are unique.

    Raises:
        ValueError: No features, too many, or a name twice.
    """

    name: str
    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.features) <= FEATURES_MAX:
            raise ValueError(f"features in view {self.name!r}: got {len(self.features)}; allowed: 1 to {FEATURES_MAX}")
        if len(set(self.names)) != len(self.features):
            raise ValueError(f"view {self.name!r} names a column twice: {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def hash(self) -> str:
        """Sha256 in hex over a canonical JSON of what the view computes."""
        columns = [
            {"name": f.name, "family": f.family, "version": f.about.version, "half_life_ns": f.half_life_ns}
            for f in self.features
        ]
        text = json.dumps({"format": _HASH_FORMAT, "features": columns}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def tag(self) -> int:
        """First 4 bytes of the hash, little-endian: how a row names its view."""
        return int.from_bytes(bytes.fromhex(self.hash)[:4], "little")

    def start(self, instruments: int) -> ViewState:
        """A fresh state, preallocated for instruments 0 to ``instruments - 1``.

        Raises:
            ValueError: No instruments, or more than ``INSTRUMENTS_MAX``.
        """
        if not 1 <= instruments <= INSTRUMENTS_MAX:
            raise ValueError(f"instruments: got {instruments}; allowed: 1 to {INSTRUMENTS_MAX}")
        return ViewState(
            self,
            times=np.full(instruments, TIME_UNDEFINED, dtype=np.int64),
            touches=np.zeros((instruments, 4), dtype=np.int64),
            memory=np.zeros((instruments, len(self.features), MEMORY_WIDTH), dtype=np.float64),
            own=tuple(np.zeros((instruments, f.own.memory), dtype=np.float64) for f in self.features if f.own),
        )

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> ViewState:
        """A state from the arrays that ``ViewState.arrays`` gave; they are copied.

        Raises:
            ValueError: Arrays missing, or not of this view's shape.
        """
        if "times" not in arrays or arrays["times"].ndim != 1:
            raise ValueError(f"no state of view {self.name!r}: arrays {', '.join(arrays)}")
        state = self.start(len(arrays["times"]))
        for name, array in state.arrays().items():
            given = arrays.get(name)
            if given is None or given.shape != array.shape or given.dtype != array.dtype:
                got = "nothing" if given is None else f"{given.dtype} {given.shape}"
                raise ValueError(f"{name} of view {self.name!r}: got {got}; allowed: {array.dtype} {array.shape}")
            array[...] = given
        return state


class ViewState:
    """What a view remembers of every instrument, as plain arrays, and the call that moves it on.

    Attributes:
        view: Whose state it is.
        times: int64 (instruments,): newest log time, ns; ``TIME_UNDEFINED`` before any row.
        touches: int64 (instruments, 4): last usable bid, offer, bid size, offer size; 0 before any.
        memory: float64 (instruments, features, 2): each family's file says what it keeps there.
        own: Memory of each column of a desk's own family, in the view's order: float64 (instruments, its ``memory``).
    """

    __slots__ = ("_flat", "_kinds", "_own_kernels", "_rates", "memory", "own", "times", "touches", "view")

    def __init__(
        self,
        view: View,
        times: npt.NDArray[np.int64],
        touches: npt.NDArray[np.int64],
        memory: npt.NDArray[np.float64],
        own: tuple[npt.NDArray[np.float64], ...] = (),
    ) -> None:
        self.view = view
        self.own = own
        self.times = times
        self.touches = touches
        self.memory = memory
        self._flat = memory.reshape(-1)
        owners = [(j, f.own.kernel) for j, f in enumerate(view.features) if f.own is not None]
        self._own_kernels = [(j, kernel, memory) for (j, kernel), memory in zip(owners, self.own, strict=True)]
        self._kinds = np.array([f.about.number for f in view.features], dtype=np.int64)
        self._rates = np.array(
            [LN2 * _SECOND_NS / f.half_life_ns if f.half_life_ns else 0.0 for f in view.features], dtype=np.float64
        )

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The whole state by name: the arrays themselves, not copies."""
        own = {f"own{i}": memory for i, memory in enumerate(self.own)}
        return {"times": self.times, "touches": self.touches, "memory": self.memory, **own}

    def compute(self, rows: npt.NDArray[Any], slots: npt.NDArray[np.int32], out: npt.NDArray[np.float64]) -> None:
        """Features after every row of a batch, in one kernel call.

        The kernel is compiled (or fetched from its cache) for each row dtype on first use: a call with zero rows warms
        it up.

        Args:
            rows: Shape (n,), structured, with the fields of ``ROW_FIELDS``, in stream order.
            slots: int32 (n,): each row's instrument, 0 to instruments - 1.
            out: float64 (n, features), contiguous or a column of a structured array; written.

        Raises:
            IndexError: A slot out of range; the state is as it was.
            ValueError: Shapes that do not fit, or a field missing.
        """
        n = len(rows)
        if slots.shape != (n,) or out.shape != (n, len(self._kinds)):
            raise ValueError(f"{n} rows of {len(self._kinds)} features: got slots {slots.shape} and out {out.shape}")
        rows = rows.view()
        rows.flags.writeable = False  # one compiled kernel for arrays from bytes (read-only) and for any others
        bad = compute_rows(rows, slots, self._kinds, self._rates, self.times, self.touches, self._flat, out)
        if bad >= 0:
            raise IndexError(f"slot of row {bad}: got {slots[bad]}; allowed: 0 to {len(self.times) - 1}")
        for j, kernel, memory in self._own_kernels:
            kernel(rows, slots, self._rates[j], memory, out[:, j])


DEFAULT_VIEW = View(
    "default",
    (
        Feature("mid"),
        Feature("weighted_mid"),
        Feature("spread"),
        Feature("touch_imbalance"),
        Feature("order_flow_imbalance", half_life_ns=1 * _SECOND_NS),
        Feature("volatility", half_life_ns=60 * _SECOND_NS),
        Feature("trade_imbalance", half_life_ns=10 * _SECOND_NS),
        Feature("decayed_return", half_life_ns=30 * _SECOND_NS),
    ),
)
"""All eight families, once each."""

__all__ = ["DEFAULT_VIEW", "FEATURES_MAX", "ROW_FIELDS", "Feature", "View", "ViewState"]
