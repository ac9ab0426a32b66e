"""Namespaces: whose topics are whose. A run's topics share a prefix; live topics have none.

``demo.20261123t142501-ab12.orders`` is ``orders`` of the run ``20261123t142501-ab12``, in the namespace
``demo.20261123t142501-ab12.``. Run ids begin with the UTC time at which the run was opened, so they sort by age.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from schemas.errors import ConfigError

KINDS = ("demo", "replay", "shadow")
"""What stands before the run id."""

LIVE = "live"
"""Names the topics without a prefix, where a run is asked for."""

_NAMESPACE = re.compile(rf"(?:{'|'.join(KINDS)})\.([A-Za-z0-9_-]+)\.")
_DATED = re.compile(r"\d{8}t\d{6}-")
_RUNS_SHOWN_MAX = 5


def namespaces(names: Iterable[str]) -> dict[str, str]:
    """Namespace by run id, the oldest run first; runs whose id bears no time come before all others.

    >>> namespaces(["orders", "demo.20261123t142501-ab12.orders", "demo.20261122t090000-cd34.orders"])
    {'20261122t090000-cd34': 'demo.20261122t090000-cd34.', '20261123t142501-ab12': 'demo.20261123t142501-ab12.'}
    """
    found = {match[1]: match[0] for name in names if (match := _NAMESPACE.match(name))}
    return {run: found[run] for run in sorted(found, key=lambda run: (_DATED.match(run) is not None, run))}


def newest_run(names: Iterable[str]) -> str | None:
    """Id of the newest run that has topics among ``names``; None when there is none.

    >>> newest_run(["demo.20261123t142501-ab12.orders", "replay.20261124t000000-ef56.orders"])
    '20261124t000000-ef56'
    """
    return next(reversed(namespaces(names)), None)


def resolve(names: Iterable[str], topic: str, run: str | None = None) -> str:
    """Full name of a topic: of the newest run, or of the run named, or as it stands where it has a prefix already.

    >>> resolve(["orders", "demo.20261123t142501-ab12.orders"], "orders")
    'demo.20261123t142501-ab12.orders'
    >>> resolve(["orders", "demo.20261123t142501-ab12.orders"], "orders", run="live")
    'orders'

    Args:
        names: All topics that there are.
        topic: Name as in the table of topics (``orders``, ``raw.binance``), or a full name.
        run: Run id, or ``live``; None for the newest run, and live when there has been no run.

    Raises:
        ConfigError: No such run, or no such topic in it.
    """
    known = list(names)
    runs = namespaces(known)
    if run is None:
        run = LIVE if _NAMESPACE.match(topic) else newest_run(known) or LIVE
    if run != LIVE and run not in runs:
        raise ConfigError(
            "there is no such run", kind="no_run", got=run, allowed=_shown(runs), fix="tapedeck topics list shows all"
        )
    full = topic if run == LIVE else runs[run] + topic
    if full not in known:
        raise ConfigError("there is no such topic", kind="no_topic", got=full, fix="tapedeck topics list shows all")
    return full


def _shown(runs: Iterable[str]) -> str:
    newest = list(runs)[-_RUNS_SHOWN_MAX:]
    return ", ".join(reversed(newest)) or "none: no run has been opened"


def namespace_of(names: Iterable[str], run: str) -> str:
    """Topic prefix of a run id, of a whole namespace (``demo.<run>.``), or none for ``live``.

    Raises:
        ConfigError: There is no such run; names those that are near.
    """
    if run in ("", LIVE):
        return ""
    known = namespaces(names)
    whole = f"{run.rstrip('.')}."
    if run in known or whole in known.values():
        return known.get(run, whole)
    near = get_close_matches(run, [LIVE, *known], _RUNS_SHOWN_MAX, 0.4) or [LIVE, *known][-_RUNS_SHOWN_MAX:]
    raise ConfigError(
        "there is no such run", kind="no_run", got=run, allowed=", ".join(near), where="--run",
        fix="tapedeck topics list shows all",
    )  # fmt: skip
