"""Trouble with what a cluster says of itself."""

from __future__ import annotations

from typing import Any

from tests.kinds.registry import Desk, trigger


@trigger("broker.unanswered", kafka=True)
def settings_of_a_topic_that_is_not_there(desk: Desk) -> Any:
    from streams.cluster import Cluster

    return Cluster(desk.bootstrap).topic_settings(["nobodys"])


@trigger("broker.no_version")
def the_version_of_a_broker_that_is_not_there(_: Desk) -> Any:
    from streams.broker_features import feature_levels

    return feature_levels("127.0.0.1:1", 1.0)
