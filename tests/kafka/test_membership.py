"""Members of a group share partitions out, by either protocol: held until given up, others' when one leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from streams.clock import monotonic_s, sleep_s
from streams.kafka import connect
from streams.log import TopicSpec
from streams.membership import Membership, Protocol, protocol_of
from tests.conftest import Kafka

PARTITIONS = 4
WAIT_S_MAX = 60.0


class Member:
    """A membership that gives up at once, unless it is told to hold."""

    def __init__(self, bootstrap: str, name: str, protocol: Protocol) -> None:
        self.owned: set[int] = set()
        self.holds = False
        self.wanted_back: set[int] = set()
        self.membership = Membership(bootstrap, name, name, protocol)
        self.membership.join()

    def look(self) -> None:
        for change in self.membership.changes():
            if change.kind == "assigned":
                self.owned.update(change.partitions)
            elif change.kind == "revoked" and self.holds:
                self.wanted_back.update(change.partitions)
            else:
                self.owned.difference_update(change.partitions)
                self.membership.released()

    def give_up(self) -> None:
        self.owned -= self.wanted_back
        self.holds = False
        self.membership.released()


def until(members: list[Member], holds: Callable[[], bool]) -> None:
    end = monotonic_s() + WAIT_S_MAX
    while not holds():
        assert monotonic_s() < end, [member.owned for member in members]
        for member in members:
            member.look()
        sleep_s(0.02)


@pytest.fixture
def topic(kafka: Kafka, name: str) -> Iterator[str]:
    log = connect(kafka.bootstrap)
    log.create([TopicSpec(name, PARTITIONS)])
    yield name
    log.close()


def test_client_and_embedded_broker_have_the_new_protocol(kafka: Kafka) -> None:
    assert protocol_of(kafka.bootstrap) == "consumer"


@pytest.mark.parametrize("protocol", ["consumer", "cooperative"])
def test_partitions_are_held_until_given_up_and_go_to_others_when_a_member_leaves(
    kafka: Kafka, topic: str, protocol: Protocol
) -> None:
    every = set(range(PARTITIONS))
    first = Member(kafka.bootstrap, topic, protocol)
    until([first], lambda: first.owned == every)
    first.holds = True
    second = Member(kafka.bootstrap, topic, protocol)
    both = [first, second]
    until(both, lambda: bool(first.wanted_back))
    assert first.wanted_back < every, "some stay where they are: the rest is not disturbed"
    for _ in range(20):
        second.look()
        sleep_s(0.02)
    assert not second.owned & first.owned, "assigned before it was given up"
    first.give_up()
    until(both, lambda: first.owned | second.owned == every)
    assert not first.owned & second.owned
    assert len(first.owned) == len(second.owned) == PARTITIONS // 2
    kept = set(first.owned)
    second.membership.leave()
    until([first], lambda: first.owned == every)
    assert kept <= first.owned
    first.membership.leave()
