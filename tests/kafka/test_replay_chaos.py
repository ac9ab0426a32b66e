"""A desk recorded live under chaos, played again by the command: to the byte, however cut, and one ulp is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from agents.worker_spec import WorkerSpec
from chaos.plan import plan_of
from chaos.report import Report
from chaos.rig import run
from chaos.stage import Stage
from replay.diff import compare
from replay.difference import Difference
from replay.kafka_replay import KafkaReplay
from replay.replay_plan import ReplayPlan
from replay.shape import shape_of
from replay.spans import open_recording
from schemas.header import unpack
from streams.frame import decode_rows
from tests.kafka.live_desk import REPOSITORY

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_200)]
COMMAND_S_MAX = 300
BROKEN = "kill,failpoint,pause-twin,broker-kill,network,halt,limits,feed-reconnect"
"""What the recording went through: deaths, an outage of the line, people, and a feed that comes back."""
CUTS = (("--split", "--kill", "risk@3"), ("--fused", "--log", "memory"), ("--speed", "20"))
"""Other deployments, other batches (in memory 2,048 records a turn), lives and paces."""


class Quiet:
    """Nobody watches."""

    def say(self, line: str) -> None:
        """A line."""

    def stage(self, text: str, share: float) -> None:
        """The bar."""


def replay(bootstrap: str, *flags: str) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "console.main", "--bootstrap", bootstrap, "replay", "live", "--json", *flags],
        capture_output=True, text=True, timeout=COMMAND_S_MAX, env=os.environ, cwd=REPOSITORY,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {}, done.stderr


def recorded(seed: int, faults: str, then: Callable[[Stage, Report], None], seconds: float = 30.0) -> Report:
    """Record live under faults; ``then`` finds the brokers up still."""
    report = run(plan_of(seconds, seed, faults.split(","), 1, (), ""), Quiet(), then)
    assert report.sound, report.messages
    return report


@pytest.mark.parametrize("seed", [21, 22])
def test_a_desk_under_chaos_comes_again_to_the_byte_however_it_is_cut(seed: int) -> None:
    found: dict[tuple[str, ...], tuple[int, dict[str, Any], str]] = {}

    def then(stage: Stage, _report: Report) -> None:
        for flags in CUTS:
            found[flags] = replay(stage.cluster.direct, *flags)

    report = recorded(seed, BROKEN, then)
    assert sum(report.faults.values()) >= 4
    check(found)


@pytest.mark.parametrize("seed", [31, 32])
def test_partitions_that_moved_between_workers_come_again_to_the_byte(seed: int) -> None:
    found: dict[tuple[str, ...], tuple[int, dict[str, Any], str]] = {}

    def then(stage: Stage, _report: Report) -> None:
        for flags in CUTS[:2]:
            found[flags] = replay(stage.cluster.direct, *flags)

    report = recorded(seed, "rebalance,kill,halt,limits", then)
    assert report.faults["rebalance"] >= 1
    check(found)


def test_a_day_with_releases_in_it_comes_again_each_span_by_the_run_that_made_it() -> None:
    found: dict[tuple[str, ...], tuple[int, dict[str, Any], str]] = {}

    def then(stage: Stage, _report: Report) -> None:
        for flags in ((), ("--split", "--log", "memory")):
            found[flags] = replay(stage.cluster.direct, *flags)

    report = recorded(41, "release,kill,halt", then)
    assert report.faults["release"] >= 1
    check(found)
    for _, told, _ in found.values():
        assert len(told["spans"]) == report.faults["release"] + 1
        assert len({span["recorded"] for span in told["spans"]}) == len(told["spans"])


def check(found: dict[tuple[str, ...], tuple[int, dict[str, Any], str]]) -> None:
    digests = set()
    for flags, (code, told, errors) in found.items():
        assert code == 0, f"{flags}: {errors}\n{told.get('first_divergence')}"
        assert told["identical"] is True
        assert told["compared"]["scores"] > 5_000
        assert told["compared"]["orders"] > 5
        digests.add((told["compared"]["ticks.<source>"], told["compared"]["orders"], told["compared"]["executions"]))
    assert len(digests) == 1, "each compared as much as the others"


def test_one_ulp_in_one_feature_of_a_replay_is_the_first_divergence_that_is_told(tmp_path: Path) -> None:
    found: list[tuple[Difference, int]] = []

    def then(stage: Stage, _report: Report) -> None:
        seq = a_tick(stage)
        for split in (True, False):
            found.append((planted(stage, tmp_path, seq, split=split), seq))

    recorded(23, "kill,halt,limits", then)
    for difference, seq in found:
        assert not difference.identical
        first = difference.first
        assert first is not None
        assert (first.what, first.hop, first.kind) == ("features", "feature", "changed")
        assert first.root["seq"] == seq
        assert [abs(column["ulps"]) for column in first.columns if "ulps" in column] == [1]


def a_tick(stage: Stage) -> int:
    """Number of a payload in the middle of the day whose vector is in the log in any deployment."""
    seqs = []
    for record in stage.log.scan("features", 0, 0, committed=True):
        assert record.header is not None
        header = unpack(record.header)
        rows = decode_rows(header.schema, header.version, record.value, header.count)
        seqs += rows["root_seq"][(rows["root_part"] == 0) & np.isfinite(rows["values"][:, 0])].tolist()
    return int(seqs[len(seqs) // 2])


def planted(stage: Stage, folder: Path, seq: int, *, split: bool) -> Difference:
    """A replay whose feature hop errs once, held against the recording."""
    plan = ReplayPlan(f"ulp-{split}", open_recording(stage.log), split)
    place = folder / plan.run
    place.mkdir()

    def worker(spec: WorkerSpec) -> list[str]:
        return [sys.executable, "-m", "tests.kafka.planted_worker", msgspec.json.encode(spec).decode(), str(seq), "0"]

    playing = KafkaReplay(stage.log, plan, place, worker=worker)
    try:
        playing.run()
    finally:
        playing.close()
    return compare(stage.log, shape_of(stage.log, "live"), stage.log, shape_of(stage.log, plan.run))
