"""Which topics are archived, and how: all of a namespace that are in the table; of snapshots those at the day cut."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.errors import ConfigError
from schemas.topics import table_row
from streams.namespace import LIVE, namespaces


def namespace_of(names: Iterable[str], run: str) -> str:
    """Topic prefix of a run id, of a whole namespace (``demo.<run>.``), or none for ``live``.

    Raises:
        ConfigError: There is no such run.
    """
    known = namespaces(names)
    if run in ("", LIVE):
        return ""
    if run in known:
        return known[run]
    if f"{run.rstrip('.')}." in known.values():
        return f"{run.rstrip('.')}."
    raise ConfigError(
        "there is no such run", kind="no_run", got=run, allowed=", ".join((LIVE, *list(known)[-5:])),
        fix="tapedeck topics list shows all",
    )  # fmt: skip


def archived_topics(names: Iterable[str], namespace: str) -> list[str]:
    """Full names of a namespace's topics that are archived, sorted.

    >>> archived_topics(["orders", "demo.r.orders", "demo.r.state", "demo.r.mine"], "demo.r.")
    ['demo.r.orders', 'demo.r.state']
    """
    return sorted(
        name for name in names if name.startswith(namespace) and table_row(name.removeprefix(namespace)) is not None
    )


def is_compacted(topic: str) -> bool:
    """Whether a topic's older records give way to newer ones of their key.

    >>> is_compacted("demo.r.state"), is_compacted("state"), is_compacted("raw.state")
    (True, True, False)
    """
    namespace = next(iter(namespaces([topic]).values()), "")
    row = table_row(topic.removeprefix(namespace))
    return row is not None and row.kept == "compacted"
