"""What is said about the work, on standard error: lines for people, or one JSON object a line for machines.

A JSON line holds ``ts`` (RFC 3339, UTC, ns), ``level``, ``event`` (a stable word), ``message`` and what else is known:
``run``, ``task``, ``topic``, ``offset``, ``code`` (``docs/errors.md``), ``exit``. Of an input that was refused a line
names place and code, never what it held: that is in ``dlq``. What looks like a credential is masked in either format.

A worker process says its lines to its supervisor, whose process writes them.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from schemas.errors import TapedeckError, one_line
from streams.clock import wall_ns

FORMAT_VARIABLE = "TAPEDECK_LOG_FORMAT"
"""Environment variable that names the format; worker processes inherit it."""

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)

KAFKA_LOGGER = "tapedeck.kafka"
"""librdkafka's own words: for machines only, as people are told of what follows from them."""

NANOS = 1_000_000_000
SECRETS = re.compile(
    r"""(?P<keep>\b[\w.-]*(?:password|passwd|secret|token|credential|api[_-]?key)[\w.-]*['"]?\s*[=:]\s*)\S+"""
    r"|(?P<user>[^\s/@'\",;:]*:(?!//)[^\s@'\",]+@)(?=[\w.\[-])",
    re.IGNORECASE,
)
"""``password=x`` and its like, and the credentials of ``user:password@host``."""

_about: ContextVar[Mapping[str, Any] | None] = ContextVar("about", default=None)


def is_json() -> bool:
    """Whether lines are for machines."""
    return os.environ.get(FORMAT_VARIABLE) == JSON


def use(log_format: str) -> None:
    """Choose the format, for this process and those that it starts."""
    os.environ[FORMAT_VARIABLE] = log_format


def about(**fields: Any) -> None:
    """What every later line of this command is about, e.g. ``run``."""
    _about.set({**(_about.get() or {}), **fields})


def masked(text: str) -> str:
    """The text on one line, without what looks like a credential.

    >>> masked("sasl.password=hunter2 at kafka://desk:hunter2@broker:9092")
    'sasl.password=*** at kafka://***@broker:9092'
    >>> masked("demo.r.raw.binance@17: see risk@500")
    'demo.r.raw.binance@17: see risk@500'
    """
    return SECRETS.sub(lambda found: f"{found['keep']}***" if found["keep"] else "***@", one_line(text))


def write(message: str, *, event: str, level: str = "info", **fields: Any) -> None:
    """Write one line to standard error; where that is closed there is nobody to tell.

    Args:
        message: What people read.
        event: What machines go by.
        level: ``info``, ``warning`` or ``error``.
        fields: What else is known; only in JSON.
    """
    line = as_json(message, event=event, level=level, **fields) if is_json() else masked(message)
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def as_json(message: str, *, event: str, level: str = "info", **fields: Any) -> str:
    """One JSON object, ASCII: any terminal and any collector takes it."""
    import json
    from datetime import UTC, datetime

    ns = wall_ns()
    ts = f"{datetime.fromtimestamp(ns // NANOS, UTC):%Y-%m-%dT%H:%M:%S}.{ns % NANOS:09}Z"
    known = {key: masked(value) if isinstance(value, str) else value for key, value in fields.items()}
    head = {"ts": ts, "level": level, "event": event, "message": masked(message)}
    return json.dumps({**head, **(_about.get() or {}), **known}, default=repr)


def fields_of(error: TapedeckError) -> dict[str, Any]:
    """What a JSON line says of an error: its code and its parts, without anything that a record held."""
    got = "" if error.got_is_content else error.got
    parts = {"where": error.where, "got": got, "allowed": error.allowed, "fix": error.fix}
    return {"code": error.kind, **{name: part for name, part in parts.items() if part}}


class Handler(logging.Handler):
    """Takes what libraries and modules say by ``logging``, from warnings on.

    Args:
        say: Where it goes; called as :func:`write`.
    """

    def __init__(self, say: Callable[..., None] = write) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """One line; of an exception its type alone, as its text may quote what it failed on."""
        message = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            message = f"{message}: {record.exc_info[0].__name__}"
        if record.name != KAFKA_LOGGER or is_json():
            self._say(message, event="log", level=record.levelname.lower(), logger=record.name)


@contextmanager
def session(say: Callable[..., None] = write) -> Iterator[None]:
    """Everything that is said while this lasts goes one way; then all is as before."""
    before, token = os.environ.get(FORMAT_VARIABLE), _about.set({})
    handler, root = Handler(say), logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        _about.reset(token)
        if before is None:
            os.environ.pop(FORMAT_VARIABLE, None)
        else:
            os.environ[FORMAT_VARIABLE] = before
