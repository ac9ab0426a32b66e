"""The command line: what it refuses, what it prints, how it ends. Everything here runs without a broker."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.file_lists import spread
from console.interrupts import Interrupted, Interrupts
from console.live_view import Figures, Meter, Panel, as_line
from console.main import main
from console.reporter import REJECTS_SHOWN_MAX, Reporter
from console.tail import tail_topic
from console.topic_names import find_topic
from console.topic_table import listed
from schemas.errors import BrokerError, ConfigError
from streams.config import named_bootstrap
from streams.home import HOME_VARIABLE

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = {"numpy", "numba", "confluent_kafka", "rich", "msgspec", "orjson"}
KEYS = {
    "run", "ticks", "captured", "trades", "intents", "orders", "denied", "executions", "dead_letters", "gaps", "lost",
    "duplicated", "pnl", "elapsed_s", "ticks_per_s", "hops", "order_hash",
}  # fmt: skip
STARTED_S_MAX = 120.0
"""A cold machine compiles kernels first."""

Run = Callable[..., subprocess.CompletedProcess[str]]


def started(*arguments: str, **settings: Any) -> subprocess.Popen[str]:
    """A ``tapedeck`` of its own, in the home of the tests."""
    assert HOME_VARIABLE in os.environ, "never the user's home"
    return subprocess.Popen(
        [sys.executable, "-m", "console.main", *arguments], cwd=REPOSITORY, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings,
    )  # fmt: skip


def ran(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """The same, ended."""
    process = started(*arguments, **settings)
    out, err = process.communicate(timeout=STARTED_S_MAX)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few recorded lines of one instrument."""
    path = tmp_path_factory.mktemp("captures") / "spot.txt"
    ticker = (
        '{"stream":"btcusdt@bookTicker","data":{"u":%d,"s":"BTCUSDT","b":"60000.00","B":"1","a":"60000.01","A":"1"}}'
    )
    lines = [f"{1_723_161_254_000_000_000 + i} {ticker % (i + 1)}" for i in range(40)]
    path.write_text("\n".join(lines) + "\n")
    return path


# ---- what it costs to ask ---------------------------------------------------------------------------------------------


def test_asking_for_help_loads_nothing_heavy() -> None:
    code = f"import sys, console.app; sys.exit(' '.join({HEAVY!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True).stderr == ""


@pytest.mark.parametrize(
    "command",
    ["", "demo", "feed check", "topics list", "topics tail", "broker up", "broker status", "broker down"],
)
def test_every_command_explains_itself_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Example" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
    if command:
        assert "--json" in shown


# ---- what it refuses --------------------------------------------------------------------------------------------------


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
        ("feed check kraken --capture x", "no such feed; got kraken"),
        ("feed check binance", "--capture"),
        ("feed check binance --capture /no/such.gz", "/no/such.gz"),
        ("topics tail", "TOPIC"),
        ("--bootstrap nowhere topics list", "--bootstrap: not an address"),
        ("--bootstrap nowhere demo", "--bootstrap: not an address"),
        ("broker up --port 99999", "not a port"),
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
    assert main(["topics", "list"]) == BrokerError.exit_code
    assert "tapedeck broker up" in capsys.readouterr().err
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


# ---- files after one flag ---------------------------------------------------------------------------------------------


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


# ---- feed check -------------------------------------------------------------------------------------------------------


def test_a_feed_check_names_rejected_lines_and_reads_a_cut_file_to_its_cut(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import gzip

    bad = tmp_path / "bad.txt"
    bad.write_bytes(capture.read_bytes() + b"garbage\n")
    assert main(["feed", "check", "binance", "--capture", str(bad), "--json"]) == 0
    captured = capsys.readouterr()
    report = orjson.loads(captured.out.splitlines()[-1])
    assert report["rejected"] == 1
    assert report["instruments"]["spot:BTCUSDT"]["messages"] == 40
    assert captured.err.startswith(f"{bad}:41: ")

    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(os.urandom(64).hex().encode() + b"\n" + capture.read_bytes())[:-40])
    assert main(["feed", "check", "binance", "--capture", str(cut), "--json"]) == 1
    assert "gzip cut short" in capsys.readouterr().err


