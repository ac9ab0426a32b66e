"""What every Kafka client of ours has in common: settings, the logger, and what an error code means.

librdkafka writes its warnings to stderr unless it is given a logger; ours is ``tapedeck.kafka``, silent until somebody
attaches a handler.
"""

from __future__ import annotations

import logging
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from schemas.errors import BrokerError
from streams.logs import KAFKA_LOGGER

LOGGER = logging.getLogger(KAFKA_LOGGER)
LOGGER.addHandler(logging.NullHandler())
# Said by every producer when it is made; that the guarantee holds is proved by the log suite.
LOGGER.addFilter(lambda record: "enable.gapless.guarantee is experimental" not in record.getMessage())

RECORD_BYTES_MAX = 16 * 1024 * 1024
"""Largest record: snapshots are the largest we write. Also the topics' ``max.message.bytes``."""

RECONNECT_MS_FIRST = 20
RECONNECT_MS_MAX = 1_000
"""Back-off between attempts to connect, so that a restarted broker is found within a second."""

FENCED = frozenset({
    KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_ID_MAPPING,
})  # fmt: skip
"""Another producer has taken the transactional id (or the broker has forgotten it): this one is over."""

GONE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._LOG_TRUNCATION})
"""The position asked for is not in the partition."""

TRANSIENT = frozenset({
    KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE, KafkaError._WAIT_COORD, KafkaError._NOENT, KafkaError.REQUEST_TIMED_OUT,
    KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError.REPLICA_NOT_AVAILABLE, KafkaError.NETWORK_EXCEPTION, KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR, KafkaError.KAFKA_STORAGE_ERROR,
    KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
})  # fmt: skip
"""Errors that pass when a broker or its leadership comes back. A topic just created is unknown for a moment."""


def client_settings(bootstrap: str) -> dict[str, Any]:
    """Client settings shared by consumers, producers and the admin client."""
    return {
        "bootstrap.servers": bootstrap,
        "client.id": "tapedeck",
        "socket.nagle.disable": True,
        "reconnect.backoff.ms": RECONNECT_MS_FIRST,
        "reconnect.backoff.max.ms": RECONNECT_MS_MAX,
        "log_level": 4,
    }


def kafka_error(error: BaseException) -> KafkaError:
    """The KafkaError inside what the client raised.

    A fatal error met while a delivery report is served comes wrapped in a SystemError (the client runs the callback
    with the exception already set); the original is its cause.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KafkaException):
            return cause.args[0]
        cause = cause.__cause__ or cause.__context__
    return KafkaError(KafkaError._FAIL, repr(error))


def described(error: KafkaError) -> str:
    """Code and text of an error, in one line."""
    return f"{error.name()} ({error.str()})"


def broker_away(bootstrap: str, seconds: float, error: KafkaError | None, doing: str) -> BrokerError:
    """The error that says that Kafka could not be reached within a bound."""
    return BrokerError(
        f"broker away: {doing} for {seconds:g} s",
        kind="away",
        got=described(error) if error is not None else "no answer",
        where=bootstrap,
        fix="start it (tapedeck broker up), or name the right one with --bootstrap or TAPEDECK_BOOTSTRAP",
    )
