"""What the risk commands say, over a log in memory: the control topic folded, typed changes, and lines for people."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest

from agents.control_log import read_control
from agents.limit_keys import NONE, check_address, nested, parse_address, parse_change
from agents.limits import default_limits
from agents.risk_report import check_scope
from console.main import main
from console.risk_limits import changes_of
from console.risk_words import (
    effect_line,
    halt_lines,
    history_lines,
    history_of,
    limit_lines,
    limits_as_json,
    shown_as_json,
    shown_lines,
)
from console.risk_write import text_of
from replay.plan import PlayPlan
from schemas.control import Halt, LimitChange, LimitsChanged, Resume
from schemas.errors import ConfigError
from schemas.header import Header, pack
from streams.heard import Heard
from streams.memory import MemoryLog
from streams.people import append

NOW = 1_723_161_660 * 10**9
SAID: dict[str, Any] = {"author": "j.doe", "reason": "drill", "ts": NOW - 60 * 10**9}


def opened() -> MemoryLog:
    log = MemoryLog()
    append(log, msgspec.structs.replace(PlayPlan(run="live-1").opening(), mode="live"))
    return log


@pytest.mark.parametrize(
    ("text", "address", "value"),
    [
        ("account.message_rate_max=5", ("account", "", "message_rate_max"), 5),
        ("default.notional_max = 2.5", ("default", "", "notional_max"), 2.5),
        ("spot:BTCUSDT.quantity_max=0.10", ("instrument", "spot:BTCUSDT", "quantity_max"), "0.10"),
        ('instrument."inverse:ETHUSD_PERP".quantity_max=none',
         ("instrument", "inverse:ETHUSD_PERP", "quantity_max"), None),
        ("instrument.spot:ETHUSDT.notional_max=NONE", ("instrument", "spot:ETHUSDT", "notional_max"), None),
        ("default.notional_max=lots", ("default", "", "notional_max"), "lots"),
    ],
)  # fmt: skip
def test_a_change_is_read_as_people_write_it(text: str, address: Any, value: Any) -> None:
    change = parse_change(text, "")
    assert ((change.table, change.name, change.key), change.value) == (address, value)
    assert type(change.value) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "default.notional_max", "default.notional_max=", "=5", "notional_max=5", "account.notional_max=5",
        "swap:NOTHING.quantity_max=1", "spot:BTCUSDT.nonsense=1", "instrument.quantity_max=1", "a.b.c=1", "x" * 5_000,
        'instrument."spot:BTCUSDT"=1', "default.notional_max\x00=1",
    ],
)  # fmt: skip
def test_what_names_no_limit_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_change(text, "KEY=VALUE")
    assert refused.value.allowed


def test_every_shipped_limit_has_an_address() -> None:
    control = read_control(opened())
    for table, name, key in control.standing.flat_limits:
        check_address(parse_address(f"{name or table}.{key}"), "")
    assert nested(control.standing.flat_limits) == default_limits()
    assert NONE not in orjson.dumps(default_limits()).decode()


def test_a_change_carries_what_was_in_force_and_what_is_so_already_is_left_out() -> None:
    standing = read_control(opened()).standing
    parsed = [parse_change(t, "") for t in ("account.message_rate_max=25", "default.notional_max=5")]
    assert changes_of(parsed, standing) == [LimitChange(table="default", key="notional_max", was=25_000, value=5)]
    with pytest.raises(ConfigError, match="nothing would change"):
        changes_of(parsed[:1], standing)
    with pytest.raises(ConfigError, match="named twice"):
        changes_of([parsed[1], parsed[1]], standing)


def test_control_is_read_as_a_task_reads_it() -> None:
    log = opened()
    append(log, Halt(scope="all", **SAID))
    junk = log.appender()
    junk.append("control", 0, b"", b"garbage", None)
    junk.append("control", 0, b"", b"garbage", pack(Header(schema=25, version=1, seq=2, time=0, writer="people")))
    append(log, Resume(scope="all", **SAID))
    append(log, Resume(scope="all", **SAID))
    control = read_control(log)
    assert [type(e.document).__name__ for e in control.entries] == ["RunOpened", "Halt", "Resume", "Resume"]
    assert [e.refused is None for e in control.entries] == [True, True, True, False]
    assert control.standing.halts == {}


@pytest.mark.parametrize(
    ("scope", "name", "said"),
    [
        ("all", "x", "allowed: no name"), ("account", "", "the name of one"), ("strategy", "touch", "touch-pressure"),
        ("instrument", "BTCUSDT", "spot:BTCUSDT"), ("account", "dmo", "demo"), ("desk", "x", "no such scope"),
    ],
)  # fmt: skip
def test_a_scope_that_nobody_trades_in_is_refused_with_the_nearest(scope: str, name: str, said: str) -> None:
    log = opened()
    with pytest.raises(ConfigError, match=said):
        check_scope(log, read_control(log), scope, name, known_only=True)
    if name and scope not in ("all", "desk"):
        check_scope(log, read_control(log), scope, name, known_only=False)


def test_before_any_run_an_account_may_be_halted_whatever_its_name() -> None:
    check_scope(MemoryLog(), read_control(MemoryLog()), "account", "anything", known_only=True)


def test_what_is_shown_tells_halts_missing_limits_clock_and_task() -> None:
    log = opened()
    append(log, Halt(scope="instrument", name="spot:BTCUSDT", state="REDUCING", **SAID))
    taken = LimitChange(table="instrument", name="spot:ETHUSDT", key="position_max", value=None)
    append(log, LimitsChanged(changes=[taken], **SAID))
    control = read_control(log)
    told = shown_as_json(log, control, NOW)
    states = {s["instrument"]: s["state"] for s in told["instruments"]}
    assert (states["spot:BTCUSDT"], states["spot:ETHUSDT"], told["state"]) == ("REDUCING", "HALTED", "ACTIVE")
    assert (told["run"], told["clock"], told["risk_task"], told["ignored"]) == ("live-1", None, None, 0)
    lines = "\n".join(shown_lines(told, control, NOW))
    assert "REDUCING  instrument spot:BTCUSDT  since 2024-08-09 00:00:00Z  by j.doe: drill" in lines
    assert "HALTED    spot:ETHUSDT  halted by itself: no limit position_max" in lines
    assert "clock     never heard" in lines
    orjson.dumps(told)


def test_limits_and_their_history_say_what_changed_and_who_did_it() -> None:
    log = opened()
    assert "default.notional_max                  25000" in limit_lines(read_control(log))
    said = LimitsChanged(changes=[LimitChange(table="default", key="notional_max", was=1, value=5)], **SAID)
    where = append(log, said)
    append(log, LimitsChanged(changes=[LimitChange(table="default", key="nonsense", value=5)], **SAID))
    control = read_control(log)
    assert "default.notional_max                  5  (opening: 25000)" in limit_lines(control)
    assert limits_as_json(control)["changed"] == [{"key": "default.notional_max", "opening": 25_000, "value": 5}]
    history = history_of(control)
    assert [h["author"] for h in history] == ["run live-1", "j.doe", "j.doe"]
    assert history[1]["offset"] == where.offset
    assert history[1]["changes"] == [{"key": "default.notional_max", "was": 25_000, "value": 5}], (
        "as it was, not as seen"
    )
    assert (history[1]["ignored"], "no such limit" in history[2]["ignored"]) == (None, True)
    lines = history_lines(history)
    assert "    default.notional_max                  25000 -> 5" in lines
    assert any("IGNORED" in line for line in lines)


def test_whether_the_task_has_taken_note_is_told() -> None:
    heard = Heard(offset=7, inputs=1_234, committed_ns=NOW - 2 * 10**9)
    assert effect_line(heard, heard, NOW) == "in force: the risk task has taken note, before intent 1,234 at the latest"
    assert "it has never run" in effect_line(None, None, NOW)
    assert "its last sign of life: 2.0 s ago" in effect_line(None, heard, NOW)
    assert halt_lines(read_control(MemoryLog())) == ["no halt is in force"]


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "\x1b[2J", "x" * 513, "\udc80"])
def test_a_reason_is_one_printable_line(text: str) -> None:
    with pytest.raises(ConfigError, match="not a text"):
        text_of(text, "--reason")
    assert text_of("  fat finger ", "--reason") == "fat finger"


@pytest.mark.parametrize(
    "command", ["", "halt", "resume", "show", "limits", "limits show", "limits set", "limits history"]
)
def test_every_command_explains_itself_within_80_columns(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["risk", *command.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(len(line) <= 80 for line in shown.splitlines())
    if command not in ("", "limits"):
        assert "Example" in shown
        assert "--json" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("halt --reason x", "--scope"), ("halt --scope all", "--reason"), ("halt --scope desk --reason x", "desk"),
        ("limits set --reason x", "KEY=VALUE"), ("limits set nonsense --reason x", "not a change; got nonsense"),
        ("limits set default.nonsense=1 --reason x", "no such limit; got nonsense"), ("limits history -n 0", "-n"),
        ("halt --scope all --reason x --wait -1", "--wait"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_one_clear_line(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["risk", *arguments.split()]) == 2
    captured = capsys.readouterr()
    assert (captured.out, len(captured.err.splitlines())) == ("", 1)
    assert said in captured.err


def test_without_a_broker_nothing_is_written_and_the_exit_code_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAPEDECK_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["risk", "halt", "--scope", "all", "--reason", "x"]) == 3
    captured = capsys.readouterr()
    assert (captured.out, len(captured.err.splitlines())) == ("", 1)
