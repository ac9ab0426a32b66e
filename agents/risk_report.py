"""What holds for trading now, from the log alone: halts, limits that are missing, the clock, the risk task's word.

For people and tools that look on; the risk task itself keeps all of this in its state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from agents.control_log import ControlLog
from agents.limits import missing_keys
from agents.risk_state import KIND
from agents.standing import SEVERITY
from feeds.venues import KNOWN
from schemas.clock import Clock
from schemas.codec import decode
from schemas.control import RunOpened, Scope, TradingState
from schemas.definition import Definition
from schemas.errors import BadInput, ConfigError, SnapshotError
from schemas.header import HOP_NUMBER
from schemas.topics import topic_name
from streams.heard import heard
from streams.log import Log
from streams.snapshot import newest
from streams.state_bytes import load

TASK = "risk"
CLOCK_RECORDS = 64
"""Last records of the clock that are looked at: one of them is the newest."""
NEAREST_MAX = 6


@dataclass(frozen=True, slots=True)
class Standings:
    """One instrument's trading state: the strictest that is ordered or comes by itself, and which limits it lacks."""

    instrument: str
    state: TradingState
    missing: tuple[str, ...]


def newest_run(control: ControlLog) -> RunOpened | None:
    """The opening that counts; None where no run was ever opened."""
    return next((e.document for e in reversed(control.entries) if isinstance(e.document, RunOpened)), None)


def instruments(log: Log, *, namespace: str = "") -> list[str]:
    """Instruments defined in a run; those that ship where it has no definitions yet."""
    topic = topic_name(namespace, "definitions")
    found: set[str] = set()
    for record in log.scan(topic, 0, 0, committed=True) if log.partitions(topic) else ():
        try:
            found.add(decode(record.value, Definition).instrument)
        except BadInput:
            continue
    return sorted(found or set(KNOWN))


def check_limited(log: Log, names: Iterable[str]) -> None:
    """Refuse limits of instruments that nobody has defined.

    Raises:
        ConfigError: Says which there are, the nearest first.
    """
    known = sorted({*instruments(log), *KNOWN})
    for name in names:
        if name not in known:
            raise ConfigError(
                "no such instrument", kind="no_limit", got=name, allowed=_nearest(name, known), where="KEY=VALUE",
                fix="tapedeck instruments add defines one",
            )  # fmt: skip


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=NEAREST_MAX, cutoff=0.3)
    return ", ".join([*near, *(n for n in known if n not in near)][:NEAREST_MAX])


def check_scope(log: Log, control: ControlLog, scope: str, name: str, *, known_only: bool, namespace: str = "") -> None:
    """Refuse a scope without its name, a name where none belongs, and (``known_only``) one that nobody trades under.

    Where no run was ever opened no account and strategy is known, and none is refused.

    Raises:
        ConfigError: Says which names there are, the nearest first.
    """
    if scope not in get_args(Scope):
        raise ConfigError(
            "no such scope", kind="bad_scope", got=scope, allowed=", ".join(get_args(Scope)), where="--scope"
        )
    if (scope == "all") == bool(name):
        allowed = "no name" if scope == "all" else f"the name of one: --scope {scope} NAME"
        raise ConfigError(f"scope {scope}", kind="bad_scope", got=name or "no name", allowed=allowed, where="--scope")
    if scope == "all" or not known_only:
        return
    runs = [e.document for e in control.entries if isinstance(e.document, RunOpened)]
    known = {
        "account": sorted({run.account for run in runs}), "strategy": sorted({run.strategy for run in runs}),
        "instrument": instruments(log, namespace=namespace) if scope == "instrument" else [],
    }[scope]  # fmt: skip
    if known and name not in known:
        raise ConfigError(
            f"no such {scope}", kind="no_such_name", got=name, allowed=_nearest(name, known),
            where="--scope", fix="if it is meant all the same: --force",
        )  # fmt: skip


def standings(log: Log, control: ControlLog, *, namespace: str = "") -> list[Standings]:
    """Each instrument's state under the account and strategy of the newest run."""
    run, limits = newest_run(control), control.standing.limits
    made = []
    for name in instruments(log, namespace=namespace):
        ordered = control.standing.state_of(run.account if run else "", run.strategy if run else "", name)
        missing = missing_keys(limits, name, live=True)
        made.append(Standings(name, "HALTED" if missing else ordered, missing))
    return made


def overall(found: list[Standings]) -> TradingState:
    """The state under which most can still be traded: HALTED only where everything is."""
    return min((s.state for s in found), key=lambda state: SEVERITY[state], default="HALTED")


def clock_ns(log: Log, *, namespace: str = "") -> int | None:
    """Wall time of the newest clock record, ns; None where there is none."""
    topic = topic_name(namespace, "clock")
    if not log.partitions(topic):
        return None
    low, high = log.bounds(topic, 0)
    newest_ts: int | None = None
    for record in log.scan(topic, 0, max(low, high - CLOCK_RECORDS), committed=True):
        try:
            newest_ts = decode(record.value, Clock).ts
        except BadInput:
            continue
    return newest_ts


def task_word(log: Log, control: ControlLog, *, namespace: str = "") -> dict[str, Any] | None:
    """What the risk task has committed: whether it has heard all of ``control``, and what it counts. None: never."""
    told = heard(log, TASK, TASK, "control", namespace=namespace)
    if told is None:
        return None
    last = control.entries[-1].offset if control.entries else -1
    word: dict[str, Any] = {
        "noted": told.offset > last, "control_offset": told.offset, "intents": told.inputs,
        "committed_ns": told.committed_ns,
    }  # fmt: skip
    try:
        snapshot = newest(log, topic_name(namespace, "state"), HOP_NUMBER[TASK], TASK)
        values = load(KIND, snapshot.agents[-1])[1] if snapshot else {}
        word |= {"open_approvals": len(values.get("open", {})), "strangers": values.get("strangers", 0)}
    except SnapshotError:  # of another version: what it counts is not ours to read
        pass
    return word
