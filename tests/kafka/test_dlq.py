"""Dead letters on a real broker: one a bad input whoever is killed by SIGKILL, put back by a person, too many halt."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from agents.opening import newest_opening
from agents.supervisor import Supervisor
from agents.topology import FUSED, writers
from agents.worker_spec import WorkerSpec
from schemas.errors import TaskFailed
from streams.admission import RETRIED_FROM
from streams.clock import monotonic_s
from streams.kafka import KafkaLog, connect
from tests.kafka.live_desk import LiveDesk
from tests.refused_world import BAD, NORMALISE, SOURCE, UNKNOWN, World

WAIT_S_MAX = 240.0
NUMBER = 600

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def world(desk_log: KafkaLog) -> World:
    return World(desk_log)


class Worker:
    """The task in a process of its own, under a supervisor."""

    def __init__(self, desk: LiveDesk, *kills: int, **bounds: Any) -> None:
        self.supervisor = Supervisor(backoff_s=(0.0,))
        log = connect(desk.bootstrap)
        opening = newest_opening(log)
        log.close()
        assert opening is not None
        spec = WorkerSpec(
            bootstrap=desk.bootstrap, namespace="", run=opening.run, source=SOURCE, task=NORMALISE.name,
            hops=list(NORMALISE.hops), mode="live", writers=writers(FUSED, SOURCE), **bounds,
        )  # fmt: skip
        self.supervisor.start(spec, kills)

    def until(self, reached: Callable[[], bool]) -> None:
        """Keep it alive until something holds."""
        until = monotonic_s() + WAIT_S_MAX
        while not reached():
            self.supervisor.poll(0.2)
            assert monotonic_s() < until, "it never came to that"

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor.close()


@pytest.fixture(scope="module")
def refused(desk: LiveDesk, world: World) -> World:
    """Bad inputs among good ones, worked off by a task that was killed again and again."""
    world.feed(range(3, NUMBER, 7), NUMBER)
    with Worker(desk, 1, 100, 300, 500) as worker:
        worker.until(lambda: world.position() >= NUMBER // 2)
        worker.supervisor.kill(NORMALISE.name)
        worker.until(lambda: world.position() >= NUMBER)
        assert worker.supervisor.restarts[NORMALISE.name] >= 2
    return world


def test_killed_by_sigkill_each_bad_input_is_one_letter(refused: World) -> None:
    filed = refused.filed()
    assert [f.letter.offset for f in filed] == sorted(refused.bad)
    assert refused.letter_seqs() == list(range(len(filed)))
    assert {f.payload for f in filed} == {BAD, UNKNOWN}


def test_the_list_and_one_of_it_as_people_and_machines_read_them(desk: LiveDesk, refused: World) -> None:
    code, told, _ = desk.run("dlq", "list", "--limit", "5", "--json")
    assert (code, told["total"], told["shown"], told["run"]) == (0, len(refused.bad), 5, "live")
    assert sum(told["by_kind"].values()) == 5
    newest = told["letters"][-1]
    assert (newest["task"], newest["offset"], newest["retried"]) == ("normalise", max(refused.bad), False)
    code, shown, _ = desk.run("dlq", "show", newest["number"], "--json")
    assert (code, shown["kind"], shown["payload_is"]) == (0, newest["kind"], "text")
    assert shown["payload"].encode() in (BAD, UNKNOWN)
    assert desk.run("dlq", "list", "--topic", "ticks", "--json")[1]["total"] == 0
    assert desk.run("dlq", "list", "--kind", "bad_payload", "--since", "1d", "--json")[1]["total"] == len(refused.bad)
    output = desk.start("dlq", "list").communicate(timeout=WAIT_S_MAX)[0]
    assert newest["input"] in output
    assert "20 dead letters of live of" in output


def test_a_retry_is_processed_once_on_record_and_refused_the_second_time(desk: LiveDesk, refused: World) -> None:
    numbers = [str(f.offset) for f in refused.filed()[:2]]
    code, told, said = desk.run("dlq", "retry", *numbers, "--reason", "mended", "--author", "j.doe", "--json")
    assert code == 0, said
    (done,) = told["retries"]
    assert [letter["source_seq"] for letter in done["letters"]] == [RETRIED_FROM, RETRIED_FROM + 1]
    before = len(refused.bad)
    with Worker(desk) as worker:
        worker.until(lambda: len(refused.filed()) >= before + 2)  # they are as bad as they were
    assert [f.letter.seq for f in refused.filed()[before:]] == [RETRIED_FROM, RETRIED_FROM + 1]
    code, _, said = desk.run("dlq", "retry", numbers[0], "--reason", "again")
    assert (code, "retried before; got by j.doe: mended" in said) == (2, True)
    assert desk.run("dlq", "show", numbers[0], "--json")[1]["retries"]["author"] == "j.doe"
    code, told, _ = desk.run("dlq", "retry", "--kind", "bad_payload.other_symbol", "--reason", "all", "--json")
    assert (code, told["retries"][0]["copies"] > 10) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("retry", "--reason", "x"), 2, "config.flags_conflict"),
        (("retry", "1", "--kind", "x", "--reason", "x"), 2, "config.flags_conflict"),
        (("retry", "999999", "--reason", "x"), 2, "config.no_letter"),
        (("retry", "seven", "--reason", "x"), 2, "config.no_letter"),
        (("retry", "--kind", "no.such", "--reason", "x"), 2, "config.no_letter"),
        (("retry", "3", "--reason", " "), 2, "config.bad_text"),
        (("retry", "3"), 2, "usage"),
        (("show", "999999"), 2, "config.no_letter"),
        (("list", "--since", "yesterday"), 2, "config.bad_moment"),
        (("list", "--run", "nobodys"), 2, "config.no_run"),
        (("--bootstrap", "127.0.0.1:1", "list"), 3, "broker.away"),
    ],
)
def test_what_is_wrong_is_one_line_and_a_code(
    desk: LiveDesk, refused: World, arguments: tuple[str, ...], code: int, said: str
) -> None:
    command = ("dlq", *arguments) if arguments[0] != "--bootstrap" else (*arguments[:2], "dlq", *arguments[2:])
    found, _, errors = desk.run("--log-format", "json", *command)
    assert (found, [json.loads(line)["code"] for line in errors.splitlines()][-1]) == (code, said)


@pytest.mark.long
def test_too_much_that_is_bad_ends_the_task_for_good_until_more_is_allowed(desk: LiveDesk, refused: World) -> None:
    with Worker(desk) as worker:  # what was put back before
        worker.until(lambda: refused.position() >= refused.log.bounds(f"raw.{SOURCE}", 0)[1])
    refused.feed(range(NUMBER), NUMBER)
    for _ in range(2):
        with Worker(desk, bad_min=50, bad_share_max=0.2) as worker, pytest.raises(TaskFailed) as failed:
            worker.until(lambda: False)
        assert failed.value.kind == "task_failed.too_much_bad"
        assert worker.supervisor.restarts == {}
    halted_at = refused.position()
    letters = len(refused.filed())
    code, figures, _ = desk.run("top", "--once", "--json")
    task = next(task for task in figures["tasks"] if task["name"] == "normalise")
    assert (code, task["halted"]) == (0, True)
    assert "halted:" in desk.start("doctor").communicate(timeout=WAIT_S_MAX)[0]
    with Worker(desk, bad_share_max=1.0) as worker:
        worker.until(lambda: refused.position() > halted_at or len(refused.filed()) > letters)
