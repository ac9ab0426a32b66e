"""A desk's own code: strategies and feature families, by path or entry point, held to the hash that the run names.

::

    "strategy.py:STRATEGY"     a name in a file, relative to the topology's folder
    "momentum"                 an entry point of an installed package, in the group of its kind (``GROUPS``)

The opening record of a run says what is loaded and the sha256 of its file. A task that finds other code refuses to
start: what computed an order must be what the record says.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from agents.context import Context
from agents.target import Target
from agents.touch_pressure import STRATEGY
from features.family import CustomFamily
from features.view import DEFAULT_VIEW, Feature, View
from schemas.errors import ConfigError

GROUPS = {"strategy": "tapedeck.strategies", "feature": "tapedeck.features"}
"""Entry point groups by kind."""

_TYPES: dict[str, type[Any]] = {"strategy": Target, "feature": CustomFamily}
_FORMS = 'FILE.py:NAME, or the name of an entry point in the group "{}"'


@dataclass(frozen=True, slots=True)
class Plugin:
    """One thing loaded.

    Attributes:
        kind: ``strategy`` or ``feature``.
        load: What was asked for.
        value: The Target or CustomFamily.
        sha256: Of the file it stands in.
    """

    kind: str
    load: str
    value: Any
    sha256: str

    def record(self) -> dict[str, str]:
        """As it stands in a run's opening record."""
        return {"kind": self.kind, "load": self.load, "sha256": self.sha256}


def load_plugin(kind: str, load: str, folder: Path, where: str) -> Plugin:
    """Load a desk's own code.

    Args:
        kind: ``strategy`` or ``feature``.
        load: Path and name, or entry point.
        folder: Where relative paths begin.
        where: File and key that name it, for the message.

    Raises:
        ConfigError: Nothing is there, it cannot be imported, or it is not of its kind.
    """
    path, colon, name = load.rpartition(":")
    if colon and path.endswith(".py"):
        file = (folder / path).resolve()
        value = _named(_module(file, where), name, load, where)
    else:
        value, file = _entry(kind, load, where)
    wanted = _TYPES[kind]
    if not isinstance(value, wanted):
        raise ConfigError(
            f"not a {kind}",
            kind="plugin_type",
            got=type(value).__name__,
            allowed=wanted.__name__,
            where=f"{where}: {load}",
        )
    return Plugin(kind, load, value, sha256(file.read_bytes()).hexdigest())


def strategy_of(context: Context) -> Target:
    """The strategy of a run.

    Raises:
        ConfigError: It cannot be loaded, or its file is not the one that the run was opened with.
    """
    for code in context.run.code:
        if code["kind"] == "strategy":
            target: Target = _held(code, context).value
            return target
    if context.run.strategy != STRATEGY.name:
        raise ConfigError(
            "the run's strategy is not among its code",
            kind="plugin_missing",
            got=context.run.strategy,
            allowed=STRATEGY.name,
        )
    return STRATEGY


def view_of(context: Context) -> View:
    """The feature view of a run.

    Raises:
        ConfigError: A family cannot be loaded, is not the one that the run was opened with, or the view breaks a rule.
    """
    if not context.run.view:
        return DEFAULT_VIEW
    custom = tuple(_held(code, context).value for code in context.run.code if code["kind"] == "feature")
    return view_from(context.run.view, custom, "run", "control: run.view")


def view_from(columns: list[dict[str, Any]], custom: tuple[CustomFamily, ...], name: str, where: str) -> View:
    """A view from its columns as they stand in an opening record.

    Raises:
        ConfigError: A column names no family, or breaks its rules.
    """
    try:
        own = {family.name: family for family in custom}
        features = tuple(
            Feature(c["family"], c.get("half_life_ns", 0), c.get("name", ""), own.get(c["family"])) for c in columns
        )
        return View(name, features)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError("a feature view is refused", kind="bad_view", got=str(error), where=where) from error


def _held(code: dict[str, str], context: Context) -> Plugin:
    plugin = load_plugin(code["kind"], code["load"], context.folder, "control: run.code")
    if plugin.sha256 != code["sha256"]:
        raise ConfigError(
            "code is not what the run was opened with", kind="code_changed",
            got=f"sha256 {plugin.sha256}", allowed=code["sha256"],
            where=code["load"], fix="end the run and open it anew (tapedeck up), or bring the former file back",
        )  # fmt: skip
    return plugin


def _module(file: Path, where: str) -> ModuleType:
    """The module of a file, imported once a process and content under a name of its own: releases change files."""
    content = file.read_bytes() if file.is_file() else b""
    name = f"tapedeck_desk_{sha256(str(file).encode() + bytes(1) + content).hexdigest()[:12]}_{file.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file) if file.is_file() else None
    if spec is None or spec.loader is None:
        raise ConfigError("no such file", kind="plugin_missing", got=str(file), allowed="a Python file", where=where)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a user's file raises when it is imported
        del sys.modules[name]
        line = next((f":{frame.lineno}" for frame in reversed(inspect.trace()) if frame.filename == str(file)), "")
        raise ConfigError(
            "cannot be imported",
            kind="plugin_import",
            got=f"{type(error).__name__}: {error}",
            where=f"{file.name}{line}",
        ) from error
    return module


def _named(module: ModuleType, name: str, load: str, where: str) -> Any:
    value = getattr(module, name, None)
    if value is None:
        known = ", ".join(n for n, v in vars(module).items() if isinstance(v, tuple(_TYPES.values()))) or "nothing"
        raise ConfigError(
            "no such name in the file", kind="plugin_missing", got=name, allowed=known, where=f"{where}: {load}"
        )
    return value


def _entry(kind: str, load: str, where: str) -> tuple[Any, Path]:
    group = GROUPS[kind]
    found = [entry for entry in entry_points(group=group) if entry.name == load]
    if not found:
        known = ", ".join(sorted(e.name for e in entry_points(group=group)))
        allowed = _FORMS.format(group) + (f" (there are: {known})" if known else "")
        raise ConfigError(f"no such {kind}", kind="plugin_missing", got=load, allowed=allowed, where=where)
    try:
        value = found[0].load()
    except Exception as error:  # whatever a user's package raises when it is imported
        raise ConfigError(
            "cannot be imported", kind="plugin_import", got=f"{type(error).__name__}: {error}", where=f"{where}: {load}"
        ) from error
    module = sys.modules[found[0].module]
    return value, Path(str(module.__file__))
