"""Which topic a user means: by table name, with or without its source, of the newest run unless one is named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from schemas.errors import ConfigError
from schemas.topics import SOURCE, table_row
from streams.namespace import LIVE, namespaces, newest_run

NEAREST_MAX = 5


def split_name(full: str, runs: dict[str, str]) -> tuple[str, str]:
    """(run, name without its prefix) of a topic; the run is ``live`` where there is no prefix.

    >>> split_name("demo.r1.orders", {"r1": "demo.r1."}), split_name("orders", {})
    (('r1', 'orders'), ('live', 'orders'))
    """
    for run, prefix in runs.items():
        if full.startswith(prefix):
            return run, full.removeprefix(prefix)
    return LIVE, full


def find_run(names: Iterable[str], run: str | None) -> str:
    """The run meant: the one named, else the newest, else ``live``.

    Raises:
        ConfigError: No such run; says which are nearest.
    """
    known = list(names)
    runs = namespaces(known)
    if run is None:
        return newest_run(known) or LIVE
    if run != LIVE and run not in runs:
        raise ConfigError("no such run", kind="no_run", got=run, allowed=_nearest(run, [LIVE, *runs]), where="--run")
    return run


def find_topic(names: Iterable[str], topic: str, run: str | None) -> str:
    """Full name of the topic meant.

    Args:
        names: All topics that there are.
        topic: ``orders``, ``ticks.binance``, ``ticks`` (where there is one source), or a full name.
        run: Run id, or ``live``; None for the newest run.

    Raises:
        ConfigError: No such topic or run, or several; says which are nearest.

    >>> find_topic(["demo.r1.ticks.binance", "demo.r1.orders"], "ticks", None)
    'demo.r1.ticks.binance'
    """
    known = sorted(names)
    if topic in known and run is None and split_name(topic, namespaces(known))[0] != LIVE:
        return topic
    meant = find_run(known, run)
    runs = namespaces(known)
    prefix = runs.get(meant, "")
    of_run = [name for full in known if (name := split_name(full, runs))[0] == meant]
    short = [name for _, name in of_run]
    if topic in short:
        return prefix + topic
    sources = [name for name in short if (row := table_row(name)) is not None and row.name == f"{topic}.{SOURCE}"]
    if len(sources) == 1:
        return prefix + sources[0]
    if sources:
        raise ConfigError(
            "several topics of that name",
            kind="ambiguous_topic",
            got=topic,
            allowed=", ".join(sources),
            where=f"run {meant}",
        )
    raise ConfigError("no such topic", kind="no_topic", got=topic, allowed=_nearest(topic, short), where=f"run {meant}",
                      fix="all of them: tapedeck topics list")  # fmt: skip


def _nearest(name: str, known: Sequence[str]) -> str:
    """Names like it; the last few where none is like it."""
    near = get_close_matches(name, known, n=NEAREST_MAX, cutoff=0.5) or list(reversed(known))[:NEAREST_MAX]
    return ", ".join(near) or "none: there are no topics"
