"""A topology file: what a live run is made of, in TOML, checked key by key before anything starts.

Every table and key is optional; what is left out is what ships. ``tapedeck init`` writes a commented one.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from schemas.errors import ConfigError
from schemas.feed_health import WINDOW_S_DEFAULT, WINDOW_S_MAX
from schemas.partitions import PARTITIONS_MAX
from schemas.sources import SOURCES
from streams.breaker import BAD_MIN, BAD_SHARE_MAX, BAD_WINDOW

FILE_BYTES_MAX = 1_048_576
"""Largest topology, view or model file."""

INSTRUMENTS_MAX = 5_000
"""Most simulated instruments."""

WRITTEN_BY_INIT = frozenset({"topology", "view", "model"})
"""Files of which ``tapedeck init`` writes one."""

CONNECTIONS_MAX = 4
"""Most connections of one live feed."""

METRICS_PORT_MAX = 65_000
"""Largest port at which metrics begin: those of all processes lie behind it."""


SourceText = Annotated[str, Meta(max_length=512)]


class FeedTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[feed]``: where payloads come from.

    Attributes:
        kind: ``simulator``, ``captures`` (recorded files, played as if they came now), a venue (its public feed,
            live), or ``none``: somebody else publishes to ``raw.<source>``.
        source: Name of the source where ``kind`` is ``none``: a venue's, or one of your own, which sends JSON ticks.
        captures: Files, relative to the topology's folder.
        instruments: Simulated instruments.
        seed: Of the simulator.
        speed: Recorded or simulated seconds per second.
        symbols: Of a venue's live feed, as the venue writes them.
        market: Theirs; empty: the venue's first.
        url, rest_url: Instead of the venue's own addresses; empty: those.
        connections: Of a venue's live feed: so many at once, each payload published once.
    """

    kind: Literal["simulator", "captures", "none", "binance", "coinbase", "kraken"] = "simulator"
    source: str = ""
    captures: list[str] = []
    instruments: Annotated[int, Meta(ge=1, le=INSTRUMENTS_MAX)] = 3
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1
    speed: Annotated[float, Meta(gt=0, le=1_000)] = 1.0
    symbols: list[str] = []
    market: Literal["", "spot", "linear", "inverse"] = ""
    url: str = ""
    rest_url: str = ""
    connections: Annotated[int, Meta(ge=1, le=CONNECTIONS_MAX)] = 1

    @property
    def venue(self) -> str:
        """Name of the venue whose live feed it is; empty: none's."""
        return self.kind if self.kind in SOURCES and self.kind != "simulator" else ""


class StrategyTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[strategy]``: what trades. ``load``: ``file.py:NAME`` or an entry point; empty: the shipped one."""

    load: str = ""
    rest_ms: Annotated[float, Meta(ge=0, le=86_400_000)] = 250.0
    valid_ms: Annotated[float, Meta(gt=0, le=86_400_000)] = 1_000.0
    parameters: dict[str, float] = {}
    position_max: dict[str, str | float] = {}


class FeaturesTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[features]``: the view file; empty: the shipped view."""

    view: str = ""


class ModelTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[model]``: an artefact (``.json``) or weights by feature (``.toml``); empty: the shipped model."""

    file: str = ""


class RiskTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[risk]``: the limits that the run is opened with; empty: the shipped ones. Later changes are made by people."""

    limits: str = ""


class VenueTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[venue]``: who works the orders.

    Attributes:
        kind: ``paper`` fills against the recorded touch. ``external``: an execution system of the desk's own.
        gateway: Its name: it reports to ``raw.<gateway>``.
        latency_ms: How long after an order the paper venue's reports take effect.
        working_ms: External: an order rests for so long, then it is replaced at the touch of that moment, or cancelled
            where it is wanted no more. 0: orders are immediate-or-cancel.
    """

    kind: Literal["paper", "external"] = "paper"
    gateway: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")] = "gateway"
    working_ms: Annotated[float, Meta(ge=0, le=86_400_000)] = 0.0
    latency_ms: Annotated[float, Meta(gt=0, le=3_600_000)] = 50.0


class TasksTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[tasks]``: how the work is shared out, and what holds for every task.

    Attributes:
        split: Gives every hop a process of its own.
        partitions: Partitions by instrument; each has a normalise, a hot path and a paper venue of its own. It cannot
            be changed once a live run was opened.
        bad_share_max: Largest share of refused inputs among a task's last ``BAD_WINDOW``; with more it halts. 1: any.
        bad_min: So many must be refused before their share counts.
    """

    split: bool = False
    partitions: Annotated[int, Meta(ge=1, le=PARTITIONS_MAX)] = 1
    bad_share_max: Annotated[float, Meta(gt=0, le=1)] = BAD_SHARE_MAX
    bad_min: Annotated[int, Meta(ge=1, le=BAD_WINDOW)] = BAD_MIN


class PeersTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[peers]``: a mid outside the band of its peers' is suspect (``agents/peer_scan.py``). Times are log time.

    Attributes:
        compare: Whether mids are compared. Left out: those of every source but the simulator.
        floor_bps: The band is never narrower than so much to either side of the calibrated basis.
        dispersions: Its width in mean absolute deviations from the basis, where that is more.
        fresh_ms: A mid that was set longer ago is no peer.
        calibrate_s: So long two peers are compared before anything is flagged.
        half_life_s: After so long half of what was learned of basis and dispersion is forgotten.
        shift_s: Outside for longer: the level has shifted, and is calibrated anew.
    """

    compare: bool | None = None
    floor_bps: Annotated[float, Meta(gt=0, le=10_000)] = 10.0
    dispersions: Annotated[int, Meta(ge=1, le=1_000)] = 8
    fresh_ms: Annotated[float, Meta(ge=1, le=86_400_000)] = 2_000.0
    calibrate_s: Annotated[float, Meta(ge=0.001, le=86_400)] = 10.0
    half_life_s: Annotated[float, Meta(ge=0.001, le=86_400)] = 60.0
    shift_s: Annotated[float, Meta(ge=0.001, le=86_400)] = 30.0


class SourceTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[source]``: where the data comes from, for the record of whoever pins it. Changes nothing that runs.

    Attributes:
        vendor: Who sells or gives it.
        refresh_cadence: How often it comes, e.g. ``streaming`` or ``daily at 06:00``.
        timezone: In which the vendor cuts its days, e.g. ``UTC`` or ``America/New_York``.
        backfill_policy: What happens to what comes late or is revised.
    """

    vendor: SourceText = ""
    refresh_cadence: SourceText = ""
    timezone: SourceText = ""
    backfill_policy: SourceText = ""


class MetricsTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[metrics]``: where Prometheus finds ``/metrics``.

    Attributes:
        port: Of the supervisor; its processes listen at those after it. 0: each at a free one. None: no metrics.
        host: Address to listen on.
    """

    port: Annotated[int, Meta(ge=0, le=METRICS_PORT_MAX)] | None = None
    host: str = "127.0.0.1"


class MonitoringTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[monitoring]``: who watches the run. Changes nothing that trades, and is no part of what a release is.

    Attributes:
        feed_health: Whether a feed-health monitor is started, brought back and ended with the run.
        window_s: Length of its windows, seconds of log time.
    """

    feed_health: bool = False
    window_s: Annotated[int, Meta(ge=1, le=WINDOW_S_MAX)] = WINDOW_S_DEFAULT


class TopologyFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The whole file."""

    account: Annotated[str, Meta(min_length=1, max_length=128)] = "desk"
    feed: FeedTable = FeedTable()
    source: SourceTable = SourceTable()
    peers: PeersTable = PeersTable()
    strategy: StrategyTable = StrategyTable()
    features: FeaturesTable = FeaturesTable()
    model: ModelTable = ModelTable()
    risk: RiskTable = RiskTable()
    venue: VenueTable = VenueTable()
    tasks: TasksTable = TasksTable()
    metrics: MetricsTable = MetricsTable()
    monitoring: MonitoringTable = MonitoringTable()


class ViewColumn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[[feature]]`` of a view file: one column."""

    family: str
    half_life_s: Annotated[float, Meta(ge=0, le=315_360_000)] = 0.0
    name: str = ""


class ViewFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A view: its columns in order, and the desk's own families (``load``) that they use."""

    feature: Annotated[list[ViewColumn], Meta(min_length=1)]
    load: list[str] = []


class ModelFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A linear model: weights by column of the view, basis points per unit; one that is left out weighs nothing."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    weights: dict[str, float]
    intercept: float = 0.0
    clip: Annotated[float, Meta(ge=0)] = 10.0


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """A TOML file.

    Raises:
        ConfigError: Not readable, too large, or not TOML; names the file.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read the {what}", kind="file_unreadable", got=error.strerror or str(error), where=str(path)
        ) from error
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(
            "too large",
            kind="file_too_large",
            got=f"> {FILE_BYTES_MAX} bytes",
            allowed=f"{FILE_BYTES_MAX}",
            where=str(path),
        )
    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(
            "not TOML", kind="not_toml", got=str(error), where=str(path),
            fix="tapedeck init writes one to copy" if what in WRITTEN_BY_INIT else "",
        ) from error  # fmt: skip


def read_as(path: Path, shape: type[Any], what: str) -> Any:
    """A TOML file of a known shape.

    Raises:
        ConfigError: As ``read_toml``; or a key is unknown, missing, mistyped or out of bounds: names file and key.
    """
    try:
        return msgspec.convert(read_toml(path, what), shape)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$")
        key = place.rstrip("`").lstrip(".")
        raise ConfigError(
            said, kind="bad_key", where=f"{path}: {key}" if key else str(path),
            allowed=_allowed(shape, key) if said.startswith("Object") else "",
        ) from error  # fmt: skip


def _allowed(shape: type[Any], key: str) -> str:
    """Keys of the table in which a key is unknown or missing, as far as the shape tells them."""
    at: Any = shape
    for part in key.split("."):
        name = part.partition("[")[0]
        found = next((f.type for f in msgspec.structs.fields(at) if f.name == name), None)
        while get_args(found):  # annotated, and a list's items
            found = get_args(found)[0]
        if not (isinstance(found, type) and issubclass(found, msgspec.Struct)):
            break
        at = found
    return "keys " + ", ".join(f.name for f in msgspec.structs.fields(at))
