"""``docs/errors.md``, written from the table of kinds: ``python -m schemas.errors > docs/errors.md``."""

from __future__ import annotations

from schemas.error_kinds import GROUPS, KINDS, Group

_HEAD = """# Errors

Every error has a code. It stands in brackets at the end of an error's line, in the field `code` of a JSON log line, and
in the field `kind` of a dead letter. Codes are stable; the words of a line are not. This page is written from
`schemas/error_kinds.py` by `just docs`.

- **A dead letter** is a document in the topic `dlq`: the input that could not be used, whole, with reason and place.
  `code` is its class, `kind` the code below. `tapedeck topics tail dlq` shows them.
- **Exit codes** stand in the [README](../README.md#exit-codes).
- **Logs** name code and place, never what a payload held: that is in `dlq` alone.

| code begins with | means | ends in |
| --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    overview = "".join(f"| [`{g.code}`](#{g.code}) | {g.title} | {g.end} |\n" for g in GROUPS)
    return _HEAD + overview + "".join(map(_section, GROUPS))


def _section(group: Group) -> str:
    lines = "".join(f"| `{k.code}` | {k.meaning} | {k.do} |\n" for k in KINDS.values() if k.group == group)
    head = "| code | meaning | what to do |\n| --- | --- | --- |\n"
    return f"\n## {group.code}\n\n{group.title}: {group.end}.\n\n{head}{lines}"
