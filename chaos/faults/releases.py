"""A release in mid-run: the desk is cut over to other parameters, another model or another view while it trades."""

from __future__ import annotations

from pathlib import Path

from agents.live_plan import load_topology
from agents.release_cut import announce
from agents.release_watch import ReleaseWatch
from chaos.faults.people import AUTHOR, LOCK, REASON
from chaos.kinds import Arguments
from chaos.scene import BACK_S_MAX, Scene
from schemas.errors import BrokerError

VIEW = """
[[feature]]
family = "touch_imbalance"
[[feature]]
family = "volatility"
half_life_s = 1
[[feature]]
family = "order_flow_imbalance"
half_life_s = 2
"""
MODEL = """
name = "{what}-{weight}"
[weights]
touch_imbalance = {weight}
"""


def release(scene: Scene, arguments: Arguments) -> bool:
    """Cut over to another release; done when every task of the new one is up."""
    with scene.alone(LOCK):
        watch = ReleaseWatch(scene.log)
        before = watch.run
        try:
            announce(scene.log, watch, load_topology(_topology(scene.folder, arguments)), AUTHOR, REASON)
        except BrokerError:
            return False
        finally:
            watch.close()
        return scene.wait(lambda: scene.run not in ("", before) and scene.all_up, BACK_S_MAX)


def _topology(folder: Path, arguments: Arguments) -> Path:
    """The shipped topology with something changed, in files of its own: what runs may still load the former ones."""
    what, rest_ms, weight = arguments["what"], arguments["rest_ms"], arguments["weight"]
    name = f"{what}-{rest_ms}-{weight}"
    text = (folder / "topology.toml").read_text(encoding="ascii") + f"[strategy]\nrest_ms = {rest_ms}\n"
    if what != "parameters":
        (folder / f"{name}.model.toml").write_text(MODEL.format(what=what, weight=weight), encoding="ascii")
        text += f'[model]\nfile = "{name}.model.toml"\n'
    if what == "view":
        (folder / f"{name}.view.toml").write_text(VIEW, encoding="ascii")
        text += f'[features]\nview = "{name}.view.toml"\n'
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="ascii")
    return path
