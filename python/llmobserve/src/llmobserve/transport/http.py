"""Transport to a collector over HTTP, with the standard library alone.

The connection uses the methods of `http.client` as they were before anybody patched them, never follows a redirect
(the key would go along) and honours HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
"""

import base64
import gzip
import http.client
import os
import socket
import ssl
import time
import urllib.request
from typing import Any
from urllib.parse import unquote, urlsplit

from llmobserve.privacy import clean
from llmobserve.transport.base import Reply, TransportError

__all__ = ["HttpTransport"]

_CONNECT_S = 2.0
_ANSWER_S = 10.0
_ANSWER_BYTES = 4 * 1024 * 1024


def _unpatched(name: str) -> Any:
    """The method below wrappers that this or another tool has put around it."""
    method = getattr(http.client.HTTPConnection, name)
    while hasattr(method, "__wrapped__"):
        method = method.__wrapped__
    return method


class _Unpatched:
    """Goes before the connection class, so that a patched method of it is never reached."""

    request = _unpatched("request")
    putrequest = _unpatched("putrequest")
    putheader = _unpatched("putheader")
    endheaders = _unpatched("endheaders")
    send = _unpatched("send")
    getresponse = _unpatched("getresponse")


class _Connection(_Unpatched, http.client.HTTPConnection):  # pyright: ignore[reportIncompatibleMethodOverride]
    pass


class _TlsConnection(_Unpatched, http.client.HTTPSConnection):  # pyright: ignore[reportIncompatibleMethodOverride]
    pass


class HttpTransport:
    """Posts batches to `<collector_url>/v1/events`."""

    def __init__(
        self,
        collector_url: str,
        api_key: str | None,
        *,
        connect_s: float = _CONNECT_S,
        answer_s: float = _ANSWER_S,
    ) -> None:
        """`connect_s` and `answer_s` are the longest waits, in seconds, for the connection and for the answer."""
        parts = urlsplit(collector_url)
        self._tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._authority = parts.netloc
        self._path = f"{parts.path.rstrip('/')}/v1/events"
        self._headers = {"content-type": "application/json", "content-encoding": "gzip", "user-agent": "llmobserve"}
        if api_key is not None:
            self._headers["authorization"] = f"Bearer {api_key}"
        self._connect_s = connect_s
        self._answer_s = answer_s
        self._connection: http.client.HTTPConnection | None = None
        self._until_s = float("inf")
        self._proxy_headers: dict[str, str] | None = None
        """Set while the connection leads to a proxy that forwards plain HTTP."""

    def post(self, body: bytes) -> Reply:
        """Deliver a batch; raises TransportError when no answer arrived."""
        packed = gzip.compress(body, compresslevel=5, mtime=0)
        reused = self._connection is not None
        try:
            return self._exchange(packed)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            # A kept connection may have been closed by the other side meanwhile: that is no failure of the collector.
            stale = reused and isinstance(error, (http.client.RemoteDisconnected, ConnectionError))
            if not stale:
                raise TransportError(_said(error)) from error
        try:
            return self._exchange(packed)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise TransportError(_said(error)) from error

    def hurry(self, until_s: float) -> None:
        """Wait for nothing beyond that moment of `time.monotonic`: the process ends."""
        self._until_s = until_s

    def _at_most(self, wait_s: float) -> float:
        # Nought would mean "do not wait at all", which is told as another error.
        return max(min(wait_s, self._until_s - time.monotonic()), 0.001)

    def after_fork(self) -> None:
        """In the child: close its copy of the connection, and no more than that.

        A response whose end another thread was waiting for has a lock that nobody gives back here.
        """
        connection, self._connection = self._connection, None
        opened = None if connection is None else connection.sock
        if opened is not None:
            os.close(opened.detach())

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _exchange(self, packed: bytes) -> Reply:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._connect()
        if isinstance(connection.sock, socket.socket):
            connection.sock.settimeout(self._at_most(self._answer_s))
        target, headers = self._path, self._headers
        if self._proxy_headers is not None:
            target, headers = f"http://{self._authority}{self._path}", {**headers, **self._proxy_headers}
        connection.request("POST", target, body=packed, headers=headers)
        response = connection.getresponse()
        answer = response.read(_ANSWER_BYTES)
        if response.length and len(answer) < _ANSWER_BYTES:
            raise http.client.IncompleteRead(answer, response.length)
        fields = {name.lower(): value for name, value in response.getheaders()}
        if response.will_close or not response.isclosed():
            self.close()
        return Reply(response.status, fields, answer)

    def _connect(self) -> http.client.HTTPConnection:
        self._proxy_headers = None
        proxy = _proxy_for(self._host, self._port, "https" if self._tls else "http")
        if proxy is None:
            connection = self._make(self._host, self._port)
        else:
            host, port, headers = proxy
            connection = self._make(host, port)
            if self._tls:
                connection.set_tunnel(self._host, self._port, headers)
            else:
                self._proxy_headers = headers
        connection.connect()
        return connection

    def _make(self, host: str, port: int) -> http.client.HTTPConnection:
        if self._tls:
            wait_s = self._at_most(self._connect_s)
            return _TlsConnection(host, port, timeout=wait_s, context=ssl.create_default_context())
        return _Connection(host, port, timeout=self._at_most(self._connect_s))


def _proxy_for(host: str, port: int, scheme: str) -> tuple[str, int, dict[str, str]] | None:
    """Host, port and headers of the proxy that the environment names; `None` for a direct connection.

    A collector on this machine is always reached directly: a proxy elsewhere could not reach it.
    """
    if host in {"localhost", "::1"} or host.startswith("127."):
        return None
    address = urllib.request.getproxies().get(scheme)
    if not address or urllib.request.proxy_bypass(f"{host}:{port}") or urllib.request.proxy_bypass(host):
        return None
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port or 8080
    except ValueError:  # whose message quotes what may be a part of the password
        raise TransportError("the address of the proxy in the environment cannot be understood") from None
    if not parts.hostname:
        return None
    headers: dict[str, str] = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["proxy-authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return parts.hostname, port, headers


def _said(error: Exception) -> str:
    return clean(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, "log")
