"""Child process: a venue that sends a recorded session by websocket at its own spacing, and snapshots by HTTP."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from benchmarks.children.orders import Orders, arguments, say
from feeds.captures import open_captures

SNAPSHOT = b"lastUpdateId"
NANOS = 1_000_000_000


def main(spec: dict[str, Any]) -> None:
    lines = list(open_captures([Path(spec["capture"])]))
    snapshot = next(line.payload for line in lines if SNAPSHOT in line.payload)
    frames = [(line.ts_recv, line.payload.decode()) for line in lines if SNAPSHOT not in line.payload]
    orders = Orders()

    class Snapshots(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(snapshot)

        def log_message(self, *_: Any) -> None:
            pass

    def talk(socket: Any) -> None:
        first, began = frames[0][0], time.monotonic()
        sent, late_s = 0, 0.0
        try:
            for at, frame in frames:
                wait_s = (at - first) / NANOS / spec["speed"] - (time.monotonic() - began)
                if wait_s > 0:
                    time.sleep(wait_s)
                late_s = max(late_s, -wait_s)
                socket.send(frame)
                sent += 1
        except ConnectionClosed:
            pass
        say("over", frames=sent, late_s=late_s)

    http = ThreadingHTTPServer(("127.0.0.1", 0), Snapshots)
    sockets = serve(talk, "127.0.0.1", 0, ping_interval=None, compression=None)
    for server in (http, sockets):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    port = sockets.socket.getsockname()[1]
    span_s = (frames[-1][0] - frames[0][0]) / NANOS
    say("ready", url=f"ws://127.0.0.1:{port}", rest_url=f"http://127.0.0.1:{http.server_port}", span_s=span_s,
        frames=len(frames))  # fmt: skip
    orders.take()


if __name__ == "__main__":
    main(arguments())
