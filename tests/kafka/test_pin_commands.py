"""Days and pins on a real broker, by the commands that a user types: created, held to the log, named, replayed."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import orjson
import pytest

from replay.plan import PlayPlan
from streams.kafka import connect

COMMAND_S_MAX = 120


def ran(bootstrap: str, *arguments: object, exits: int = 0) -> Any:
    command = [sys.executable, "-m", "console.main", "--bootstrap", bootstrap, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S_MAX, env=os.environ)
    assert done.returncode == exits, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return orjson.loads(done.stdout.splitlines()[-1]) if done.stdout.startswith("{") else done.stderr


@pytest.mark.long
def test_a_day_is_listed_pinned_verified_named_and_replayed(played: tuple[str, PlayPlan], tmp_path: Path) -> None:
    bootstrap, run = played[0], played[1].run
    (tmp_path / "topology.toml").write_text('[source]\nvendor = "simulator"\n')
    day = ran(bootstrap, "days", "list", "--run", run, "--json")["days"][-1]
    assert day["records"]["raw.simulator"] > 100
    assert day["gaps"] == 0
    name = f"d{uuid.uuid4().hex[:6]}-x"
    made = ran(bootstrap, "pin", "create", name, "--day", day["day"], "--run", run, "--topology",
               tmp_path / "topology.toml", "--json")  # fmt: skip
    assert len(made["id"]) == 64
    assert made["context"]["source"] == {"vendor": "simulator"}
    assert ran(bootstrap, "pin", "verify", made["id"][:10], "--json")["identical"]
    assert ran(bootstrap, "pin", "tag", name, f"{name}-golden", "--reason", "checked", "--json")["written"]
    listed = ran(bootstrap, "pin", "list", "--json")["pins"]
    assert {p["name"]: p["id"] for p in listed}[f"{name}-golden"] == made["id"]
    assert name in ran(bootstrap, "pin", "show", name[:-1], exits=2)
    report = ran(bootstrap, "replay", f"{name}-golden", "--log", "memory", "--json")
    assert report["identical"]
    assert report["pin"] == made["id"]
    log = connect(bootstrap)
    appender = log.appender()
    appender.append(f"demo.{run}.ticks.simulator", 0, b"", b"a stranger's", None)
    appender.flush(10)
    log.close()
    verdict = ran(bootstrap, "pin", "verify", name, "--json", exits=1)
    assert verdict["first_difference"]["topic"] == "ticks.simulator"
    assert verdict["first_difference"]["what"] == "added"
    ran(bootstrap, "replay", name, "--log", "memory", "--json", exits=4)
