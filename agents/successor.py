"""What follows a live run under its supervisor: the run that a release cut leads to, and the files it is made of.

Looked for in a thread of its own: a broker that is away lets who asks wait, and the dead must be brought back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from agents.defining import all_defined
from agents.handover import complete
from agents.live_plan import LivePlan, load_topology, same_but_for_the_run
from agents.release_watch import ReleaseWatch, release_of
from schemas.control import RunOpened
from schemas.errors import ConfigError, TapedeckError
from streams.log import Log

LOOK_S = 0.25
"""How often a supervisor looks at ``control``."""


class Successor:
    """Follows ``control`` for a supervisor.

    Args:
        log: Where.
        file: The topology file that the supervisor was given; None for what ships.

    Attributes:
        found: The opening of the run that has succeeded, and what it is made of here, or why it cannot run here. None
            while none has.
    """

    def __init__(self, log: Log, file: Path | None) -> None:
        self.found: tuple[RunOpened, LivePlan | ConfigError] | None = None
        self._log = log
        self._file = file
        self._watch = ReleaseWatch(log)

    def follow(self, run: Callable[[], str], all_left: Callable[[], bool], ended: threading.Event) -> None:
        """Look until ``ended``, and put into :attr:`found` what succeeds the run at work.

        Args:
            run: The run at work here; another one once the supervisor has taken up what was found.
            all_left: Whether every task of it that is supervised here has left.
            ended: Set when the supervisor ends.
        """
        while not ended.wait(LOOK_S):
            at_work = run()
            if self.found is not None and self.found[0].run != at_work:
                continue
            try:
                opening = self.look(at_work, all_left())
            except TapedeckError:  # a broker that is away, a rival that was quicker: the next look tells
                continue
            if opening is None:
                continue
            try:
                self.found = opening, self.plan_of(opening)
            except ConfigError as error:
                self.found = opening, error
            except TapedeckError:
                continue
        self._watch.close()

    def look(self, run: str, all_left: bool) -> RunOpened | None:
        """The opening of the run that has succeeded ``run``; None while none has.

        Args:
            run: The run at work here.
            all_left: Every task of it that is supervised here has left: the opening may be due, and is written then.
        """
        self._watch.look()
        if all_left and self._watch.cut is not None:
            complete(self._log, self._watch)
        return self._watch.opening if self._watch.run != run else None

    def plan_of(self, opening: RunOpened) -> LivePlan:
        """What the run that succeeds is made of here.

        Raises:
            ConfigError: No topology file here makes it: another build, or files that this host does not have.
            BrokerError: Which instruments are defined cannot be read.
        """
        cut = self._watch.history[-1].cut
        named = None if cut is None or not cut.topology else Path(cut.topology)
        found = []
        for file in dict.fromkeys((named, self._file)):
            try:
                plan = load_topology(file).knowing(defined.definition for defined in all_defined(self._log))
            except ConfigError as error:
                found.append(str(error))
                continue
            if same_but_for_the_run(plan.opening("r"), opening):
                return plan
            found.append(f"{file or 'what ships'} makes {release_of(plan.opening('r'))}")
        raise ConfigError(
            "another release succeeds, and this process cannot run it", kind="release_elsewhere",
            got="; ".join(found), allowed=release_of(opening), where=f"run {opening.run}",
            fix="start it with its own build and files: tapedeck up TOPOLOGY.toml",
        )  # fmt: skip
