"""One limit by its address: table, instrument and key, as people write it and as ``control`` carries it.

Limits nest as in ``limits.toml``. Changing them is easier one by one: here they are flat, ``(table, name, key)`` to
value, the name empty but for instruments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, cast

from agents.limits import ACCOUNT_KEYS, NUMBER_KEYS, QUANTITY_KEYS
from schemas.control import LimitChange
from schemas.definition import is_instrument_name
from schemas.errors import ConfigError

Address = tuple[str, str, str]
"""Table (``account``, ``default``, ``instrument``), instrument or empty, key."""
Value = int | float | str
Flat = dict[Address, Value]

TABLE_KEYS: dict[str, tuple[str, ...]] = {
    "account": tuple(ACCOUNT_KEYS),
    "default": (*NUMBER_KEYS, *QUANTITY_KEYS),
    "instrument": (*NUMBER_KEYS, *QUANTITY_KEYS),
}
NONE = "none"
"""Written for a value, takes the limit away."""
_INSTRUMENT = re.compile(r'(?:instrument\.)?(?:"([^"]+)"|([^".]+:[^".]+))\.([^.]+)')


def flat(limits: dict[str, Any]) -> Flat:
    """Checked limits, one by one."""
    found: Flat = {}
    for table in ("account", "default"):
        found.update({(table, "", key): value for key, value in limits.get(table, {}).items()})
    for name, table in limits.get("instrument", {}).items():
        found.update({("instrument", name, key): value for key, value in table.items()})
    return found


def nested(limits: Flat) -> dict[str, Any]:
    """Limits as in ``limits.toml``, in one order whatever order they were put in."""
    made: dict[str, Any] = {"account": {}, "default": {}, "instrument": {}}
    for (table, name, key), value in sorted(limits.items(), key=lambda item: item[0]):
        into = made["instrument"].setdefault(name, {}) if table == "instrument" else made[table]
        into[key] = value
    return made


def changed(limits: Flat, changes: Iterable[LimitChange]) -> Flat:
    """Limits with all of the changes made, in their order."""
    made = dict(limits)
    for change in changes:
        address = (change.table, change.name, change.key)
        if change.value is None:
            made.pop(address, None)
        else:
            made[address] = change.value
    return made


def check_address(address: Address, where: str) -> None:
    """Refuse an address at which there can be no limit. Whether its instrument was ever defined is another question.

    Raises:
        ConfigError: Says which table, instruments or keys there are.
    """
    table, name, key = address
    if table not in TABLE_KEYS:
        raise ConfigError(
            "no such table of limits", kind="no_limit", got=table, allowed=", ".join(TABLE_KEYS), where=where
        )
    if (table == "instrument") != bool(name):
        allowed = "an instrument" if table == "instrument" else f"no instrument in table {table}"
        raise ConfigError(
            "not an address of a limit", kind="no_limit", got=shown(address), allowed=allowed, where=where
        )
    if name and not is_instrument_name(name):
        raise ConfigError(
            "no such instrument", kind="no_limit", got=name, allowed="market:symbol, e.g. spot:BTCUSDT", where=where
        )
    if key not in TABLE_KEYS[table]:
        raise ConfigError(
            "no such limit", kind="no_limit", got=key, allowed=", ".join(TABLE_KEYS[table]), where=f"{where}: {table}"
        )


def parse_change(text: str, where: str) -> LimitChange:
    """A change as typed: ``default.notional_max=5000``, ``spot:BTCUSDT.quantity_max=none``. ``was`` is left empty.

    Raises:
        ConfigError: It names no limit, or gives no value. Whether the value is allowed, ``check_limits`` says.

    >>> parse_change("spot:BTCUSDT.quantity_max=0.1", "").value
    '0.1'
    """
    key_text, sign, value_text = (part.strip() for part in text.partition("="))
    if not sign or not value_text:
        raise ConfigError(
            "not a change",
            kind="bad_change",
            got=text,
            allowed="KEY=VALUE, e.g. default.notional_max=5000",
            where=where,
        )
    table, name, key = address = parse_address(key_text)
    check_address(address, where)
    literal = cast(Literal["account", "default", "instrument"], table)
    return LimitChange(table=literal, name=name, key=key, value=_value(value_text, key))


def parse_address(text: str) -> Address:
    """Address as typed. What is no address comes back as one that ``check_address`` refuses.

    >>> parse_address('instrument."spot:BTCUSDT".quantity_max'), parse_address("account.message_rate_max")
    (('instrument', 'spot:BTCUSDT', 'quantity_max'), ('account', '', 'message_rate_max'))
    """
    match = _INSTRUMENT.fullmatch(text)
    if match:
        return "instrument", match[1] or match[2], match[3]
    table, _, key = text.partition(".")
    return table, "", key


def shown(address: Address) -> str:
    """Address as people write it.

    >>> shown(("instrument", "spot:BTCUSDT", "quantity_max")), shown(("default", "", "notional_max"))
    ('spot:BTCUSDT.quantity_max', 'default.notional_max')
    """
    table, name, key = address
    return f"{name}.{key}" if name else f"{table}.{key}"


def _value(text: str, key: str) -> Value | None:
    if text.lower() == NONE:
        return None
    if key in QUANTITY_KEYS:  # decimals, kept as they were written
        return text
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
