"""A live desk over the memory log that is cut over to another release while it trades: what fault tests share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from agents.builds import check_build, check_run
from agents.context import read_context
from agents.handover import complete
from agents.leaving import Leaving
from agents.live_plan import LivePlan, load_topology
from agents.release_cut import announce
from agents.release_watch import ReleaseWatch
from agents.topology import FUSED, TaskHops, writers
from agents.warm import warm
from chaos.desk import Actor
from chaos.faults.releases import VIEW
from schemas.control import RunOpened
from schemas.errors import ConfigError
from streams.failpoints import STARTING
from streams.runner import Task
from streams.scheduler import SimulatedCrash
from streams.task_plan import TaskPlan
from tests.faults.test_live_memory import SOURCE, Desk

WEIGHTS = """
name = "other"
[weights]
touch_imbalance = 1.5
order_flow_imbalance = 0.02
"""


def other_model(folder: Path) -> LivePlan:
    """The shipped topology with another model over the same view, and larger positions."""
    (folder / "model.toml").write_text(WEIGHTS.replace("order_flow_imbalance = 0.02", ""))
    (folder / "topology.toml").write_text('[model]\nfile = "model.toml"\n[strategy]\nrest_ms = 100\n')
    return load_topology(folder / "topology.toml")


def other_view(folder: Path) -> LivePlan:
    """The shipped topology with other features, and a model over them."""
    (folder / "view.toml").write_text(VIEW)
    (folder / "model.toml").write_text(WEIGHTS)
    (folder / "topology.toml").write_text('[features]\nview = "view.toml"\n[model]\nfile = "model.toml"\n')
    return load_topology(folder / "topology.toml")


class ReleaseDesk(Desk):
    """A desk whose supervisor follows ``control``, and can die of a cut as its tasks can.

    Args:
        seed: Of the feed and of the schedule.
        kill_share: Of failpoints passed, those that kill.
    """

    def __init__(self, seed: int, kill_share: float) -> None:
        self.run_at_work = "r"
        self.kill_at: list[tuple[str, str, str]] = []
        self.killed: list[tuple[str, str, str]] = []
        self.never: tuple[str, ...] = ()
        super().__init__(seed, kill_share)
        self.watch = ReleaseWatch(self.log)
        for hops in FUSED:
            self.actors[hops.name] = Actor(partial(self.task, hops))

    def task(self, hops: TaskHops) -> Any:
        context = read_context(self.log, "")
        if context.run.run != self.run_at_work:
            assert ReleaseWatch(self.log).succeeded(self.run_at_work)
            return Left()
        run = context.run.run
        try:
            check_run(self.log, run, hops)
        except ConfigError:
            assert ReleaseWatch(self.log).succeeded(run)
            return Left()
        if run == "r" and hops.name in self.never:
            raise SimulatedCrash(hops.name)
        check_build(context.run)
        plan = TaskPlan(
            name=hops.name, namespace="", source=SOURCE, run=run, mode="play" if hops.name == "venue" else "live",
            lasting=True, state_partition=hops.state_partition, commit_every_batch=hops.commit_every_batch,
            commit_interval_s=0.1, records_max=self.rng.randrange(20, 80), frame_rows=self.rng.randrange(1, 60),
            writers=writers(FUSED, SOURCE), build=context.run.build,
        )  # fmt: skip

        def confirm() -> None:
            check_run(self.log, run, hops)

        task = Task(
            plan, hops.build(context), self.log, failpoint=self.point(hops.name, run), monotonic=self.monotonic,
            wall=self.wall, confirm=confirm,
        )  # fmt: skip
        return Leaving(task, hops, self.log, FUSED, monotonic=self.monotonic)

    def point(self, name: str, run: str) -> Callable[[str, int], None]:
        """Dies at the places that are asked for, once each, and at random."""

        def crash(point: str, _inputs: int) -> None:
            here = (name, "old" if run == "r" else "new", point)
            if here in self.kill_at and (self.watch.cut is not None or run != "r"):
                self.kill_at.remove(here)
                self.killed.append(here)
                raise SimulatedCrash(name)
            # Not where there is nothing to do: it would never come to rest.
            if point not in (*STARTING, "poll") and self.rng.random() < self.kill_share:
                raise SimulatedCrash(name)

        return crash

    def cut(self, plan: LivePlan) -> None:
        """What the command does first; whatever it does after that, a supervisor does too."""
        announce(self.log, ReleaseWatch(self.log), plan, "j.doe", "drill")
        for hops in FUSED:
            context = read_context(self.log, "")
            opening = msgspec.structs.replace(plan.opening("r2"), starts={})
            made = type(context)(opening, context.instruments, context.slots, plan.folder)
            warm(hops.build(made), made)

    def supervise(self, _round: int = 0) -> None:
        """One look of the supervisor; every step of it may be its last, and the next look begins anew."""
        self.watch.look()
        left = all(life.done for hops in FUSED for life in self.actors[hops.name].lives)
        if self.watch.cut is not None and left:
            complete(self.log, self.watch)
        if left and self.watch.run != self.run_at_work:
            self.run_at_work = self.watch.run
            for hops in FUSED:
                self.actors[hops.name].succeed()

    def run_with_cut(self, plan: LivePlan, at: int = 250) -> None:
        """A session in the middle of which it is cut over."""

        def on_round(rounds: int) -> None:
            if rounds == at:
                self.cut(plan)
            self.supervise()

        self.run(on_round)

    @property
    def opening(self) -> RunOpened:
        """The opening in force."""
        found = ReleaseWatch(self.log).opening
        assert found is not None
        return found

    def task_of(self, name: str) -> Task:
        """The task at work under a name."""
        work = self.actors[name].at_work
        assert isinstance(work, Leaving)
        return work.task

    def twin(self, name: str) -> ConfigError | None:
        """A process of the old release comes up once more, as one does that was stopped for a while."""
        try:
            check_run(self.log, "r", next(hops for hops in FUSED if hops.name == name))
        except ConfigError as error:
            return error
        return None


class Left:
    """A task that has nothing more to do."""

    done = True

    def turn(self, _wait_s: float) -> bool:
        return False

    def commit(self) -> None:
        raise AssertionError("it holds nothing")

    def close(self) -> None:
        return
