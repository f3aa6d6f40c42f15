"""`llmobserve serve` as people start it: what it prints, what it survives, what it says when it cannot start."""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from server.live_server import batch

from llmobserve_server.auth.secrets import new_key_secret
from llmobserve_server.cli.logs import MaskedFormatter

COMMAND = [sys.executable, "-c", "from llmobserve_server.cli.serve import main; main()"]


class Served:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.printed = ""
        assert process.stdout is not None
        for line in process.stdout:
            self.printed += line
            if "llmobserve.observe(" in line:
                break
        links = re.findall(r"\S+/sign-in\?token=\S+", self.printed)
        assert links, self.printed
        self.link: str = links[0]
        self.url = self.link.partition("/sign-in")[0]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> str:
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=30)
        return self.printed + rest


@contextmanager
def serving(data_dir: Path, *options: str) -> Generator[Served]:
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--data-dir", str(data_dir), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"LLMOBSERVE_DISK_RESERVE_MB": "0"},
    )
    try:
        yield Served(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def refused(*options: str) -> str:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_it_says_where_it_is_and_keeps_what_it_answered_for(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as first:
        assert str(tmp_path / "data") in first.printed
        assert f'llmobserve.observe(collector_url="{first.url}")' in first.printed
        with httpx.Client(base_url=first.url, trust_env=False) as client:
            assert client.post("/v1/events", json=batch(7)).json()["accepted"] == 7
        first.stop()
    with serving(tmp_path / "data") as second:
        assert second.link.partition("token=")[2] != first.link.partition("token=")[2]
        with httpx.Client(base_url=second.url, trust_env=False) as client:
            assert client.get(second.link).status_code == 303
            assert client.get("/api/v1/projects").json()[0]["event_count"] == 7
        second.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_and_says_nothing_secret(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path / "data", "--log-level", "debug") as served:
        key = new_key_secret("read")
        with httpx.Client(base_url=served.url, trust_env=False) as client:
            client.get("/api/v1/meta", headers={"Authorization": f"Bearer {key}"})
            client.get("/sign-in", params={"token": "guessed-token"})
            with client.stream("GET", "/api/v1/live"):
                output = served.stop(number)
    assert "Traceback" not in output
    assert key not in output
    assert "guessed-token" not in output
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_bound_to_all_addresses_it_asks_for_keys(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--host", "0.0.0.0") as served:
        assert 'api_key="llmo_ingest_…"' in served.printed
        with httpx.Client(base_url=served.url, trust_env=False) as client:
            assert client.post("/v1/events", json=batch()).status_code == 401


def test_another_link_can_be_had_while_it_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from llmobserve_server.cli.sign_in import main; main()"]
    with serving(tmp_path / "data") as served:
        place = ["--data-dir", str(tmp_path / "data"), "--port", served.url.rpartition(":")[2]]
        link = subprocess.run([*command, *place], capture_output=True, text=True, check=True, timeout=60).stdout.strip()
        assert link.startswith(f"{served.url}/sign-in?token=")
        with httpx.Client(trust_env=False) as client:
            assert client.get(link).status_code == 303
            assert client.get(f"{served.url}/api/v1/meta").status_code == 200
    nowhere = ["--data-dir", str(tmp_path / "none")]
    failed = subprocess.run([*command, *nowhere], capture_output=True, text=True, timeout=60)
    assert (failed.returncode, "no collector's data" in failed.stderr) == (1, True)
    assert not (tmp_path / "none").exists()


def test_the_other_loopback_address_needs_no_key_either(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--host", "::1") as served:
        assert served.url.startswith("http://[::1]:")
        with httpx.Client(base_url=served.url, trust_env=False) as client:
            assert client.post("/v1/events", json=batch()).status_code == 200
            assert client.get(served.link).status_code == 303


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        assert f"Port {port} is in use" in refused("--port", str(port), "--data-dir", str(tmp_path))


def test_a_data_directory_in_use_names_the_process(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as served:
        said = refused("--port", "0", "--data-dir", str(tmp_path / "data"))
    assert str(served.process.pid) in said


def test_what_cannot_be_is_refused_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "no --workers" in refused("--workers", "2", "--data-dir", str(tmp_path))
    assert "cannot be used" in refused("--port", "0", "--data-dir", str(tmp_path / "file" / "data"))
    assert "LLMOBSERVE_DB" in refused("--port", "0", "--data-dir", str(tmp_path), "--db", "mysql://x")
    assert "Cannot listen on 203.0.113.1" in refused("--host", "203.0.113.1", "--data-dir", str(tmp_path))


def test_the_log_masks_every_secret_in_text_arguments_and_tracebacks() -> None:
    secrets = [
        new_key_secret("admin"),
        "sk-proj-abcdefghijklmnop",
        "Gsebj25nTjr5BX2Nj4tDAwSGcHb7",
        "dXNlcjpwYXNzd29yZA==",
        "hunter2hunter2",
        "cookievalue123",
    ]
    text = (
        f"key {secrets[0]} and {secrets[1]} at /sign-in?token={secrets[2]}&x=1 Authorization: Basic {secrets[3]} "
        f"postgresql://llm:{secrets[4]}@db/x Cookie: llmobserve_8000={secrets[5]}"
    )
    try:
        raise ValueError(text)
    except ValueError:
        record = logging.LogRecord(
            "x", logging.ERROR, __file__, 1, "failed: %s now\nforged line", (text,), sys.exc_info()
        )
    written = MaskedFormatter("%(message)s").format(record)
    assert [secret for secret in secrets if secret in written] == []
    assert written.splitlines()[0].endswith("\\nforged line")
    assert "/sign-in?token=***&x=1" in written
