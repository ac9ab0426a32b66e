"""Writing to ``control`` from the command line: one way for halts, resumes and limits, and the options they share."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from console.cluster import running
from console.terminal import complain, emit, is_screen

WAIT_S = 10.0
"""How long a command that writes waits for the risk task to take note: twice what a live task takes to commit."""
WAIT_S_MAX = 3_600.0
SILENT_S = 30.0
"""A risk task that has committed nothing for so long is not waited for: it does not run."""
POLL_S = 0.2
TEXT_CHARS_MAX = 512
"""Longest reason or author, as the schema has it."""
NANOS = 1_000_000_000

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", show_default=False, help="Why: for the record.")]
Author = Annotated[
    str | None, typer.Option("--author", metavar="NAME", show_default=False, help="Who says it [default: the user].")
]
Wait = Annotated[
    float,
    typer.Option("--wait", metavar="S", min=0.0, max=WAIT_S_MAX, help="Longest wait for the risk task to take note."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def write(context: typer.Context, build: Any, wait_s: float, json: bool) -> None:
    """Read what stands, write the document that ``build(log, control, ts)`` makes, wait for the risk task, tell."""
    from agents.control_log import read_control
    from agents.risk_report import TASK
    from console.risk_words import effect_line, halt_lines, written_as_json
    from schemas.errors import SnapshotError
    from streams.clock import wall_ns
    from streams.heard import heard
    from streams.kafka import connect
    from streams.people import append

    log = connect(running(context))
    try:
        ts = wall_ns()
        document = build(log, read_control(log), ts)
        written = append(log, document, ts=ts)
        if not json:
            emit(f"written at {written}")  # at once: whatever goes wrong from here on, it holds
        noted = last = None
        try:
            noted = _noted(log, written, wait_s)
            last = heard(log, TASK, TASK, "control")
        except SnapshotError as error:
            complain(f"the risk task's word cannot be read: {error}")
        control = read_control(log)
    finally:
        log.close()
    lines = [effect_line(noted, last, wall_ns()), *halt_lines(control)]
    say(written_as_json(written, document, noted, control), lines, json)


def _noted(log: Any, written: Any, wait_s: float) -> Any:
    """The risk task's word once it has passed a place on ``control``; None where it has not in so long."""
    from agents.risk_report import TASK
    from streams.clock import monotonic_s, sleep_s, wall_ns
    from streams.heard import heard

    until = monotonic_s() + wait_s
    told = False
    while True:
        word = heard(log, TASK, TASK, "control")
        if word is not None and word.offset > written.offset:
            return word
        if word is None or wall_ns() - word.committed_ns > SILENT_S * NANOS or monotonic_s() >= until:
            return None
        if not told and is_screen(sys.stderr):
            told = True
            complain(f"waiting up to {wait_s:g} s for the risk task to take note; ctrl-C leaves what is written")
        sleep_s(POLL_S)


def control_of(context: typer.Context) -> Any:
    """All that has been said on the live ``control``, and what stands."""
    from agents.control_log import read_control
    from streams.kafka import connect

    log = connect(running(context))
    try:
        return read_control(log)
    finally:
        log.close()


def author_of(author: str | None) -> str:
    """Who says it: as given, else the user's name."""
    if author is not None:
        return text_of(author, "--author")
    import getpass

    try:
        return text_of(getpass.getuser(), "--author")
    except (OSError, KeyError):  # no name for this user id, as in some containers
        return "unknown"


def text_of(text: str, where: str) -> str:
    """Text for the record, trimmed.

    Raises:
        ConfigError: Empty, too long, or with characters that cannot be printed on one line.
    """
    from schemas.errors import ConfigError

    clean = text.strip()
    if not 1 <= len(clean) <= TEXT_CHARS_MAX or not clean.isprintable():
        raise ConfigError("not a text for the record", kind="bad_text", got=repr(text), where=where,
                          allowed=f"1 to {TEXT_CHARS_MAX} printable characters")  # fmt: skip
    return clean


def say(told: Any, lines: list[str], json: bool) -> None:
    """Print what is told: one JSON object, or lines for people."""
    if json:
        import orjson

        emit(orjson.dumps(told).decode())
    else:
        emit("\n".join(lines))
