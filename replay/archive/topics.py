"""Which topics are archived, and how: all of a namespace that are in the table; of snapshots those at the day cut."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.topics import table_row
from streams.namespace import namespaces


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
