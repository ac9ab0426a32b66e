"""An order's whole story, from the log alone: payload, tick, features, model, score, intent, checks, order, executions.

What can be computed again is, and compared with what was logged: the feature vector from the run's own ticks, the score
from that vector, the hashes of model and view from their content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from hashlib import sha256
from typing import Any

from agents.plugins import view_of
from agents.topology import deployed
from models.artefact import canonical
from replay.header_peek import peek
from replay.in_force import standing_at
from replay.items import PART_BITS, records
from replay.lookup import Lookup
from replay.recompute import OnTicks, Recomputed, recompute
from replay.recording import header_of
from replay.shape import Shape, shape_of
from replay.shown import bits, columns_of, differing, document_of, payload_of, place_of
from replay.tape_time import lost
from replay.watched import SHADOWS, id_of
from schemas.codec import decode, decode_any
from schemas.control import RunOpened
from schemas.decision import Decision
from schemas.document import Document
from schemas.errors import BadInput, ConfigError, TapedeckError
from schemas.execution import Execution
from schemas.header import HOPS, unpack
from schemas.intent import Intent
from schemas.order import Order
from streams.log import Log, Record
from streams.namespace import LIVE, namespaces

NEAREST_MAX = 5
ROOT = re.compile(r"-(?P<source>[a-z0-9_]+(?:@\d+)?)-(?P<seq>\d+)-\d+$")
"""How an id ends: source, number of the payload, part."""
IDS_MAX = 10_000
"""Newest ids of each run among which the nearest to an unknown one are looked for."""
US_NS = 1_000
Found = tuple[Record, Document]


def trace(log: Log, order_id: str, run: str | None = None, on_ticks: OnTicks = lambda _: None) -> dict[str, Any]:
    """The story of an order, or of an intent that was denied, as one JSON-able object.

    Args:
        log: Where.
        order_id: The ``client_order_id``.
        run: Run id, or ``live``; None: the newest run that has the order. (A replay repeats the ids.)
        on_ticks: Hears how many ticks have gone into the feature vector.

    Raises:
        ConfigError: No such run, or no such order; names the nearest.
        BrokerError: The log cannot be read.
    """
    shape, (record, document) = _intent(log, order_id, run)
    if not isinstance(document, Intent):
        raise AssertionError("not an intent")
    return _Story(log, _as_opened(log, shape, record), record, document).told(on_ticks)


class _Story:
    def __init__(self, log: Log, shape: Shape, record: Record, intent: Intent) -> None:
        self._log = log
        self._shape = shape
        self._lookup = Lookup(log, shape)
        self._record = record
        self._intent = intent
        self._partition = int(intent.root.source.partition("@")[2] or 0)

    def told(self, on_ticks: OnTicks) -> dict[str, Any]:
        intent, lookup, partition = self._intent, self._lookup, self._partition
        key = intent.root.seq << PART_BITS | intent.root.part
        raw = lookup.payload(partition, intent.root.seq)
        tick = lookup.row("ticks.<source>", partition, key, intent.ts)
        vector = lookup.row("features", partition, key, intent.ts)
        score = lookup.row("scores", partition, key, intent.ts)
        again = Recomputed(why="the tick is not in the log")
        if tick is not None:
            again = recompute(self._log, self._shape, partition, tick, on_ticks)
        decision = self._one("orders.decision", Decision)
        ordered = decision is None or getattr(decision[1], "verdict", "") == "approved"
        order = self._one("orders", Order) if ordered else None
        executions = self._all("executions", Execution) if ordered else []
        story: dict[str, Any] = {
            "order_id": intent.client_order_id, "run": self._shape.watched.run, "mode": self._shape.opened.mode,
            "outcome": _outcome(decision, executions, self._shape.watched.definitions)
            + (" (simulated)" if executions and self._shape.watched.shadow else ""),
            "raw": None if raw is None else payload_of(raw),
            "tick": None if tick is None else {**place_of(tick[0], tick[1]), "columns": columns_of(tick[2])},
            "features": self._features(vector, again),
            "model": self._model(),
            "score": self._score(score, again),
            "intent": _told(self._record, intent),
            "in_force": standing_at(self._log, self._shape, intent, None if decision is None else decision[0]),
            "decision": None if decision is None else _told(*decision),
            "order": None if order is None else _told(*order),
            "executions": [_told(*found) for found in executions],
        }  # fmt: skip
        newest = executions[0] if executions else order or decision or (self._record, intent)
        story["hops"] = _hops(newest[0])
        doubts = _doubts(story)
        return {**story, "verified": not doubts, "doubts": doubts}

    def _is(self, event: type[Document]) -> Any:
        return lambda d: isinstance(d, event) and getattr(d, "client_order_id", "") == self._intent.client_order_id

    def _one(self, table_name: str, event: type[Document]) -> Found | None:
        return next(iter(self._all(table_name, event)), None)

    def _all(self, table_name: str, event: type[Document]) -> list[Found]:
        intent = self._intent
        return self._lookup.documents(table_name, self._is(event), intent.client_order_id, intent.ts)

    def _features(self, logged: Any, again: Recomputed) -> dict[str, Any]:
        """As logged and as recomputed; ``agrees``: the same bits; None where one of the two is not there."""
        found: dict[str, Any] = {"logged": None, "recomputed": None, "agrees": None, "differs": [], "why": again.why}
        if logged is not None:
            names = again.names
            values = columns_of(logged[2], names)
            found["logged"] = {
                **place_of(logged[0], logged[1]),
                "values": {n: v for n, v in values.items() if n not in logged[2].dtype.names},
            }
        if again.row is not None:
            values = columns_of(again.row, again.names)
            found["recomputed"] = {n: v for n, v in values.items() if n not in again.row.dtype.names}
            found["since_tick"] = again.since
            if logged is not None:
                found["differs"] = differing(found["recomputed"], found["logged"]["values"])
                found["agrees"] = not found["differs"]
        return found

    def _model(self) -> dict[str, Any]:
        """The model in force, and whether its content is what its hash says; likewise the view."""
        model = self._shape.opened.model
        found = {
            "name": model.get("name"), "kind": model.get("kind"), "sha256": self._intent.model,
            "hash_agrees": sha256(canonical(model)).hexdigest() == self._intent.model,
            "view": self._intent.view,
        }  # fmt: skip
        try:
            found["view_agrees"] = view_of(self._shape.context(self._partition)).hash == self._intent.view
        except TapedeckError as error:
            return {**found, "view_agrees": None, "why": error.told}
        return found

    def _score(self, logged: Any, again: Recomputed) -> dict[str, Any]:
        """As logged row for row, as the intent says, and as the model gives it now."""
        value = None if logged is None else float(logged[2]["score"])
        known = [v for v in (value, self._intent.score, again.score) if v is not None]
        return {
            **({} if logged is None else place_of(logged[0], logged[1])),
            "logged": value, "of_intent": self._intent.score, "recomputed": again.score,
            "bits": bits(self._intent.score), "agrees": len({bits(v) for v in known}) == 1 if len(known) > 1 else None,
        }  # fmt: skip


def _intent(log: Log, order_id: str, run: str | None) -> tuple[Shape, Found]:
    """The run and the intent; looked for from the newest run on where none is named."""
    names = log.names()
    runs = [run] if run is not None else _newest_first(names)
    known: list[str] = []
    led_to_nothing, gone = "", list[str]()
    for name in runs:
        try:
            shape = shape_of(log, name)
        except ConfigError:
            if run is not None:
                raise
            continue
        if not log.partitions(shape.topic("orders.intent")):
            continue
        found = _asked(Lookup(log, shape), shape, order_id)
        if found is not None:
            return shape, found
        led_to_nothing = led_to_nothing or _payload_of(log, shape, order_id)
        gone += lost(log, shape.topic("orders.intent"))
        if len(known) < IDS_MAX:
            known += _ids(log, shape)
    known = list(dict.fromkeys(known))[:IDS_MAX]
    near = get_close_matches(order_id, known, n=NEAREST_MAX, cutoff=0.3) or known[-NEAREST_MAX:]
    raise ConfigError(
        "no such order", kind="no_order", got=order_id, allowed=", ".join(near) or "none: no run has an order",
        where="; ".join((("trace" if run is None else f"run {run}") + led_to_nothing, *gone)),
        fix="tapedeck topics tail orders shows the last ones",
    )  # fmt: skip


def _newest_first(names: list[str]) -> list[str]:
    """Runs in the order in which an id is looked for: a shadow repeats the live desk's ids, and nobody works them."""
    known = namespaces(names)
    shadows = [run for run, namespace in known.items() if namespace.startswith(f"{SHADOWS}.")]
    return [*(run for run in reversed(list(known)) if run not in shadows), LIVE, *shadows]


