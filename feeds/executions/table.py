"""The kinds of report that are read: one entry each. Whatever claims a message is alone in doing so."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from feeds.executions import betfair, binance, bitmex, bybit, coinbase, dydx, kraken, okx, plain
from feeds.executions.told import Item
from schemas.errors import BadExecution

ITEMS_MAX = 1_000
"""Messages in one payload."""
HALF = "\\ud"
"""How JSON begins to escape half of a UTF-16 pair."""


@dataclass(frozen=True, slots=True)
class ReportAdapter:
    """How one kind of message is known, and read into reports.

    Attributes:
        name: Of the venue and kind.
        claims: Whether a decoded message is of this kind. Raises nothing.
        told: Its reports, and those of its items that are none (``told.each``); raises ``BadExecution`` where it is
            one report alone.
    """

    name: str
    claims: Callable[[Mapping[str, Any]], bool]
    told: Callable[[Mapping[str, Any]], Sequence[Item]]


LISTED: tuple[ReportAdapter, ...] = (
    ReportAdapter("plain", plain.claims, plain.told),
    ReportAdapter("betfair ocm", betfair.claims, betfair.told),
    ReportAdapter("binance order update", binance.claims, binance.told),
    ReportAdapter("bitmex execution", bitmex.claims, bitmex.told),
    ReportAdapter("bybit executions", bybit.claims_list, bybit.told_list),
    ReportAdapter("bybit order", bybit.claims_order, bybit.told_order),
    ReportAdapter("coinbase fills", coinbase.claims, coinbase.told),
    ReportAdapter("dydx fills", dydx.claims, dydx.told),
    ReportAdapter("kraken fills", kraken.claims, kraken.told),
    ReportAdapter("okx orders", okx.claims, okx.told),
)


def reports_of(payload: bytes) -> list[Item]:
    """The reports of a payload, in its order: of a JSON object, or of each in a list. Numbers are exact.

    In the place of an item that is no report stands why; the others count.

    Raises:
        BadExecution: It is not JSON in UTF-8, or holds no messages.
    """
    try:
        text = payload.decode("utf-8-sig")
        found = json.loads(text, parse_float=Decimal, parse_constant=_refused)
        if HALF in text.lower():  # half of a pair that stands alone is no text: no document could carry it
            json.dumps(found, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise BadExecution("not JSON", kind="not_a_report", got=str(error), allowed="a JSON object") from None
    items = found if isinstance(found, list) else [found]
    if not 0 < len(items) <= ITEMS_MAX:
        raise BadExecution("no messages, or too many", kind="not_a_report", got=str(len(items)),
                           allowed=f"1 to {ITEMS_MAX}")  # fmt: skip
    return [told for item in items for told in _read(item)]


def _read(item: Any) -> Sequence[Item]:
    adapter = next((a for a in LISTED if isinstance(item, Mapping) and a.claims(item)), None)
    if adapter is None:
        got = ", ".join(sorted(item)) or "no fields" if isinstance(item, Mapping) else type(item).__name__
        return [BadExecution(
            "no report of a known kind", kind="not_a_report", got=got, allowed=", ".join(a.name for a in LISTED),
        )]  # fmt: skip
    try:
        return adapter.told(item)
    except BadExecution as error:
        return [error]
    except (AttributeError, KeyError, TypeError) as error:  # a list where an object belongs, however deep
        return [BadExecution(
            f"a {adapter.name} message of another shape", kind="not_a_report", got=f"{type(error).__name__}: {error}",
        )]  # fmt: skip


def _refused(word: str) -> None:
    raise ValueError(f"{word} is no number")
