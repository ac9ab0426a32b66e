"""The plain report: ``schemas.execution_report``, which any execution system may write."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from feeds.executions.told import Told
from schemas.errors import BadExecution
from schemas.execution_report import ExecutionReport

FILLS = ("partially_filled", "filled")


def claims(item: Mapping[str, Any]) -> bool:
    """Whether it says so."""
    return item.get("type") == "execution_report"


def told(item: Mapping[str, Any]) -> list[Told]:
    """One report."""
    try:
        report = msgspec.convert(item, ExecutionReport)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$")
        raise BadExecution(
            "not an execution report", kind="not_a_report", got=said, where=place.rstrip("`").lstrip("."),
            allowed="schemas/execution_report.py",
        ) from None  # fmt: skip
    return [Told(
        execution_id=report.execution_id, status=report.status, ts=report.ts, client_order_id=report.client_order_id,
        venue_order_id=report.venue_order_id, last=Decimal(report.last_quantity), price=Decimal(report.last_price),
        cumulative=None if report.cumulative_quantity is None else Decimal(report.cumulative_quantity),
        reason=report.reason, author=report.author,
    )]  # fmt: skip
