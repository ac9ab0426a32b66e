"""A recorded day with releases in it, played again: each span by the run that made it, to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.cut import Cut
from replay.joined_log import JoinedLog
from replay.known import check_builds, check_outputs
from replay.parity import Parity, compare
from replay.replaying import MemoryReplay
from replay.spans import open_recording, open_spans
from schemas.errors import ConfigError
from streams.build import code_commit
from streams.log import Log
from streams.memory import MemoryLog
from tests.archive_world import archived
from tests.release_desk import ReleaseDesk, other_model, other_view
from tests.replay_desk import plan_of


def recorded(folder: Path, seed: int, kill_share: float, *, view: bool) -> MemoryLog:
    desk = ReleaseDesk(seed, kill_share)
    desk.run_with_cut(other_view(folder) if view else other_model(folder))
    log = desk.log
    assert isinstance(log, MemoryLog)
    return log


def replayed(log: Log, folder: Path, *, split: bool, cut: Cut) -> list[Parity]:
    found = []
    for number, recording in enumerate(open_spans(log, folder=folder)):
        replay = MemoryReplay(plan_of(recording, split=split, run=f"r{number}"), cut=cut)
        replay.run()
        found.append(compare(replay.plan, replay.log))
    return found


@pytest.mark.parametrize(("seed", "kill_share", "view"), [(3, 0.0, False), (4, 0.01, True)])
def test_a_day_with_a_release_comes_again_to_the_byte_on_both_sides_of_the_cut(
    seed: int, kill_share: float, view: bool, tmp_path: Path
) -> None:
    log = recorded(tmp_path, seed, kill_share, view=view)
    whole = {name: sum(1 for _ in log.scan(name, 0, 0, committed=True)) for name in ("orders", "orders.decision")}
    assert whole["orders"] > 0
    for split in (False, True):
        spans = replayed(log, tmp_path, split=split, cut=Cut(seed, records_max=40))
        assert [parity.differing for parity in spans] == [[], []]
        assert all(parity.compared["scores"] > 100 for parity in spans)
        compared = {name: sum(parity.compared[name] for parity in spans) for name in whole}
        assert compared == whole, "all that was recorded, once"


def test_a_day_with_a_release_comes_again_from_the_archive_alone(tmp_path: Path) -> None:
    log = recorded(tmp_path, 3, 0.0, view=False)
    archived(log, tmp_path / "archive")
    spans = replayed(JoinedLog(None, tmp_path / "archive"), tmp_path, split=False, cut=Cut(3))
    assert [parity.differing for parity in spans] == [[], []]
    assert [parity.digest for parity in spans] == [p.digest for p in replayed(log, tmp_path, split=False, cut=Cut(3))]


def test_spans_of_another_build_are_refused_in_one_line_that_says_which_code_made_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = recorded(tmp_path, 3, 0.0, view=False)
    spans = open_spans(log)
    check_builds(spans)
    mine = spans[0].opening.build
    monkeypatch.setattr("replay.known.build_hash", lambda: "f" * 64)
    with pytest.raises(ConfigError, match="recorded by another build") as refused:
        check_builds(spans)
    assert mine[:12] in refused.value.told
    assert "--any-build" in refused.value.told
    with pytest.raises(ConfigError, match="another build") as refused:
        check_builds(spans[1:])
    commit = code_commit()
    assert not commit or f"commit {commit}" in refused.value.told, "a release tells what to check out"
    check_outputs(spans[0])
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="several runs"):
        open_recording(log)
