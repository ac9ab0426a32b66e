"""A live run whose partitions workers share out: each worker's part, and the end, when one has all of it."""

from __future__ import annotations

from collections.abc import Callable

from agents.live import LiveSession
from agents.live_plan import LivePlan
from agents.supervisor import Supervisor
from agents.topology import FEED
from chaos.stage import Stage
from schemas.topics import topic_name
from streams.membership import Membership, Protocol, protocol_of

GROUP = "tapedeck.chaos"


def sharing(stage: Stage, plan: LivePlan) -> Callable[[Supervisor], LiveSession]:
    """Makes a worker's part of the run. Runs of even seeds have the broker assign (KIP-848), where it can.

    The first part is the rig's own; those that come later are of the release that it runs by then.
    """
    parts: list[LiveSession] = []
    topic = topic_name("", "raw.<source>", plan.source)
    newest = protocol_of(stage.cluster.direct)
    protocol: Protocol = newest if stage.plan.seed % 2 == 0 else "cooperative"

    def share(supervisor: Supervisor) -> LiveSession:
        first = supervisor is stage.supervisor
        log = stage.tasks_log if first else stage.connect()
        member = Membership(log.bootstrap, GROUP, topic, protocol)
        hear = stage.hear if first else stage.recoveries.shut_out
        in_force = parts[0].plan if parts else plan
        parts.append(LiveSession(log, in_force, None, hear, member, supervisor))
        return parts[-1]

    return share


def handed_over(stage: Stage, session: LiveSession) -> LiveSession:
    """The same run once the worker has left its group: fixed, without the feed, every task up; it can end in order."""
    session.drain(lambda _task: stage.watcher.stage("handing over", 1.0))
    session.close()
    every = [name for name in session.plan.names if name != FEED]
    last = LiveSession(stage.tasks_log, session.plan, every, stage.hear, supervisor=stage.supervisor)
    last.open()

    def up() -> None:
        stage.supervisor.wait_ready()
        last.stop()

    last.run(up)
    return last
