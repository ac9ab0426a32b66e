"""A venue on this machine: a websocket that follows a script, a connection after the other, and snapshots by HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

STALL: Any = object()
"""In a script: say nothing more, and keep the connection open."""

TOGETHER: Any = object()
"""In a script: go on when another connection's script is here too."""

TOGETHER_S_MAX = 20.0


class VenueServer:
    """Serves scripts of frames; a connection beyond the last script stays silent.

    Attributes:
        heard: Messages that clients sent, in order.
        asked: Paths asked for by HTTP.
        url, rest_url: Addresses.
    """

    def __init__(
        self, scripts: Sequence[Sequence[Any]], answers: dict[str, bytes] | None = None, port: int = 0
    ) -> None:
        self.heard: list[str] = []
        self.asked: list[str] = []
        self._scripts = list(scripts)
        self._over = threading.Event()
        self._together = threading.Barrier(2)
        self._sockets = serve(self._talk, "127.0.0.1", port, ping_interval=None)
        outer, given = self, answers or {}

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                found = next((text for part, text in given.items() if part in self.path), None)
                self.send_response(404 if found is None else 200)
                self.end_headers()
                self.wfile.write(found or b"")

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"ws://127.0.0.1:{self._sockets.socket.getsockname()[1]}"
        self.rest_url = f"http://127.0.0.1:{self._http.server_port}"
        self._threads = [threading.Thread(target=s.serve_forever, daemon=True) for s in (self._sockets, self._http)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> VenueServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._sockets.shutdown()
        self._http.shutdown()
        self._http.server_close()
        for thread in self._threads:
            thread.join()

    def _talk(self, socket: Any) -> None:
        script = self._scripts.pop(0) if self._scripts else [STALL]
        listening = threading.Thread(target=self._listen, args=(socket,), daemon=True)
        listening.start()
        try:
            for step in script:
                if step is STALL:
                    self._over.wait(20)
                elif step is TOGETHER:
                    self._together.wait(TOGETHER_S_MAX)
                elif isinstance(step, float):
                    time.sleep(step)
                else:
                    socket.send(step.decode())
        except ConnectionClosed:
            pass

    def _listen(self, socket: Any) -> None:
        try:
            for message in socket:
                self.heard.append(message)
        except ConnectionClosed:
            pass
