"""What ``doctor`` finds in a cluster: settings, replicas and topics, planted as plain facts."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from agents.topology import topic_specs
from operations import brokers, groups, live_topics
from operations.finding import Finding
from schemas.errors import BrokerError
from streams.broker_features import feature_levels, levels_in
from streams.cluster import Group, Partition, Setting
from streams.kafka import topic_settings
from streams.kafka_client import RECORD_BYTES_MAX

WELL = {
    "transaction.partition.verification.enable": Setting("true"),
    "message.max.bytes": Setting(str(RECORD_BYTES_MAX)),
    "transaction.max.timeout.ms": Setting("900000", fixed=True),
    "unclean.leader.election.enable": Setting("false"),
    "auto.create.topics.enable": Setting("false", fixed=True),
    "default.replication.factor": Setting("3", fixed=True),
    "min.insync.replicas": Setting("2"),
}
"""Settings of a cluster that keeps every promise."""
WHOLE = Partition((1, 2, 3), (1, 2, 3))


def settings(**changed: str) -> list[Finding]:
    """Findings where the named settings (``_`` for a dot) are other ones."""
    planted = {name.replace("_", "."): Setting(value) for name, value in changed.items()}
    return brokers.settings("k:1", WELL | planted, embedded=False)


def test_settings_that_keep_every_promise_are_one_line() -> None:
    assert [(found.check, found.status) for found in settings()] == [("broker settings", "ok")]


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("transaction.partition.verification.enable", "false", "fail"),
        ("message.max.bytes", "1048588", "fail"),
        ("transaction.max.timeout.ms", "30000", "fail"),
        ("unclean.leader.election.enable", "true", "fail"),
        ("auto.create.topics.enable", "true", "warn"),
    ],
)
def test_a_setting_that_breaks_a_promise_is_found_with_the_command_that_sets_it(
    name: str, value: str, status: str
) -> None:
    (found,) = settings(**{name.replace(".", "_"): value})
    assert (found.check, found.status, found.found) == (f"broker {name}", status, value)
    assert found.fix == (
        "kafka-configs.sh --bootstrap-server k:1 --alter --entity-type brokers --entity-default "
        f"--add-config {name}={found.wanted}"
    )


def test_a_setting_that_only_a_restart_changes_says_so() -> None:
    planted = WELL | {"auto.create.topics.enable": Setting("true", fixed=True)}
    (found,) = brokers.settings("k:1", planted, embedded=False)
    assert found.fix.startswith("write auto.create.topics.enable=false into each broker's server.properties")
    (ours,) = brokers.settings("k:1", planted, embedded=True)
    assert ours.fix == "tapedeck broker down && tapedeck broker up"


def test_a_setting_that_is_not_told_is_unknown_and_not_well() -> None:
    told = {name: setting for name, setting in WELL.items() if "verification" not in name}
    assert [found.status for found in brokers.settings("k:1", told, embedded=False)] == ["unknown"]


def test_one_broker_is_well_and_says_what_it_does_not_survive() -> None:
    alone = WELL | {"default.replication.factor": Setting("1")}
    (found,) = brokers.replication("k:1", 1, alone, {"orders": (Partition((1,), (1,)),)})
    assert found.status == "ok"
    assert "not a power loss" in found.found


def test_three_brokers_with_three_replicas_are_well() -> None:
    (found,) = brokers.replication("k:1", 3, WELL, {"orders": (WHOLE,)})
    assert found.status == "ok"


@pytest.mark.parametrize(
    ("name", "value"), [("default.replication.factor", "1"), ("default.replication.factor", "2"),
                        ("min.insync.replicas", "1")]
)  # fmt: skip
def test_a_cluster_that_copies_too_little_by_default_fails(name: str, value: str) -> None:
    (found,) = brokers.replication("k:1", 3, WELL | {name: Setting(value)}, {"orders": (WHOLE,)})
    assert (found.check, found.status) == (f"broker {name}", "fail")


def test_a_thin_topic_in_a_cluster_fails_and_so_does_kafkas_own() -> None:
    thin = Partition((1,), (1,))
    (found,) = brokers.replication("k:1", 3, WELL, {"orders": (WHOLE, thin), "__transaction_state": (thin,)})
    assert found.status == "fail"
    assert "__transaction_state, orders" in found.found


def test_replicas_that_have_fallen_behind_fail() -> None:
    found = brokers.replication("k:1", 3, WELL, {"orders": (Partition((1, 2, 3), (1, 2)),)})
    assert [(f.check, f.status) for f in found] == [("replication", "ok"), ("replicas in sync", "fail")]


@pytest.mark.parametrize(
    ("levels", "status"),
    [({}, "unknown"), ({"metadata.version": 11}, "fail"), ({"metadata.version": 14}, "ok"),
     ({"metadata.version": 33, "transaction.version": 2}, "ok")],
)  # fmt: skip
def test_a_foreign_kafka_is_judged_by_its_feature_levels(levels: dict[str, int], status: str) -> None:
    assert brokers.version(levels, embedded=False).status == status
    assert brokers.version(levels, embedded=True).status == "ok"


def answer(*, error: int = 0) -> bytes:
    """An answer to ApiVersions 3: two APIs, an epoch, and two finalized features."""
    apis = b"\x03" + struct.pack(">hhh", 0, 3, 13) + b"\0" + struct.pack(">hhh", 1, 4, 18) + b"\x01\x00\x02ab"
    features = b"\x03\x11metadata.version" + struct.pack(">hh", 33, 33) + b"\0"
    features += b"\x14transaction.version" + struct.pack(">hh", 2, 2) + b"\0"
    tags = b"\x02\x01\x08" + struct.pack(">q", 5) + b"\x02" + bytes([len(features)]) + features
    return struct.pack(">ih", 1, error) + apis + struct.pack(">i", 0) + tags


@pytest.fixture
def broker() -> Iterator[tuple[str, list[bytes]]]:
    """An address that answers one connection with the bytes put into the list, and closes it."""
    said: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4_096)
                connection.sendall(said[0])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", said
        thread.join(10)


def test_feature_levels_are_read_from_the_brokers_answer(broker: tuple[str, list[bytes]]) -> None:
    address, said = broker
    said.append(struct.pack(">i", len(answer())) + answer())
    assert feature_levels(address, 5.0) == {"metadata.version": 33, "transaction.version": 2}


@pytest.mark.parametrize("nonsense", [b"", b"\0", b"HTTP/1.1 400 Bad Request\r\n", struct.pack(">i", 9) + b"\xff" * 9])
def test_an_answer_that_is_none_is_an_error_of_ours(broker: tuple[str, list[bytes]], nonsense: bytes) -> None:
    address, said = broker
    said.append(nonsense)
    with pytest.raises(BrokerError, match="does not tell its version"):
        feature_levels(address, 5.0)


def test_every_cut_of_an_answer_is_refused_or_read_never_waited_for() -> None:
    whole = answer()
    for cut in range(len(whole) - 1):
        with pytest.raises((ValueError, IndexError, struct.error)):
            levels_in(whole[:cut])
    with pytest.raises(ValueError, match="Kafka's error 35"):
        levels_in(answer(error=35))


def live(**changed: tuple[Partition, ...]) -> dict[str, tuple[Partition, ...]]:
    """The live topics of a run on ``simulator``, whole; ``changed`` have other partitions."""
    return {spec.name: (WHOLE,) * spec.partitions for spec in topic_specs("", "simulator")} | changed


def in_force(name: str, **changed: str) -> dict[str, dict[str, Setting]]:
    """Settings of all live topics, of ``name`` changed (``_`` for a dot)."""
    found = {
        spec.name: {key: Setting(value) for key, value in topic_settings(compacted=spec.compacted).items()}
        for spec in topic_specs("", "simulator")
    }
    found[name] |= {key.replace("_", "."): Setting(value) for key, value in changed.items()}
    return found


def judged(topics: dict[str, tuple[Partition, ...]], found: dict[str, dict[str, Setting]]) -> list[Finding]:
    return live_topics.judge(topics, found, source="simulator", bootstrap="k:1", program="tapedeck")


def test_topics_as_the_table_wants_them_are_one_line() -> None:
    (found,) = judged(live(), in_force("orders"))
    assert (found.check, found.status) == ("topics", "ok")
    assert found.found.startswith("14 live topics")


@pytest.mark.parametrize(
    ("topic", "setting", "value"),
    [
        ("state", "cleanup_policy", "delete"),
        ("state", "cleanup_policy", "compact,delete"),
        ("orders", "cleanup_policy", "compact"),
        ("raw.simulator", "retention_ms", "604800000"),
        ("raw.simulator", "retention_bytes", "1000000"),
        ("state", "max_message_bytes", "1048588"),
    ],
)
def test_a_topic_with_another_setting_fails_and_can_be_mended(topic: str, setting: str, value: str) -> None:
    (found,) = judged(live(), in_force(topic, **{setting: value}))
    assert (found.check, found.status, found.fix) == (f"topic {topic}", "fail", "tapedeck topics mend")
    assert f"{setting.replace('_', '.')}={value}" in found.found


def test_retention_of_a_compacted_topic_is_nobodys_trouble_and_larger_records_are_welcome() -> None:
    (found,) = judged(live(), in_force("state", retention_ms="1000", max_message_bytes="99999999"))
    assert found.status == "ok"


def test_too_few_partitions_are_mended_and_too_many_are_not() -> None:
    (few,) = judged(live(state=(WHOLE,)), in_force("orders"))
    assert (few.check, few.status, few.fix) == ("topic state", "fail", "tapedeck topics mend")
    (many,) = judged(live(orders=(WHOLE, WHOLE)), in_force("orders"))
    assert (many.check, many.status) == ("topic orders", "fail")
    assert "--delete --topic orders" in many.fix


def test_a_missing_topic_fails_where_a_live_run_was_opened_and_only_there() -> None:
    topics = live()
    del topics["clock"]
    (found,) = judged(topics, in_force("orders"))
    assert (found.status, found.found) == ("fail", "missing: clock")
    (none_opened,) = live_topics.judge(
        topics, in_force("orders"), source=None, bootstrap="k:1", program="tapedeck"
    )  # fmt: skip
    assert none_opened.status == "ok"


def test_a_strangers_topic_is_a_warning_and_runs_and_kafkas_own_are_none() -> None:
    others = {"zoo": (WHOLE,), "demo.20261123t142501-ab12.zoo": (WHOLE,), "__consumer_offsets": (WHOLE,)}
    (found,) = judged(live() | others, in_force("orders"))
    assert (found.status, found.found) == ("warn", "not Tapedeck's: zoo")


def test_a_consumer_that_is_far_behind_is_a_warning_unless_nobody_is_there() -> None:
    late, gone, near = Group("late", "STABLE", 50_000), Group("gone", "EMPTY", 50_000), Group("near", "STABLE", 3)
    found = groups.judge([late, gone, near], "k:1")
    assert [(f.check, f.status) for f in found] == [("group late", "warn"), ("consumer groups", "ok")]
    assert "--group late" in found[0].fix
    assert found[1].found == "lag in records: gone 50,000, no members; near 3"
    assert groups.judge([], "k:1")[0].found == "none"
