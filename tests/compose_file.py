"""docker-compose.yml, parsed: what the tests of its text and those of its commands both need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from agents.topology import FUSED

REPOSITORY = Path(__file__).resolve().parents[1]
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
KAFKA = SERVICES["kafka"]
TASKS = ("clock", "feed", *(task.name for task in FUSED))
AGENTS = (*TASKS, "doctor")

CLIENTS_PORT, NETWORK_PORT, CONTROLLER_PORT, DATA = 9092, 19092, 9093, "/var/lib/kafka/data"
NETWORK = f"kafka:{NETWORK_PORT}"
"""Where containers find the broker."""

NOT_SETTINGS = {"KAFKA_HEAP_OPTS"}
"""What the image's scripts read themselves; every other variable becomes a line of server.properties."""


def composed() -> dict[str, str]:
    """Settings by Kafka's own names, as the image makes them of its variables: KAFKA_, upper case, _ for a dot."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in KAFKA["environment"].items()
        if name not in NOT_SETTINGS
    }
