"""Which cluster a command works on, and where the global ``--bootstrap`` is kept on the way to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.errors import BrokerError


def bootstrap_flag(ctx: Any) -> str | None:
    """Value of the global ``--bootstrap``; None where it was not given."""
    found = ctx.find_root().params.get("bootstrap")
    return None if found is None else str(found)


def running(ctx: Any) -> str:
    """Address of the cluster that is named, or of the embedded broker, which must run.

    Raises:
        ConfigError: What names the cluster is wrong.
        BrokerError: None is named, and the embedded broker does not run.
    """
    from streams.config import named_bootstrap

    named = named_bootstrap(bootstrap_flag(ctx))
    if named is not None:
        return named.bootstrap
    from streams.broker import EmbeddedBroker

    bootstrap = EmbeddedBroker().status().bootstrap
    if bootstrap is None:
        raise BrokerError(
            "the embedded broker does not run",
            kind="not_running",
            fix="start it: tapedeck broker up; or name a cluster with --bootstrap, TAPEDECK_BOOTSTRAP or tapedeck.toml",
        )
    return bootstrap


def started(named: str | None, progress: Callable[[str], None]) -> str:
    """Address of the cluster named; of the embedded broker where none is, brought up if need be.

    Raises:
        BrokerError: It cannot be started.
    """
    if named is not None:
        return named
    from streams.broker import EmbeddedBroker

    bootstrap = EmbeddedBroker().up(progress=progress).bootstrap
    if bootstrap is None:
        raise BrokerError(
            "the embedded broker ended as soon as it was up", kind="start_ended", fix="see tapedeck broker status"
        )
    return bootstrap
