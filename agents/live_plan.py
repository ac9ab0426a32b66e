"""What a live run is: the parts that a topology file names, loaded and checked, and the record that opens it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from agents.limits import default_limits, load_limits
from agents.parameters import default_parameters
from agents.peer_band import band_of
from agents.plugins import Plugin, load_plugin, view_from
from agents.topology import CLOCK, FEED, HEALTH, TaskHops, deployment
from agents.topology_file import FeedTable, ModelFile, TopologyFile, ViewFile, read_as
from agents.touch_pressure import STRATEGY
from features.family import CustomFamily
from features.view import DEFAULT_VIEW, View
from feeds.sequence import definitions_of, source_of
from feeds.simulated_instruments import is_simulated
from feeds.venues import KNOWN, venue_of
from models.artefact import read, sign
from models.linear import DEFAULT_MODEL
from models.linear import load as load_model
from schemas.columns import PRICE_SCALE
from schemas.control import RunOpened
from schemas.definition import Definition, is_instrument_name
from schemas.errors import ConfigError
from schemas.sources import SOURCES, is_source_name, number_of
from streams.build import build_hash

NANOS_PER_MS = 1_000_000
NANOS = 1_000_000_000
SHIPPED = "the shipped topology"
"""Where a key is said to stand when no file was given."""


@dataclass(frozen=True, slots=True)
class LivePlan:
    """A live run.

    Attributes:
        file: The topology file; None for what ships.
        settings: Its content.
        folder: Where its paths begin.
        captures: Recorded files that the feed plays.
        strategy: The desk's own strategy; None for the shipped one.
        families: The desk's own feature families.
        view: The feature view.
        columns: The view as it stands in the opening record; empty for the shipped one.
        model: The artefact.
        limits: Risk limits to open with.
        definitions: Instruments.
        added: Those that people have added to the topics on which it is to run. None: nobody has looked, and a name
            that may be one of theirs is let pass.
    """

    file: Path | None
    settings: TopologyFile
    folder: Path
    captures: tuple[Path, ...]
    strategy: Plugin | None
    families: tuple[Plugin, ...]
    view: View
    columns: list[dict[str, Any]]
    model: dict[str, Any]
    limits: dict[str, Any]
    definitions: tuple[Definition, ...]
    added: tuple[Definition, ...] | None = None

    @property
    def source(self) -> str:
        """Name of the source."""
        return source_named(self.settings.feed, self.captures)

    @property
    def tasks(self) -> tuple[TaskHops, ...]:
        """Tasks that are chains of hops."""
        return deployment(self.settings.tasks.split, self.settings.tasks.partitions, external=bool(self.gateway))

    @property
    def gateway(self) -> str:
        """Name of the execution system; empty where the paper venue works the orders."""
        return self.settings.venue.gateway if self.settings.venue.kind == "external" else ""

    @property
    def partitions(self) -> int:
        """Partitions by instrument."""
        return self.settings.tasks.partitions

    @property
    def names(self) -> tuple[str, ...]:
        """Every process of the run, in the order in which they start."""
        feed = () if self.settings.feed.kind == "none" else (FEED,)
        health = (HEALTH,) if self.settings.monitoring.feed_health else ()
        return (CLOCK, *(task.name for task in self.tasks), *feed, *health)

    def names_of(self, partitions: Collection[int]) -> tuple[str, ...]:
        """Processes of some partitions, in the order in which they start. What there is once belongs to partition 0."""
        tasks = [task.name for task in self.tasks if task.partition in partitions]
        once = [CLOCK, FEED, HEALTH] if 0 in partitions else []
        return tuple(name for name in self.names if name in tasks or name in once)

    def knowing(self, defined: Iterable[Definition]) -> LivePlan:
        """The plan on topics where these instruments are defined.

        Raises:
            ConfigError: It names one that is none of them, and none of its own.
        """
        own = {definition.instrument for definition in self.definitions}
        newest = {definition.instrument: definition for definition in defined}
        plan = replace(self, added=tuple(d for name, d in newest.items() if name not in own))
        plan.opening("check")
        for name in self.limits.get("instrument", {}):
            if name not in newest and name not in own and _may_be_added(name):
                raise self._no_instrument(name, f"{self.folder / self.settings.risk.limits}: instrument")
        return plan

    def _no_instrument(self, name: str, where: str) -> ConfigError:
        known = (definition.instrument for definition in (*self.definitions, *(self.added or ())))
        return ConfigError(
            "no such instrument", kind="no_instrument", got=name, allowed=", ".join(known), where=where,
            fix="tapedeck instruments add defines one",
        )  # fmt: skip

    def opening(self, run: str) -> RunOpened:
        """The record that opens the run."""
        settings = self.settings
        plugins = (*(() if self.strategy is None else (self.strategy,)), *self.families)
        return RunOpened(
            run=run, mode="live", source=self.source, publisher_id=number_of(self.source), seed=settings.feed.seed,
            venue_latency_ns=round(settings.venue.latency_ms * NANOS_PER_MS), account=settings.account,
            strategy=STRATEGY.name if self.strategy is None else self.strategy.value.name,
            parameters=self._parameters(), limits=self.limits, model=self.model, view=self.columns,
            code=[plugin.record() for plugin in plugins], split=settings.tasks.split,
            build=build_hash(), gateway=self.gateway or UNSET,
            partitions=settings.tasks.partitions, peers=band_of(settings.peers, self.source),
        )  # fmt: skip

    def _parameters(self) -> dict[str, Any]:
        strategy = self.settings.strategy
        defaults = default_parameters(self.definitions)
        positions = defaults["position_max"]
        by_name = {d.instrument: d for d in (*self.definitions, *(self.added or ()))}
        where = SHIPPED if self.file is None else str(self.file)
        for name, text in strategy.position_max.items():
            size = _size(text, f'{where}: strategy.position_max."{name}"')
            if name in by_name:
                positions[name] = int(size * PRICE_SCALE) // by_name[name].size_increment
            elif self.added is not None or not _may_be_added(name):
                raise self._no_instrument(name, f"{where}: strategy.position_max")
        target = STRATEGY if self.strategy is None else self.strategy.value
        for name in strategy.parameters:
            if name not in target.parameters:
                raise ConfigError(
                    "no such parameter", kind="no_parameter", got=name, allowed=", ".join(target.parameters) or "none",
                    where=f"{where}: strategy.parameters",
                )  # fmt: skip
        values = dict(zip(target.parameters, target.values(strategy.parameters), strict=True))
        return {
            **values, "rest_ms": strategy.rest_ms, "valid_ms": strategy.valid_ms, "position_max": positions,
            **({"working_ms": self.settings.venue.working_ms} if self.gateway else {}),
        }  # fmt: skip


def load_topology(path: Path | None) -> LivePlan:
    """A live plan from a topology file; None for what ships.

    Raises:
        ConfigError: A file, key or plugin is wrong; names it. Nothing was started.
    """
    settings: TopologyFile = TopologyFile() if path is None else read_as(path, TopologyFile, "topology")
    folder = Path.cwd() if path is None else path.resolve().parent
    where = SHIPPED if path is None else str(path)
    captures = tuple(folder / name for name in settings.feed.captures)
    _check_feed(settings, captures, where)
    check_venue(settings, where)
    load = settings.strategy.load
    strategy = load_plugin("strategy", load, folder, f"{where}: strategy.load") if load else None
    view, columns, families = load_view(settings.features.view, folder)
    simulated = settings.feed.kind == "simulator"
    source = source_named(settings.feed, captures)
    definitions = (
        definitions_of(captures, settings.feed.instruments) if simulated or captures else venue_of(source).definitions
    )
    plan = LivePlan(
        file=path, settings=settings, folder=folder, captures=captures, strategy=strategy, families=families, view=view,
        columns=columns, model=_model(settings.model.file, folder, view),
        limits=_limits(settings.risk.limits, folder, definitions), definitions=definitions,
    )  # fmt: skip
    plan.opening("check")
    return plan


def _check_feed(settings: TopologyFile, captures: Sequence[Path], where: str) -> None:
    kind = settings.feed.kind
    if (kind == "captures") != bool(captures):
        raise ConfigError(
            "captures and kind do not go together", kind="feed_conflict",
            got=f'kind "{kind}", {len(captures)} captures',
            allowed='kind "captures" with at least one file', where=f"{where}: feed.captures",
        )  # fmt: skip
    if (kind == "none") != bool(settings.feed.source):
        raise ConfigError(
            "source and kind do not go together", kind="feed_conflict",
            got=f'kind "{kind}", source "{settings.feed.source}"',
            allowed='a source with kind "none", and only there', where=f"{where}: feed.source",
        )  # fmt: skip
    if settings.feed.source and not is_source_name(settings.feed.source):
        raise ConfigError(
            "not a source name", kind="source_name", got=settings.feed.source, where=f"{where}: feed.source",
            allowed="ASCII letters, digits, - and _, 64 at most",
        )  # fmt: skip
    _check_symbols(settings, where)
    if captures:
        from feeds.captures import open_captures

        open_captures(captures)


def check_venue(settings: TopologyFile, where: str) -> None:
    """An execution system's topic is its own, and what only it can do is asked of nobody else."""
    venue = settings.venue
    if venue.gateway in SOURCES:
        raise ConfigError(
            "an execution system under the name of a source", kind="venue_conflict", got=venue.gateway,
            allowed="any other name", where=f"{where}: venue.gateway",
        )  # fmt: skip
    if venue.kind == "paper" and venue.working_ms:
        raise ConfigError(
            "the paper venue works no order for longer than a moment", kind="venue_conflict",
            got=f"working_ms {venue.working_ms:g}", allowed='0, or kind "external"', where=f"{where}: venue.working_ms",
        )  # fmt: skip


