"""One websocket to a venue, and the venue's HTTP interface: the only place that knows how either is spoken.

The websockets library is an extra (``pip install 'tapedeck[feeds]'``) and is imported when a connection is opened.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from feeds.wire import PAYLOAD_BYTES_MAX
from schemas.errors import ConfigError

OPEN_S_MAX = 10.0
"""Longest a connection may take to open, and an HTTP request to be answered."""
PING_S = 15.0
"""A ping this often; a connection that leaves one unanswered for as long is given up."""
QUEUE_FRAMES_MAX = 4_096
"""Frames held before the socket is read no further."""
LIST_BYTES_MAX = 64 * 1024 * 1024
"""Longest answer to an HTTP request: lists of instruments take megabytes."""


class Unreachable(Exception):
    """The venue does not answer, refuses, or has closed the connection; the message says which."""

    def __init__(self, told: str, retry_after_s: float = 0.0) -> None:
        super().__init__(told)
        self.retry_after_s = retry_after_s


class Connection:
    """An open websocket; not thread-safe.

    Args:
        url: Where to.
        first: Messages to send first.

    Raises:
        ConfigError: The websockets library is not installed.
        Unreachable: It cannot be opened.
    """

    def __init__(self, url: str, first: Sequence[str]) -> None:
        connect, self._errors = _library()
        try:
            self._socket: Any = connect(
                url, open_timeout=OPEN_S_MAX, ping_interval=PING_S, ping_timeout=PING_S, close_timeout=1.0,
                max_size=PAYLOAD_BYTES_MAX, max_queue=QUEUE_FRAMES_MAX, legacy=True,
            )  # fmt: skip
        except self._errors as error:
            raise Unreachable(f"{url.partition('?')[0]}: {_told(error)}") from error
        for message in first:
            self.send(message)

    def send(self, message: str) -> None:
        """Send one message.

        Raises:
            Unreachable: The connection is closed.
        """
        try:
            self._socket.send(message)
        except self._errors as error:
            raise Unreachable(_told(error)) from error

    def receive(self, wait_s: float) -> bytes | None:
        """The next message exactly as it came; None when none comes within ``wait_s``.

        Raises:
            Unreachable: The connection is closed.
        """
        try:
            message: bytes = self._socket.recv(timeout=wait_s, decode=False)
        except TimeoutError:
            return None
        except self._errors as error:
            raise Unreachable(_told(error)) from error
        return message

    def close(self) -> None:
        """Close it, whatever its state."""
        self._socket.close()


def get(url: str) -> bytes:
    """What an HTTP GET gives.

    Raises:
        Unreachable: No answer, or one that is no 200; ``retry_after_s`` as the venue asks.
    """
    try:
        with urllib.request.urlopen(url, timeout=OPEN_S_MAX) as answer:
            text: bytes = answer.read(LIST_BYTES_MAX)
            return text
    except urllib.error.HTTPError as error:
        after = error.headers.get("Retry-After", "0")
        raise Unreachable(f"{url}: HTTP {error.code}", float(after) if after.isdigit() else 0.0) from error
    except (OSError, ValueError) as error:
        raise Unreachable(f"{url}: {error}") from error


def _told(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _library() -> tuple[Any, tuple[type[BaseException], ...]]:
    try:
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect
    except ImportError as error:
        raise ConfigError(
            "live feeds need the websockets library", kind="no_library", got="not installed",
            where="tapedeck feed run", fix="pip install 'tapedeck[feeds]'",
        ) from error  # fmt: skip
    return connect, (OSError, EOFError, TimeoutError, WebSocketException)
