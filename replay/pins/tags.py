"""Names of pins: what ``control`` says they mean. A name moves by a recorded event, who and why stand in it.

The live ``control`` topic is the truth, whatever run a pin is of: whoever has the log knows every name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from replay.header_peek import peek
from schemas.catalog import PIN_TAG
from schemas.codec import decode
from schemas.errors import BadFrame, ConfigError
from schemas.pin_tag import PinTagged
from streams.log import Log
from streams.namespace import LIVE
from streams.people import CONTROL, Written, append

PREFIX_MIN = 8
"""Fewest hex digits by which an id is named."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LIKE_AN_ID = re.compile(rf"[0-9a-f]{{{PREFIX_MIN},64}}")
_LIKE_A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Tag:
    """What a name means: the newest event, and all of them in order."""

    newest: PinTagged
    history: tuple[PinTagged, ...]


def tags_in(log: Log) -> dict[str, Tag]:
    """Every name, in the order in which they were first given.

    Raises:
        BrokerError: The log cannot be read.
    """
    found: dict[str, Tag] = {}
    if not log.partitions(CONTROL):
        return found
    for record in log.scan(CONTROL, 0, 0, committed=True):
        head = peek(record.header)
        if head is None or head.schema != PIN_TAG.number:
            continue
        try:
            event = decode(record.value, PinTagged)
        except BadFrame:  # junk that somebody has put there
            continue
        before = found[event.name].history if event.name in found else ()
        found[event.name] = Tag(event, (*before, event))
    return found


def check_name(name: str) -> str:
    """A name that can be told from a day, a run's words and an id.

    Raises:
        ConfigError: It cannot.
    """
    if not NAME.fullmatch(name) or _LIKE_AN_ID.fullmatch(name) or _LIKE_A_DAY.fullmatch(name) or name == LIVE:
        raise ConfigError(
            "not a name for a pin", kind="bad_pin_name", got=repr(name),
            allowed="a letter or digit, then letters, digits, `.`, `-` and `_`, 128 at most; no day, no id, not live",
        )  # fmt: skip
    return name


def give(log: Log, event: PinTagged, *, moves: bool) -> Written | None:
    """Let a name mean a pin; None where it does already.

    Args:
        log: Where.
        event: What is said; ``was`` is filled in.
        moves: Whether the name may be taken from another pin.

    Raises:
        ConfigError: It means another pin, and may not be moved.
        BrokerError: It could not be written.
    """
    check_name(event.name)

    def check() -> None:
        if (was := _meaning(log, event.name)) != event.was:
            raise _taken(event.name, was)

    was = _meaning(log, event.name)
    if was == event.pin:
        return None
    if was and not moves:
        raise _taken(event.name, was)
    event = msgspec.structs.replace(event, was=was)
    return append(log, event, ts=event.ts, confirm=check)


def _meaning(log: Log, name: str) -> str:
    tag = tags_in(log).get(name)
    return "" if tag is None else tag.newest.pin


def _taken(name: str, was: str) -> ConfigError:
    return ConfigError(
        "the name means another pin", kind="pin_taken", got=name, where=f"pin {was[:12]}",
        fix=f"move it: tapedeck pin tag PIN {name} --reason TEXT; or give another name",
    )  # fmt: skip