def _check_symbols(settings: TopologyFile, where: str) -> None:
    """A live feed trades what ships: what a venue lists beside it has no number that every run would agree on."""
    feed = settings.feed
    if bool(feed.venue) != bool(feed.symbols):
        raise ConfigError(
            "symbols and kind do not go together", kind="feed_conflict",
            got=f'kind "{feed.kind}", {len(feed.symbols)} symbols',
            allowed="symbols with a venue's name as kind, and only there", where=f"{where}: feed.symbols",
        )  # fmt: skip
    if feed.connections > 1 and not feed.venue:
        raise ConfigError(
            "only a venue's live feed has connections", kind="feed_conflict",
            got=f'kind "{feed.kind}", connections {feed.connections}', allowed="a venue's name as kind",
            where=f"{where}: feed.connections",
        )  # fmt: skip
    if feed.venue:
        from feeds.live_instruments import asked_for

        asked_for(
            feed.venue, feed.symbols, feed.market or None, feed.url or None, feed.rest_url or None,
            where=f"{where}: feed", shipped=True,
        )  # fmt: skip


def source_named(feed: FeedTable, captures: Sequence[Path]) -> str:
    """Name of the source of a feed table."""
    return feed.source or feed.venue or source_of(captures)


def load_view(name: str, folder: Path) -> tuple[View, list[dict[str, Any]], tuple[Plugin, ...]]:
    """A view file: the view, its columns as an opening tells them, and the families it loads; empty: what ships.

    Raises:
        ConfigError: The file, a column or a family is wrong; names it.
    """
    if not name:
        return DEFAULT_VIEW, [], ()
    path = folder / name
    file: ViewFile = read_as(path, ViewFile, "view")
    families = tuple(load_plugin("feature", load, folder, f"{path}: load") for load in file.load)
    own: tuple[CustomFamily, ...] = tuple(plugin.value for plugin in families)
    columns: list[dict[str, Any]] = [
        {"family": c.family, "half_life_ns": round(c.half_life_s * NANOS), "name": c.name or c.family}
        for c in file.feature
    ]
    return view_from(columns, own, path.stem, str(path)), columns, families


