"""A collector as users start it: `llmobserve serve` in a process of its own, on a free port."""

import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

__all__ = ["Collector", "wait_until"]

LLMOBSERVE = Path(sys.executable).with_name("llmobserve")
_SIGN_IN = re.compile(r"(https?://[^\s/]+)(\S*/sign-in\?token=\S+)")
START_S = 60.0


class Collector:
    """Use it as a context manager; `stop()` and `start()` in between keep the port and the data."""

    def __init__(
        self, data_dir: Path, *, command: Path = LLMOBSERVE, port: int = 0, options: tuple[str, ...] = ()
    ) -> None:
        self.data_dir = data_dir
        self.port = port
        self.url = ""
        self.sign_in_url = ""
        self.output: list[str] = []
        self._command = command
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener()

    def __enter__(self) -> "Collector":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop()

    def start(self) -> None:
        """Start and wait until it has printed where it is; sign in."""
        arguments = ["serve", "--port", str(self.port), "--data-dir", str(self.data_dir), *self._options]
        self._process = subprocess.Popen(
            [str(self._command), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"COLUMNS": "400", "NO_COLOR": "1"},
        )
        self.output, self.url = [], ""
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        wait_until(lambda: self.url or self._ended(), START_S)
        assert self.url, "".join(self.output)
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.output.append(line)
                found = _SIGN_IN.search(line)
                if found:
                    self.sign_in_url = found[0]
                    self.port = urllib.parse.urlsplit(found[1]).port or 0
                    self.url = found[1]

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> int:
        """Ctrl-C; returns the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(30)
        self._process = None
        return code

    def sign_in(self) -> None:
        """Use the printed link up, for `get` and `send`."""
        self._opener.open(self.sign_in_url, timeout=30).close()

    @property
    def session(self) -> list[Any]:
        """Cookies that sign a browser in, as Playwright takes them; after `sign_in`."""
        return [{"name": cookie.name, "value": str(cookie.value), "url": self.url} for cookie in self._cookies]

    def get(self, path: str, **params: Any) -> Any:
        """Answer of the API in JSON, from /api/v1."""
        wanted = {name.rstrip("_"): value for name, value in params.items()}
        query = f"?{urllib.parse.urlencode(wanted)}" if wanted else ""
        try:
            with self._opener.open(f"{self.url}/api/v1/{path}{query}", timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{path}{query}: {error.code} {error.read().decode()}") from None

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of any request, without credentials."""
        request = urllib.request.Request(f"{self.url}{path}", data=body, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def calls(self, **params: Any) -> list[dict[str, Any]]:
        """All recorded calls, oldest first, page by page."""
        rows: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get("events", limit=200, **params, **cursor)
            rows += [row for row in page["events"] if row["type"] == "call"]
            if page["next_cursor"] is None:
                return sorted(rows, key=lambda row: row["start_time"])
            cursor = {"cursor": page["next_cursor"]}

    def wait_for_calls(self, count: int, within_s: float = 30.0) -> list[dict[str, Any]]:
        """All calls, once there are at least that many."""
        wait_until(lambda: len(self.calls()) >= count, within_s)
        return self.calls()


def wait_until(condition: Any, within_s: float) -> None:
    """Ask again and again until it holds; fails when it never does."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"not true within {within_s:g} s"
        time.sleep(0.05)
