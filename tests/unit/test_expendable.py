"""What is expendable beside a run's tasks: brought back for ever, waited for by nobody, ending nothing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from agents.supervisor import DEATHS_MAX, Supervisor
from agents.worker_spec import WorkerSpec
from schemas.errors import StateDiverged
from streams.clock import monotonic_s
from tests.supervised import PATIENCE_S, Events, Make, spec, supervisors


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def make(events: Events) -> Iterator[Make]:
    with supervisors(events) as made:
        yield made


def expendable() -> WorkerSpec:
    return msgspec.structs.replace(spec("health"), expendable=True)


def test_what_is_expendable_is_waited_for_by_nobody_and_ends_nothing_however_it_dies(
    make: Make, events: Events
) -> None:
    fatal = StateDiverged.exit_code
    supervisor = make(f"""
        if spec['task'] == 'risk':
            say('ready'); wait(); say('done')
        else:
            say('error', code='config_error.no_such', message='of no use'); sys.exit({fatal})
    """)
    supervisor.start(expendable())
    supervisor.start(spec("risk"))
    supervisor.wait_ready()
    until = monotonic_s() + PATIENCE_S
    while supervisor.restarts.get("health", 0) <= DEATHS_MAX:
        supervisor.poll(0.02)
        assert monotonic_s() < until
    assert supervisor.is_ready("risk")
    assert [e["message"] for e in events if e["event"] == "log"] == [
        "died (of no use); it is brought back, and nothing waits for it"
    ], "told once, however often"


def test_what_is_expendable_and_cannot_be_started_is_tried_again(events: Events) -> None:
    supervisor = Supervisor(events.append, command=lambda _spec: ["/no/such/program"], backoff_s=(0.0,))
    supervisor.start(expendable())
    for _ in range(3):
        supervisor.poll(0.0)
    assert supervisor.restarts["health"] > 1
    assert "cannot be started: No such file" in events[0]["message"]
    with pytest.raises(FileNotFoundError):
        supervisor.start(spec("risk"))


def test_what_is_expendable_does_not_hold_a_handing_over_up(make: Make) -> None:
    supervisor = make("signal.signal(signal.SIGTERM, signal.SIG_IGN); say('ready'); time.sleep(60)")
    supervisor.start(expendable())
    until = monotonic_s() + PATIENCE_S
    while not supervisor.is_ready("health"):
        supervisor.poll(0.02)
        assert monotonic_s() < until
    began = monotonic_s()
    assert supervisor.hand_over(["health"], PATIENCE_S)
    assert monotonic_s() - began < PATIENCE_S / 2