def _model(name: str, folder: Path, view: View) -> dict[str, Any]:
    path = folder / name if name else DEFAULT_MODEL
    if path.suffix == ".toml":
        file: ModelFile = read_as(path, ModelFile, "model")
        for column in file.weights:
            if column not in view.names:
                raise ConfigError(
                    "a weight of no column of the view", kind="no_column", got=column, allowed=", ".join(view.names),
                    where=f"{path}: weights",
                )  # fmt: skip
        artefact = sign({
            "kind": "linear", "version": 1, "name": file.name, "view": view.hash, "features": list(view.names),
            "weights": [file.weights.get(column, 0.0) for column in view.names], "intercept": file.intercept,
            "clip": file.clip,
        })  # fmt: skip
    else:
        artefact = read(path)
    return dict(load_model(artefact, view=view.hash, features=view.names, where=str(path)).artefact)


def _limits(name: str, folder: Path, definitions: Sequence[Definition]) -> dict[str, Any]:
    return load_limits(folder / name, added=True) if name else default_limits(definitions)


def _may_be_added(name: str) -> bool:
    return is_instrument_name(name) and name not in KNOWN and not is_simulated(name)


def _size(text: str | float, where: str) -> Decimal:
    try:
        size = Decimal(str(text))
    except InvalidOperation:
        size = Decimal(-1)
    if not (size.is_finite() and 0 <= size < Decimal(10) ** 9):
        raise ConfigError(
            "not a size", kind="bad_size", got=repr(text), allowed='decimal >= 0, e.g. "0.25"', where=where
        )
    return size


def same_but_for_the_run(one: RunOpened, other: RunOpened) -> bool:
    """Whether two openings say the same, whatever they are called, and whatever instruments were added in between."""
    same: dict[str, Any] = {"run": "r", "starts": {}, "defined": UNSET}
    return msgspec.structs.replace(one, **same) == msgspec.structs.replace(other, **same)
