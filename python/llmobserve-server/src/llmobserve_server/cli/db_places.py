"""Options that the commands of `llmobserve db` share, and the store that they are about."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from llmobserve_server.cli.collector import Collector, Refused, local_collector
from llmobserve_server.cli.fail import fail
from llmobserve_server.cli.logs import mask
from llmobserve_server.errors import ServerError, StoreError
from llmobserve_server.settings import ServerSettings, SettingError, load_settings
from llmobserve_server.store.protocol import Slice, Store

__all__ = [
    "DataDir",
    "Db",
    "From",
    "Host",
    "Port",
    "Project",
    "To",
    "ending",
    "existing_store",
    "has_collector_data",
    "places",
    "readable_store",
    "slice_of",
]

_FIRST = "0001"
"""Number of the migration that makes the tables of a new store."""

Db = Annotated[str | None, typer.Option("--db", help="URL of the store. Default: LLMOBSERVE_DB.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Directory of the collector's files.")]
Host = Annotated[str | None, typer.Option("--host", help="Address that the collector here listens on.")]
Port = Annotated[int | None, typer.Option("--port", help="Port that it listens on.", min=1, max=65535)]
Project = Annotated[str | None, typer.Option("--project", help="Only this project.")]
From = Annotated[str | None, typer.Option("--from", help="Rows from this time on, ISO 8601.")]
To = Annotated[str | None, typer.Option("--to", help="Rows before this time.")]


@contextmanager
def ending() -> Generator[None]:
    """End with a message where the block fails."""
    try:
        yield
    except ServerError as error:
        fail("db", error.message)
    except (SettingError, Refused) as error:
        fail("db", str(error))
    except OSError as error:
        fail("db", str(error))


def places(
    *, host: str | None = None, port: int | None = None, data_dir: Path | None = None, db: str | None = None
) -> ServerSettings:
    """The settings that the options and the environment give. Raises SettingError."""
    directory = data_dir.expanduser().absolute() if data_dir else None
    return load_settings(host=host, port=port, data_dir=directory, db=db)


def slice_of(project: str | None, start: str | None, end: str | None) -> Slice:
    """What the options --project, --from and --to choose of every table. Raises BadRequest."""
    from llmobserve_server.query.window import parse_time

    return Slice(
        "",
        None if start is None else parse_time(start, "--from"),
        None if end is None else parse_time(end, "--to"),
        project,
    )


@contextmanager
def readable_store(settings: ServerSettings) -> Generator[Store]:
    """The open store of the settings; while a collector owns it, a copy of this moment.

    Raises ServerError, Refused.
    """
    from llmobserve_server.store.open import make_store

    if make_store(settings.db_url).is_embedded and has_collector_data(settings):
        with local_collector(settings) as collector:
            if collector is not None:
                with _copy_of(collector, settings) as url:
                    copied = existing_store(url)
                    try:
                        yield copied
                    finally:
                        copied.close()
                return
    store = existing_store(settings.db_url)
    try:
        yield store
    finally:
        store.close()


def has_collector_data(settings: ServerSettings) -> bool:
    """Whether a collector may run on these settings: one has its control database there."""
    return settings.control_db is not None or (settings.directory / "control.db").exists()


def existing_store(url: str) -> Store:
    """The store at a URL, opened and brought to this version. Raises StoreError when there is none yet."""
    from llmobserve_server.store.open import make_store

    store = make_store(url)
    pending = store.pending_migrations()
    if pending and pending[0].startswith(_FIRST):
        raise StoreError(f"There is no store at {mask(url)}.")
    store.initialize()
    return store


@contextmanager
def _copy_of(collector: Collector, settings: ServerSettings) -> Generator[str]:
    """URL of a copy of the events, which is gone after the block."""
    from llmobserve_server.jobs.backup import EVENTS_FILE, read_archive

    with TemporaryDirectory(prefix="copy-", suffix=".part", dir=settings.directory) as folder:
        file, unpacked = Path(folder) / "backup.tar", Path(folder) / "backup"
        collector.download("backup", file)
        unpacked.mkdir()
        read_archive(file, unpacked)
        file.unlink()
        yield f"duckdb:///{unpacked / EVENTS_FILE}"
