"""The first divergence of two runs, followed through the data's way: which hop made something else of the same input.

Where hops are fused only a sample of the feature vectors is in the log. Then the vector of the row in question is
recomputed from the run's own ticks: where it explains A's score and not B's, B's feature hop differed there, and the
next vector that is in the log says in which feature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from replay.difference import HOP_OF, NAMES, Divergence
from replay.items import PART_BITS, id_of
from replay.join import Found
from replay.lookup import Lookup, Row
from replay.recompute import OnTicks, Recomputed, recompute
from replay.shape import Shape
from replay.shown import bits, columns_of, differing, document_of, payload_of, place_of
from schemas.codec import decode_any
from schemas.document import Document
from schemas.partitions import named
from streams.log import Log

Differing = Sequence[tuple[str, int, Found]]
"""Table name, partition, and the difference."""
RANK = {name: i for i, name in enumerate(NAMES)}
DOCUMENTS = ("orders.intent", "orders.decision", "orders", "executions")


class Tracer:
    """Follows differences of two runs.

    Args:
        a: Log and shape of A.
        b: Of B.
        on_ticks: Hears of the progress of a recomputation.
    """

    def __init__(self, a: tuple[Log, Shape], b: tuple[Log, Shape], on_ticks: OnTicks = lambda _: None) -> None:
        self._sides = {"a": a, "b": b}
        self._lookups = {side: Lookup(*at) for side, at in self._sides.items()}
        self._on_ticks = on_ticks

    def first(self, found: Differing) -> Divergence | None:
        """The earliest, by log time and then by the way, with its chain."""
        if not found:
            return None
        table_name, partition, earliest = min(found, key=lambda f: (f[2].time, RANK[f[0]]))
        divergence = self.told(table_name, partition, earliest)
        chain, vectors = self._chain(table_name, partition, earliest)
        hop, note, columns = divergence.hop, divergence.note, divergence.columns
        if table_name == "scores" and earliest.kind == "changed" and not chain["tick"]["differs"]:
            hop, note, columns = self._blame(chain, vectors, found, divergence)
        what = "features" if hop == "feature" else divergence.what
        return Divergence(what, hop, divergence.kind, divergence.time, divergence.root, columns, divergence.a,
                          divergence.b, note, chain)  # fmt: skip

    def told(self, table_name: str, partition: int, found: Found) -> Divergence:
        """A difference by itself."""
        shown: dict[str, Any] = {}
        places: dict[str, dict[str, Any] | None] = {}
        for side, part in (("a", found.a), ("b", found.b)):
            if part is None:
                places[side] = None
                continue
            place = part.places[0]
            topic = self._sides[side][1].topic(table_name)
            places[side] = {
                "topic": topic, "partition": partition, "offset": int(place["offset"]), "seq": int(place["seq"]),
                "row": int(place["row"]),
            }  # fmt: skip
            shown[side] = self._columns(side, table_name, partition, part.content[0])
        both = "a" in shown and "b" in shown
        columns = differing(shown["a"], shown["b"]) if both else []
        root = _root(found, next(iter(shown.values())))
        return Divergence(
            NAMES[table_name], HOP_OF[table_name], found.kind, found.time, root, columns, places["a"], places["b"]
        )

    def _columns(self, side: str, table_name: str, partition: int, content: Any) -> dict[str, Any]:
        if isinstance(content, tuple):
            return document_of(content[1])
        return columns_of(content, self._names(side, partition) if table_name == "features" else ())

    def _names(self, side: str, partition: int) -> tuple[str, ...]:
        from agents.plugins import view_of
        from schemas.errors import TapedeckError

        try:
            return view_of(self._sides[side][1].context(partition)).names
        except TapedeckError:  # the desk's own code is not at hand: columns go by their numbers
            return ()

    def _chain(self, table_name: str, partition: int, found: Found) -> tuple[dict[str, Any], dict[str, Recomputed]]:
        """Everything of one root, of both runs."""
        seq, part, time, partition = self._identity(table_name, found, partition)
        watched = self._sides["a"][1].watched
        source = named(watched.source, partition, watched.opened.partitions)
        key = seq << PART_BITS | part
        chain: dict[str, Any] = {}
        raws = {side: lookup.payload(partition, seq) for side, lookup in self._lookups.items()}
        chain["raw"] = _both({side: None if raw is None else payload_of(raw) for side, raw in raws.items()}, "payload")
        rows: dict[str, dict[str, Row | None]] = {}
        for name in ("ticks.<source>", "features", "scores"):
            rows[name] = {side: lookup.row(name, partition, key, time) for side, lookup in self._lookups.items()}
        chain["tick"] = self._rows(rows["ticks.<source>"])
        vectors: dict[str, Recomputed] = {}
        for side, tick in rows["ticks.<source>"].items():
            if tick is not None:
                log, shape = self._sides[side]
                vectors[side] = recompute(log, shape, partition, tick, self._on_ticks)
        chain["features"] = self._vectors(rows["features"], vectors, partition)
        chain["score"] = self._rows(rows["scores"])
        for name in DOCUMENTS:
            chain[NAMES[name]] = self._documents(name, seq, part, source, time)
        return chain, vectors

    def _identity(self, table_name: str, found: Found, partition: int) -> tuple[int, int, int, int]:
        """Root, log time and partition of the tick behind a difference."""
        part = found.a or found.b
        if part is None:
            raise AssertionError("a difference of nothing")
        if table_name not in DOCUMENTS:
            return found.key >> PART_BITS, found.key & ((1 << PART_BITS) - 1), found.time, partition
        document: Any = decode_any(part.content[0][1])
        time = found.time
        if table_name == "executions":
            time -= self._sides["a"][1].opened.venue_latency_ns
        return document.root.seq, document.root.part, time, int(document.root.source.partition("@")[2] or 0)

    def _rows(self, rows: Mapping[str, Row | None]) -> dict[str, Any]:
        shown = {
            side: None if row is None else {**place_of(row[0], row[1]), "columns": columns_of(row[2])}
            for side, row in rows.items()
        }
        return _both(shown, "columns")

    def _vectors(
        self, logged: Mapping[str, Row | None], vectors: Mapping[str, Recomputed], partition: int
    ) -> dict[str, Any]:
        """Of each run: as logged, and as recomputed; ``agrees`` says whether the two are the same bits."""
        chain: dict[str, Any] = {}
        for side in self._sides:
            row, again = logged.get(side), vectors.get(side)
            names = self._names(side, partition)
            entry: dict[str, Any] = {"logged": None, "recomputed": None, "agrees": None}
            if row is not None:
                entry["logged"] = {**place_of(row[0], row[1]), "columns": _values(row[2], names)}
            if again is not None and again.row is not None:
                entry["recomputed"] = _values(again.row, names)
                entry["since_tick"] = again.since
                if row is not None:
                    entry["differs"] = differing(entry["recomputed"], entry["logged"]["columns"])
                    entry["agrees"] = not entry["differs"]
            elif again is not None:
                entry["why"] = again.why
            chain[side] = entry
        left, right = (_known(chain[side]) for side in ("a", "b"))
        chain["differs"] = differing(left, right) if left and right else []
        return chain

    def _documents(self, table_name: str, seq: int, part: int, source: str, time: int) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for side, lookup in self._lookups.items():

            def of_root(document: Document) -> bool:
                root = getattr(document, "root", None)
                return root is not None and (root.source, root.seq, root.part) == (source, seq, part)

            found = [
                {**place_of(record), "document": document_of(record.value)}
                for record, document in lookup.documents(table_name, of_root, f'"seq":{seq}', time)
                if id_of(document)
            ]
            shown[side] = found
        same = [[e["document"] for e in shown[side]] for side in ("a", "b")]
        return {**shown, "same": same[0] == same[1]}

    def _blame(
        self, chain: dict[str, Any], vectors: dict[str, Recomputed], found: Differing, scores: Divergence
    ) -> tuple[str, str, list[dict[str, Any]]]:
        """Feature or score hop: whose fault is another score over the same tick."""
        features = chain["features"]
        if features["a"]["logged"] and features["b"]["logged"]:
            return scores.hop, "the feature vectors are the same", scores.columns
        fits = {
            side: again.score is not None and bits(again.score) == bits(chain["score"][side]["columns"]["score"])
            for side, again in vectors.items()
        }
        later = [f for f in found if f[0] == "features" and f[2].kind == "changed"]
        if not later:
            return (
                scores.hop,
                "feature vectors of this row are not in the log, and none that is differs",
                scores.columns,
            )
        table_name, partition, nearest = min(later, key=lambda f: f[2].time)
        logged = self.told(table_name, partition, nearest)
        other = "B" if fits.get("a") else "A" if fits.get("b") else ""
        note = f"the score of {other} is not what the tick gives; " if other else ""
        note += "the vector of this row is not in the log (features are sampled where hops are fused): the columns are"
        place = logged.b or {}
        note += (
            f" those of the next one that is, {place.get('topic')} offset {place.get('offset')} row {place.get('row')}"
        )
        return "feature", note, logged.columns


def _values(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The features alone, without what a tick hands on."""
    columns = columns_of(row, names)
    return {name: value for name, value in columns.items() if name not in row.dtype.names}


def _known(entry: dict[str, Any]) -> dict[str, Any]:
    """The vector as logged, else as recomputed."""
    columns: dict[str, Any] = (entry["logged"] or {}).get("columns") or entry["recomputed"] or {}
    return columns


def _both(shown: dict[str, Any], field: str) -> dict[str, Any]:
    a, b = shown["a"], shown["b"]
    if a is None or b is None:
        return {**shown, "same": a is b, "differs": []}
    if isinstance(a.get(field), dict):
        found = differing(a[field], b[field])
        return {**shown, "same": not found, "differs": found}
    return {**shown, "same": a.get(field) == b.get(field), "differs": []}


def _root(found: Found, shown: dict[str, Any]) -> dict[str, Any]:
    if "client_order_id" in shown:
        return {"id": shown.get("execution_id") or shown["client_order_id"], **shown["root"]}
    return {"seq": found.key >> PART_BITS, "part": found.key & ((1 << PART_BITS) - 1)}
