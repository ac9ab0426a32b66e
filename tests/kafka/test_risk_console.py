"""``tapedeck risk`` on a real broker: what people say, whoever is killed, and what a live risk task makes of it.

A broker of its own: these are the live topics, which have no prefix.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from agents.control_log import read_control
from streams.broker import EmbeddedBroker
from streams.clock import sleep_s
from streams.kafka import KafkaLog, connect
from streams.runner import Task
from tests.conftest import CLEANED_S_MAX, REPOSITORY, STOP_WHEN_ORPHANED
from tests.live_risk_world import World, seqs, until

ENDED_S_MAX = 120.0
TURN_WAIT_S = 0.02

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("live")
    watcher = subprocess.Popen(
        [sys.executable, "-c", STOP_WHEN_ORPHANED, str(home)], stdin=subprocess.PIPE, start_new_session=True,
        cwd=REPOSITORY,
    )  # fmt: skip
    broker = EmbeddedBroker(home)
    try:
        found = broker.up(progress=lambda _said: None).bootstrap
        assert found is not None
        yield found
    finally:
        broker.down()
        watcher.communicate(timeout=CLEANED_S_MAX)


@pytest.fixture
def log(bootstrap: str) -> Iterator[KafkaLog]:
    log = connect(bootstrap)
    yield log
    log.close()


class Person:
    """Types ``tapedeck risk ...``; ``meanwhile`` is called while a command runs."""

    def __init__(self, bootstrap: str, meanwhile: Callable[[], Any] = lambda: sleep_s(TURN_WAIT_S)) -> None:
        self._bootstrap = bootstrap
        self._meanwhile = meanwhile

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "console.main", "--bootstrap", self._bootstrap, "risk", *arguments],
            cwd=REPOSITORY, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def ran(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        process = self.started(*arguments)
        while process.poll() is None:
            self._meanwhile()
        out, err = process.communicate(timeout=ENDED_S_MAX)
        return process.returncode, out, err

    def says(self, *arguments: str) -> dict[str, Any]:
        """What it answers as JSON, having succeeded."""
        code, out, err = self.ran(*arguments, "--json")
        assert code == 0, err
        told: dict[str, Any] = orjson.loads(out)
        return told


@pytest.fixture(scope="module")
def before_any_run(bootstrap: str) -> dict[str, Any]:
    """A halt that was given on an empty cluster, and what was seen there."""
    person = Person(bootstrap)
    seen: dict[str, Any] = {"empty": person.says("show")}
    seen["set"] = person.ran("limits", "set", "default.notional_max=5", "--reason", "x")
    seen["resume"] = person.ran("resume", "--scope", "all", "--reason", "x")
    seen["halt"] = person.says("halt", "--scope", "all", "--reason", "not yet", "--author", "j.doe")
    seen["after"] = person.says("show")
    assert person.ran("resume", "--scope", "all", "--reason", "go", "--wait", "0")[0] == 0
    return seen


def test_before_the_first_run_a_halt_is_taken_and_limits_are_not(before_any_run: dict[str, Any]) -> None:
    seen = before_any_run
    assert (seen["empty"]["run"], seen["empty"]["state"], seen["empty"]["halts"]) == (None, "HALTED", [])
    assert (seen["set"][0], seen["resume"][0]) == (2, 2)
    assert "no live run was opened yet" in seen["set"][2]
    assert "nothing is halted there; got all; allowed: no halt is in force" in seen["resume"][2]
    assert seen["halt"]["written"] == {"topic": "control", "partition": 0, "offset": 0, "seq": 0}
    assert (seen["halt"]["effective"], seen["halt"]["before_intent"]) == (False, None)
    assert seen["after"]["halts"] == seen["halt"]["halts"]
    assert [h["reason"] for h in seen["after"]["halts"]] == ["not yet"]


@pytest.fixture(scope="module")
def world(bootstrap: str, before_any_run: dict[str, Any]) -> Iterator[World]:
    log = connect(bootstrap)
    yield World(log)
    log.close()


class Desk:
    """The world and a live task, both of which go on while a person types."""

    def __init__(self, world: World, bootstrap: str) -> None:
        self.world = world
        self.task: Task = world.task(plan={"commit_every_batch": True, "commit_interval_s": 0.2})
        self.person = Person(bootstrap, self.turn)
        self.alone = Person(bootstrap)

    def turn(self) -> None:
        self.world.tick()
        self.task.turn(TURN_WAIT_S)

    def reasons(self, **more: Any) -> list[str]:
        """Why the next intent is denied; empty where it is approved."""
        asked = self.world.ask(**more)
        until(lambda: len(self.world.decisions()) == len(self.world.asked), self.turn)
        last = self.world.decisions()[-1]
        assert last.client_order_id == asked.client_order_id
        assert (last.verdict == "approved") == (not last.reasons)
        return last.reasons

    def restart(self) -> None:
        self.task.close()
        self.task = self.world.task(plan={"commit_every_batch": True, "commit_interval_s": 0.2})


@pytest.fixture
def desk(world: World, bootstrap: str) -> Iterator[Desk]:
    desk = Desk(world, bootstrap)
    yield desk
    desk.task.close()


def test_a_halt_is_noted_denies_survives_a_restart_and_is_lifted(desk: Desk) -> None:
    assert desk.reasons() == []
    told = desk.person.says("halt", "--scope", "instrument", "spot:BTCUSDT", "--reason", "bad prints")
    assert told["effective"] is True
    assert told["before_intent"] == len(desk.world.asked)
    assert desk.reasons() == ["trading_state"]
    assert desk.reasons(instrument="inverse:BTCUSD_PERP", quantity=1) == []
    desk.restart()
    assert desk.reasons() == ["trading_state"]
    code, out, err = desk.person.ran("resume", "--scope", "instrument", "spot:BTCUSDT", "--reason", "checked")
    assert code == 0, err
    assert (
        out.splitlines()[1]
        == f"in force: the risk task has taken note, before intent {len(desk.world.asked)} at the latest"
    )
    assert desk.reasons() == []


def test_limits_are_changed_from_one_intent_to_the_next_and_their_history_says_who(desk: Desk) -> None:
    assert desk.reasons(quantity=1_000) == []
    told = desk.person.says(
        "limits", "set", "spot:BTCUSDT.quantity_max=0.005", "account.message_rate_max=900", "--reason", "thin book",
        "--author", "j.doe",
    )  # fmt: skip
    assert told["effective"] is True
    assert desk.reasons(quantity=501) == ["quantity"]
    assert desk.reasons(quantity=500) == []
    shown = desk.person.says("limits", "show")
    assert shown["limits"]["account"]["message_rate_max"] == 900
    assert {"key": "spot:BTCUSDT.quantity_max", "opening": "1000", "value": "0.005"} in shown["changed"]
    code, _, err = desk.person.ran("limits", "set", "account.message_rate_max=900", "--reason", "again")
    assert (code, "nothing would change" in err) == (2, True)
    code, _, err = desk.person.ran("limits", "set", "account.message_rate_max=0", "--reason", "zero")
    assert (code, "not a message rate; got 0; allowed: whole number 1 to 10000" in err) == (2, True)
    last = desk.person.says("limits", "history")["history"][-1]
    assert (last["author"], last["reason"], last["offset"]) == ("j.doe", "thin book", told["written"]["offset"])
    assert {"key": "account.message_rate_max", "was": 1_000, "value": 900} in last["changes"]
    assert desk.person.says("limits", "set", "spot:BTCUSDT.quantity_max=1000", "--reason", "back")["effective"]


def test_a_halt_given_while_no_task_runs_holds_for_the_first_intent_when_it_comes_up(desk: Desk) -> None:
    assert desk.reasons() == []
    desk.task.close()
    assert desk.alone.says("halt", "--scope", "all", "--reason", "down", "--wait", "0")["effective"] is False
    desk.restart()
    assert desk.reasons() == ["trading_state"]
    desk.person.says("resume", "--scope", "all", "--reason", "up")
    assert desk.reasons() == []


def test_a_typo_is_told_and_can_be_overruled(desk: Desk) -> None:
    code, _, err = desk.person.ran("halt", "--scope", "instrument", "spot:BTCUSD", "--reason", "x")
    assert code == 2
    assert "no such instrument; got spot:BTCUSD; allowed: spot:BTCUSDT" in err
    code, _, err = desk.person.ran("halt", "--scope", "strategy", "nobody", "--reason", "x")
    assert (code, "allowed: touch-pressure" in err) == (2, True)
    told = desk.person.says("halt", "--scope", "strategy", "nobody", "--reason", "x", "--force")
    assert [h["name"] for h in told["halts"]] == ["nobody"]
    desk.person.says("resume", "--scope", "strategy", "nobody", "--reason", "x")


def test_people_who_speak_at_once_are_all_written_once(bootstrap: str, log: KafkaLog, world: World) -> None:
    person = Person(bootstrap)
    names = [f"many{i}" for i in range(4)]
    running = [
        person.started("halt", "--scope", "account", n, "--reason", n, "--force", "--wait", "0", "--json")
        for n in names
    ]
    offsets = []
    for process in running:
        out, err = process.communicate(timeout=ENDED_S_MAX)
        assert process.returncode == 0, err
        offsets.append(orjson.loads(out)["written"]["offset"])
    assert len(set(offsets)) == len(names)
    halts = read_control(log).standing.halts
    assert {name for scope, name in halts if scope == "account"} >= set(names)
    assert seqs(log, "control") == list(range(len(seqs(log, "control"))))


@pytest.mark.long
def test_who_is_killed_while_writing_leaves_all_of_it_or_nothing(bootstrap: str, log: KafkaLog, world: World) -> None:
    person = Person(bootstrap)
    before = len(seqs(log, "control"))
    process = person.started("halt", "--scope", "account", "timed", "--reason", "x", "--force", "--wait", "0")
    ticks = 0
    while process.poll() is None:
        sleep_s(TURN_WAIT_S)
        ticks += 1
    process.communicate(timeout=ENDED_S_MAX)
    written = before + 1
    for i in range(8):  # from before it has read anything to about when it is done
        process = person.started("halt", "--scope", "account", f"killed{i}", "--reason", "x", "--force", "--wait", "0")
        sleep_s(TURN_WAIT_S * ticks * (0.55 + 0.06 * i))
        process.kill()
        process.communicate(timeout=ENDED_S_MAX)
    told = person.says("halt", "--scope", "account", "last", "--reason", "x", "--force", "--wait", "0")
    numbers = seqs(log, "control")
    assert numbers == list(range(len(numbers))), "no hole, nothing twice"
    assert written < len(numbers) <= written + 9
    assert told["written"]["seq"] == numbers[-1]


def test_what_is_shown_to_people_fits_and_names_what_matters(desk: Desk) -> None:
    desk.person.says("halt", "--scope", "all", "--reduce", "--reason", "close", "--author", "j.doe")
    code, out, err = desk.person.ran("show")
    assert code == 0, err
    assert "REDUCING  all  since" in out
    assert "by j.doe: close" in out
    assert "spot:ETHUSDT  halted by itself: no limit quantity_max, position_max" in out
    assert "risk      has noted all of this" in out
    desk.person.says("resume", "--scope", "all", "--reason", "open")
