"""What a play run is: its input, pace, deployment and the records that open it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.limits import default_limits
from agents.parameters import default_parameters
from agents.peer_band import band_of
from agents.topology import TaskHops, deployment, topic_specs
from agents.topology_file import PeersTable
from feeds.sequence import definitions_of, source_of
from feeds.simulated_instruments import INSTRUMENTS
from models.artefact import read
from models.linear import DEFAULT_MODEL
from schemas.catalog import DEFINITION, RUN, Schema
from schemas.codec import encode
from schemas.control import RunOpened
from schemas.definition import Definition
from schemas.document import Document
from schemas.header import Header, no_stamps, pack
from schemas.sources import number_of
from schemas.topics import topic_name
from streams.build import build_hash
from streams.flushing import flush_all
from streams.log import Log

ACCOUNT = "demo"
STRATEGY = "touch-pressure"
PEOPLE = "people"
"""Writer name of records that people (here: the command they gave) write."""


@dataclass(frozen=True)
class PlayPlan:
    """A play run.

    Attributes:
        run: Run id; sorts by time.
        captures: Capture files; empty: the simulator.
        seconds: Simulated session's length; captures are played whole.
        instruments: Of a simulated session.
        limits: Risk limits; None: the shipped ones, which know made-up instruments too.
        peers: How mids are compared with their peers'.
        speed: Log seconds per wall second; 0 as fast as it goes.
        split: A topic between every two hops.
        kills: SIGKILL a task after so many inputs, by task name.
    """

    run: str
    captures: Sequence[Path] = ()
    seconds: float = 60.0
    instruments: int = INSTRUMENTS
    seed: int = 1
    speed: float = 1.0
    venue_latency_ns: int = 50_000_000
    split: bool = False
    kills: Mapping[str, Sequence[int]] = field(default_factory=dict)
    limits: Mapping[str, Any] | None = None
    peers: PeersTable = field(default_factory=PeersTable)
    model: Mapping[str, Any] = field(default_factory=lambda: read(DEFAULT_MODEL))

    @property
    def namespace(self) -> str:
        """Topic prefix."""
        return f"demo.{self.run}."

    @property
    def source(self) -> str:
        """Source name."""
        return source_of(self.captures)

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """Instruments that the run knows."""
        return definitions_of(self.captures, self.instruments)

    @property
    def tasks(self) -> tuple[TaskHops, ...]:
        """Tasks of the chosen deployment."""
        return deployment(self.split)

    def topic(self, table_name: str) -> str:
        """Full name of a topic of the table in this run."""
        return topic_name(self.namespace, table_name, self.source)

    def opening(self) -> RunOpened:
        """The record that opens the run: all that its agents need to know beside the data."""
        limits = default_limits(self.definitions) if self.limits is None else self.limits
        return RunOpened(
            run=self.run, mode="play", source=self.source, publisher_id=number_of(self.source), seed=self.seed,
            venue_latency_ns=self.venue_latency_ns, account=ACCOUNT, strategy=STRATEGY,
            parameters=default_parameters(self.definitions), limits=dict(limits), model=dict(self.model),
            split=self.split, build=build_hash(), peers=band_of(self.peers, self.source),
        )  # fmt: skip


def open_run(log: Log, plan: PlayPlan) -> None:
    """Create the run's topics, write its definitions, and open it."""
    log.create(topic_specs(plan.namespace, plan.source))
    appender = log.appender()
    documents: list[tuple[str, Document, Schema, bytes]] = [
        ("definitions", d, DEFINITION, d.instrument.encode()) for d in plan.definitions
    ]
    documents.append(("control", plan.opening(), RUN, b""))
    seqs: dict[str, int] = {}
    for table_name, document, schema, key in documents:
        seq = seqs[table_name] = seqs.get(table_name, -1) + 1
        header = Header(
            schema=schema.number, version=schema.version, seq=seq, time=0, writer=PEOPLE, stamps=no_stamps()
        )
        appender.append(plan.topic(table_name), 0, key, encode(document), pack(header))
    flush_all(appender, plan.topic("control"))
    appender.close()
