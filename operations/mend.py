"""Mends live topics: what ``doctor`` finds wrong with them and Kafka can change in place. Removes nothing."""

from __future__ import annotations

from collections.abc import Mapping

from agents.topology import topic_specs
from operations.live_run import opened
from operations.live_topics import is_keyed, specs_of, wrong_settings
from schemas.errors import ConfigError
from streams.cluster import Cluster
from streams.log import Log


def mend_topics(cluster: Cluster, log: Log) -> list[dict[str, object]]:
    """Create what the live run misses, add partitions that are missing, set settings as the table wants them.

    Args:
        cluster: Where settings are changed.
        log: The same cluster's log.

    Returns:
        One object for each topic changed: ``topic`` and what was ``created``, ``partitions`` or ``settings``.

    Raises:
        ConfigError: A keyed topic has too few partitions: it is not enlarged. Nothing was changed.
        BrokerError: The cluster does not answer, or refuses.
    """
    done: list[dict[str, object]] = []
    run, before = opened(log), cluster.topics()
    partitions = 1 if run is None else run.run.partitions
    gateway = "" if run is None else run.run.gateway or ""
    _check_keyed({name: len(found) for name, found in before.items()}, partitions, gateway)
    if run is not None:
        missing = [spec for spec in topic_specs("", run.run.source, partitions, gateway) if spec.name not in before]
        log.create(missing)
        done += [{"topic": spec.name, "created": True} for spec in missing]
    specs = specs_of(before, partitions, gateway)
    found = cluster.topic_settings([spec.name for spec in specs])
    for spec in specs:
        wrong = wrong_settings(spec, found[spec.name])
        if wrong:
            cluster.change_topic(spec.name, wrong)
            done.append({"topic": spec.name, "settings": wrong})
        if len(before[spec.name]) < spec.partitions:
            cluster.add_partitions(spec.name, spec.partitions)
            done.append({"topic": spec.name, "partitions": spec.partitions})
    return done


def _check_keyed(found: Mapping[str, int], partitions: int, gateway: str) -> None:
    for spec in specs_of(found, partitions, gateway):
        if is_keyed(spec.name) and found[spec.name] < spec.partitions:
            raise ConfigError(
                "a keyed topic is not enlarged: keys would move to other partitions, while their books, positions and "
                "numbers stay behind", kind="repartition", got=f"{found[spec.name]} partitions",
                allowed=f"{spec.partitions}", where=spec.name,
                fix="begin anew on another cluster or TAPEDECK_HOME, after an end in order",
            )  # fmt: skip