def _asked(lookup: Lookup, shape: Shape, order_id: str) -> Found | None:
    """The intent of an id, by the log time of the payload that the id names; every intent, where it names none."""
    place = _root_of(shape, order_id)
    time: int | None = None
    if place is not None:
        payload = lookup.payload(*place)
        head = None if payload is None else peek(payload.header)
        time = None if head is None else head.time
    found = lookup.documents(
        "orders.intent", lambda d: isinstance(d, Intent) and d.client_order_id == order_id, order_id, time
    )
    return found[0] if found else None


def _root_of(shape: Shape, order_id: str) -> tuple[int, int] | None:
    """Partition and number of the payload that an id names; None where it is not made like those of this run."""
    made = ROOT.search(order_id)
    source, _, partition = ("", "", "") if made is None else made["source"].partition("@")
    if made is None or source != shape.watched.source:
        return None
    return int(partition or 0), int(made["seq"])


def _payload_of(log: Log, shape: Shape, order_id: str) -> str:
    """Where the payload lies that an id names, though it led to no intent; empty where it is not in this run."""
    place = _root_of(shape, order_id)
    payload = None if place is None else Lookup(log, shape).payload(*place)
    if payload is None:
        return ""
    return f"; its payload is {payload.topic}[{payload.partition}]@{payload.offset}, and led to no intent of that id"


