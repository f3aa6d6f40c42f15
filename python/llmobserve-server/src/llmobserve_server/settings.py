"""Settings of the server: one row each, read from the environment once at start."""

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["ServerSettings", "SettingError", "load_settings", "setting_rows"]


class SettingError(ValueError):
    """A setting has a value that cannot be used; the message names the variable and what it takes."""


@dataclass(frozen=True, slots=True)
class _Row:
    env: str
    parse: Callable[[str], object]
    takes: str
    doc: str


def _env(env: str, parse: Callable[[str], object], takes: str, doc: str) -> dict[str, _Row]:
    return {"row": _Row(env, parse, takes, doc)}


def _whole(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text)
        if not minimum <= number <= maximum:
            raise ValueError(text)
        return number

    return parse


def _days(text: str) -> int | None:
    return None if text == _FOR_EVER else _whole(1, 36_500)(text)


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _data_home() -> Path:
    return _path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "llmobserve"


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(text)
    return text.rstrip("/")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in text.split(",") if name.strip())


_MANY = 1_000_000
_FOR_EVER = "forever"
_DAYS = "a whole number of days, or `forever`"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What the operator decides. Sizes are in megabytes of 1,048,576 bytes."""

    data_dir: Path | None = field(
        default=None,
        metadata=_env(
            "LLMOBSERVE_DATA_DIR",
            _path,
            "a directory",
            "Where the server keeps its files. Default: `llmobserve` under XDG_DATA_HOME.",
        ),
    )
    db: str | None = field(
        default=None,
        metadata=_env("LLMOBSERVE_DB", str, "a URL", "Store of events. Default: a DuckDB file in the data directory."),
    )
    control_db: str | None = field(
        default=None,
        metadata=_env(
            "LLMOBSERVE_CONTROL_DB",
            str,
            "a URL",
            "Database of projects, keys and users. Default: LLMOBSERVE_DB where that is PostgreSQL, else a SQLite file "
            "in the data directory.",
        ),
    )
    price_book: Path | None = field(
        default=None,
        metadata=_env(
            "LLMOBSERVE_PRICE_BOOK",
            _path,
            "a directory",
            "Where price books are kept that `llmobserve prices load` has taken. Default: `prices` in the data "
            "directory.",
        ),
    )
    host: str = field(default="127.0.0.1", metadata=_env("LLMOBSERVE_HOST", str, "an address", "Address to listen on."))
    port: int = field(
        default=8000,
        metadata=_env("LLMOBSERVE_PORT", _whole(0, 65535), "a port", "Port to listen on; 0 takes any free one."),
    )
    public_url: str | None = field(
        default=None,
        metadata=_env(
            "LLMOBSERVE_PUBLIC_URL",
            _public_url,
            "an http or https URL without a query",
            "Address under which browsers and senders reach the server, where a proxy stands before it.",
        ),
    )
    allowed_hosts: tuple[str, ...] = field(
        default=(),
        metadata=_env(
            "LLMOBSERVE_ALLOWED_HOSTS",
            _names,
            "names separated by commas",
            "Further host names that requests may be addressed to.",
        ),
    )
    db_memory_mb: int | None = field(
        default=None,
        metadata=_env(
            "LLMOBSERVE_DB_MEMORY_MB",
            _whole(64, _MANY),
            "a whole number of at least 64",
            "Memory of the embedded store; the process takes up to a quarter more. Default: a quarter of the "
            "machine's memory, at most 1024.",
        ),
    )
    db_threads: int | None = field(
        default=None,
        metadata=_env(
            "LLMOBSERVE_DB_THREADS", _whole(1, 1024), "a whole number", "Threads of queries. Default: one a core."
        ),
    )
    disk_reserve_mb: int = field(
        default=256,
        metadata=_env(
            "LLMOBSERVE_DISK_RESERVE_MB",
            _whole(0, _MANY),
            "a whole number",
            "Free disk space below which no more events are taken, so that the store can still be read and cleaned.",
        ),
    )
    otlp_grpc_port: int | None = field(
        default=None,
        metadata=_env(
            "LLMOBSERVE_OTLP_GRPC_PORT",
            _whole(0, 65535),
            "a port, or 0 for none",
            "Port of OTLP by gRPC, 0 for none. Default: 4317 where the extra `grpc` is installed.",
        ),
    )
    max_body_mb: int = field(
        default=10,
        metadata=_env(
            "LLMOBSERVE_MAX_BODY_MB", _whole(1, 1024), "a whole number", "Largest request body, as it is sent."
        ),
    )
    max_decoded_mb: int = field(
        default=64,
        metadata=_env(
            "LLMOBSERVE_MAX_DECODED_MB", _whole(1, 4096), "a whole number", "Largest request body, decompressed."
        ),
    )
    ingest_queue_mb: int = field(
        default=128,
        metadata=_env(
            "LLMOBSERVE_INGEST_QUEUE_MB",
            _whole(1, _MANY),
            "a whole number",
            "Decompressed batches that may wait to be stored before senders are asked to come back later.",
        ),
    )
    ingest_queue_batches: int = field(
        default=256,
        metadata=_env(
            "LLMOBSERVE_INGEST_QUEUE_BATCHES",
            _whole(1, _MANY),
            "a whole number",
            "The same limit as a number of batches.",
        ),
    )

    retention_contents_days: int | None = field(
        default=90,
        metadata=_env(
            "LLMOBSERVE_RETENTION_CONTENTS_DAYS",
            _days,
            _DAYS,
            "How long prompts and answers are kept after they arrived; `forever`: they are not deleted.",
        ),
    )
    retention_events_days: int | None = field(
        default=None,
        metadata=_env(
            "LLMOBSERVE_RETENTION_EVENTS_DAYS",
            _days,
            _DAYS,
            "How long calls, spans, scores and facts are kept after they began, and their prompts and answers with "
            "them. Default: forever.",
        ),
    )
    retention_dead_letters_days: int | None = field(
        default=30,
        metadata=_env(
            "LLMOBSERVE_RETENTION_DEAD_LETTERS_DAYS",
            _days,
            _DAYS,
            "How long records are kept that were refused.",
        ),
    )

    @property
    def directory(self) -> Path:
        """The data directory."""
        return self.data_dir or _data_home()

    @property
    def db_url(self) -> str:
        """URL of the store of events."""
        return self.db or f"duckdb:///{self.directory / 'events.duckdb'}"

    @property
    def price_directory(self) -> Path:
        """Where loaded price books are kept."""
        return self.price_book or self.directory / "prices"

    @property
    def control_db_url(self) -> str:
        """URL of the control database: without one of its own the PostgreSQL database of the events, else a file."""
        if self.control_db:
            return self.control_db
        if self.db_url.startswith(("postgres://", "postgresql://")):
            return self.db_url
        return f"sqlite:///{self.directory / 'control.db'}"


def _row_of(spec: Field[Any]) -> _Row:
    return spec.metadata["row"]


def load_settings(environ: Mapping[str, str] | None = None, **given: Any) -> ServerSettings:
    """Settings from the environment; `given` values (of the command line) win unless they are `None`.

    Raises SettingError for a value that cannot be used.
    """
    source = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for spec in fields(ServerSettings):
        row = _row_of(spec)
        text = source.get(row.env, "").strip()
        if not text:
            continue
        try:
            values[spec.name] = row.parse(text)
        except ValueError:
            raise SettingError(f"{row.env}={text!r} cannot be used: it takes {row.takes}") from None
    values.update({name: value for name, value in given.items() if value is not None})
    return ServerSettings(**values)


def setting_rows() -> list[tuple[str, str, str]]:
    """Every setting as (variable, default, what it does), for the reference page."""
    rows: list[tuple[str, str, str]] = []
    for spec in fields(ServerSettings):
        row = _row_of(spec)
        rows.append((row.env, "" if spec.default in (None, ()) else str(spec.default), row.doc))
    return rows
