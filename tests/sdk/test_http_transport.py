"""The way to the collector: own connections, proxies of the environment, TLS; nothing of it is observed."""

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from loopback.collector import Collector
from loopback.delivery import call, sender_to, to_url

from llmobserve.spool.writer import Spool
from llmobserve.transport import MemoryTransport, Reply, Sender, TransportError


def test_nothing_is_recorded_while_sending(spool: Spool) -> None:
    from llmobserve import context

    seen: list[bool] = []

    def answer(batch: dict[str, Any]) -> Reply:
        seen.append(context.suppressed())
        return Reply(200, {}, b"{}")

    spool.write([call(1)])
    assert Sender(spool, MemoryTransport(answer)).send_all()
    assert seen == [True]
    assert not context.suppressed()


def test_patched_http_client_is_not_used(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    import http.client

    def observed(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("the sender went through a patched method")

    for name in ("request", "putrequest", "endheaders", "send", "getresponse"):
        monkeypatch.setattr(http.client.HTTPConnection, name, observed)
    spool.write([call(1)])
    with Collector() as collector:
        assert sender_to(spool, collector).send_all()
    assert [event["event_id"] for event in collector.events()] == ["e1"]


class Proxy:
    """Forwarding proxy that notes the first line and the headers of one request and answers it itself."""

    def __init__(self) -> None:
        self.received = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            self.received = connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")

    def __enter__(self) -> "Proxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()


def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv("http_proxy", f"http://ann:p%40ss@127.0.0.1:{proxy.port}")
        assert to_url("http://collector.test:8000/base").post(b"{}").status == 200
    assert proxy.received.startswith(b"POST http://collector.test:8000/base/v1/events HTTP/1.1\r\n")
    # base64 of "ann:p@ss"
    assert b"proxy-authorization: Basic YW5uOnBAc3M=\r\n" in proxy.received


def test_tls_goes_through_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(TransportError):
            to_url("https://collector.test", "lo_secret").post(b"{}")
    assert proxy.received.startswith(b"CONNECT collector.test:443 HTTP/1.")
    assert b"lo_secret" not in proxy.received


@pytest.mark.parametrize("way", ["this machine", "no_proxy"])
def test_no_proxy(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    if way == "no_proxy":
        monkeypatch.setenv("no_proxy", "collector.test")
        direct: Callable[..., Any] = lambda address, *rest, **more: real(("127.0.0.1", address[1]), *rest, **more)  # noqa: E731
        real = socket.create_connection
        monkeypatch.setattr(socket, "create_connection", direct)
    with Collector() as collector:
        host = "127.0.0.1" if way == "this machine" else "collector.test"
        body = json.dumps({"events": []}).encode()
        assert to_url(f"http://{host}:{collector.port}").post(body).status == 200
