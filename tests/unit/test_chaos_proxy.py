"""The proxy passes bytes as they are, and delays, stalls and cuts them when it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from chaos.proxy import AFTER, BEFORE, END_TXN, Proxy, RequestKinds
from streams.broker_settings import LOOPBACK
from streams.broker_start import free_port
from streams.clock import monotonic_s

BOUND_S = 30.0
"""Longest wait of a test for what must come."""
SILENCE_S = 0.3
"""Time in which nothing must come."""


class Echo:
    """Answers every byte by itself, and keeps what came."""

    def __init__(self) -> None:
        self.heard = b""
        self._server = socket.create_server((LOOPBACK, 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(4096):
                self.heard += data
                connection.sendall(data)

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    proxy = Proxy(free_port(), echo.port)
    proxy.start()
    yield proxy
    proxy.close()


@contextlib.contextmanager
def connected(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection((LOOPBACK, proxy.port), BOUND_S) as client:
        yield client


def heard(client: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        data = client.recv(count - len(got))
        if not data:
            break
        got += data
    return got


def is_cut(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def request(key: int, body: bytes = b"12345678") -> bytes:
    return (2 + len(body)).to_bytes(4, "big") + key.to_bytes(2, "big") + body


def test_bytes_pass_as_they_are(proxy: Proxy) -> None:
    sent = bytes(range(256)) * 2_000
    with connected(proxy) as client:
        threading.Thread(target=client.sendall, args=(sent,)).start()
        assert heard(client, len(sent)) == sent


def test_a_delay_holds_each_piece_back(proxy: Proxy) -> None:
    with connected(proxy) as client:
        proxy.delay(0.2)
        began = monotonic_s()
        client.sendall(b"x")
        assert heard(client, 1) == b"x"
        assert monotonic_s() - began >= 0.4, "there and back"


def test_a_stall_passes_nothing_until_it_flows_again(proxy: Proxy) -> None:
    with connected(proxy) as client:
        client.sendall(b"a")
        assert heard(client, 1) == b"a"
        proxy.stall()
        client.sendall(b"b")
        client.settimeout(SILENCE_S)
        with pytest.raises(TimeoutError):
            client.recv(1)
        proxy.flow()
        client.settimeout(BOUND_S)
        assert heard(client, 1) == b"b", "nothing was lost by it"


def test_a_cut_ends_connections_and_refuses_new_ones(proxy: Proxy) -> None:
    with connected(proxy) as client:
        client.sendall(b"a")
        assert heard(client, 1) == b"a"
        proxy.cut()
        assert is_cut(client)
    with connected(proxy) as refused:
        assert is_cut(refused)
    proxy.flow()
    with connected(proxy) as client:
        client.sendall(b"c")
        assert heard(client, 1) == b"c"


@pytest.mark.parametrize(("where", "arrives"), [(BEFORE, False), (AFTER, True)])
def test_a_commit_is_cut_before_or_after_the_broker_hears_of_it(
    proxy: Proxy, echo: Echo, where: str, arrives: bool
) -> None:
    commit, other = request(END_TXN), request(0)
    with connected(proxy) as client:
        cut = proxy.arm_commit_cut(where)
        client.sendall(other)
        assert heard(client, len(other)) == other, "no commit, so nothing is cut"
        assert not cut.is_set()
        client.sendall(commit)
        assert is_cut(client)
        assert cut.wait(BOUND_S)
    until = monotonic_s() + (BOUND_S if arrives else SILENCE_S)
    while commit not in echo.heard and monotonic_s() < until:
        threading.Event().wait(0.01)
    assert (commit in echo.heard) == arrives


def test_requests_are_told_apart_however_their_bytes_are_cut() -> None:
    stream = request(0, b"a" * 100) + request(END_TXN) + request(3, b"") + request(END_TXN, b"z" * 7)
    for size in (1, 2, 3, 5, 7, 64, len(stream)):
        kinds = RequestKinds()
        found = [key for at in range(0, len(stream), size) for key in kinds.feed(stream[at : at + size])]
        assert found == [0, END_TXN, 3, END_TXN], size


def test_a_port_that_is_taken_is_told(echo: Echo) -> None:
    with pytest.raises(OSError, match=r"in use|98|48"):
        Proxy(echo.port, 1).start()
