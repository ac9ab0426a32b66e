"""What people say of risk, and may not: halts, resumes, limits."""

from __future__ import annotations

from typing import Any

import typer

from agents.control_log import ControlLog
from agents.limit_keys import parse_change
from agents.risk_report import check_scope
from agents.standing import Standing
from console import risk_limits, risk_write
from feeds.definitions import DEFINITIONS
from schemas.control import Halt, Resume
from schemas.errors import Fenced, TapedeckError
from streams import people
from streams.log import Writer
from streams.memory import MemoryLog, MemoryWriter
from tests.kinds.registry import Desk, trigger
from tests.risk_desk import intent, live_desk

SAID: dict[str, Any] = {"author": "j.doe", "reason": "drill", "ts": 1}

trigger("config.no_limit")(lambda _: parse_change("default.nonsense=1", "KEY=VALUE"))
trigger("config.bad_change")(lambda _: parse_change("default.notional_max", "KEY=VALUE"))
trigger("config.bad_text")(lambda _: risk_write.text_of(" ", "--reason"))
trigger("config.bad_scope")(lambda _: check_scope(MemoryLog(), ControlLog(), "account", "", known_only=True))
trigger("config.no_such_name")(lambda _: check_scope(MemoryLog(), ControlLog(), "instrument", "x", known_only=True))


@trigger("config.no_change")
def a_limit_that_has_that_value(_: Desk) -> Any:
    return risk_limits.changes_of([parse_change("default.notional_max=none", "")], Standing())


@trigger("config.no_live_run")
def limits_before_any_run(desk: Desk) -> Any:
    desk.patch.setattr(risk_limits, "write", lambda _context, build, _wait, _json: build(MemoryLog(), ControlLog(), 1))
    context: Any = typer.Context
    return risk_limits.limits_set(context, ["default.notional_max=1"], "why")


@trigger("config.not_halted")
def a_resume_of_nothing(_: Desk) -> TapedeckError | None:
    return Standing().why_refused(Resume(scope="all", **SAID))


@trigger("snapshot.instrument_gone")
def a_position_in_what_is_no_longer_defined(_: Desk) -> Any:
    desk = live_desk()
    desk.decide(intent(1))
    return live_desk(definitions=DEFINITIONS[2:]).risk.restore(desk.risk.snapshot(desk.state))


@trigger("delivery.unsaid")
def others_keep_speaking(desk: Desk) -> Any:
    def overtaken(_writer: Writer) -> None:
        raise Fenced("another took this transactional id over", kind="taken_over", where="people")

    desk.patch.setattr(people, "ATTEMPTS_MAX", 2)
    desk.patch.setattr(MemoryWriter, "commit", overtaken)
    return people.append(MemoryLog(), Halt(scope="all", **SAID))
