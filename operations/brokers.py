"""The broker: does it answer, which Kafka is it, and do its settings keep what exactly once rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from operations.finding import Finding, amount
from streams.broker_features import METADATA, TRANSACTION, release
from streams.broker_jars import KAFKA_VERSION
from streams.cluster import Partition, Setting
from streams.kafka_client import RECORD_BYTES_MAX
from streams.kafka_writer import TRANSACTION_MS_MAX

METADATA_LEVEL_MIN = 14
"""Kafka 3.6: the first that verifies transactions (KIP-890)."""
REPLICAS_MIN = 3
IN_SYNC_MIN = 2
"""What a cluster of three or more must have, so that any one broker may die with its disk."""
TOPICS_NAMED_MAX = 3

VERIFICATION = "transaction.partition.verification.enable"
UNCLEAN = "unclean.leader.election.enable"


def version(levels: Mapping[str, int], *, embedded: bool) -> Finding:
    """Which Kafka it is: exactly where it is ours, by its feature levels elsewhere.

    Args:
        levels: Finalized feature levels; empty where the broker states none.
        embedded: Whether it is the embedded broker.
    """
    wanted = f"Kafka {release(METADATA_LEVEL_MIN)} or newer; proved with {KAFKA_VERSION}"
    level, transactions = levels.get(METADATA), levels.get(TRANSACTION, 0)
    if embedded:
        return Finding("broker version", "ok", f"Apache Kafka {KAFKA_VERSION}, embedded")
    if level is None:
        return Finding("broker version", "unknown", "the broker states no feature levels", wanted)
    found = f"features of Kafka {release(level)} ({METADATA} {level}, {TRANSACTION} {transactions})"
    if level < METADATA_LEVEL_MIN:
        return Finding("broker version", "fail", found, wanted,
                       "upgrade the brokers, then: kafka-features.sh --bootstrap-server HOST:PORT upgrade "
                       f"--release-version {release(METADATA_LEVEL_MIN)}")  # fmt: skip
    return Finding("broker version", "ok", found)


def settings(bootstrap: str, found: Mapping[str, Setting], *, embedded: bool) -> list[Finding]:
    """A broker's settings, one finding for each that is wrong, one for all that are right."""
    wrong = []
    judged = (
        (VERIFICATION, "true", "fail", _is("true")),
        ("message.max.bytes", str(RECORD_BYTES_MAX), "fail", _at_least(RECORD_BYTES_MAX)),
        ("transaction.max.timeout.ms", str(TRANSACTION_MS_MAX), "fail", _at_least(TRANSACTION_MS_MAX)),
        (UNCLEAN, "false", "fail", _is("false")),
        ("auto.create.topics.enable", "false", "warn", _is("false")),
    )
    for name, wanted, grave, holds in judged:
        setting = found.get(name)
        if setting is None:
            wrong.append(Finding(f"broker {name}", "unknown", "the broker does not tell", wanted))
        elif not holds(setting.value):
            wrong.append(Finding(f"broker {name}", "fail" if grave == "fail" else "warn", setting.value, wanted,
                                 _mend(bootstrap, name, wanted, fixed=setting.fixed, embedded=embedded)))  # fmt: skip
    if not wrong:
        said = f"transactions verified, records up to {amount(RECORD_BYTES_MAX)}, no topics by accident"
        wrong.append(Finding("broker settings", "ok", said))
    return wrong


def replication(
    bootstrap: str, brokers: int, defaults: Mapping[str, Setting], topics: Mapping[str, tuple[Partition, ...]]
) -> list[Finding]:
    """Copies of the tape: what new topics get, and what those that exist have.

    Args:
        bootstrap: For the fix.
        brokers: How many there are.
        defaults: A broker's settings.
        topics: Partitions by topic, Kafka's own included: transactions rest on ``__transaction_state``.
    """
    found = []
    if brokers < REPLICAS_MIN:
        found.append(Finding("replication", "ok", f"{brokers} broker{'s' if brokers > 1 else ''}: the tape survives "
                             "the death of processes, not a power loss or a lost disk"))  # fmt: skip
    else:
        found += _cluster(bootstrap, brokers, defaults, topics)
    shrunk = sorted(name for name, parts in topics.items() if any(len(p.in_sync) < len(p.replicas) for p in parts))
    if shrunk:
        found.append(Finding("replicas in sync", "fail", f"behind or gone: {_some(shrunk)}", "every replica in sync",
                             f"start the missing broker; then see that this is empty: kafka-topics.sh "
                             f"--bootstrap-server {bootstrap} --describe --under-replicated-partitions"))  # fmt: skip
    return found


def _cluster(
    bootstrap: str, brokers: int, defaults: Mapping[str, Setting], topics: Mapping[str, tuple[Partition, ...]]
) -> list[Finding]:
    found = []
    for name, least in (("default.replication.factor", REPLICAS_MIN), ("min.insync.replicas", IN_SYNC_MIN)):
        setting = defaults.get(name)
        if setting is not None and not _at_least(least)(setting.value):
            found.append(Finding(f"broker {name}", "fail", setting.value, f"at least {least}",
                                 _mend(bootstrap, name, str(least), fixed=setting.fixed, embedded=False)))  # fmt: skip
    thin = sorted(name for name, parts in topics.items() if any(len(p.replicas) < REPLICAS_MIN for p in parts))
    if thin:
        found.append(Finding(
            "replication", "fail", f"fewer than {REPLICAS_MIN} replicas: {_some(thin)}", f"{REPLICAS_MIN} replicas",
            f"kafka-reassign-partitions.sh --bootstrap-server {bootstrap} --reassignment-json-file PLAN.json "
            "--execute, with three replicas in PLAN.json",
        ))  # fmt: skip
    elif not found:
        found.append(Finding("replication", "ok", f"{brokers} brokers, {REPLICAS_MIN} replicas or more"))
    return found


def _mend(bootstrap: str, name: str, value: str, *, fixed: bool, embedded: bool) -> str:
    """How a broker's setting is set."""
    if embedded:  # its settings are written anew at each start
        return "tapedeck broker down && tapedeck broker up"
    if fixed:
        return f"write {name}={value} into each broker's server.properties and restart it"
    return (
        f"kafka-configs.sh --bootstrap-server {bootstrap} --alter --entity-type brokers --entity-default "
        f"--add-config {name}={value}"
    )


def _is(wanted: str) -> Callable[[str], bool]:
    return lambda value: value == wanted


def _at_least(least: int) -> Callable[[str], bool]:
    return lambda value: value.isdigit() and int(value) >= least


def _some(names: list[str]) -> str:
    more = len(names) - TOPICS_NAMED_MAX
    return ", ".join(names[:TOPICS_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
