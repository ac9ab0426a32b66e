"""``topics docs``, ``schema`` and ``example``: what other programs go by, printed without a broker."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import orjson
import pytest
from msgspec import UNSET

from console.contract_page import page
from console.main import main
from console.topics_docs import EXAMPLES, Language
from schemas.asyncapi import document
from schemas.codec import encode
from schemas.json_payloads import JSON_PAYLOADS
from tests.conftest import REPOSITORY
from tests.gateway_desk import order

LINES_MAX = 80


def test_the_document_itself_is_json_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", "docs", "--json"]) == 0
    printed = orjson.loads(capsys.readouterr().out)
    assert printed == json.loads(json.dumps(document(printed["info"]["version"])))


def test_a_topic_alone_is_told_with_its_fields_and_promises(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", "docs", "orders"]) == 0
    shown = capsys.readouterr().out
    for word in ("client_order_id", "quantity_decimal", "read_committed", "identity", "retries"):
        assert word in shown
    assert "orders.intent" not in shown.splitlines()


def test_page_and_document_come_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "topics.html"
    assert main(["topics", "docs", "--json", "--html", str(file)]) == 0
    assert orjson.loads(capsys.readouterr().out)["asyncapi"].startswith("3.")
    assert file.stat().st_size > 10_000


def test_the_page_asks_nobody_for_anything_and_names_every_field(tmp_path: Path) -> None:
    file = tmp_path / "topics.html"
    assert main(["topics", "docs", "--html", str(file)]) == 0
    text = file.read_text(encoding="utf-8")
    made = document("0.1.0")
    assert not [word for word in ("<script", "src=", "@import", "url(", "http://") if word in text]
    for schema in (
        name for name, s in made["components"]["schemas"].items() if name != "Headers" and s.get("properties")
    ):
        for field in made["components"]["schemas"][schema]["properties"]:
            assert f">{field}<" in text, f"{schema}.{field}"
    for channel in made["channels"]:
        assert f'id="{channel}"' in text


def test_what_a_description_says_cannot_become_markup() -> None:
    made = document("0.1.0")
    made["channels"]["orders"]["description"] = "<script>alert(1)</script>"
    assert "<script>" not in page(made)


@pytest.mark.parametrize("name", [payload.name for payload in JSON_PAYLOADS] + ["order", "execution"])
def test_a_schema_is_printed_as_json_schema(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", "schema", name]) == 0
    jsonschema.Draft202012Validator.check_schema(orjson.loads(capsys.readouterr().out))


@pytest.mark.parametrize(("what", "lang"), [(what, lang) for what in EXAMPLES for lang in EXAMPLES[what]])
def test_an_example_is_a_short_program_that_says_how_it_is_started(
    what: str, lang: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["topics", "example", what, "--lang", lang]) == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) <= LINES_MAX
    assert "127.0.0.1:9092" in shown
    assert ("committed" in shown.lower()) == (what == "orders")


def test_a_topic_that_is_not_there_is_named_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", "docs", "poems"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_reader_in_python_leaves_other_gateways_orders_and_never_sends_what_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program: dict[str, Any] = {"__name__": "reader"}
    exec((REPOSITORY / "console" / "programs" / EXAMPLES["orders"][Language.PYTHON]).read_text(), program)
    orders = [
        order("ours", valid_until=2**62), order("old", valid_until=1), order("other", gateway="other"),
        order("paper", gateway=UNSET), order("back", 0, action="cancel", cancels="ours", valid_until=1),
    ]  # fmt: skip
    records = [encode(one) for one in orders] + [b'{"type":"end"}']

    class Reading:
        def __init__(self, _settings: Any) -> None:
            self.left = iter(records)

        def subscribe(self, _topics: Any) -> None: ...

        def poll(self, _s: float) -> Any:
            value = next(self.left)
            return SimpleNamespace(error=lambda: None, value=lambda: value)

        def commit(self, _message: Any) -> None: ...

        def close(self) -> None: ...

    monkeypatch.chdir(tmp_path)
    program["Consumer"] = Reading
    program["main"]("nowhere", "orders", "toy")
    assert [line.split()[:3] for line in capsys.readouterr().out.splitlines()] == [
        ["ours", "new", "spot:BTCUSDT"], ["old", "too", "old:"], ["back", "cancel", "spot:BTCUSDT"],
    ]  # fmt: skip
    (tmp_path / "worked-orders.txt").unlink()
    program["main"]("nowhere", "orders")
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["ours", "old", "other", "paper", "back"], "of a play all are shown"
