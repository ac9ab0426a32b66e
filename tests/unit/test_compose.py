"""docker-compose.yml and the Dockerfile, by what can be told without Docker: parsed, and held against what they mirror.

That the composed settings start a Kafka, and that every service's command runs, is proved in
``tests/kafka/test_compose_services.py``.
"""

from __future__ import annotations

import fnmatch
import re
import tomllib

import pytest

from streams.broker_jars import KAFKA_VERSION
from streams.broker_settings import LOOPBACK, settings
from streams.broker_start import HEAP
from streams.home import HOME_VARIABLE
from streams.kafka_writer import COMMIT_S_MAX
from tests.compose_file import (
    AGENTS,
    CLIENTS_PORT,
    COMPOSE,
    CONTROLLER_PORT,
    DATA,
    KAFKA,
    NETWORK,
    NETWORK_PORT,
    REPOSITORY,
    SERVICES,
    TASKS,
    composed,
)


def test_every_setting_is_the_embedded_brokers_but_for_the_second_listener() -> None:
    embedded = settings(CLIENTS_PORT, CONTROLLER_PORT, DATA)
    ours = composed()
    # Docker's port forwarding reaches the container's own address, not its loopback.
    different = {
        "listeners": f"PLAINTEXT://0.0.0.0:{CLIENTS_PORT},COMPOSE://0.0.0.0:{NETWORK_PORT},"
        f"CONTROLLER://{LOOPBACK}:{CONTROLLER_PORT}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{CLIENTS_PORT},COMPOSE://{NETWORK}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,COMPOSE:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
    assert {name: value for name, value in ours.items() if embedded.get(name) != value} == different
    assert {name for name, value in embedded.items() if ours.get(name) != value} == different.keys() & embedded.keys()
    assert embedded["listeners"] in different["listeners"].replace("0.0.0.0", LOOPBACK).replace(
        f"COMPOSE://{LOOPBACK}:{NETWORK_PORT},", ""
    )


def test_every_setting_is_a_text_that_no_parser_of_yaml_can_take_for_something_else() -> None:
    assert all(isinstance(value, str) for value in KAFKA["environment"].values())


def test_its_heap_is_the_embedded_brokers() -> None:
    assert KAFKA["environment"]["KAFKA_HEAP_OPTS"] == " ".join(HEAP)


def test_no_setting_holds_a_character_that_a_variable_name_cannot_carry() -> None:
    # The image reads __ as _ and ___ as -, which none of ours has: so the plain translation above is right.
    assert not [name for name in composed() if "_" in name or "-" in name]


def test_it_is_the_same_version_of_kafka() -> None:
    assert KAFKA["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_only_this_machine_can_reach_it() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "kafka": [f"{LOOPBACK}:{CLIENTS_PORT}:{CLIENTS_PORT}"]
    }


def test_its_data_outlive_the_container_and_it_is_asked_whether_it_answers() -> None:
    assert f"kafka-data:{DATA}" in KAFKA["volumes"]
    named = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert named == COMPOSE["volumes"].keys()
    check = KAFKA["healthcheck"]
    assert check["test"][-1] == f"{LOOPBACK}:{CLIENTS_PORT}"
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


def test_there_is_a_service_for_each_task_of_the_live_topology() -> None:
    assert set(SERVICES) == {"kafka", *AGENTS}


@pytest.mark.parametrize("task", TASKS)
def test_a_service_runs_its_own_task_and_comes_back_when_it_dies(task: str) -> None:
    service = SERVICES[task]
    assert service["command"] == ["--bootstrap", NETWORK, "up", "--only", task]
    assert service["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert service["restart"] == "unless-stopped"
    assert seconds(service["stop_grace_period"]) > COMMIT_S_MAX
    assert service["init"] is True


@pytest.mark.parametrize("name", AGENTS)
def test_a_container_of_ours_has_no_rights_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "user", "cap_add", "network_mode", "pid", "env_file", "secrets"} & service.keys()
    assert service["volumes"] == [f"tapedeck-home:{environment()[HOME_VARIABLE]}"]


def test_doctor_waits_for_nobody_and_starts_only_when_asked() -> None:
    assert SERVICES["doctor"]["command"] == ["--bootstrap", NETWORK, "doctor"]
    assert SERVICES["doctor"]["profiles"] == ["tools"]
    assert "depends_on" not in SERVICES["doctor"]


def test_no_log_of_a_container_grows_for_ever() -> None:
    assert all(service["logging"]["options"].keys() >= {"max-size", "max-file"} for service in SERVICES.values())


def test_nothing_looks_like_a_secret() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text() + (REPOSITORY / "Dockerfile").read_text()
    assert not re.findall(r"(?i)password|passwd|api[_-]?key|secret\b|token", text)


def seconds(text: str) -> float:
    assert text.endswith("s"), text
    return float(text[:-1])


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, each with its arguments on one line."""
    text = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.split("\n") if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    assert all(len(line) == 2 for line in found), found
    return [(name, rest) for name, rest in found]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, ``FROM`` first."""
    found: list[list[tuple[str, str]]] = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def environment() -> dict[str, str]:
    """``ENV`` of the image that runs."""
    return dict(pair.split("=", 1) for name, rest in stages()[-1] if name == "ENV" for pair in rest.split())


def test_every_stage_stands_on_the_same_python_named_to_the_patch() -> None:
    bases = {stage[0][1].split(" AS ")[0] for stage in stages()}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.12\.\d+-slim-[a-z]+", bases.pop())


def test_nothing_is_fetched_but_what_the_lock_names() -> None:
    assert {name for name, _ in instructions()} <= {
        "FROM",
        "ENV",
        "RUN",
        "WORKDIR",
        "COPY",
        "USER",
        "VOLUME",
        "ENTRYPOINT",
    }
    runs = [rest for name, rest in instructions() if name == "RUN"]
    synced = [run for run in runs if run.startswith("uv sync")]
    assert len(synced) == 2
    assert all({"--locked", "--no-dev"} <= set(run.split()) for run in synced)
    assert "--no-editable" in synced[-1].split()
    fetching = [run for run in runs if re.search(r"\b(curl|wget|apt|apt-get|pip|git)\b", run)]
    assert all(re.fullmatch(r"pip install --no-cache-dir uv==\d+\.\d+\.\d+", run) for run in fetching)


def test_the_image_that_runs_has_no_tools_of_the_build() -> None:
    last = stages()[-1]
    assert [rest for name, rest in last if name == "COPY"] == ["--from=build /app/.venv /app/.venv"]
    assert not [rest for name, rest in last if name == "RUN" and re.search(r"\b(uv|pip|apt|apt-get)\b", rest)]
    assert environment()["PATH"].startswith("/app/.venv/bin:")


def test_it_runs_as_a_fixed_user_who_is_not_root_and_owns_the_home() -> None:
    last = stages()[-1]
    names = [name for name, _ in last]
    (user,) = (rest for name, rest in last if name == "USER")
    number, _, group = user.partition(":")
    assert int(number) > 0
    assert int(group) > 0
    assert names.index("USER") > max(at for at, name in enumerate(names) if name == "RUN")
    (made,) = (rest for name, rest in last if name == "RUN")
    home = environment()[HOME_VARIABLE]
    assert f"--uid {number} " in made
    assert f"install --directory --owner {number} --group {group} {home}" in made
    assert ("VOLUME", home) in last


def test_it_runs_the_command_that_the_package_installs() -> None:
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert ("ENTRYPOINT", '["tapedeck"]') in stages()[-1]
    assert "tapedeck" in scripts


def test_everything_copied_exists_is_let_into_the_build_and_is_all_that_the_package_is_made_of() -> None:
    copied = [name for instruction, rest in stages()[0] if instruction == "COPY" for name in rest.split()[:-1]]
    assert all((REPOSITORY / name).exists() for name in copied)
    rules = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    let_in = [rule[1:] for rule in rules if rule.startswith("!")]
    assert sorted(let_in) == sorted(copied)
    assert all((REPOSITORY / name).exists() for name in let_in)
    assert any(fnmatch.fnmatch("agents/__pycache__", rule.replace("**", "*")) for rule in rules[1:])
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= set(copied)
    assert {"pyproject.toml", "uv.lock", project["project"]["readme"]} <= set(copied)
