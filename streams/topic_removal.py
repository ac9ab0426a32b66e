"""Removing a run's topics: of a replay or a shadow, never of the live desk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from schemas.errors import BrokerError, ConfigError
from streams.kafka_client import LOGGER, broker_away, client_settings, described, kafka_error

REMOVE_S_MAX = 30.0
"""How long the broker is given to remove topics."""
OWN = ("replay.", "shadow.")
"""Namespaces of runs whose topics may be removed: what is in them can be made again."""


def remove_topics(bootstrap: str, names: Sequence[str]) -> None:
    """Remove topics of runs that can be made again.

    Raises:
        ConfigError: One is no such run's.
        BrokerError: The broker refused, or did not answer in time.
    """
    for name in names:
        if not name.startswith(OWN):
            raise ConfigError(
                "a run of its own may not write there", kind="outside_namespace", got=name, allowed=" or ".join(OWN),
                fix="this is a fault of Tapedeck: nothing was removed; please report it",
            )  # fmt: skip
    if not names:
        return
    admin: Any = AdminClient(client_settings(bootstrap), logger=LOGGER)
    for name, future in admin.delete_topics(list(names), operation_timeout=REMOVE_S_MAX).items():
        try:
            future.result(REMOVE_S_MAX)
        except TimeoutError as error:
            raise broker_away(bootstrap, REMOVE_S_MAX, None, f"topic {name} is not removed") from error
        except KafkaException as error:
            raise BrokerError(
                f"cannot remove topic {name}", kind="topic_refused", got=described(kafka_error(error)), where=bootstrap,
                fix="check what the cluster allows",
            ) from error  # fmt: skip
