"""How pins are told: for people in lines, for programs as one JSON object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from replay.pins.manifest import Manifest
from replay.pins.tags import Tag
from replay.pins.verifying import Verdict
from replay.tape_time import iso
from schemas.pin_tag import PinTagged
from streams.people import Written


def told_of(manifest: Manifest, name: str, *, json: bool) -> str:
    """A manifest."""
    if json:
        return _line({"name": name, "records": manifest.records, **msgspec.to_builtins(manifest)})
    data, asked, context = manifest.data, manifest.selection, manifest.context
    code = ", ".join(f"{span['run']} {span['build'][:12]}" for span in context.get("code", ()))
    source = ", ".join(f"{key} {value}" for key, value in context.get("source", {}).items())
    lines = [
        f"pin       {name}", f"id        {manifest.id}",
        f"range     {iso(asked.since)} to {iso(asked.until)}, as known by {iso(asked.known_by)}",
        f"records   {manifest.records:,} in {len(data.topics)} partitions",
        *(f"          {part.topic}[{part.partition}]  {part.records:,}  {part.hash[:16]}" for part in data.topics),
        f"lead-in   {sum(part.records for part in data.lead):,} payloads from the states at the beginning on",
        f"known     {sum(part.records for part in data.known):,} definitions and facts",
        f"schemas   {', '.join(f'{s.name}/{s.version}' for s in data.schemas)}",
        f"states    {', '.join(s.task for s in data.states) or 'none: everything begins empty'}",
        f"code      {code or 'no run'}",
        f"source    {source or 'not said: [source] of a topology file'}",
    ]  # fmt: skip
    return "\n".join(lines)


def verdict_of(verdict: Verdict, name: str, *, json: bool) -> str:
    """What a verification came to."""
    manifest, first = verdict.manifest, verdict.difference
    if json:
        differs = (
            None if first is None else {key: getattr(first, key) for key in first.__slots__} | {"line": str(first)}
        )
        return _line({
            "name": name, "id": manifest.id, "identical": verdict.identical, "records": manifest.records,
            "found": None if verdict.measured is None else verdict.measured.data.id, "first_difference": differs,
        })  # fmt: skip
    if first is None:
        return f"{name}: identical, {manifest.records:,} records, {manifest.id}"
    return f"{name}: DIFFERENT: {first}"


def list_of(tags: Mapping[str, Tag], here: Sequence[str], *, json: bool) -> str:
    """Names with what they mean, then pins without one."""
    named = {tag.newest.pin for tag in tags.values()}
    nameless = [pin for pin in here if pin not in named]
    if json:
        return _line({
            "pins": [_row(name, tag, here) for name, tag in tags.items()]
            + [{"name": None, "id": pin, "here": True} for pin in nameless]
        })  # fmt: skip
    lines = []
    for name, tag in tags.items():
        newest, moved = tag.newest, len(tag.history) - 1
        said = f"{newest.author}: {newest.reason}" + (f" (moved {moved} times)" if moved else "")
        lines.append(f"{name:<24} {newest.pin[:12]}  {iso(newest.since)} to {iso(newest.until)}  {said}")
    lines += [f"{'(no name)':<24} {pin[:12]}" for pin in nameless]
    return "\n".join(lines) or "no pin yet: tapedeck pin create NAME --day D"


def tagged_as(written: Written | None, event: PinTagged, *, json: bool) -> str:
    """What a tag came to."""
    if json:
        place = None if written is None else str(written)
        return _line({"name": event.name, "id": event.pin, "written": place})
    if written is None:
        return f"{event.name} means {event.pin[:12]} already"
    return f"{event.name} means {event.pin[:12]} from now on: written at {written}"


def _row(name: str, tag: Tag, here: Sequence[str]) -> dict[str, Any]:
    newest = tag.newest
    return {
        "name": name, "id": newest.pin, "here": newest.pin in here, "namespace": newest.namespace,
        "since": newest.since, "until": newest.until, "known_by": newest.known_by, "author": newest.author,
        "reason": newest.reason, "ts": newest.ts,
        "history": [{"id": e.pin, "author": e.author, "reason": e.reason, "ts": e.ts} for e in tag.history],
    }  # fmt: skip


def _line(told: Mapping[str, Any]) -> str:
    return orjson.dumps(told).decode()
