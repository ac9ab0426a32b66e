"""Score: feature vectors to a model's opinion, one row each. Stateless."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from agents.carried import carry
from agents.context import Context
from agents.plugins import view_of
from features.view import View
from models.linear import LinearModel, load
from schemas.errors import BadPayload, SnapshotError
from schemas.score import SCORE
from streams.agent import Batch, Out, Reject, Rows, RowsOut, frozen


class Score:
    """The hop. The model comes whole from the run's opening record and is checked before the first row.

    Raises:
        ConfigError: The artefact's hash or view differs.
    """

    name = "score"
    reads = "features"
    sides = ()
    writes = ("scores",)
    rebuildable = True

    def __init__(self, context: Context, view: View | None = None) -> None:
        view = view_of(context) if view is None else view
        self._view = view
        self._model: LinearModel = load(
            context.run.model, view=view.hash, features=view.names, where="control: run.model"
        )

    def start(self) -> None:
        """No state."""

    def step(self, state: None, batch: Batch) -> Out:
        """One score row per feature row; rows of another view are refused."""
        del state
        rows: Any = frozen(batch.items)
        out = Out(consumed=len(rows))
        scores = np.empty(len(rows), dtype=SCORE)
        index = None
        fits = rows["values"].shape[1] == len(self._view.features)
        if not fits or _prepare(rows, self._view.tag, self._model.tag, scores) >= 0:
            index = self._refuse(rows, fits, out)
            rows = frozen(rows[index])
            if not len(rows):
                return out
            scores = np.empty(len(rows), dtype=SCORE)
            _prepare(rows, self._view.tag, self._model.tag, scores)
        self._model.score(rows["values"], scores["score"])
        out.rows.append(RowsOut("scores", scores, index))
        return out

    def rewarm(self, state: None, batch: Batch) -> Out:
        """As a step: there is no state."""
        return self.step(state, batch)

    def _refuse(self, rows: Any, fits: bool, out: Out) -> Any:
        """Refuse rows of another view, or all where the width does not fit; returns the index of the rest."""
        foreign = rows["view"] != self._view.tag
        if not fits:
            foreign[:] = True
        for i in np.flatnonzero(foreign):
            got, allowed = hex(rows["view"][i]), hex(self._view.tag)
            out.rejects.append(
                Reject(int(i), BadPayload("features of another view", kind="other_view", got=got, allowed=allowed))
            )
        return np.flatnonzero(~foreign)

    def offer(self, state: None, topic: str, items: Rows | list[Any], *, ended: bool) -> None:
        """No sides."""

    def finish(self, state: None) -> Out:
        """Nothing is held back."""
        del state
        return Out(consumed=0)

    def snapshot(self, state: None) -> bytes:
        """No state."""
        del state
        return b""

    def restore(self, data: bytes) -> None:
        """No state.

        Raises:
            SnapshotError: Bytes that must be another agent's.
        """
        if data:
            raise SnapshotError(
                "a snapshot is foreign", kind="foreign", got=f"{len(data)} bytes", allowed="none: score has no state"
            )


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _prepare(rows: Any, view: int, model: int, scores: Any) -> int:
    """Fill everything of score rows but the score, up to the first row of another view: -1, or where that one is."""
    for i in range(len(rows)):
        row = rows[i]
        if row["view"] != view:  # numba takes the attribute for the method of arrays
            return i
        score = scores[i]
        carry(row, score)
        score.model = model
    return -1
