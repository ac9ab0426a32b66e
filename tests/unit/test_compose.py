"""docker-compose.yml starts the same Kafka, with the same settings, as the embedded broker."""

from __future__ import annotations

import re
from pathlib import Path

from streams.broker_jars import KAFKA_VERSION
from streams.broker_settings import LOOPBACK, settings

COMPOSE = Path(__file__).resolve().parents[2] / "docker-compose.yml"
CLIENTS_PORT, CONTROLLER_PORT, DATA = 9092, 9093, "/var/lib/kafka/data"

# No YAML library is among the dependencies, and the file is ours: its settings are one quoted string a line.
SETTING = re.compile(r'^ {6}(KAFKA_[A-Z0-9_]+): "(.*)"$')
NOT_SETTINGS = {"KAFKA_HEAP_OPTS"}
"""What the image's scripts read themselves; every other variable becomes a line of server.properties."""


def composed() -> dict[str, str]:
    """Settings by Kafka's own names, as the image makes them of its variables: KAFKA_, upper case, _ for a dot."""
    lines = COMPOSE.read_text(encoding="utf-8").splitlines()
    inside = lines[lines.index("    environment:") + 1 : lines.index("volumes:")]
    found = [SETTING.match(line) for line in inside if line.strip() and not line.lstrip().startswith("#")]
    assert all(found), "a line of the environment is not a quoted setting"
    pairs = {match[1]: match[2] for match in found if match is not None}
    assert len(pairs) == len(found), "a setting stands twice"
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in pairs.items()
        if name not in NOT_SETTINGS
    }


def test_every_setting_is_the_embedded_brokers() -> None:
    expected = settings(CLIENTS_PORT, CONTROLLER_PORT, DATA)
    # Docker's port forwarding reaches the container's own address, not its loopback.
    inside = expected["listeners"].replace(f"//{LOOPBACK}:{CLIENTS_PORT}", f"//0.0.0.0:{CLIENTS_PORT}")
    assert inside != expected["listeners"]
    assert composed() == expected | {"listeners": inside}


def test_no_setting_holds_a_character_that_a_variable_name_cannot_carry() -> None:
    # The image reads __ as _ and ___ as -, which none of ours has: so the plain translation above is right.
    assert not [name for name in settings(CLIENTS_PORT, CONTROLLER_PORT, DATA) if "_" in name or "-" in name]


def test_it_is_the_same_version_of_kafka() -> None:
    assert f"    image: apache/kafka:{KAFKA_VERSION}\n" in COMPOSE.read_text(encoding="utf-8")


def test_only_this_machine_can_reach_it_and_its_data_outlive_the_container() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    ports = re.findall(r'^ {6}- "([\d.:]+)"', text, re.MULTILINE)
    assert ports == [f"{LOOPBACK}:{CLIENTS_PORT}:{CLIENTS_PORT}"]
    assert f"      - kafka-data:{DATA}\n" in text
