"""README.md's commands and programs that read or write a Kafka: run word for word against a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.broker import EmbeddedBroker
from tests.readme_blocks import Block, blocks, run

SECONDS = 3
"""Length of the session whose orders are read: enough for some orders."""

PUBLISHER_LINES_MAX = 20
"""To publish is no more work than that."""

Variables = dict[str, str]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Variables]:
    """What blocks find in their environment. A broker of its own: on a shared one the newest run may be another's."""
    broker = EmbeddedBroker(tmp_path_factory.mktemp("readme"))
    try:
        bootstrap = broker.up().bootstrap
        assert bootstrap is not None
        yield {"TAPEDECK_BOOTSTRAP": bootstrap, "KAFKA": bootstrap}
    finally:
        broker.down()


def play(cluster: Variables, folder: Path) -> dict[str, Any]:
    """Plays a session; its summary."""
    session = Block("sh", "kafka", f"tapedeck demo --seconds {SECONDS} --speed max --json", 0)
    summary: dict[str, Any] = json.loads(run(session, folder, cluster).splitlines()[-1])
    return summary


def orders_printed(output: str) -> int:
    return sum("touch-pressure-simulator-" in line for line in output.splitlines())


@pytest.fixture(scope="class")
def summary(cluster: Variables, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of the session that the readers read."""
    return play(cluster, tmp_path_factory.mktemp("played"))


class TestReadersOfTheNewestRun:
    """A class, so that nothing plays another run between the session and its readers."""

    def test_a_subscriber_sees_every_order_and_ends_with_the_run(
        self, summary: dict[str, Any], cluster: Variables, tmp_path: Path
    ) -> None:
        _, subscriber, _, _ = blocks("python", "kafka")
        assert orders_printed(run(subscriber, tmp_path, cluster)) == summary["orders"] > 0

    def test_a_stock_client_sees_every_order_and_ends_with_the_run(
        self, summary: dict[str, Any], cluster: Variables, tmp_path: Path
    ) -> None:
        _, _, client, _ = blocks("python", "kafka")
        assert orders_printed(run(client, tmp_path, cluster)) == summary["orders"] > 0

    def test_the_order_hash_is_what_the_readme_says_it_is(
        self, summary: dict[str, Any], cluster: Variables, tmp_path: Path
    ) -> None:
        _, _, _, hashing = blocks("python", "kafka")
        assert run(hashing, tmp_path, cluster).strip() == summary["order_hash"]


@pytest.fixture(scope="module")
def with_a_run(cluster: Variables, tmp_path_factory: pytest.TempPathFactory) -> Variables:
    """The cluster, once there is a run in it, and a source of one's own."""
    play(cluster, tmp_path_factory.mktemp("played"))
    publisher, *_ = blocks("python", "kafka")
    assert len(publisher.text.splitlines()) <= PUBLISHER_LINES_MAX
    assert run(publisher, tmp_path_factory.mktemp("published"), cluster) == "100 are in raw.acme for good\n"
    return cluster


@pytest.mark.parametrize("block", blocks("sh", "kafka"), ids=str)
def test_each_command_runs_word_for_word(
    block: Block, with_a_run: Variables, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    variables = dict(with_a_run)
    if "$TAPEDECK_DATA" in block.text:
        variables["TAPEDECK_DATA"] = str(request.getfixturevalue("data_dir"))
    output = run(block, tmp_path, variables)
    if " demo " in block.text and "--json" in block.text:
        summary = json.loads(output.splitlines()[-1])
        assert (summary["lost"], summary["duplicated"]) == (0, 0)
        assert sum(summary["restarts"].values()) == block.text.count("--kill ")
