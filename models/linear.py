"""Linear score: ``intercept + sum of weight * feature``, clipped, in basis points of expected move of the mid.

Terms are added one by one in the view's order, each product rounded before it is added: the same bits on every machine
and in every batching.

>>> from models.artefact import sign
>>> model = load(
...     sign({"kind": "linear", "version": 1, "name": "m", "view": "v", "features": ["a", "b"], "weights": [2.0, -1.0],
...           "intercept": 0.5, "clip": 3.0}), view="v", features=["a", "b"])
>>> model.score(np.array([[1.0, 1.5], [100.0, 0.0]])).tolist()
[1.0, 3.0]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from models.artefact import check, read

DEFAULT_MODEL = Path(__file__).with_name("default.json")
"""The model of a run unless another is given. Its weights were set by hand: they show the way, they earn no money."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearModel:
    """A checked model, ready to score.

    Attributes:
        artefact: The whole artefact, as it travels in control records.
        name: Name of the model.
        view: Sha256 of the feature view it reads.
        features: Column names, in order.
        weights: float64 (k,), read-only: basis points per unit of the feature.
        intercept: Basis points.
        clip: Largest score, either sign, basis points.
        sha256: Hash of the artefact.
        tag: First 4 bytes of it, little-endian: how a row names its model.
    """

    artefact: dict[str, Any]
    name: str
    view: str
    features: tuple[str, ...]
    weights: npt.NDArray[np.float64]
    intercept: float
    clip: float
    sha256: str
    tag: int

    def score(
        self, values: npt.NDArray[np.float64], out: npt.NDArray[np.float64] | None = None
    ) -> npt.NDArray[np.float64]:
        """Scores of feature rows, always finite.

        Args:
            values: float64 (n, k).
            out: float64 (n,) to write into; a new array when None.

        Raises:
            ValueError: Shapes that do not fit.
        """
        if out is None:
            out = np.empty(len(values), dtype=np.float64)
        if values.shape != (len(out), len(self.weights)):
            raise ValueError(f"{len(out)} scores of {len(self.weights)} features: got {values.shape}")
        _score_rows(values, self.weights, self.intercept, self.clip, out)
        return out


def load(
    artefact: Mapping[str, Any], *, view: str, features: Sequence[str], where: str = "model artefact"
) -> LinearModel:
    """A model from its artefact, as it stands in a control record.

    Raises:
        ConfigError: The artefact breaks a rule of ``models/artefact.py``; names ``where`` and the key.
    """
    check(artefact, view=view, features=features, where=where)
    weights = np.array(artefact["weights"], dtype=np.float64)
    weights.flags.writeable = False
    return LinearModel(
        artefact=dict(artefact),
        name=artefact["name"],
        view=view,
        features=tuple(features),
        weights=weights,
        intercept=float(artefact["intercept"]),
        clip=float(artefact["clip"]),
        sha256=artefact["sha256"],
        tag=int.from_bytes(bytes.fromhex(artefact["sha256"])[:4], "little"),
    )


def load_file(path: Path, *, view: str, features: Sequence[str]) -> LinearModel:
    """A model from a file.

    Raises:
        ConfigError: The file cannot be read, or the artefact breaks a rule; names the file and the key.
    """
    return load(read(path), view=view, features=features, where=str(path))


def _score_loop(
    values: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    intercept: float,
    clip: float,
    out: npt.NDArray[np.float64],
) -> None:
    for i in range(len(values)):
        total = intercept
        for j in range(weights.size):
            total += weights[j] * values[i, j]
        if total > clip:
            out[i] = clip
        elif total < -clip:
            out[i] = -clip
        elif total == total:
            out[i] = total
        else:  # NaN can only come from a NaN feature, which no kernel gives: no opinion
            out[i] = 0.0


# As everywhere: no fastmath, so neither the order nor the rounding of the sum is the compiler's choice.
_score_rows: Callable[..., None] = njit(cache=True, nogil=True, error_model="numpy")(_score_loop)
