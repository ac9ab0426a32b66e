"""Which log is meant: the one handed over, the cluster named, or the embedded broker."""

from __future__ import annotations

from schemas.errors import BrokerError
from streams.config import BOOTSTRAP_VARIABLE, FILE_NAME, named_bootstrap
from streams.log import Log


def find_bootstrap() -> str:
    """Where Kafka listens: ``$TAPEDECK_BOOTSTRAP``, else ``tapedeck.toml``, else the embedded broker.

    Raises:
        ConfigError: What names a cluster cannot be used.
        BrokerError: None is named, and the embedded broker does not run.
    """
    named = named_bootstrap()
    if named is not None:
        return named.bootstrap
    from streams.broker import EmbeddedBroker

    bootstrap = EmbeddedBroker().status().bootstrap
    if bootstrap is None:
        raise BrokerError(
            "no broker: none is named and the embedded one does not run",
            kind="not_running",
            fix=f"start it (tapedeck broker up), or name one by {BOOTSTRAP_VARIABLE} or in {FILE_NAME}",
        )
    return bootstrap


def open_log(where: Log | str | None) -> tuple[Log, bool]:
    """The log meant by ``where``, and whether the caller must close it (it was opened here).

    Args:
        where: A log, a bootstrap address, or None for :func:`find_bootstrap`.

    Raises:
        BrokerError: No broker answers.
    """
    if where is not None and not isinstance(where, str):
        return where, False
    # Kafka's client loads only where it is used: a run in memory needs none of it.
    from streams.kafka import connect

    return connect(where or find_bootstrap()), True
