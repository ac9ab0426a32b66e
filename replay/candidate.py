"""What a replay tries instead of what was recorded: another topology, another feature view, another model.

Each is checked before anything starts: a model is made for one view, and is refused for any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from agents.live_plan import load_topology, load_view
from agents.plugins import view_of
from models.linear import load, load_file
from replay.recording import Recording
from schemas.control import RunOpened
from schemas.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is tried; None: what was recorded.

    Attributes:
        opening: Of another topology, or the recorded one with another view.
        folder: Where the paths of its code begin.
        model: Another model's artefact.
    """

    opening: RunOpened | None = None
    folder: Path | None = None
    model: dict[str, Any] | None = None

    @property
    def any(self) -> bool:
        """Whether anything is tried."""
        return self.opening is not None or self.model is not None


def candidate_of(recording: Recording, topology: Path | None, view: Path | None, model: Path | None) -> Candidate:
    """Load and check what a replay is to try.

    Args:
        recording: What is played.
        topology: A topology file.
        view: A view file; in the topology's stead, where there are both.
        model: An artefact.

    Raises:
        ConfigError: A file cannot be used; the model is of another view; the topology is of another source, or has
            another number of partitions.
    """
    opening, folder = recording.opening, recording.folder
    if topology is not None:
        plan = load_topology(topology).knowing(recording.definitions)
        opening, folder = plan.opening(opening.run), plan.folder
        _check(recording.opening, opening, topology)
    if view is not None:
        folder = view.resolve().parent
        _, columns, families = load_view(view.name, folder)
        own = [code for code in opening.code if code["kind"] != "feature"]
        if own:
            raise ConfigError(
                "a view alone cannot be tried beside a strategy of the desk's own", kind="replay_candidate",
                got=str(view), allowed="a topology that names both", where="--view", fix="--topology FILE",
            )  # fmt: skip
        opening = msgspec.structs.replace(opening, view=columns, code=[family.record() for family in families])
    asked = view_of(replace(recording.context, run=opening, folder=folder))
    artefact = None
    if model is not None:
        artefact = dict(load_file(model, view=asked.hash, features=asked.names).artefact)
    elif opening is not recording.opening:
        load(opening.model, view=asked.hash, features=asked.names, where=str(view or topology))
    tried = opening if opening is not recording.opening else None
    return Candidate(tried, None if tried is None else folder, artefact)


def _check(recorded: RunOpened, tried: RunOpened, path: Path) -> None:
    """Refuse a topology that cannot take the recorded payloads."""
    for name, was, asked in (
        ("source", recorded.source, tried.source), ("partitions", recorded.partitions, tried.partitions),
    ):  # fmt: skip
        if was != asked:
            raise ConfigError(
                f"the recording has another {name}", kind="replay_candidate", got=f"{asked}", allowed=f"{was}",
                where=f"{path}: {name}", fix="set it as it was recorded",
            )  # fmt: skip
