"""``tapedeck chaos`` end to end: a short run holds, the same seed plans the same, and a built-in bug is caught."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
KEYS = [
    "seed", "faults", "acknowledged", "lost", "duplicated", "torn", "diverged", "limit_breaches", "late_orders",
    "fenced_writers", "recoveries", "recovery_ms", "verdict",
]  # fmt: skip
WAIT_S_MAX = 420.0


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "console.main", "chaos", *arguments], cwd=REPOSITORY, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip


def chaos(*arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, report and standard error of a run."""
    process = start(*arguments, "--json")
    output, errors = process.communicate(timeout=WAIT_S_MAX)
    return process.returncode, json.loads(output) if output.startswith("{") else {}, errors


@pytest.mark.long
def test_a_run_with_tasks_killed_doubled_and_fenced_holds() -> None:
    faults = "kill,failpoint,pause-twin,network,broker-kill"
    code, report, errors = chaos("--seconds", "30", "--seed", "11", "--faults", faults)
    assert list(report) == KEYS, errors
    assert code == 0, (report, errors)
    assert report["verdict"] == "ok"
    assert sum(report["faults"].values()) >= 4, "those that could be done"
    assert report["acknowledged"] > 1_000
    assert report["recoveries"] >= 2
    assert report["fenced_writers"] >= 1


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_whose_partitions_move_in_mid_transaction_and_in_mid_recovery_holds(seed: int) -> None:
    """Of an odd seed a member assigns, of an even one the broker (KIP-848)."""
    code, report, errors = chaos("--seconds", "30", "--seed", str(seed), "--faults", "rebalance,kill")
    assert code == 0, (report, errors)
    assert report["faults"]["rebalance"] >= 1, errors
    assert report["acknowledged"] > 1_000


def test_wrong_arguments_are_refused_before_anything_starts() -> None:
    for wrong in (("--seconds", "5"), ("--faults", "no-such"), ("--brokers", "2"), ("--plant", "no-such")):
        code, report, errors = chaos(*wrong)
        assert code == 2, wrong
        assert not report
        assert wrong[0] in errors


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    process = start("--seconds", "600", "--seed", "1")
    assert process.stderr is not None
    for line in process.stderr:
        if " s " in line:  # the first fault
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=WAIT_S_MAX)
    assert process.returncode == 130
    assert "interrupted" in errors
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "ppid=,args="], capture_output=True, text=True, check=True)
    ours = [line for line in listed.stdout.splitlines() if "chaos.worker" in line and line.split()[0] == "1"]
    assert not ours
