"""The command line: what it costs to ask, what it refuses, how it ends. Nothing here needs a broker."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer

from console.app import app
from console.file_lists import spread
from console.main import main
from schemas.errors import BrokerError, ConfigError
from streams.config import named_bootstrap
from streams.home import HOME_VARIABLE

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = {"numpy", "numba", "confluent_kafka", "rich", "msgspec", "orjson"}


def test_asking_for_help_loads_nothing_heavy() -> None:
    code = f"import sys, console.app; print(*({HEAVY!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == ""


def test_what_people_say_waits_for_no_compiler() -> None:
    """A halt must be fast: numba takes longer to load than all the rest of the command."""
    said = ("agents.control_log", "agents.risk_report", "operations.instruments", "feeds.venues", "feeds.file_map")
    code = f"import sys, {', '.join(said)}; print('numba' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "False"


def commands() -> list[str]:
    """Every command of the program, as typed after its name: new ones join by being added to it."""

    def below(group: Any, path: str) -> Iterator[str]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from below(command, f"{path}{name} ")
            else:
                yield path + name

    return list(below(typer.main.get_command(app), ""))


def test_the_commands_are_found() -> None:
    assert {"demo", "top", "feed check", "topics tail", "broker down"} <= set(commands())


@pytest.mark.parametrize("command", ["", *commands()])
def test_every_command_explains_itself_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert re.search(rf"Examples?:(\n +tapedeck.*)*\n +tapedeck.*{command}", shown), "an example of this very command"
    assert all(len(line) <= 80 for line in shown.splitlines())
    if command:
        assert "--json" in shown


@pytest.mark.parametrize("command", commands())
def test_a_flag_that_no_command_has_is_refused_in_one_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--no-such-flag"]) == 2
    captured = capsys.readouterr()
    assert (captured.out, len(captured.err.splitlines())) == ("", 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("nonsense", "No such command"),
        ("demo --sped 1", "--speed"),
        ("demo --speed 0", "--speed: not a speed"),
        ("demo --speed fast", "1, a number above 0, or max"),
        ("demo --speed nan", "--speed: not a speed"),
        ("demo --seconds 0", "--seconds: out of range"),
        ("demo --seconds inf", "--seconds: out of range"),
        ("demo --seconds long", "--seconds"),
        ("demo --seed -1", "--seed: not a seed"),
        ("demo --venue-latency-ms 0", "--venue-latency-ms: out of range"),
        ("demo --kill risk", "--kill: not a kill"),
        ("demo --kill risk@0", "--kill: not a kill"),
        ("demo --kill nobody@5", "no such task; got nobody"),
        ("demo --log paper", "--log"),
        ("demo --capture", "--capture"),
        ("demo --capture /no/such.gz", "/no/such.gz: a capture cannot be read"),
        ("demo --limits /no/such.toml", "/no/such.toml"),
        ("demo --model /no/such.json", "/no/such.json"),
        ("feed check nasdaq --capture x", "no such feed; got nasdaq"),
        ("feed check binance", "at least one file"),
        ("feed check binance --capture /no/such.gz", "/no/such.gz"),
        ("topics tail", "TOPIC"),
        ("--bootstrap nowhere topics list", "--bootstrap: not an address"),
        ("--bootstrap nowhere demo", "--bootstrap: not an address"),
        ("broker up --port 99999", "not a port"),
        ("doctor --jsn", "--jsn"),
        ("--bootstrap nowhere doctor", "--bootstrap: not an address"),
        ("top --interval 0", "--interval: out of range"),
        ("top --interval nan", "--interval: out of range"),
        ("--bootstrap nowhere top", "--bootstrap: not an address"),
    ],
)
def test_a_wrong_argument_is_one_clear_line(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert said in captured.err


def test_a_wrong_limit_is_named_by_file_and_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text("[account]\nmessage_rate_max = 25\n[default]\nnotional_max = -1\n")
    assert main(["demo", "--limits", str(limits)]) == 2
    assert f"{limits}: default.notional_max: not a limit; got -1" in capsys.readouterr().err


def test_a_model_that_fails_its_hash_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artefact = orjson.loads((REPOSITORY / "models" / "default.json").read_bytes())
    artefact["weights"][0] += 1.0
    model = tmp_path / "model.json"
    model.write_bytes(orjson.dumps(artefact))
    assert main(["demo", "--log", "memory", "--model", str(model)]) == 2
    assert f"{model}: a model is refused for its sha256" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('bootstarp = "a:1"', "tapedeck.toml: bootstarp: unknown key"),
        ("bootstrap = 9092", "tapedeck.toml: bootstrap: not an address"),
        ("bootstrap = ", "tapedeck.toml: not TOML"),
    ],
)
def test_a_wrong_configuration_file_is_named_with_its_key(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "tapedeck.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        named_bootstrap(environ={}, folder=tmp_path)


def test_the_flag_outranks_the_variable_and_that_the_nearest_file(tmp_path: Path) -> None:
    inner = tmp_path / "inner" / "most"
    inner.mkdir(parents=True)
    (tmp_path / "tapedeck.toml").write_text('bootstrap = "far:1"')
    (tmp_path / "inner" / "tapedeck.toml").write_text('bootstrap = "near:2, also:3"')
    variable = {"TAPEDECK_BOOTSTRAP": "variable:4"}

    def found(flag: str | None, environ: dict[str, str], folder: Path) -> str | None:
        named = named_bootstrap(flag, environ=environ, folder=folder)
        return None if named is None else named.bootstrap

    assert found("flag:5", variable, inner) == "flag:5"
    assert found(None, variable, inner) == "variable:4"
    assert found(None, {"TAPEDECK_BOOTSTRAP": ""}, inner) == "near:2,also:3"
    assert found(None, {}, tmp_path) == "far:1"


def test_topics_without_a_broker_say_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.delenv("TAPEDECK_BOOTSTRAP", raising=False)
    monkeypatch.chdir(tmp_path)
    for command in (["topics", "list"], ["top", "--once", "--json"]):
        assert main(command) == BrokerError.exit_code
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        assert "tapedeck broker up" in said
    assert main(["broker", "status", "--json"]) == 0
    status = orjson.loads(capsys.readouterr().out)
    assert status["running"] is False
    assert {"running", "bootstrap", "version", "data"} <= status.keys()


def test_an_unexpected_fault_is_one_line_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_self: object) -> None:
        raise ZeroDivisionError("by nothing\nat all")

    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.setattr("streams.broker.EmbeddedBroker.status", broken)
    assert main(["broker", "status"]) == 70
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    (log,) = (tmp_path / "crashes").iterdir()
    assert str(log) in said
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--capture", "a", "b", "--json"],
        ["--capture", "a", "--capture", "b", "--json"],
        ["--capture=a", "b", "--json"],
        ["--json", "--capture", "a", "b"],
    ],
)
def test_captures_follow_one_flag_or_repeat_it(arguments: Sequence[str]) -> None:
    spread_out = spread(list(arguments), "--capture")
    assert sorted(spread_out) in (
        ["--capture", "--capture", "--json", "a", "b"],
        ["--capture", "--capture=a", "--json", "b"],
    )
    assert spread(spread_out, "--capture") == spread_out


def test_a_reader_that_leaves_ends_the_command_quietly(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "console.main", "broker", "status"], cwd=REPOSITORY, text=True, stdout=write_end,
        stderr=subprocess.PIPE, env={**os.environ, HOME_VARIABLE: str(tmp_path)},
    )  # fmt: skip
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, "")


def test_another_pipe_that_breaks_is_a_fault_and_no_silent_exit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_self: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "a process of ours has gone")

    monkeypatch.setattr("streams.broker.EmbeddedBroker.status", broken)
    assert main(["broker", "status"]) == 70
    assert "a fault of Tapedeck itself: BrokenPipeError" in capsys.readouterr().err
