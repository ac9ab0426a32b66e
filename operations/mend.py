"""Mends live topics: what ``doctor`` finds wrong with them and Kafka can change in place. Removes nothing."""

from __future__ import annotations

from agents.topology import topic_specs
from operations.live_run import opened
from operations.live_topics import specs_of, wrong_settings
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
        BrokerError: The cluster does not answer, or refuses.
    """
    done: list[dict[str, object]] = []
    run, before = opened(log), cluster.topics()
    if run is not None:
        missing = [spec for spec in topic_specs("", run.run.source) if spec.name not in before]
        log.create(missing)
        done += [{"topic": spec.name, "created": True} for spec in missing]
    specs = specs_of(before)
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
