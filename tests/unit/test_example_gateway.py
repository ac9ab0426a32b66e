"""The example gateway in Python, without a broker: what it says is said so that it is taken."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import pytest

from feeds.executions.table import reports_of
from feeds.executions.told import Told
from schemas.codec import encode
from tests.conftest import REPOSITORY
from tests.gateway_desk import BTC, Hop, order


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = spec_from_file_location("example_gateway", REPOSITORY / "examples" / "gateway" / "gateway.py")
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    monkeypatch.setattr(made, "WORK_S", 0.0)
    return made


@pytest.mark.parametrize(("quantity", "decimal"), [(5, "0.00000050"), (9, "0.045"), (3, "1.5"), (1, "0.1")])
def test_parts_lie_on_the_grid_and_all_that_is_said_is_taken(
    program: ModuleType, tmp_path: Path, quantity: int, decimal: str
) -> None:
    grid = msgspec.structs.replace(BTC, size_increment=round(float(decimal) * 10**9) // quantity)
    orders = [
        order(f"{n}-{'x' * 250}", quantity, of=grid, quantity_decimal=decimal, valid_until=2**62) for n in range(20)
    ]
    book: Any = program.Book(tmp_path / "book")
    for one in orders:
        program.take(book, msgspec.json.decode(encode(one)))
    for _ in range(3):
        program.work(book)
    book.file.close()
    assert len({report["execution_id"] for report in book.reports}) == len(book.reports)
    assert {report["status"] for report in book.reports} >= {"partially_filled", "filled"} or quantity == 1
    hop = Hop(*orders, definitions=(grid,))
    out = hop.step(*(msgspec.json.encode(report) for report in book.reports))
    assert not out.rejects, out.rejects[0].error
    assert not hop.state.working
    told = [t for report in book.reports for t in reports_of(msgspec.json.encode(report)) if isinstance(t, Told)]
    assert all(t.cumulative is not None for t in told)


def test_it_ends_where_a_report_was_refused(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``flush`` gives 0 then too."""
    read = msgspec.json.encode(msgspec.to_builtins(order(valid_until=2**62)))

    class Refusing:
        def __init__(self, _settings: Any) -> None: ...

        def subscribe(self, _topics: Any) -> None: ...

        def consume(self, *_: Any) -> Any:
            return [SimpleNamespace(error=lambda: None, value=lambda: read)]

        def commit(self, **_: Any) -> None:
            raise AssertionError("what was not told is not committed")

        def produce(self, *_: Any, on_delivery: Any, **__: Any) -> None:
            on_delivery("too large", None)

        def flush(self, _s: float) -> int:
            return 0

    book: Any = program.Book(tmp_path / "book")
    monkeypatch.setattr(program, "Book", lambda _path: book)
    monkeypatch.setattr(program, "Consumer", Refusing)
    monkeypatch.setattr(program, "Producer", Refusing)
    with pytest.raises(SystemExit, match="too large"):
        program.main("nowhere", "toy", tmp_path / "book")
    book.file.close()
