"""The topics' contract as one HTML page that asks nobody for anything: for people."""

from __future__ import annotations

from html import escape
from typing import Any

from console.contract import PROMISES, fields_of, messages_of, shapes_of
from replay.report_style import STYLE

UNFOLDED_MAX = 3
"""A topic with more kinds of messages shows their names first."""

_MORE = """
nav{display:flex;flex-wrap:wrap;gap:6px 14px;margin:0 0 20px}
nav a,h3 a{color:var(--c0);text-decoration:none}
td,td.words{white-space:normal;text-align:left;vertical-align:top}
th{text-align:left}td:first-child,td.words:first-child{white-space:nowrap;padding-left:0;color:var(--ink)}td:nth-child(2){color:var(--soft)}
dl{margin:0 0 16px}dd{max-width:110ch}
details{margin:0 0 10px}summary{cursor:pointer;font-weight:600}
summary span{color:var(--soft);font-weight:400}
"""


def page(document: dict[str, Any]) -> str:
    """The page of an AsyncAPI document."""
    info, channels = document["info"], document["channels"]
    links = "".join(f'<a href="#{key}">{escape(channel["title"])}</a>' for key, channel in channels.items())
    sections = "".join(_section(document, key, channel) for key, channel in channels.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><title>{escape(info["title"])}: topics</title>'
        f"<style>{STYLE}{_MORE}</style></head><body><main><header><div><h1>{escape(info['title'])}: topics</h1>"
        f"<p>{escape(info['description'])}</p></div></header><nav>{links}</nav>{sections}"
        f"<footer>AsyncAPI {escape(document['asyncapi'])}; Tapedeck {escape(info['version'])}. "
        "<code>tapedeck topics docs --json</code> prints the document.</footer></main></body></html>\n"
    )


def _section(document: dict[str, Any], key: str, channel: dict[str, Any]) -> str:
    terms = "".join(f"<dt>{said}</dt><dd>{escape(channel[f'x-{name}'])}</dd>" for name, said in PROMISES)
    found = list(messages_of(document, channel))
    messages = "".join(
        _message(document, name, message, unfold=len(found) <= UNFOLDED_MAX and name != "end")
        for name, message in found
    )
    return (
        f'<section id="{key}"><h2>{escape(channel["title"])}</h2><p>{escape(channel["description"])}</p>'
        f"<dl>{terms}</dl>{messages}</section>"
    )


def _message(document: dict[str, Any], name: str, message: dict[str, Any], *, unfold: bool) -> str:
    row = message.get("x-row")
    tables: list[str] = []
    for shape, schema in shapes_of(document, message):
        layout = row if row and not tables else None
        heads = ("column", "byte", "type", "meaning") if layout else ("field", "type", "meaning")
        lines = "".join(
            "<tr>" + "".join(
                f'<td class="words">{escape(cell)}</td>'
                for cell in (field if layout else (field.name, field.kind, field.meaning))
            ) + "</tr>"
            for field in fields_of(schema, layout)
        )  # fmt: skip
        about = f"{shape}, {layout['bytes']} bytes a row, {layout['byte-order']}" if layout else shape
        note = f"<p>{escape(layout['note'])}</p>" if layout and "note" in layout else ""
        head = "".join(f"<th>{head}</th>" for head in heads)
        tables.append(f'<h3>{escape(about)}</h3>{note}<div class="scroll"><table><tr>{head}</tr>{lines}</table></div>')
    summary = f"{escape(name)} <span>{escape(message['contentType'])}: {escape(message.get('summary', ''))}</span>"
    if not tables:
        return f"<p><b>{escape(name)}</b>: {escape(message.get('summary', ''))}</p>"
    return f"<details{' open' if unfold else ''}><summary>{summary}</summary>{''.join(tables)}</details>"
