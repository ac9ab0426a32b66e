"""What if: another topology or another view over what was recorded, checked before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.faults.releases import VIEW
from replay.against import compared_with
from replay.candidate import Candidate, candidate_of
from replay.cut import Cut
from replay.recording import Recording
from replay.replaying import MemoryReplay
from replay.shape import shape_of
from replay.spans import open_recording
from schemas.errors import ConfigError
from tests.release_desk import WEIGHTS
from tests.replay_desk import START_NS, plan_of, recorded


def asked(recording: Recording, tried: Candidate, run: str, *, split: bool, records_max: int) -> MemoryReplay:
    plan = plan_of(
        recording, split=split, run=run, simulated=True, candidate=tried.opening, folder=tried.folder, model=tried.model
    )
    replay = MemoryReplay(plan, cut=Cut(records_max, records_max=records_max))
    replay.run()
    return replay


@pytest.mark.parametrize("since_ns", [None, START_NS + 180_000_000])
def test_two_replays_of_another_topology_give_the_same_however_they_are_cut(
    since_ns: int | None, tmp_path: Path
) -> None:
    (tmp_path / "view.toml").write_text(VIEW)
    (tmp_path / "model.toml").write_text(WEIGHTS)
    file = tmp_path / "topology.toml"
    file.write_text('[features]\nview = "view.toml"\n[model]\nfile = "model.toml"\n[strategy]\nrest_ms = 1\n')
    log = recorded(4, kinds=("crash", "halt"))
    recording = open_recording(log, since_ns=since_ns)
    tried = candidate_of(recording, file, None, None)
    one = asked(recording, tried, "r1", split=False, records_max=7)
    two = asked(recording, tried, "r2", split=False, records_max=60)
    assert one.plan.opening.view != recording.opening.view
    assert one.plan.opening.run == "r1"
    same = compared_with(one.log, shape_of(one.log, "r1"), two.log, two.plan)
    assert same["identical"] is True
    assert same["against"] == "r1"
    assert same["against_counts"]["scores"]["same"] > 5
    if since_ns is None:
        differs = compared_with(log, shape_of(log, "live"), two.log, two.plan)
        assert differs["identical"] is False
        assert differs["first_divergence"]["hop"] in ("feature", "score")


def test_a_view_needs_a_model_of_it(tmp_path: Path) -> None:
    view = tmp_path / "view.toml"
    view.write_text(VIEW)
    recording = open_recording(recorded(4, kinds=()))
    with pytest.raises(ConfigError, match="view") as refused:
        candidate_of(recording, None, view, None)
    assert "\n" not in refused.value.told
