"""The running collector as commands see it: asked over its API, with a key or as the owner of its data directory."""

import http.client
import json
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from email.message import Message
from pathlib import Path
from typing import Any, cast

from llmobserve_server.cli.private_file import new_private_file
from llmobserve_server.errors import BadRequest, StoreError
from llmobserve_server.settings import ServerSettings

__all__ = ["Collector", "Refused", "collector_at", "local_collector"]

_TIMEOUT_S = 120
_DOWNLOAD_TIMEOUT_S = 3600
"""The first byte of a backup comes when the copy is made."""
_TRIES = 5


class Refused(Exception):
    """The collector did not do it; the message is its own, or says why it was not reached."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """`None`: it was not reached."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirection would take the credential elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """None: the answer stands as an error."""


class Collector:
    """One collector. Every method raises Refused.

    Args:
        url: its address.
        headers: credentials.
        direct: without the proxy of the environment, which is for other machines.
    """

    def __init__(self, url: str, headers: Mapping[str, str], *, direct: bool = False) -> None:
        self._url = url.rstrip("/")
        self._headers = dict(headers)
        proxies = [urllib.request.ProxyHandler({})] if direct else []
        self._opener = urllib.request.build_opener(_NoRedirect, *proxies)

    def get(self, path: str, **query: str) -> Any:
        """The decoded answer of `/api/v1/PATH`."""
        return self._ask("GET", path, query, None, None)

    def post(self, path: str, body: bytes | Mapping[str, Any], **query: str) -> Any:
        """The same for a body: JSON, or bytes as they are."""
        if isinstance(body, bytes):
            return self._ask("POST", path, query, body, "application/octet-stream")
        return self._ask("POST", path, query, json.dumps(body).encode(), "application/json")

    def download(self, path: str, file: Path) -> Message:
        """Write the answer of POST to a new file that only its owner may read; the headers."""
        answer = self._open("POST", path, {}, b"", None, timeout_s=_DOWNLOAD_TIMEOUT_S)
        try:
            with answer, new_private_file(file) as written:
                shutil.copyfileobj(answer, written, 1 << 20)
        except http.client.HTTPException as error:
            raise Refused(f"The answer of {self._url} was cut off: {error!r}") from None
        if file.stat().st_size != int(answer.headers["Content-Length"]):
            raise Refused(f"The answer of {self._url} was cut off after {file.stat().st_size:,} bytes.")
        return answer.headers

    def sign_in(self, token: str) -> None:
        """Exchange the token of a sign-in link for a session."""
        answer = self._open("POST", "session", {}, json.dumps({"token": token}).encode(), "application/json")
        self._headers["Cookie"] = str(answer.headers["Set-Cookie"]).partition(";")[0]

    def sign_out(self) -> None:
        """End the session."""
        self._ask("DELETE", "session", {}, None, None)

    def _ask(self, method: str, path: str, query: Mapping[str, str], body: bytes | None, kind: str | None) -> Any:
        text = self._open(method, path, query, body, kind).read()
        return json.loads(text) if text else None

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None,
        kind: str | None,
        *,
        timeout_s: float = _TIMEOUT_S,
    ) -> http.client.HTTPResponse:
        url = f"{self._url}/api/v1/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = self._headers | ({"Content-Type": kind} if kind else {})
        request = urllib.request.Request(url, body, headers, method=method)
        for attempt in range(_TRIES):
            try:
                return cast("http.client.HTTPResponse", self._opener.open(request, timeout=timeout_s))
            except urllib.error.HTTPError as error:
                with error:
                    said = error.read().decode("utf-8", "replace")
                if error.code != 503 or attempt == _TRIES - 1:
                    raise Refused(_message(said), error.code) from None
                time.sleep(float(error.headers.get("Retry-After") or 1))
            except (OSError, http.client.HTTPException) as error:
                raise Refused(f"{self._url} cannot be reached: {getattr(error, 'reason', error)}") from None
        raise Refused(f"{self._url} is busy", 503)


def _message(body: str) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, TypeError, KeyError):
        return body[:200]


def collector_at(url: str, key: str | None) -> Collector:
    """The collector at `url`, asked with a key."""
    return Collector(url, {"Authorization": f"Bearer {key}"} if key else {})


@contextmanager
def local_collector(settings: ServerSettings) -> Generator[Collector | None]:
    """The collector of this machine that owns the data directory, signed in; `None` when none runs.

    Raises StoreError when there is no data, or the control database cannot be opened.
    """
    from llmobserve_server.auth.deployment import deployment_of
    from llmobserve_server.auth.gate import Gate
    from llmobserve_server.control.database import open_control

    if settings.control_db is None and not (settings.directory / "control.db").exists():
        raise StoreError(f"There is no collector's data in {settings.directory}. Name its --data-dir.")
    deployment = deployment_of(settings)
    address = replace(deployment, public_url=None).base_url
    collector = Collector(address + deployment.prefix, {"Origin": address}, direct=True)
    try:
        collector.get("meta")
    except Refused as refusal:
        if refusal.status is None:
            yield None
            return
    control = open_control(settings.control_db_url)
    try:
        token = Gate(control, deployment).new_sign_in_url().partition("token=")[2]
    finally:
        control.close()
    try:
        collector.sign_in(token)
    except Refused as refusal:
        if refusal.status != 401:
            raise BadRequest(str(refusal)) from None
        # Another collector listens there: it knows nothing of this data directory.
        yield None
        return
    try:
        yield collector
    finally:
        collector.sign_out()
