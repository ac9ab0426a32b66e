"""What people do in mid-run: halt trading and resume it, lower a limit and raise it again."""

from __future__ import annotations

from collections.abc import Callable

from agents.control_log import read_control
from chaos.kinds import Arguments
from chaos.scene import Scene
from schemas.control import Halt, LimitChange, LimitsChanged, Resume
from schemas.document import Document
from schemas.errors import BrokerError
from streams.clock import wall_ns
from streams.people import append

AUTHOR, REASON = "chaos", "a drill"
LOCK = "people"
LOWERED_S = 1.0
"""How long a limit stays lowered."""
SAY_S_MAX = 60.0
"""How long it is tried to take back what was said, brokers being away."""


def halt(scene: Scene, arguments: Arguments) -> bool:
    """Halt everything, resume it."""
    with scene.alone(LOCK):
        said = _say(scene, Halt(scope="all", author=AUTHOR, reason=REASON, ts=wall_ns()))
        scene.sleep(arguments["for_s"])
        _insist(scene, lambda: Resume(scope="all", author=AUTHOR, reason=REASON, ts=wall_ns()))
    return said


def limits(scene: Scene, arguments: Arguments) -> bool:
    """Lower a limit of the default table for a while."""
    key, share = arguments["key"], arguments["share"]
    with scene.alone(LOCK):
        try:
            was = read_control(scene.log).standing.flat_limits.get(("default", "", key))
        except BrokerError:
            return False
        if not isinstance(was, int | float):
            return False
        said = _say(scene, _change(key, was, was * share))
        scene.sleep(LOWERED_S)
        _insist(scene, lambda: _change(key, was * share, was))
    return said


def _change(key: str, was: float, value: float) -> Document:
    change = LimitChange(table="default", key=key, was=was, value=value)
    return LimitsChanged(changes=[change], author=AUTHOR, reason=REASON, ts=wall_ns())


def _insist(scene: Scene, document: Callable[[], Document]) -> None:
    """Say it until it is written: a run that stays halted proves nothing more."""
    scene.wait(lambda: _say(scene, document()), SAY_S_MAX)


def _say(scene: Scene, document: Document) -> bool:
    """Whether it was written; a broker that is away has nothing said to it."""
    try:
        append(scene.log, document, ts=wall_ns())
    except BrokerError:
        return False
    return True
