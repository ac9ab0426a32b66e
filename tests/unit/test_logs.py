"""Lines on standard error: for people or for machines, and in neither what a record held or a credential."""

from __future__ import annotations

import gzip
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from agents import worker
from agents.worker_spec import WorkerSpec
from console.main import main
from console.reporter import Reporter
from schemas.dead_letter import DeadLetter, notice
from schemas.errors import BadPayload
from streams import logs
from streams.crash import report_crash
from streams.home import HOME_VARIABLE

REPOSITORY = Path(__file__).resolve().parents[2]
MARKER = "MARKER7f3c"
"""Planted wherever content comes from outside; no line may hold it."""

QUOTE = '{"stream":"btcusdt@bookTicker","data":{"u":%d,"s":"BTCUSDT","b":"9.01","B":"2","a":"9.02","A":"1"}}'
BAD = (
    MARKER,
    '{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"MARKER7f3c","b":"9.01","B":"2","a":"9.02","A":"1"}}',
    '{"stream":"btcusdt@trade","data":{"e":"MARKER7f3c","s":"BTCUSDT"}}',
    '{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"MARKER7f3c","B":"2","a":"9.02","A":"1"}}',
    '{"MARKER7f3c":1}',
    '{"stream":"btcusdt@bookTicker","data":{"u":"MARKER7f3c"}}',
)
FORMATS = (logs.TEXT, logs.JSON)

