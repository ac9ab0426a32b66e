"""What if: another topology or another view over what was recorded, checked before anything starts."""

from __future__ import annotations

from collections.abc import Iterator
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
from schemas.catalog import END
from schemas.errors import ConfigError
from schemas.header import Header, unpack
from streams.log import Record
from tests.faults.test_replay_memory import dying
from tests.partitioned_desk import START_NS as PARTITIONED_START_NS
from tests.partitioned_desk import PartitionedDesk
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


@pytest.mark.parametrize(("since", "until"), [(180_000_000, None), (None, 180_000_000), (120_000_000, 240_000_000)])
def test_a_replay_of_a_part_is_held_against_that_part_of_the_other_run(since: int | None, until: int | None) -> None:
    log = recorded(4, kinds=("crash", "halt"))
    recording = open_recording(
        log, since_ns=None if since is None else START_NS + since, until_ns=None if until is None else START_NS + until
    )
    replay = MemoryReplay(plan_of(recording), cut=Cut(3))
    replay.run()
    found = compared_with(log, shape_of(log, "live"), replay.log, replay.plan)
    assert found["first_divergence"] is None
    assert found["identical"] is True
    whole = compared_with(log, shape_of(log, "live"), log, plan_of(open_recording(log), run="live"))
    assert 5 < found["against_counts"]["ticks"]["same"] < whole["against_counts"]["ticks"]["same"]


def test_a_view_needs_a_model_of_it(tmp_path: Path) -> None:
    view = tmp_path / "view.toml"
    view.write_text(VIEW)
    recording = open_recording(recorded(4, kinds=()))
    with pytest.raises(ConfigError, match="view") as refused:
        candidate_of(recording, None, view, None)
    assert "\n" not in refused.value.told


@pytest.mark.parametrize("seed", range(2))
def test_a_question_to_a_desk_of_three_partitions_is_answered_alike_however_its_tasks_are_scheduled(
    seed: int, tmp_path: Path
) -> None:
    """No run recorded whose intent comes first where positions and the rate are the account's: log time says."""
    desk = PartitionedDesk(tmp_path, seed, 3, seconds=3.0)
    desk.run()
    since_ns = None if seed == 0 else PARTITIONED_START_NS + 1_500_000_000
    recording = open_recording(desk.log, since_ns=since_ns, folder=tmp_path)
    assert bool(recording.states) is (since_ns is not None)
    answers = []
    for number, (split, records_max, share) in enumerate(((False, 5, 0.0), (False, 60, 0.01), (True, 17, 0.0))):
        plan = plan_of(recording, split=split, run=f"r{number}", simulated=True)
        cut = Cut(number, records_max=records_max, frame_rows=records_max, commit_interval_s=0.05 * (1 + number))
        replay = MemoryReplay(plan, cut=cut, fault=dying(seed, share))
        replay.run()
        answers.append({name: said(replay, name) for name in ("orders.intent", "orders.decision", "orders")})
        times = [header.time for _, header in written(replay, "orders.decision")]
        assert times == sorted(times)
    assert len(answers[0]["orders.decision"]) > 20
    assert answers[0]["orders.decision"] == answers[1]["orders.decision"] == answers[2]["orders.decision"]
    assert answers[0]["orders"] == answers[1]["orders"] == answers[2]["orders"]


def written(replay: MemoryReplay, name: str) -> Iterator[tuple[Record, Header]]:
    for record in replay.log.scan(replay.plan.topic(name), 0, 0, committed=True):
        header = unpack(record.header or b"")
        if header.schema != END.number:
            yield record, header


def said(replay: MemoryReplay, name: str) -> list[tuple[bytes | None, bytes]]:
    return [(record.key, record.value) for record, _ in written(replay, name)]
