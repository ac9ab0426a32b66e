"""The supervisor over tiny processes: what dies is brought back, what keeps dying ends the run, nothing is left."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agents import supervisor as module
from agents.supervisor import DEATHS_MAX, Supervisor
from schemas.errors import BrokerError, ConfigError, SnapshotError, StateDiverged, TaskFailed
from streams.clock import monotonic_s
from tests.supervised import PATIENCE_S, Events, Make, spec, supervisors

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def make(events: Events) -> Iterator[Make]:
    with supervisors(events) as made:
        yield made


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def run_to_end(supervisor: Supervisor) -> None:
    until = monotonic_s() + PATIENCE_S
    while not supervisor.done:
        supervisor.poll(0.02)
        assert monotonic_s() < until


def test_workers_run_side_by_side_until_all_are_done(make: Make, events: Events) -> None:
    supervisor = make("say('ready'); say('reject', code='bad'); say('done')")
    for task in ("a", "b", "c"):
        supervisor.start(spec(task))
    supervisor.wait_ready()
    run_to_end(supervisor)
    assert sorted(events.names()) == ["done"] * 3 + ["ready"] * 3 + ["reject"] * 3
    assert {event["task"] for event in events} == {"a", "b", "c"}
    assert supervisor.restarts == {}


def test_a_worker_is_told_when_to_die_and_comes_back_without(make: Make, events: Events) -> None:
    supervisor = make("""
        say('ready', die_after=spec['die_after'])
        if spec['die_after']:
            os.kill(os.getpid(), signal.SIGKILL)
        say('done')
    """)
    supervisor.start(spec(), kills=(700, 500))
    assert supervisor.kills_left() == {"risk": [500, 700]}
    run_to_end(supervisor)
    assert [event["die_after"] for event in events if event["event"] == "ready"] == [500, 700, None]
    assert [event["code"] for event in events if event["event"] == "died"] == [-9, -9]
    assert supervisor.restarts == {"risk": 2}
    assert supervisor.kills_left() == {}


def test_kills_that_were_asked_for_are_no_crash_loop_however_many(make: Make) -> None:
    supervisor = make("""
        say('ready')
        if spec['die_after']:
            os.kill(os.getpid(), signal.SIGKILL)
        say('done')
    """)
    supervisor.start(spec(), kills=range(1, DEATHS_MAX + 4))
    run_to_end(supervisor)
    assert supervisor.restarts == {"risk": DEATHS_MAX + 3}


def test_a_kill_that_never_came_is_told(make: Make) -> None:
    supervisor = make("say('ready'); say('done')")
    supervisor.start(spec(), kills=(10**9,))
    run_to_end(supervisor)
    assert supervisor.kills_left() == {"risk": [10**9]}


def test_what_keeps_dying_ends_the_run_and_says_why(make: Make, events: Events) -> None:
    supervisor = make("print('kaput', file=sys.stderr); sys.exit(1)")
    supervisor.start(spec())
    with pytest.raises(TaskFailed, match="exit 1: task risk cannot go on; got kaput"):
        run_to_end(supervisor)
    assert events.names() == ["died"] * DEATHS_MAX
    assert supervisor.restarts == {"risk": DEATHS_MAX}


def test_a_worker_that_says_its_error_is_quoted(make: Make) -> None:
    supervisor = make("say('error', message='broker away'); sys.exit(3)")
    supervisor.start(spec())
    with pytest.raises(BrokerError, match="got broker away"):
        run_to_end(supervisor)


@pytest.mark.parametrize("error", [ConfigError, StateDiverged, SnapshotError])
def test_what_no_new_life_can_mend_ends_the_run_at_once(make: Make, events: Events, error: type[ConfigError]) -> None:
    supervisor = make(f"sys.exit({error.exit_code})")
    supervisor.start(spec())
    with pytest.raises(TaskFailed):
        run_to_end(supervisor)
    assert events.names() == []


def test_an_exit_in_order_without_being_done_is_a_death(make: Make, events: Events) -> None:
    supervisor = make("say('ready')")
    supervisor.start(spec())
    with pytest.raises(TaskFailed):
        run_to_end(supervisor)
    assert events.names().count("ready") == DEATHS_MAX + 1


def test_each_death_in_a_row_is_followed_by_a_longer_pause(make: Make) -> None:
    supervisor = make("sys.exit(1)", backoff_s=(0.0, 0.1, 0.2))
    supervisor.start(spec())
    started = monotonic_s()
    with pytest.raises(TaskFailed):
        run_to_end(supervisor)
    assert monotonic_s() - started >= 0.0 + 0.1 + 0.2 * (DEATHS_MAX - 2)


def test_a_steady_life_starts_the_count_anew(make: Make, events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEADY_S", 0.0)
    supervisor = make("say('ready'); time.sleep(0.03); sys.exit(1)")
    supervisor.start(spec())
    until = monotonic_s() + PATIENCE_S
    while events.names().count("died") <= DEATHS_MAX + 2 and monotonic_s() < until:
        supervisor.poll(0.02)
    assert events.names().count("died") > DEATHS_MAX + 2


def test_a_task_that_is_not_ready_in_time_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READY_S_MAX", 0.2)
    supervisor = make("wait()")
    supervisor.start(spec("slow"))
    with pytest.raises(TaskFailed, match="tasks did not come up; got slow"):
        supervisor.wait_ready()


def test_waiting_for_ready_can_be_broken_off(make: Make) -> None:
    supervisor = make("wait()")
    supervisor.start(spec())
    supervisor.wait_ready(lambda: True)
    assert supervisor.pids.keys() == {"risk"}, "what was started is still there, to be closed in order"


def test_at_the_end_nothing_is_left_running(make: Make) -> None:
    supervisor = make("say('ready'); wait()")
    for task in ("a", "b"):
        supervisor.start(spec(task))
    supervisor.wait_ready()
    pids = list(supervisor.pids.values())
    assert len(pids) == 2
    assert all(alive(pid) for pid in pids)
    supervisor.close()
    assert not any(alive(pid) for pid in pids)
    assert supervisor.pids == {}


def test_what_does_not_end_by_itself_is_killed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "END_S_MAX", 0.2)
    supervisor = make("signal.signal(signal.SIGTERM, signal.SIG_IGN); say('ready'); time.sleep(60)")
    supervisor.start(spec())
    supervisor.wait_ready()
    (pid,) = supervisor.pids.values()
    supervisor.close()
    assert not alive(pid)


def test_after_a_failure_the_others_end_too(make: Make) -> None:
    supervisor = make("""
        if spec['task'] == 'bad':
            sys.exit(4)
        say('ready'); wait()
    """)
    supervisor.start(spec("good"))
    supervisor.wait_ready()
    (pid,) = supervisor.pids.values()
    supervisor.start(spec("bad"))
    with pytest.raises(TaskFailed):
        run_to_end(supervisor)
    assert alive(pid)
    supervisor.close()
    assert not alive(pid)


def test_a_worker_can_be_asked_to_end_and_only_once_it_can_hear(make: Make) -> None:
    supervisor = make("""
        time.sleep(0.1)
        asked = []
        signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
        say('ready')
        while not asked:
            time.sleep(0.01)
        say('done')
    """)
    supervisor.start(spec("feed"))
    until = monotonic_s() + PATIENCE_S
    while not supervisor.done and monotonic_s() < until:
        supervisor.terminate("feed")
        supervisor.poll(0.02)
    assert supervisor.done
    assert supervisor.restarts == {}
    supervisor.terminate("feed")


def test_whatever_a_worker_prints_does_not_upset_its_supervisor(make: Make, events: Events) -> None:
    supervisor = make("""
        print('a warning of some library')
        print('5'); print('[1, 2]'); print('{"no": "event"}'); print('{"event": 7}'); print('null')
        sys.stdout.buffer.write(bytes([0xff, 0xfe, 10]))
        print('{"event": "ready", "task": "another"}')
        say('done')
    """)
    supervisor.start(spec())
    run_to_end(supervisor)
    assert [e["event"] for e in events] == ["said"] * 7 + ["ready", "done"]
    assert {e["task"] for e in events} == {"risk"}


def test_a_flood_of_complaints_is_kept_to_its_end(make: Make) -> None:
    supervisor = make("""
        for i in range(20_000):
            print('line', i, file=sys.stderr)
        sys.exit(4)
    """)
    supervisor.start(spec())
    with pytest.raises(TaskFailed, match="got line 19999"):
        run_to_end(supervisor)


def test_workers_hand_over_at_once_and_those_that_are_not_ready_are_killed(make: Make, events: Events) -> None:
    supervisor = make("""
        asked = []
        signal.signal(signal.SIGUSR1, lambda *_: asked.append(True))
        if spec['task'] != 'hot@1':
            say('ready')
        while not asked:
            time.sleep(0.01)
        say('done')
    """)
    for task in ("hot@0", "hot@1", "hot@2"):
        supervisor.start(msgspec.structs.replace(spec(task), hops=["feature"]))
    until = monotonic_s() + PATIENCE_S
    while events.names().count("ready") < 2 and monotonic_s() < until:
        supervisor.poll(0.02)
    assert supervisor.hand_over(["hot@0", "hot@1"], PATIENCE_S)
    assert supervisor.pids.keys() == {"hot@2"}, "the others are not disturbed"
    assert "died" not in events.names()
    supervisor.poll(0.1)
    assert supervisor.restarts == {}
    supervisor.start(msgspec.structs.replace(spec("hot@0"), hops=["feature"]))
    assert supervisor.pids.keys() == {"hot@0", "hot@2"}, "what was handed over may come back"


def test_who_does_not_hand_over_in_time_is_killed_and_it_is_said(make: Make) -> None:
    supervisor = make("signal.signal(signal.SIGUSR1, signal.SIG_IGN); say('ready'); time.sleep(60)")
    supervisor.start(msgspec.structs.replace(spec(), hops=["risk"]))
    supervisor.wait_ready()
    assert not supervisor.hand_over(["risk"], 0.2)
    assert supervisor.pids == {}


def test_where_tasks_move_a_fenced_one_comes_back_later_and_is_no_twin(make: Make, events: Events) -> None:
    supervisor = make("say('ready'); say('error', code='fenced', message='taken over'); sys.exit(3)", fenced_s=0.2)
    supervisor.start(spec())
    started = monotonic_s()
    while events.names().count("died") < 4 and monotonic_s() < started + PATIENCE_S:
        supervisor.poll(0.02)
    assert events.names().count("died") == 4
    assert monotonic_s() - started >= 3 * 0.2


def test_a_lease_is_renewed_on_standard_input_for_those_who_have_one(make: Make, events: Events) -> None:
    supervisor = make("say('ready'); say('beat', n=len(os.read(0, 1))); say('done')")
    supervisor.start(msgspec.structs.replace(spec(), lease_s=5.0))
    until = monotonic_s() + PATIENCE_S
    while not supervisor.done and monotonic_s() < until:
        supervisor.beat()
        supervisor.poll(0.02)
    assert {"event": "beat", "n": 1, "task": "risk"} in events


def test_a_worker_with_a_lease_ends_when_its_supervisor_falls_silent() -> None:
    code = "from agents.worker import end_with_supervisor as end; end({})"
    silent = subprocess.Popen([sys.executable, "-c", code.format(0.2)], stdin=subprocess.PIPE, cwd=REPOSITORY)
    patient = subprocess.Popen([sys.executable, "-c", code.format(None)], stdin=subprocess.PIPE, cwd=REPOSITORY)
    try:
        assert silent.wait(PATIENCE_S) == 0
        assert patient.poll() is None
        patient.communicate(b"")
        assert patient.returncode == 0
    finally:
        silent.kill()
        patient.kill()
        silent.communicate()


def test_a_task_that_halts_since_too_much_is_refused_is_not_brought_back(make: Make, events: Events) -> None:
    supervisor = make(
        'say("ready")\nsay("error", code="task_failed.too_much_bad", message="raw.x[0]: too much")\nsys.exit(5)'
    )
    supervisor.start(spec())
    with pytest.raises(TaskFailed, match=r"^raw\.x\[0\]: too much$") as failed:
        run_to_end(supervisor)
    assert failed.value.kind == "task_failed.too_much_bad"
    assert "died" not in events.names()


def test_a_worker_that_says_more_than_is_heard_waits_and_all_is_heard(
    make: Make, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVENTS_MAX", 4)
    supervisor = make('say("ready")\nfor i in range(5000): say("note", number=i)\nsay("done")')
    supervisor.start(spec())
    run_to_end(supervisor)
    assert [e["number"] for e in events if e["event"] == "note"] == list(range(5000))


def test_a_beat_after_a_workers_death_breaks_nothing(make: Make, events: Events) -> None:
    supervisor = make("say('ready'); say('done') if not spec['die_after'] else os.kill(os.getpid(), 9)")
    leased = msgspec.structs.replace(spec(), lease_s=10.0)
    supervisor.start(leased, kills=(1,))
    process = supervisor._workers["risk"].process
    assert process is not None
    process.wait(PATIENCE_S)
    supervisor.beat()  # its reader is gone: the byte stays in the buffer, and closing would write it again
    run_to_end(supervisor)
    assert events.names().count("died") == 1
