"""What the risk commands say: as JSON for machines, and as lines and tables for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from agents.control_log import ControlLog, Entry
from agents.limit_keys import Value, shown
from agents.risk_report import clock_ns, newest_run, overall, standings, task_word
from schemas.control import LimitsChanged, RunOpened
from streams.heard import Heard
from streams.log import Log
from streams.people import Written

NANOS = 1_000_000_000
MISSING = "none: what needs it is denied"


def halts_as_json(control: ControlLog) -> list[dict[str, Any]]:
    """Halts in force, the widest first."""
    return [
        {"scope": scope, "name": name, "state": h.state, "author": h.author, "reason": h.reason, "ts": h.ts}
        for (scope, name), h in control.standing.halts.items()
    ]


def written_as_json(written: Written, document: Any, heard: Heard | None, control: ControlLog) -> dict[str, Any]:
    """What a command that writes says."""
    return {
        "written": {
            "topic": written.topic, "partition": written.partition, "offset": written.offset, "seq": written.seq
        },
        "document": msgspec.to_builtins(document), "effective": heard is not None,
        "before_intent": heard.inputs if heard else None, "halts": halts_as_json(control),
    }  # fmt: skip


def effect_line(heard: Heard | None, last: Heard | None, now_ns: int) -> str:
    """Whether the risk task has taken note."""
    if heard is not None:
        return f"in force: the risk task has taken note, before intent {heard.inputs:,} at the latest"
    seen = "it has never run" if last is None else f"its last sign of life: {age(now_ns - last.committed_ns)} ago"
    return f"the risk task has not taken note yet ({seen}): it takes effect when the task reads it"


def halt_lines(control: ControlLog) -> list[str]:
    """Halts in force, a line each."""
    halts = control.standing.halts
    return [
        f"{h.state:8}  {scope_of(scope, name)}  since {time_of(h.ts)}  by {h.author}: {h.reason}"
        for (scope, name), h in halts.items()
    ] or ["no halt is in force"]


def shown_as_json(log: Log, control: ControlLog, now_ns: int) -> dict[str, Any]:
    """Everything that ``risk show`` tells."""
    run, found, clock = newest_run(control), standings(log, control), clock_ns(log)
    return {
        "run": run.run if run else None,
        "state": overall(found),
        "halts": halts_as_json(control),
        "instruments": [{"instrument": s.instrument, "state": s.state, "missing": list(s.missing)} for s in found],
        "clock": None if clock is None else {"ts": clock, "age_ms": (now_ns - clock) // 1_000_000},
        "risk_task": task_word(log, control),
        "ignored": control.standing.ignored,
    }


def shown_lines(told: dict[str, Any], control: ControlLog, now_ns: int) -> list[str]:
    """The same for people, within 80 columns but for reasons and names."""
    run, clock, task = told["run"], told["clock"], told["risk_task"]
    lines = [f"run       {run or 'none was opened yet'}", f"trading   {told['state']}", ""]
    lines += halt_lines(control)
    lines.append("")
    for found in told["instruments"]:
        why = (
            f"  halted by itself: no limit {', '.join(found['missing'])} (risk limits set)" if found["missing"] else ""
        )
        lines.append(f"{found['state']:8}  {found['instrument']}{why}")
    lines.append("")
    lines.append("clock     never heard" if clock is None else f"clock     {age(clock['age_ms'] * 1_000_000)} old")
    if task is None:
        lines.append("risk      the risk task has never run live")
    else:
        noted = "has noted all of this" if task["noted"] else "has not noted all of this yet"
        lines.append(f"risk      {noted}; last sign of life {age(now_ns - task['committed_ns'])} ago")
        if task.get("strangers"):
            lines.append(f"          {task['strangers']:,} reports on orders that it never approved were ignored")
    if told["ignored"]:
        lines.append(f"ignored   {told['ignored']} records that break the rules: tapedeck risk limits history")
    return lines


def limits_as_json(control: ControlLog) -> dict[str, Any]:
    """Limits in force, and which of them people have changed since the opening."""
    run, standing = newest_run(control), control.standing
    opening, now = standing.opening, standing.flat_limits
    changed = [
        {"key": shown(a), "opening": opening.get(a), "value": now.get(a)}
        for a in sorted({**opening, **now})
        if opening.get(a) != now.get(a)
    ]
    return {"run": run.run if run else None, "limits": standing.limits, "changed": changed}


def limit_lines(control: ControlLog) -> list[str]:
    """Limits in force, a line each."""
    opening, now = control.standing.opening, control.standing.flat_limits
    lines = []
    for address in sorted({**opening, **now}):
        was, value = opening.get(address), now.get(address)
        note = "" if was == value else f"  (opening: {written_value(was)})"
        lines.append(f"{shown(address):36}  {written_value(value)}{note}")
    return lines


def history_of(control: ControlLog) -> list[dict[str, Any]]:
    """Each change of limits, openings that changed any included, the oldest first."""
    return [_change(e) for e in control.entries if isinstance(e.document, LimitsChanged) or _opens(e)]


def history_lines(history: list[dict[str, Any]]) -> list[str]:
    """The same for people."""
    lines = []
    for entry in history:
        verdict = "" if entry["ignored"] is None else f"  IGNORED: {entry['ignored']}"
        lines.append(
            f"{time_of(entry['ts'])}  control@{entry['offset']}  {entry['author']}: {entry['reason']}{verdict}"
        )
        lines += [
            f"    {c['key']:36}  {written_value(c['was'])} -> {written_value(c['value'])}" for c in entry["changes"]
        ]
    return lines


def scope_of(scope: str, name: str) -> str:
    """Scope as people write it."""
    return scope if scope == "all" else f"{scope} {name}"


def written_value(value: Value | None) -> str:
    """A limit, or that there is none."""
    return MISSING if value is None else str(value)


def time_of(ts: int) -> str:
    """Wall time to the second, UTC; a dash where an opening has none.

    >>> time_of(1_723_161_600 * 10**9)
    '2024-08-09 00:00:00Z'
    """
    return "-" if ts <= 0 else datetime.fromtimestamp(ts // NANOS, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def age(ns: int) -> str:
    """A span in the unit that suits it.

    >>> age(90_000_000), age(12 * 10**9), age(2 * 3600 * 10**9)
    ('0.1 s', '12.0 s', '2.0 h')
    """
    seconds = ns / NANOS
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 120)):
        if seconds >= size:
            return f"{seconds / (60 if unit == 'min' else size):.1f} {unit}"
    return f"{seconds:.1f} s"


def _opens(entry: Entry) -> bool:
    return isinstance(entry.document, RunOpened) and bool(entry.differences or entry.refused)


def _change(entry: Entry) -> dict[str, Any]:
    said = entry.document
    opened = isinstance(said, RunOpened)
    if isinstance(said, LimitsChanged) and entry.refused is not None:
        changes = [{"key": shown((c.table, c.name, c.key)), "was": c.was, "value": c.value} for c in said.changes]
    else:
        changes = [{"key": shown(a), "was": was, "value": value} for a, was, value in entry.differences]
    return {
        "offset": entry.offset, "ts": getattr(said, "ts", 0),
        "author": f"run {said.run}" if isinstance(said, RunOpened) else getattr(said, "author", ""),
        "reason": "opening" if opened else getattr(said, "reason", ""),
        "ignored": None if entry.refused is None else str(entry.refused), "changes": changes,
    }  # fmt: skip