def _ids(log: Log, shape: Shape) -> list[str]:
    """The newest ids of a run."""
    found = []
    topic = shape.topic("orders.intent")
    for partition in range(log.partitions(topic)):
        start = log.bounds(topic, partition)[1] - IDS_MAX
        for record, _ in records(log, shape, "orders.intent", partition, max(0, start)):
            try:
                document = decode_any(record.value)
            except BadInput:
                continue
            found += [document.client_order_id] if isinstance(document, Intent) else []
    return found


def _as_opened(log: Log, shape: Shape, record: Record) -> Shape:
    """The run that formed an intent: a release, or a later start, goes on with its predecessor's numbers."""
    header = header_of(record)
    if header is None:
        return shape
    opened = shape.opened
    for said in log.scan(shape.topic("control"), 0, 0, committed=True):
        try:
            found = decode(said.value, RunOpened)
        except BadInput:
            continue
        start = found.starts.get(header.writer)
        begun = 0 if start is None else start.seqs.get("orders.intent", 0)
        if begun <= header.seq and header.writer in {task.name for task in deployed(found)}:
            opened = found
    return replace(shape, watched=replace(shape.watched, run=id_of(shape.watched.namespace, opened), opened=opened))


def _told(record: Record, document: Document) -> dict[str, Any]:
    del document
    return {**place_of(record), "document": document_of(record.value)}


def _outcome(decision: Found | None, executions: list[Found], definitions: Iterable[Any]) -> str:
    if decision is None:
        return "not decided yet"
    known = decision[1]
    if isinstance(known, Decision) and known.verdict == "denied":
        return f"denied: {', '.join(known.reasons)}"
    reports = [d for _, d in executions if isinstance(d, Execution)]
    if not reports:
        return "approved, no report yet"
    last, units = reports[-1], {d.instrument_id: d.size_increment for d in definitions}
    size = last.cumulative_quantity * units.get(last.instrument_id, 1_000_000_000) / 1_000_000_000
    return f"{last.status}: {size:.10g} filled" + ("" if last.final else ", more to come")


def _hops(record: Record) -> list[dict[str, Any]]:
    """Time of each hop: waited before it, and within it; us, with wall time of entering."""
    header = None if record.header is None else unpack(record.header)
    if header is None or not header.hops:
        return []
    stamps = [int(s) for s in header.stamps[0]]
    hops = [{"hop": "publish", "at_ns": stamps[0], "waited_us": None, "took_us": None, "since_us": 0.0}]
    left = stamps[0]
    for i, number in enumerate(header.hops):
        entered, out = stamps[1 + 2 * i], stamps[2 + 2 * i]
        hops.append({
            "hop": HOPS[number], "at_ns": entered, "waited_us": _us(entered, left), "took_us": _us(out, entered),
            "since_us": _us(out, stamps[0]),
        })  # fmt: skip
        left = out
    return hops


def _us(later: int, earlier: int) -> float | None:
    return (later - earlier) / US_NS if later and earlier else None


def _doubts(story: dict[str, Any]) -> list[str]:
    """What does not agree, or is not there."""
    doubts = [f"{name} is not in the log" for name in ("raw", "tick", "decision") if story[name] is None]
    for name, said in (("features", "the feature vector recomputed is another than the one logged"),
                       ("score", "the score recomputed is another than the one logged")):  # fmt: skip
        doubts += [said] if story[name]["agrees"] is False else []
    if story["features"]["recomputed"] is None:
        doubts.append(f"the feature vector cannot be recomputed: {story['features']['why']}")
    model = story["model"]
    doubts += [] if model["hash_agrees"] else ["the model's content is not what its hash says"]
    doubts += [] if model["view_agrees"] is not False else ["the view is not the one that the intent names"]
    return doubts
