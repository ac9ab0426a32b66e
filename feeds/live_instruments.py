"""What a live feed is asked for: venue, market and symbols, checked before anything starts.

Symbols that do not ship are looked up in the venue's own list of instruments, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from feeds.connection import Unreachable, get
from feeds.venue import Dialect, Venue
from feeds.venues import VENUES
from schemas.definition import Definition
from schemas.errors import ConfigError

SYMBOLS_MAX = 100
"""Most symbols of one connection."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A live feed to be: all that it needs to know."""

    venue: Venue
    market: str
    definitions: tuple[Definition, ...]
    dialect: Dialect


def _example(venue: Venue, market: str) -> str:
    return next((d.symbol for d in venue.definitions if d.market == market), "")


def _check_address(url: str, schemes: tuple[str, str], where: str) -> None:
    """One at which nobody can ever be reached is not tried again and again."""
    try:
        found = urlsplit(url)
        host, port = found.hostname, found.port
    except ValueError:  # a port that is none, half an IPv6 address
        host = port = None
    if not host or port == 0 or found.scheme not in schemes:
        raise ConfigError(
            "not the address of a venue", kind="feed_address", got=url,
            allowed=" or ".join(f"{scheme}://host" for scheme in schemes), where=where,
        )  # fmt: skip


def asked_for(
    source: str, symbols: str | Sequence[str], market: str | None = None, url: str | None = None,
    rest_url: str | None = None, where: str = "feed run", shipped: bool = False,
) -> Asked:  # fmt: skip
    """Check what is asked for.

    Args:
        source: Name of the venue.
        symbols: Comma-separated, or several.
        market: Of the symbols; None: the venue's first.
        url: Instead of the venue's websocket address.
        rest_url: Instead of its HTTP address.
        where: Named in errors.
        shipped: Only symbols that ship: the venue is not asked for others.

    Raises:
        ConfigError: No such venue, market or symbol; or the list of instruments cannot be had.
    """
    venue = VENUES.get(source)
    if venue is None or not venue.dialects:
        live = ", ".join(name for name, listed in VENUES.items() if listed.dialects)
        raise ConfigError("no such live feed", kind="no_feed", got=source, allowed=live, where=where)
    market = market or next(iter(venue.dialects))
    if market not in venue.dialects:
        raise ConfigError(
            "the venue has no such market", kind="no_market", got=market, allowed=", ".join(venue.dialects), where=where
        )
    names = symbols.split(",") if isinstance(symbols, str) else symbols
    wanted = list(dict.fromkeys(name.strip().upper() for name in names if name.strip()))
    if not 1 <= len(wanted) <= SYMBOLS_MAX:
        raise ConfigError(
            "not a number of symbols", kind="bad_symbols", got=str(len(wanted)), allowed=f"1 to {SYMBOLS_MAX}",
            where=where, fix=f"name them as the venue writes them, e.g. {_example(venue, market)}",
        )  # fmt: skip
    dialect = venue.dialects[market]
    dialect = replace(
        dialect, url=(url or dialect.url).rstrip("/"), rest_url=(rest_url or dialect.rest_url).rstrip("/")
    )
    _check_address(dialect.url, ("ws", "wss"), where)
    _check_address(dialect.rest_url, ("http", "https"), where)
    known = {d.symbol: d for d in venue.definitions if d.market == market and d.symbol in wanted}
    if len(known) < len(wanted) and not shipped:
        known = {**_listed(dialect, [symbol for symbol in wanted if symbol not in known], where), **known}
    for symbol in wanted:
        if symbol not in known or known[symbol].market != market:
            examples = ", ".join(d.symbol for d in venue.definitions if d.market == market)
            raise ConfigError("no such symbol", kind="no_symbol", got=symbol, allowed=f"e.g. {examples}", where=where)
    return Asked(venue, market, tuple(known[symbol] for symbol in wanted), dialect)


def _listed(dialect: Dialect, symbols: Sequence[str], where: str) -> dict[str, Definition]:
    address = dialect.rest_url + dialect.instruments
    try:
        return dialect.definitions(get(address), symbols)
    except Unreachable as error:
        raise ConfigError(
            "symbols that do not ship cannot be looked up at the venue", kind="no_symbol", got=", ".join(symbols),
            where=where, fix=f"{error}",
        ) from error  # fmt: skip
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise ConfigError(
            "the venue's list of instruments cannot be read", kind="no_symbol", got=f"{type(error).__name__}: {error}",
            where=address, fix="name symbols that ship",
        ) from error  # fmt: skip