Ran = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ran(tmp_path: Path) -> Ran:
    """Runs the command line in a process of its own."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "console.main", *map(str, arguments)], cwd=REPOSITORY, text=True, check=False,
            capture_output=True, env={**os.environ, HOME_VARIABLE: str(tmp_path / "home"), **environment},
        )  # fmt: skip

    return run


def told(text: str) -> list[dict[str, Any]]:
    """JSON lines, each with what every line has."""
    lines = [orjson.loads(line) for line in text.splitlines()]
    for line in lines:
        assert list(line)[:4] == ["ts", "level", "event", "message"]
        assert datetime.fromisoformat(line["ts"]).utcoffset() is not None
        assert line["level"] in ("info", "warning", "error")
    return lines


def capture(folder: Path) -> Path:
    good = [QUOTE % i for i in range(1, 30)]
    lines = [f"17231612540000{i:05} {text}\n" for i, text in enumerate([*good, *BAD])]
    path = folder / "capture.gz"
    path.write_bytes(gzip.compress("".join(lines).encode())[:-4])  # cut short: a fault as well
    return path


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_run_tells_of_refused_payloads_without_quoting_them(log_format: str, ran: Ran, tmp_path: Path) -> None:
    done = ran("--log-format", log_format, "demo", "--log", "memory", "--speed", "max", "--capture", capture(tmp_path),
               "--kill", "hot@5", "--json")  # fmt: skip
    summary = orjson.loads(done.stdout)
    assert summary["dead_letters"] == len(BAD)
    assert MARKER not in done.stderr
    if log_format == logs.TEXT:
        assert done.stderr.count(".raw.binance@") == len(BAD)
        return
    lines = told(done.stderr)
    rejects = [line for line in lines if line["event"] == "reject"]
    assert {line["run"] for line in lines} == {summary["run"]}
    assert [line["offset"] for line in rejects] == list(range(29, 29 + len(BAD)))
    assert {(line["task"], line["level"], line["topic"]) for line in rejects} == {
        ("normalise", "warning", f"demo.{summary['run']}.raw.binance")
    }
    assert "bad_payload.not_a_number" in {line["code"] for line in rejects}
    assert [line["code"] for line in lines if line["event"] == "capture_cut"] == ["fault.capture_cut"]
    assert [line["task"] for line in lines if line["event"] == "task_back"] == ["hot"]


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_feed_check_names_lines_without_quoting_them(log_format: str, ran: Ran, tmp_path: Path) -> None:
    path = capture(tmp_path)
    done = ran("feed", "check", "binance", "--capture", path, "--json", TAPEDECK_LOG_FORMAT=log_format)
    assert orjson.loads(done.stdout)["rejected"] == len(BAD)
    assert MARKER not in done.stderr
    assert f"{path}:30: " in done.stderr
    if log_format == logs.JSON:
        rejects = [line for line in told(done.stderr) if line["event"] == "reject"]
        assert [line["where"] for line in rejects] == [f"{path}:{30 + i}" for i in range(len(BAD))]


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize(
    "arguments",
    [
        ["--bootstrap", "desk:MARKER7f3c@broker:9092", "topics", "list"],
        ["--bootstrap", "sasl.password=MARKER7f3c", "topics", "list"],
        ["broker", "status", "--token=MARKER7f3c"],
    ],
)
def test_credentials_are_masked(log_format: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--log-format", log_format]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert MARKER not in said
    assert logs.FORMAT_VARIABLE not in os.environ, "a command leaves no trace in its process"


def test_a_variable_that_holds_a_credential_is_masked(ran: Ran) -> None:
    done = ran("topics", "list", TAPEDECK_BOOTSTRAP="kafka://desk:MARKER7f3c@broker:9092", SASL_PASSWORD=MARKER)
    assert done.returncode == 2
    assert "bootstrap" in done.stderr.lower()
    assert MARKER not in done.stderr


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_crash_names_its_type_and_leaves_the_rest_to_its_file(
    log_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_self: object) -> None:
        raise ValueError(f"could not make {MARKER} a number")

    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.setattr("streams.broker.EmbeddedBroker.status", broken)
    assert main(["--log-format", log_format, "broker", "status"]) == 70
    said = capsys.readouterr().err
    assert MARKER not in said
    assert "ValueError" in said
    if log_format == logs.JSON:
        (line,) = told(said)
        assert (line["code"], line["exit"], line["level"]) == ("crash", 70, "error")
    (file,) = (tmp_path / "crashes").iterdir()
    assert MARKER in file.read_text()
    assert file.read_text().startswith("Traceback")


def test_an_error_that_ends_a_command_has_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--speed", "fast", "--log-format=json"]) == 2
    (line,) = told(capsys.readouterr().err)
    assert (line["event"], line["level"], line["exit"], line["code"]) == ("failed", "error", 2, "config.bad_speed")
    assert (line["where"], line["got"]) == ("--speed", "'fast'")
    assert main(["demo", "--speed", "fast"]) == 2
    assert capsys.readouterr().err.endswith("[config.bad_speed]\n")


def test_what_cannot_be_parsed_is_told_in_the_format_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense", "--log-format", "json"]) == 2
    (line,) = told(capsys.readouterr().err)
    assert line["code"] == "usage"
    assert main(["--log-format", "xml", "demo"]) == 2
    assert "'json'" in capsys.readouterr().err


def test_modules_and_libraries_say_it_in_the_same_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with logs.session():
        logs.use(logs.JSON)
        logs.about(run="r1")
        try:
            raise ValueError(MARKER)
        except ValueError:
            logging.getLogger("agents.context").exception("skipped %s[0]@%d", "control", 7)
        logging.getLogger(logs.KAFKA_LOGGER).warning("broker 1 is away")
    first, second = told(capsys.readouterr().err)
    assert first["message"] == "skipped control[0]@7: ValueError"
    assert (first["logger"], first["run"]) == ("agents.context", "r1")
    assert second["logger"] == logs.KAFKA_LOGGER
    with logs.session():
        logging.getLogger(logs.KAFKA_LOGGER).warning("broker 1 is away")
        logging.getLogger("agents.context").warning("skipped control[0]@7")
    assert capsys.readouterr().err == "skipped control[0]@7\n"


def test_what_a_worker_says_is_written_with_its_task(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.session():
        logs.use(logs.JSON)
        reporter = Reporter(lambda line: pytest.fail(f"told to people: {line}"), {})
        reporter.event({"event": "log", "task": "risk", "level": "warning", "logger": "x", "message": "slow disk"})
        reporter.event({"event": "died", "task": "risk", "code": 1, "message": "exit 1"})
        reporter.event({"event": "ready", "task": "risk"})
        reporter.finish({"risk": 1}, {"hot": [9]})
    lines = told(capsys.readouterr().err)
    assert [(line["event"], line["task"]) for line in lines] == [
        ("log", "risk"), ("task_back", "risk"), ("kill_left", "hot")
    ]  # fmt: skip


def test_a_worker_that_crashes_quotes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_spec: WorkerSpec) -> None:
        raise KeyError(MARKER)

    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.setattr(worker, "_task", broken)
    spec = WorkerSpec(bootstrap="", namespace="", run="r", source="x", task="risk", hops=["risk"])
    assert worker.told(spec, worker._run) == 70
    said = capsys.readouterr()
    event = orjson.loads(said.out)
    assert (event["event"], event["task"], event["code"]) == ("error", "risk", "crash")
    assert "KeyError; traceback in" in event["message"]
    assert MARKER not in said.out + said.err


def test_a_notice_of_a_dead_letter_holds_nothing_of_it() -> None:
    error = BadPayload("field p: is negative", kind="negative", got=MARKER)
    letter = DeadLetter(
        code=error.code, kind=error.kind, reason=str(error), task="normalise", topic="raw.x", partition=0, offset=3,
        writer=MARKER, seq=3, ts=1, key=MARKER, payload=MARKER,
    )  # fmt: skip
    assert MARKER in letter.reason
    assert MARKER not in str(notice(letter))
    assert MARKER not in error.told
    assert notice(letter)["kind"] == "bad_payload.negative"


def test_a_crash_file_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    assert "could not be written" in report_crash(ValueError(MARKER))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\x1b[2J", "a b\\x1b[2J"),
        ("https://me:pw@mirror/maven: no answer", "https://***@mirror/maven: no answer"),
        ('{"password": "x"}', '{"password": ***'),
        ("TAPEDECK_SECRET=abc; next", "TAPEDECK_SECRET=*** next"),
        (
            "demo.r.raw.binance@17: see risk@500 at 127.0.0.1:9092",
            "demo.r.raw.binance@17: see risk@500 at 127.0.0.1:9092",
        ),
    ],
)
def test_a_line_stays_one_line_and_keeps_no_credential(text: str, shown: str) -> None:
    assert logs.masked(text) == shown
