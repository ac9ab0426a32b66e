"""Which cluster the user named: a flag, else the environment, else ``tapedeck.toml``. None named: the embedded broker.

``tapedeck.toml`` is looked for in the working directory, then in each folder above it; the nearest one counts::

    bootstrap = "kafka-1:9092,kafka-2:9092"

Whatever is named is checked before anything starts: a misspelt key or address is an error, never a silent default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import ConfigError

FLAG = "--bootstrap"
"""Global option of the command line."""

BOOTSTRAP_VARIABLE = "TAPEDECK_BOOTSTRAP"
"""Environment variable that names the cluster; empty counts as unset."""

FILE_NAME = "tapedeck.toml"
KEYS = ("bootstrap",)
"""Keys of ``tapedeck.toml``."""

FILE_BYTES_MAX = 65_536
"""Largest ``tapedeck.toml``."""
PORT_MAX = 65_535

_ADDRESS = "host:port, comma-separated, e.g. localhost:9092"


@dataclass(frozen=True, slots=True)
class Named:
    """A cluster that the user named.

    Attributes:
        bootstrap: ``host:port``, comma-separated.
        where: What named it: the flag, the variable, or the file and its key.
    """

    bootstrap: str
    where: str


def named_bootstrap(
    flag: str | None = None, *, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> Named | None:
    """The cluster named, by the first that names one; None where nobody does: the embedded broker is meant.

    Args:
        flag: Value of ``--bootstrap``; None where it is not given.
        environ: Environment; None for the process's own.
        folder: Where the search for ``tapedeck.toml`` begins; None for the working directory.

    Raises:
        ConfigError: The address is none, or ``tapedeck.toml`` cannot be used; names the file and the key.
    """
    if flag is not None:
        return Named(check_bootstrap(flag, FLAG), FLAG)
    variable = (os.environ if environ is None else environ).get(BOOTSTRAP_VARIABLE, "")
    if variable:
        return Named(check_bootstrap(variable, BOOTSTRAP_VARIABLE), BOOTSTRAP_VARIABLE)
    path = find_file(Path.cwd() if folder is None else folder)
    if path is None:
        return None
    bootstrap = read_file(path).get("bootstrap")
    return None if bootstrap is None else Named(bootstrap, f"{path}: bootstrap")


def find_file(folder: Path) -> Path | None:
    """The nearest ``tapedeck.toml`` in ``folder`` or above it."""
    for at in (folder, *folder.parents):
        if (path := at / FILE_NAME).is_file():
            return path
    return None


def read_file(path: Path) -> dict[str, str]:
    """A configuration file, checked key by key.

    Raises:
        ConfigError: Not readable, too large, not TOML, an unknown key, or a value that is none; names file and key.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(
            "cannot be read", kind="file_unreadable", got=error.strerror or str(error), where=str(path)
        ) from error
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(
            "too large",
            kind="file_too_large",
            got=f"> {FILE_BYTES_MAX} bytes",
            where=str(path),
            allowed=f"{FILE_BYTES_MAX}",
        )
    try:
        values = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            "not TOML", kind="not_toml", got=str(error), where=str(path), fix=f'write {KEYS[0]} = "host:port"'
        ) from error
    for key in values:
        if key not in KEYS:
            raise ConfigError(
                "unknown key", kind="unknown_key", got=key, allowed=", ".join(KEYS), where=f"{path}: {key}"
            )
    return {key: check_bootstrap(value, f"{path}: {key}") for key, value in values.items()}


def check_bootstrap(address: object, where: str) -> str:
    """The address as Kafka's clients take it.

    Args:
        address: What was given.
        where: What gave it, for the message.

    Raises:
        ConfigError: Not a comma-separated list of ``host:port``.

    >>> check_bootstrap("a:9092, b:9093", "--bootstrap")
    'a:9092,b:9093'
    """
    servers = [server.strip() for server in address.split(",")] if isinstance(address, str) else []
    if not servers or not all(map(_is_server, servers)):
        raise ConfigError("not an address", kind="bad_address", got=repr(address), allowed=_ADDRESS, where=where)
    return ",".join(servers)


def _is_server(server: str) -> bool:
    host, colon, port = server.rpartition(":")
    if not colon or not host or any(c.isspace() or not c.isprintable() for c in server):
        return False
    if ":" in host and not (host.startswith("[") and host.endswith("]")):  # an IPv6 address stands in brackets
        return False
    return port.isascii() and port.isdigit() and 1 <= int(port) <= PORT_MAX
