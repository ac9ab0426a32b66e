"""What ``tapedeck dlq`` says: dead letters and retries as JSON, and the same as lines for people."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from console.figures import count, moment
from console.terminal import columns, is_screen
from operations.letters import Filed
from operations.retries import Done
from schemas.error_kinds import kind_of
from schemas.errors import ConfigError, one_line
from schemas.retry import Retry

NANOS = 1_000_000_000
SPAN = re.compile(r"(\d{1,9})([smhd])")
SPAN_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
HEX_BYTES = 16
"""Bytes a line of a payload that is no text."""
LISTS_THEM = "tapedeck dlq list shows them"


def moment_of(text: str, now_ns: int) -> int:
    """A span before now, or a time (UTC unless it says otherwise), as ns since the epoch.

    Raises:
        ConfigError: Neither.

    >>> moment_of("30m", 3_600 * NANOS) // NANOS, moment_of("1970-01-01T01:00", 0) // NANOS
    (1800, 3600)
    """
    if (span := SPAN.fullmatch(text.strip())) is not None:
        return now_ns - int(span[1]) * SPAN_S[span[2]] * NANOS
    try:
        said = datetime.fromisoformat(text.strip())
        return int((said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()) * NANOS
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            "not a moment", kind="bad_moment", got=repr(text), allowed="30m, 2h, 1d, or 2026-11-24T09:30",
            where="--since",
        ) from error  # fmt: skip


def number_of(text: str, what: str = "the number of a dead letter", fix: str = LISTS_THEM) -> tuple[int, int]:
    """Partition and offset of a record by its number, as people write it.

    Args:
        text: What they wrote.
        what: Of which record.
        fix: Where its number is told.

    Raises:
        ConfigError: No number.

    >>> number_of("17"), number_of("3/17")
    ((0, 17), (3, 17))
    """
    found = re.fullmatch(r"(?:(\d{1,5})/)?(\d{1,18})", text.strip())
    if found is None:
        raise ConfigError(
            f"not {what}", kind="no_letter", got=repr(text), allowed="OFFSET or PARTITION/OFFSET, e.g. 17, or 3/17",
            fix=fix,
        )  # fmt: skip
    return int(found[1] or 0), int(found[2])


def listed_as_json(
    run: str, found: Sequence[Filed], total: int, retried: Mapping[tuple[int, int], Retry]
) -> dict[str, Any]:
    """What ``list`` tells."""
    return {
        "run": run, "total": total, "shown": len(found),
        "by_kind": dict(Counter(_kind(filed) for filed in found).most_common()),
        "letters": [_entry(filed, retried.get((filed.partition, filed.offset))) for filed in found],
    }  # fmt: skip


def listed_lines(told: Mapping[str, Any]) -> list[str]:
    """The same for people, the newest last; on a terminal cut to its width."""
    if not told["letters"]:
        return [f"no dead letters of {told['run']}"]
    rows = [("number", "refused (UTC)", "task", "input", "kind", "bytes", "reason")]
    for entry in told["letters"]:
        reason = ("RETRIED; " if entry["retried"] else "") + entry["reason"]
        rows.append((
            entry["number"], moment(entry["filed_ns"]), entry["task"], entry["input"], entry["kind"],
            count(entry["bytes"]), reason,
        ))  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = ["  ".join([f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)] + [row[-1]])
             for row in rows]  # fmt: skip
    if is_screen(sys.stdout):
        lines = [line[: columns()] for line in lines]
    more = f" of {count(told['total'])}: --limit shows more" if told["total"] > told["shown"] else ""
    return [*lines, f"{count(told['shown'])} dead letters of {told['run']}{more}"]


def shown_as_json(filed: Filed, retried: Retry | None, bytes_max: int) -> dict[str, Any]:
    """What ``show`` tells: the payload as text where it is such, else as hex, up to a bound."""
    letter, kind, payload = filed.letter, kind_of(_kind(filed)), filed.payload
    shown = payload[:bytes_max]
    text = _text(shown)
    return {
        **_entry(filed, retried), "code": letter.code, "meaning": kind.meaning, "fix": kind.do,
        "writer": letter.writer, "seq": letter.seq, "ts": letter.ts, "key": filed.key.decode(errors="backslashreplace"),
        "payload_is": "hex" if text is None else "text", "payload": shown.hex() if text is None else text,
        "payload_cut": len(shown) < len(payload),
        "retries": None if retried is None else {
            "author": retried.author, "reason": retried.reason, "ts": retried.ts,
        },
    }  # fmt: skip


def shown_lines(told: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    lines = [
        f"dead letter {told['number']}, {moment(told['filed_ns'])}, refused by {told['task']}",
        f"  input    {told['input']}, seq {told['seq']} of {one_line(told['writer']) or 'nobody known'}, "
        f"key {one_line(told['key']) or 'none'}, time {moment(told['ts'])}",
        f"  kind     {told['kind']}: {told['meaning']}",
    ]
    said, *rest = told["reason"].split("; ")
    lines += [f"  reason   {said}", *(f"           {part}" for part in rest), f"  do       {told['fix']}"]
    if (retry := told["retries"]) is not None:
        lines.append(f"  retried  {moment(retry['ts'])} by {one_line(retry['author'])}: {one_line(retry['reason'])}")
    cut = f", the first {len(told['payload']) // (1 if told['payload_is'] == 'text' else 2):,} shown"
    lines.append(f"  payload  {count(told['bytes'])} bytes, {told['payload_is']}{cut if told['payload_cut'] else ''}")
    return [*lines, *_payload_lines(told)]


def retried_as_json(run: str, done: Done) -> dict[str, Any]:
    """What ``retry`` tells."""
    return {
        "run": run, "finished_before": done.finished, "passed_over": dict(done.passed_over),
        "retries": [
            {
                "control": order.offset, "author": order.retry.author, "reason": order.retry.reason,
                "topic": order.retry.topic, "partition": order.retry.partition, "copies": said.copies,
                "gone": said.gone,
                "letters": [
                    {"number": _number(*place), "source_seq": seq} for place, seq in order.numbered
                ],
            }
            for order, said in done.sent
        ],
    }  # fmt: skip


def retried_lines(told: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    lines = []
    for at, retry in enumerate(told["retries"]):
        before = "ordered before and cut off, finished now: " if at < told["finished_before"] else ""
        gone = f"; {count(retry['gone'])} are no longer in dlq" if retry["gone"] else ""
        lines.append(
            f"{before}put back {count(retry['copies'])} into {retry['topic']}[{retry['partition']}], on record at "
            f"control@{retry['control']}{gone}"
        )
    if told["passed_over"]:
        passed = ", ".join(f"{count(number)} {kind}" for kind, number in told["passed_over"].items())
        lines.append(f"passed over: {passed}")
    return [*lines, "what comes of them: tapedeck dlq list --since 1m; tapedeck topics tail ticks --run live"]


def _entry(filed: Filed, retried: Retry | None) -> dict[str, Any]:
    letter = filed.letter
    return {
        "number": _number(filed.partition, filed.offset), "filed_ns": filed.filed_ns, "task": letter.task,
        "input": filed.place, "topic": letter.topic, "partition": letter.partition, "offset": letter.offset,
        "kind": _kind(filed), "reason": one_line(letter.reason), "bytes": len(filed.payload),
        "retried": retried is not None,
    }  # fmt: skip


def _kind(filed: Filed) -> str:
    return filed.letter.kind or filed.letter.code


def _number(partition: int, offset: int) -> str:
    return f"{partition}/{offset}" if partition else str(offset)


def _text(data: bytes) -> str | None:
    """Text, whole but for a character that the bound has cut; None where it is none."""
    for cut in range(4):
        try:
            text = data[: len(data) - cut].decode()
        except UnicodeDecodeError:
            continue
        return text if all(c.isprintable() or c in "\n\r\t" for c in text) else None
    return None


def _payload_lines(told: Mapping[str, Any]) -> list[str]:
    payload: str = told["payload"]
    if told["payload_is"] == "text":
        return payload.splitlines()
    data = bytes.fromhex(payload)
    return [f"{at:08x}  {data[at : at + HEX_BYTES].hex(' ')}" for at in range(0, len(data), HEX_BYTES)]
