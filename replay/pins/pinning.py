"""Creating a pin and finding it again: by its name, by a tag, or by the first digits of its id."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from replay.pins.manifest import Manifest, asked
from replay.pins.measuring import Measured, OnProgress, measure
from replay.pins.selection import Selection
from replay.pins.store import ids, load, save
from replay.pins.tags import PREFIX_MIN, tags_in
from schemas.errors import ConfigError, StateDiverged
from schemas.pin_tag import PinTagged
from streams.build import build_hash, code_commit
from streams.log import Log

NAMES_SHOWN_MAX = 5
_HEX = frozenset("0123456789abcdef")


def pin(
    log: Log, selection: Selection, *, ts: int, source: Mapping[str, str] | None = None,
    on_progress: OnProgress = lambda _n: None,
) -> Manifest:  # fmt: skip
    """Pin what a selection means in a log, and keep it.

    Args:
        log: Where.
        selection: What.
        ts: Wall time, ns.
        source: Vendor, refresh cadence, timezone and backfill policy, as the topology file's ``[source]`` has them.
        on_progress: Hears how many more records have been read.

    Raises:
        ConfigError, SnapshotError, BrokerError: See ``replay.pins.measuring.measure``; or it cannot be written.
    """
    measured = measure(log, selection, on_progress)
    manifest = Manifest(
        id=measured.data.id, data=measured.data, selection=asked(selection),
        context=_context(measured, ts, dict(source or {})),
    )  # fmt: skip
    save(manifest, measured)
    return load(manifest.id) or manifest


def event_of(manifest: Manifest, name: str, author: str, reason: str, ts: int) -> PinTagged:
    """What a person says who lets a name mean a pin."""
    selection = manifest.selection
    return PinTagged(
        name=name, pin=manifest.id, namespace=selection.namespace, since=selection.since, until=selection.until,
        known_by=selection.known_by, topics=list(selection.topics), author=author, reason=reason, ts=ts,
    )  # fmt: skip


def known_as(log: Log) -> dict[str, str]:
    """Ids by name."""
    return {name: tag.newest.pin for name, tag in tags_in(log).items()}


def find(log: Log, text: str) -> Manifest:
    """The pin that a name, a tag or an id means.

    Raises:
        ConfigError: There is none; names those that are near. Or the digits begin several ids.
        StateDiverged: It was pinned elsewhere, and this log does not hold what was pinned there.
    """
    tags = tags_in(log)
    if text in tags:
        return _manifest(log, tags[text].newest)
    events = {tag.newest.pin: tag.newest for tag in tags.values()}
    known = sorted({*ids(), *events})
    begun = [one for one in known if one.startswith(text)] if is_prefix(text) else []
    if len(begun) == 1:
        return _manifest(log, events[begun[0]]) if begun[0] in events else _kept(begun[0])
    if begun:
        raise ConfigError("several pins begin so", kind="unknown_pin", got=text,
                          allowed=", ".join(one[: len(text) + 4] for one in begun[:NAMES_SHOWN_MAX]))  # fmt: skip
    raise unknown(text, [*tags, *(one[:12] for one in known)])


def unknown(text: str, names: list[str]) -> ConfigError:
    """The error of a name that means nothing, with those that are near."""
    near = get_close_matches(text, names, NAMES_SHOWN_MAX, 0.4) or names[-NAMES_SHOWN_MAX:]
    return ConfigError(
        "there is no such pin", kind="unknown_pin", got=text, allowed=", ".join(near) or "none has been created",
        fix="tapedeck pin list shows all",
    )  # fmt: skip


def is_prefix(text: str) -> bool:
    """Whether a text may be the beginning of an id."""
    return PREFIX_MIN <= len(text) <= 64 and _HEX.issuperset(text)


def _kept(one: str) -> Manifest:
    manifest = load(one)
    if manifest is None:
        raise unknown(one, [])
    return manifest


def _manifest(log: Log, event: PinTagged) -> Manifest:
    """The manifest that is here; else made again from what the event says, and held to its id."""
    kept = load(event.pin)
    if kept is not None:
        return kept
    selection = Selection(event.since, event.until, event.known_by, event.namespace, tuple(event.topics))
    made = pin(log, selection, ts=event.ts)
    if made.id != event.pin:
        raise StateDiverged(
            "the log does not hold what was pinned elsewhere", kind="pin_differs", got=f"data of {made.id[:12]}",
            allowed=f"pin {event.pin[:12]}", where=event.name,
            fix="bring its manifest here, then tapedeck pin verify names the place",
        )  # fmt: skip
    return made


def _context(measured: Measured, ts: int, source: dict[str, str]) -> dict[str, Any]:
    """What stands beside the data."""
    offsets: dict[str, dict[str, list[int]]] = {}
    for (topic, partition), bounds in sorted(measured.offsets.items()):
        offsets.setdefault(topic, {})[str(partition)] = list(bounds)
    newest = measured.openings[-1] if measured.openings else None
    return {
        "offsets": offsets,
        "lead_offsets": {str(p): offset for p, offset in sorted(measured.lead.items())},
        "snapshots": {task: start.number for task, start in measured.starts.items()},
        "span": list(measured.span),
        "code": [{"run": opening.run, "build": opening.build} for opening in measured.openings],
        "model": "" if newest is None else newest.model.get("sha256", ""),
        "view": "" if newest is None else newest.model.get("view", ""),
        "source": source,
        "created": {"ts": ts, "build": build_hash(), "commit": code_commit()},
    }  # fmt: skip
