"""The examples of other languages, compiled and run against a broker: orders once each, and ticks that are accepted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.topics_docs import EXAMPLES, Language
from schemas.order import Order
from streams.clock import monotonic_s, sleep_s
from streams.home import jars_dir
from streams.subscriber import Subscriber
from tests.kafka.live_desk import REPOSITORY, LiveDesk

PROGRAMS = REPOSITORY / "console" / "programs"
RUN_S_MAX = 120.0
SOURCE = "acme"
TICKS = 20
"""Messages that a writer sends."""
NODE_VARIABLE = "TAPEDECK_NODE_MODULES"
"""Folder that holds kafkajs, where it is not beside the repository."""

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def java(folder: Path, file: Path) -> list[str]:
    compiler, machine = shutil.which("javac"), shutil.which("java")
    if compiler is None or machine is None:
        pytest.skip("no Java compiler on the path")
    jars = next(jars_dir().glob("kafka-*/kafka-clients-*.jar")).parent
    subprocess.run([compiler, "-cp", f"{jars}/*", "-d", str(folder), str(file)], check=True, timeout=RUN_S_MAX)
    return [machine, "-cp", f"{jars}/*{os.pathsep}{folder}", file.stem]


def go(folder: Path, file: Path) -> list[str]:
    compiler = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if compiler is None:
        pytest.skip("no Go compiler on the path")
    cache = subprocess.run([compiler, "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    found = sorted(Path(cache).glob("cache/download/github.com/twmb/franz-go/@v/*.zip"))
    if not found:
        pytest.skip("github.com/twmb/franz-go is not in Go's module cache, and tests fetch nothing")
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GONOSUMDB": "*", "GONOSUMCHECK": "1"}
    shutil.copy(file, folder / "main.go")
    for arguments in (
        ("mod", "init", "example"),
        ("mod", "edit", f"-require=github.com/twmb/franz-go@{found[-1].stem}"),
        ("mod", "tidy"),
        ("build", "-o", "program", "."),
    ):
        done = subprocess.run([compiler, *arguments], cwd=folder, env=environment, capture_output=True, text=True,
                              check=False, timeout=RUN_S_MAX)  # fmt: skip
        if done.returncode and arguments == ("mod", "tidy"):
            pytest.skip(f"what franz-go needs is not in Go's module cache: {done.stderr.strip().splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
    return [str(folder / "program")]


def node(folder: Path, file: Path) -> list[str]:
    machine = shutil.which("node")
    modules = Path(os.environ.get(NODE_VARIABLE, REPOSITORY / "node_modules"))
    if machine is None or not (modules / "kafkajs").is_dir():
        pytest.skip(f"no node, or no kafkajs: npm install kafkajs, and name its folder by {NODE_VARIABLE}")
    shutil.copy(file, folder)
    (folder / "node_modules").symlink_to(modules)
    return [machine, str(folder / file.name)]


def python(folder: Path, file: Path) -> list[str]:
    program = folder / file.name.removesuffix(".txt")
    shutil.copy(file, program)
    return [sys.executable, str(program)]


BUILT: dict[Language, Callable[[Path, Path], list[str]]] = {
    Language.JAVA: java, Language.GO: go, Language.NODE: node, Language.PYTHON: python,
}  # fmt: skip


def ran(command: list[str], folder: Path) -> list[str]:
    """What a program prints; it must end well."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=RUN_S_MAX, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout.splitlines()


@pytest.mark.parametrize("language", list(Language))
def test_orders_are_read_once_each_in_their_order(language: Language, played: tuple[str, Any], tmp_path: Path) -> None:
    bootstrap, plan = played
    command = BUILT[language](tmp_path, PROGRAMS / EXAMPLES["orders"][language])
    with Subscriber("orders", bootstrap, plan.run) as orders:
        topic = orders.topic
        expected = [m.document.client_order_id for m in orders if isinstance(m.document, Order)]
    printed = ran([*command, bootstrap, topic], tmp_path)
    assert [line.split()[0] for line in printed] == expected
    assert len(expected) > 10
    assert ran([*command, bootstrap, topic], tmp_path) == [], "what has been worked is not worked again"


@pytest.fixture(scope="module")
def up(desk: LiveDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A live desk on a source of one's own."""
    topology = tmp_path_factory.mktemp("own") / "topology.toml"
    topology.write_text(f'[feed]\nkind = "none"\nsource = "{SOURCE}"\n', encoding="utf-8")
    process = desk.start("up", str(topology), "--json")
    until = monotonic_s() + RUN_S_MAX
    while desk.run("feed", "status", SOURCE, "--json")[1] is None:
        assert process.poll() is None
        assert monotonic_s() < until, "the desk never came up"
        sleep_s(1.0)
    yield
    code, _, errors = desk.end(process, 2)
    assert code == 0, errors


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.usefixtures("up")
def test_published_ticks_are_accepted_and_acknowledged_by_their_places(
    language: Language, desk: LiveDesk, tmp_path: Path
) -> None:
    before = desk.run("feed", "status", SOURCE, "--json")[1]
    command = BUILT[language](tmp_path, PROGRAMS / EXAMPLES["json-ticks"][language])
    printed = ran([*command, desk.bootstrap, f"raw.{SOURCE}"], tmp_path)
    places = [line.removeprefix("delivered: ") for line in printed]
    assert len(places) == len(set(places)) == TICKS
    until = monotonic_s() + RUN_S_MAX
    while (told := desk.run("feed", "status", SOURCE, "--json")[1])["waiting"]:
        assert monotonic_s() < until, told
        sleep_s(0.5)
    assert (told["accepted"] - before["accepted"], told["rejected"]) == (TICKS, 0), json.dumps(told)
    assert told["by_stock_producers"] - before["by_stock_producers"] == TICKS
    code, fate, errors = desk.run("feed", "status", SOURCE, "--record", places[-1], "--json")
    assert (code, fate["became"], fate["ticks"]) == (0, "accepted", 1), errors