def test_the_tables_of_a_feed_check_are_80_columns_wide(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feed", "check", "binance", "--capture", str(capture)]) == 0
    shown = capsys.readouterr().out
    assert "spot:BTCUSDT" in shown
    assert "depth is not synchronised" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown


# ---- demo, in memory --------------------------------------------------------------------------------------------------


def played(*arguments: str) -> tuple[dict[str, Any], str]:
    """Summary and standard error of a short run in memory, flat out."""
    done = ran("demo", "--log", "memory", "--speed", "max", "--seconds", "3", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return orjson.loads(done.stdout.splitlines()[-1]), done.stderr


def test_a_run_ends_with_one_json_object_and_its_histograms() -> None:
    summary, said = played()
    assert said == "", "nobody watches: nothing is said"
    assert summary.keys() >= KEYS
    assert summary["ticks"] > 0
    assert summary["intents"] == summary["orders"] + summary["denied"]
    assert (summary["lost"], summary["duplicated"]) == (0, 0)
    assert {"count", "p50_us", "p95_us", "p99_us", "p999_us", "max_us"} == summary["hops"]["tick_to_order"].keys()
    folder = Path(os.environ[HOME_VARIABLE]) / "runs" / summary["run"]
    assert (folder / "tick_to_order.hlog").stat().st_size > 0


def test_the_order_hash_is_the_same_split_and_after_kills_which_are_told() -> None:
    plain, _ = played()
    killed, said = played("--split", "--kill", "risk@3", "--kill", "feed@100", "--kill", "score@99999999")
    assert killed["order_hash"] == plain["order_hash"]
    assert "risk was killed after 3 inputs" in said
    assert "feed was killed after 100 inputs" in said
    assert "--kill score@99999999 never happened" in said


def test_the_summary_for_people_fits_80_columns() -> None:
    done = ran("demo", "--log", "memory", "--speed", "max", "--seconds", "2", env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0
    assert "tick_to_order" in done.stdout
    assert "\x1b" not in done.stdout
    hash_and_folder = ("order hash", "histograms")
    assert all(len(line) <= 80 for line in done.stdout.splitlines() if not line.startswith(hash_and_folder))


def test_rejected_lines_of_a_run_are_told_with_their_place(capture: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes(capture.read_bytes() + b"garbage\n")
    done = ran("demo", "--log", "memory", "--speed", "max", "--json", "--capture", str(bad))
    assert done.returncode == 0, done.stderr
    summary = orjson.loads(done.stdout)
    assert (summary["captured"], summary["dead_letters"]) == (40, 1)
    assert f"demo.{summary['run']}.raw.binance@40 bad_payload: " in done.stderr


def test_records_lost_are_said_and_are_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import console.play

    summarise = console.play.summarise

    def losing(session: Any) -> Any:
        summary, audit = summarise(session)
        return {**summary, "lost": 2}, audit

    monkeypatch.setattr(console.play, "summarise", losing)
    assert main("demo --log memory --speed max --seconds 1 --json".split()) == 1
    assert "2 records lost" in capsys.readouterr().err


# ---- ctrl-C -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interrupt_drains_and_shows_the_summary(number: signal.Signals) -> None:
    process = started("demo", "--log", "memory", "--seconds", "600")
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("playing"):
        assert line, "it ended before it played"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert " interrupted: " in out.splitlines()[0]
    assert "lost, duplicated  0, 0" in out
    assert "Traceback" not in err


def test_an_interrupt_before_anything_runs_is_one_line() -> None:
    process = started("demo", "--log", "memory", "--seconds", "600", "--json")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert len(err.splitlines()) == 1


def test_the_second_interrupt_ends_at_once() -> None:
    stops: list[int] = []
    with Interrupts() as interrupts:
        interrupts.on_first(lambda: stops.append(1))
        signal.raise_signal(signal.SIGINT)
        assert stops == [1]
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)  # a third does not break what ends
    assert interrupts.count == 3


def test_a_reader_that_leaves_ends_the_command_quietly(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "console.main", "broker", "status"], cwd=REPOSITORY, text=True, stdout=write_end,
        stderr=subprocess.PIPE, env={**os.environ, HOME_VARIABLE: str(tmp_path)},
    )  # fmt: skip
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, "")


# ---- what is shown while it goes --------------------------------------------------------------------------------------


def test_rejections_are_shown_up_to_a_number_per_code_then_counted() -> None:
    said: list[str] = []
    reporter = Reporter(said.append, {})
    for offset in range(REJECTS_SHOWN_MAX + 5):
        event = {"event": "reject", "topic": "raw.x", "offset": offset, "code": "bad_payload", "reason": "garbage"}
        reporter.event(event)
        reporter.event(event)  # again, by a task that recovers
    assert said[0] == "raw.x@0 bad_payload: garbage"
    assert len(said) == REJECTS_SHOWN_MAX
    reporter.finish({}, {})
    assert said[-1] == "bad_payload: 5 more, 25 in all; all are in dlq"


def test_a_death_is_told_when_the_task_is_back() -> None:
    said: list[str] = []
    reporter = Reporter(said.append, {"risk": [500]})
    for code, message in ((-9, "exit -9"), (1, "out of memory")):
        reporter.event({"event": "died", "task": "risk", "code": code, "message": message})
        reporter.event({"event": "ready", "task": "risk"})
    assert said[0].startswith("risk was killed after 500 inputs; back in ")
    assert said[1].startswith("risk died (out of memory); back in ")


def test_the_panel_is_80_columns_wide_at_most() -> None:
    from rich.console import Console

    figures = Figures(
        stage="playing", log_time_ns=1_723_161_254_087_896_568, share=0.5, left_s=3_725.0, elapsed_s=99_999.0,
        ticks=10**12, ticks_per_s=1e7, orders=10**9, denied=10**9, executions=10**9, p50_us=1e9, p99_us=1e12,
        denials=Counter({name * 20: 10**9 for name in ("a", "b", "c", "d")}),
    )  # fmt: skip
    panel = Panel("tapedeck 20261123t142501-ab12")
    panel.show(figures)
    drawn = io.StringIO()
    Console(file=drawn, width=80).print(panel._draw())
    panel.close()
    assert "50%" in drawn.getvalue()
    assert max(map(len, drawn.getvalue().splitlines())) <= 80
    assert as_line(figures).count("\n") == 0


def test_the_rate_shown_is_that_of_the_last_seconds() -> None:
    meter = Meter()
    meter.rate(0.0, 1_000_000)
    for second in range(1, 20):
        last = meter.rate(float(second), 1_000_000 + 100 * second)
    assert last == pytest.approx(100.0)


# ---- topics, in memory ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def session() -> Any:
    from replay.plan import PlayPlan
    from replay.session import MemorySession

    session = MemorySession(PlayPlan(run="20261123t142501-ab12", seconds=2.0, speed=0.0))
    session.run(lambda: None)
    return session


def test_topics_are_listed_with_what_is_committed_in_each(session: Any) -> None:
    from replay.summary import summarise

    summary, _ = summarise(session)
    events = {entry["name"]: entry["events"] for entry in listed(session.log, None, every=False)}
    assert events["raw.simulator"] == summary["captured"]
    assert events["ticks.simulator"] == events["scores"] == summary["ticks"]
    assert events["orders"] == summary["orders"]
    assert events["orders.intent"] == events["orders.decision"] == summary["intents"]
    assert events["dlq"] == 0
    assert next(iter(events)) == "raw.simulator"
    with pytest.raises(ConfigError, match="20261123t142501-ab12"):
        listed(session.log, "20261123t142501-ab13", every=False)


def test_the_tail_of_a_topic_is_its_last_events(session: Any) -> None:
    def tail(topic: str, number: int, *, json: bool = True) -> list[str]:
        return list(tail_topic(session.log, topic, None, number, follow=True, json=json))

    orders = [orjson.loads(line) for line in tail("orders", 3)]
    assert [order["type"] for order in orders] == ["order"] * 3
    assert [order["ts"] for order in orders] == sorted(order["ts"] for order in orders)
    (tick,) = (orjson.loads(line) for line in tail("ticks", 1))
    assert tick["action"] in "TM"
    assert tick["instrument"]
    (payload,) = (orjson.loads(line) for line in tail("raw", 1))
    assert orjson.loads(payload["payload"])
    assert payload["ts_recv"] == tick["ts_recv"]
    assert tail("orders", 0) == []
    assert tail("scores", 2, json=False)[0].startswith("time (UTC)")
    assert len(tail("features", 5, json=False)) == 6
    assert "snapshot" in tail("state", 1, json=False)[0]


def test_a_topic_is_found_by_its_short_name_and_missed_with_the_nearest() -> None:
    run = "demo.20261123t142501-ab12."
    names = ["orders", f"{run}orders", f"{run}ticks.binance", f"{run}raw.a", f"{run}raw.b"]
    assert find_topic(names, "ticks", None) == f"{run}ticks.binance"
    assert find_topic(names, "orders", "live") == "orders"
    assert find_topic(names, f"{run}orders", None) == f"{run}orders"
    with pytest.raises(ConfigError, match=r"several topics of that name.*raw\.a, raw\.b"):
        find_topic(names, "raw", None)
    with pytest.raises(ConfigError, match="allowed: orders"):
        find_topic(names, "order", None)
