"""``tapedeck topics docs``, ``schema`` and ``example``: the contract for programs of other people and languages."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from console.terminal import emit, show
from schemas.errors import ConfigError

DOCS_EXAMPLES = ("", "orders", "--html topics.html", "--json > asyncapi.json")
SCHEMA_EXAMPLES = ("", "json-ticks > json-ticks.schema.json", "order")
EXAMPLE_EXAMPLES = ("orders --lang java > OrdersReader.java", "json-ticks --lang python > ticks.py")
"""Shown by ``--help``."""


class Language(StrEnum):
    """Languages that there are examples in."""

    JAVA = "java"
    GO = "go"
    PYTHON = "python"
    NODE = "node"


EXAMPLES: dict[str, dict[Language, str]] = {
    "orders": {
        Language.JAVA: "OrdersReader.java", Language.GO: "orders_reader.go", Language.PYTHON: "orders_reader.py.txt",
        Language.NODE: "orders_reader.js",
    },
    "json-ticks": {
        Language.JAVA: "TicksWriter.java", Language.GO: "ticks_writer.go", Language.PYTHON: "ticks_writer.py.txt",
        Language.NODE: "ticks_writer.js",
    },
}  # fmt: skip
"""Files of ``console/programs/`` by what they show; Python's bear .txt, so that no tool takes them for ours."""


def docs(
    topic: Annotated[
        str, typer.Argument(metavar="[TOPIC]", show_default=False, help="Only this one, as in the table.")
    ] = "",
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Write a self-contained page there.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the AsyncAPI 3 document itself.")] = False,
) -> None:
    """The contract of every topic: fields, units, keys, order, identity, retries, and what read_committed means.

    Made of the declarations that Tapedeck itself reads and writes by, so it cannot be out of date. Needs no broker.
    """
    from importlib.metadata import version

    from schemas.asyncapi import document

    made = document(version("tapedeck"))
    known = {channel["title"]: channel for channel in made["channels"].values()}
    chosen = {name: known[name] for name in known if topic in ("", name, name.partition(".<")[0])}
    if not chosen:
        raise ConfigError(
            "there is no such topic", kind="no_topic", got=topic, allowed=", ".join(known), where="topics docs"
        )
    if html is not None:
        from console.contract_page import page

        try:
            html.write_text(page(made), encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                "the page cannot be written", kind="record_unwritable", got=error.strerror or str(error),
                where=str(html),
            ) from error  # fmt: skip
        if not json:
            emit(str(html))
    if json:
        import orjson

        emit(orjson.dumps(made).decode())
    elif html is None:
        show(*(part for channel in chosen.values() for part in _drawn(made, channel)))


def schema(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", show_default=False, help="json-ticks, order, execution, ...")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="On one line; the names as a list.")] = False,
) -> None:
    """The JSON Schema (2020-12) of what programs write or read as JSON; without a name, the names that there are."""
    import msgspec
    import orjson

    from schemas.catalog import CATALOG
    from schemas.json_payloads import JSON_PAYLOADS, json_schema_of
    from schemas.json_tick import SCHEMA_DIALECT

    found: dict[str, dict[str, Any]] = {payload.name: json_schema_of(payload) for payload in JSON_PAYLOADS}
    for entry in CATALOG:
        if entry.kind == "document":
            found[entry.name] = {"$schema": SCHEMA_DIALECT, **msgspec.json.schema(entry.event)}
    if not name:
        emit(orjson.dumps(list(found)).decode() if json else "\n".join(found))
        return
    if name not in found:
        raise ConfigError(
            "there is no such JSON", kind="no_schema", got=name, allowed=", ".join(found), where="topics schema"
        )
    emit(orjson.dumps(found[name], option=0 if json else orjson.OPT_INDENT_2).decode())


def example(
    what: Annotated[str, typer.Argument(metavar="orders|json-ticks", show_default=False, help="What it does.")],
    lang: Annotated[Language, typer.Option(help="In which language.")] = Language.PYTHON,
    json: Annotated[bool, typer.Option("--json", help="Its file's name and text as one JSON object.")] = False,
) -> None:
    """A complete program that reads orders once each, or publishes JSON ticks.

    Its first lines say how to build and start it. The examples are compiled and run in Tapedeck's own tests.
    """
    from importlib.resources import files

    if what not in EXAMPLES:
        raise ConfigError(
            "there is no such example", kind="no_example", got=what, allowed=", ".join(EXAMPLES), where="topics example"
        )
    text = files("console").joinpath("programs", EXAMPLES[what][lang]).read_text(encoding="utf-8")
    if json:
        import orjson

        emit(orjson.dumps({"file": EXAMPLES[what][lang].removesuffix(".txt"), "text": text}).decode())
    else:
        emit(text.rstrip("\n"))


def _drawn(document: dict[str, Any], channel: dict[str, Any]) -> list[Any]:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from console.contract import PROMISES, fields_of, messages_of, shapes_of

    terms = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1))
    terms.add_column(no_wrap=True, style="dim")
    terms.add_column()
    for name, said in PROMISES:
        terms.add_row(said, Text(channel[f"x-{name}"]))
    drawn: list[Any] = [Text(channel["title"], "bold"), Text(channel["description"]), terms]
    for name, message in messages_of(document, channel):
        row = message.get("x-row")
        about = f", {row['bytes']} bytes a row, {row['byte-order']}" if row else ""
        drawn += ["", Text(f"{name} ({message['contentType']}{about}): {message.get('summary', '')}", "italic")]
        for at, (shape, schema) in enumerate(shapes_of(document, message)):
            layout = row if at == 0 else None
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1), title_justify="left")
            for head in (shape, *(("byte",) if layout else ()), "type", "meaning"):
                table.add_column(head, overflow="fold")
            for field in fields_of(schema, layout):
                cells = field if layout else (field.name, field.kind, field.meaning)
                table.add_row(*(Text(cell) for cell in cells))
            drawn.append(table)
    return [*drawn, ""]
