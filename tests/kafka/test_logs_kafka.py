"""A run on Kafka, a process a task: what its workers have to say comes as JSON lines, and quotes no payload."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MARKER = "MARKER7f3c"
QUOTE = '{"stream":"btcusdt@bookTicker","data":{"u":%d,"s":"BTCUSDT","b":"9.01","B":"2","a":"9.02","A":"1"}}'


@pytest.mark.long
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_workers_say_is_told_by_the_command(log_format: str, kafka: Any, tmp_path: Path) -> None:
    lines = [QUOTE % i for i in range(1, 200)]
    lines[50] = MARKER
    lines[60] = lines[60].replace("9.01", MARKER)
    capture = tmp_path / "capture"
    capture.write_text("".join(f"17231612540000{i:05} {text}\n" for i, text in enumerate(lines)))
    command = ["demo", "--capture", str(capture), "--speed", "max", "--json", "--kill", "normalise@20"]
    done = subprocess.run(
        [sys.executable, "-m", "console.main", *command, "--log-format", log_format], cwd=REPOSITORY, text=True,
        capture_output=True, check=False, env={**os.environ, "TAPEDECK_BOOTSTRAP": kafka.bootstrap},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = orjson.loads(done.stdout)
    assert (summary["dead_letters"], summary["restarts"]) == (2, {"normalise": 1})
    assert MARKER not in done.stderr
    if log_format == "text":
        assert done.stderr.count("bad_payload: ") == 2
        return
    told = [orjson.loads(line) for line in done.stderr.splitlines()]
    assert {line["run"] for line in told} == {summary["run"]}
    found = [(line["event"], line["task"]) for line in told if line["event"] in ("reject", "task_back")]
    assert sorted(found) == [("reject", "normalise"), ("reject", "normalise"), ("task_back", "normalise")]
    assert sorted(line["code"] for line in told if line["event"] == "reject") == [
        "bad_payload.not_a_message", "bad_payload.not_a_number"
    ]  # fmt: skip
