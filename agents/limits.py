"""Risk limits from TOML, checked key by key before anything starts; the defaults stand in ``limits.toml``."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Any

from feeds.simulated_instruments import is_simulated, position_units
from feeds.venues import KNOWN
from schemas.columns import PRICE_SCALE
from schemas.definition import Definition, is_instrument_name
from schemas.errors import ConfigError

NANOS_PER_MS = 1_000_000
PPM_PER_BPS = 100
NUMBER_KEYS = {"price_collar_bps": 10_000.0, "touch_age_max_ms": 86_400_000.0, "notional_max": 9e9}
"""Keys that hold a number, and the largest that is allowed."""
QUANTITY_KEYS = ("quantity_max", "position_max")
ACCOUNT_KEYS = {"message_rate_max": 10_000, "clock_age_max_ms": 60_000}
"""Keys of the account's table, and the largest that is allowed: orders a second (whole), ms."""
LIVE_KEYS = frozenset({"clock_age_max_ms"})
"""Keys that are needed in a live run alone: in play there is no clock."""
QUANTITY_CHARS_MAX = 40
"""Longest quantity, as written: it stands in every snapshot."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one instrument in integers; None where nothing is configured: such an intent is denied.

    Units: ppm of the touch, ns, 1e-9 of the quote currency, size units.
    """

    price_collar_ppm: int | None
    touch_age_max_ns: int | None
    notional_max: int | None
    quantity_max: int | None
    position_max: int | None


def default_limits(definitions: Iterable[Definition] = ()) -> dict[str, Any]:
    """The shipped limits, as parsed TOML, and a table for each made-up instrument among ``definitions``.

    Those exist in the simulator alone and number thousands: their tables are worth what the shipped ones are.
    """
    limits = tomllib.loads(files("agents").joinpath("limits.toml").read_text())
    for definition in definitions:
        if is_simulated(definition.instrument):
            limits["instrument"][definition.instrument] = _simulated_table(definition)
    return limits


def _simulated_table(definition: Definition) -> dict[str, str]:
    most = Decimal(position_units(definition) * definition.size_increment) / PRICE_SCALE
    return {"quantity_max": format(most * 3 / 4, "f"), "position_max": format(most, "f")}


def load_limits(path: Path, *, added: bool = False) -> dict[str, Any]:
    """Limits from a TOML file, complete and checked.

    Args:
        path: The file.
        added: Instruments may be named that do not ship, as people may have added them.

    Raises:
        ConfigError: Not readable, not TOML, or a key is unknown, mistyped or out of bounds; names file and key.
    """
    try:
        data = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "cannot read the limits file", kind="file_unreadable", got=str(error), where=str(path)
        ) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(
            "not TOML", kind="not_toml", got=str(error), where=str(path), fix="see agents/limits.toml"
        ) from error
    check_limits(data, str(path))
    if not added:
        instruments = data.get("instrument", {})
        _known({n: t for n, t in instruments.items() if not is_simulated(n)}, set(KNOWN), f"{path}: instrument")
    return data


def check_limits(data: dict[str, Any], where: str) -> None:
    """Check parsed limits. Whether an instrument that they name was ever defined is another question.

    Raises:
        ConfigError: Names the file (``where``) and the key.
    """
    _known(data, {"account", "default", "instrument"}, where)
    account = _table(data, "account", where)
    _known(account, set(ACCOUNT_KEYS), f"{where}: account")
    rate = account.get("message_rate_max", 1)  # one that is missing denies, as any limit does
    if isinstance(rate, bool) or not isinstance(rate, int) or not 1 <= rate <= ACCOUNT_KEYS["message_rate_max"]:
        raise ConfigError(
            "not a message rate", kind="bad_limit",
            got=repr(rate), allowed=f"whole number 1 to {ACCOUNT_KEYS['message_rate_max']}",
            where=f"{where}: account.message_rate_max",
        )  # fmt: skip
    _check_number(account, "clock_age_max_ms", ACCOUNT_KEYS["clock_age_max_ms"], f"{where}: account")
    _check_table(_table(data, "default", where), f"{where}: default")
    instruments = _table(data, "instrument", where)
    _known({n: t for n, t in instruments.items() if not is_instrument_name(n)}, set(KNOWN), f"{where}: instrument")
    for name, table in instruments.items():
        if not isinstance(table, dict):
            raise ConfigError("not a table", kind="not_a_table", got=repr(table), where=f"{where}: instrument.{name}")
        _check_table(table, f'{where}: instrument."{name}"')


def limits_of(data: dict[str, Any], definition: Definition) -> Limits:
    """One instrument's limits: its own keys over the defaults."""
    table = {**data.get("default", {}), **data.get("instrument", {}).get(definition.instrument, {})}
    collar, age, notional = (table.get(k) for k in NUMBER_KEYS)
    return Limits(
        price_collar_ppm=None if collar is None else round(collar * PPM_PER_BPS),
        touch_age_max_ns=None if age is None else round(age * NANOS_PER_MS),
        notional_max=None if notional is None else round(notional * PRICE_SCALE),
        quantity_max=_units(table.get("quantity_max"), definition),
        position_max=_units(table.get("position_max"), definition),
    )


def missing_keys(data: dict[str, Any], instrument: str, *, live: bool) -> tuple[str, ...]:
    """Keys that an instrument's orders need and that have no value: until they have, it is halted by itself."""
    account = data.get("account", {})
    table = {**data.get("default", {}), **data.get("instrument", {}).get(instrument, {})}
    needed = [key for key in ACCOUNT_KEYS if live or key not in LIVE_KEYS]
    return (
        *(key for key in needed if account.get(key) is None),
        *(key for key in (*NUMBER_KEYS, *QUANTITY_KEYS) if table.get(key) is None),
    )


def _units(text: Any, definition: Definition) -> int | None:
    return None if text is None else int(Decimal(str(text)) * PRICE_SCALE) // definition.size_increment


def _check_table(table: dict[str, Any], where: str) -> None:
    _known(table, {*NUMBER_KEYS, *QUANTITY_KEYS}, where)
    for key, most in NUMBER_KEYS.items():
        _check_number(table, key, most, where)
    for key in QUANTITY_KEYS:
        if key in table and not _is_quantity(table[key]):
            raise ConfigError(
                "not a quantity",
                kind="bad_limit",
                got=repr(table[key]),
                allowed='decimal >= 0, e.g. "0.25"',
                where=f"{where}.{key}",
            )


def _check_number(table: dict[str, Any], key: str, most: float, where: str) -> None:
    value = table.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ConfigError(
            "not a limit", kind="bad_limit", got=repr(value), allowed=f"number 0 to {most:g}", where=f"{where}.{key}"
        )


def _is_quantity(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or _is_long(value):
        return False
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return False
    return number.is_finite() and 0 <= number < Decimal(10) ** 9 and math.isfinite(float(number))


def _is_long(value: str | int | float) -> bool:
    """Asked first: turning thousands of digits into a number, or a number of thousands into text, is refused."""
    if isinstance(value, str):
        return len(value) > QUANTITY_CHARS_MAX
    return isinstance(value, int) and value.bit_length() > 64


def _table(data: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    table = data.get(key, {})
    if not isinstance(table, dict):
        raise ConfigError(
            "not a table", kind="not_a_table", got=repr(table), allowed=f"[{key}]", where=f"{where}: {key}"
        )
    return table


def _known(table: dict[str, Any], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(
                "unknown key", kind="unknown_key", got=key, allowed=", ".join(sorted(known)), where=f"{where}.{key}"
            )
