"""`llmobserve db backup` and `restore`: everything in one file, also while the collector runs, and back."""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from llmobserve_server.cli.collector import local_collector
from llmobserve_server.cli.db_places import DataDir, Db, Host, Port, ending, places
from llmobserve_server.cli.private_file import new_private_file
from llmobserve_server.cli.tables import table_text
from llmobserve_server.errors import BadRequest
from llmobserve_server.settings import ServerSettings

__all__ = ["backup", "restore"]


def backup(
    file: Annotated[Path, typer.Argument(help="New file, or a directory for one that is named by its time.")],
    db: Db = None,
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
) -> None:
    """Write the events, the control database and loaded price books to one file, while the collector runs or not.

    All that was acknowledged before the time that is printed is in it. PostgreSQL and ClickHouse have tools of their
    own for this; `llmobserve db export` works with any engine.
    """
    with ending():
        settings = places(host=host, port=port, data_dir=data_dir, db=db)
        file = file.expanduser()
        if file.exists() and not file.is_dir():
            raise BadRequest(f"{file} exists already. A backup is written to a new file.")
        part = (file / "llmobserve" if file.is_dir() else file).with_suffix(f".{os.getpid()}.part")
        try:
            point = _write(part, settings)
            if file.is_dir():
                file = file / f"llmobserve-{datetime.fromisoformat(point):%Y%m%dT%H%M%SZ}.tar"
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    print(f"{file}: {file.stat().st_size / 1024**2:,.1f} MB, all that was acknowledged before {point}")


def _write(part: Path, settings: ServerSettings) -> str:
    """Write the file; the moment that it is of."""
    with local_collector(settings) as collector:
        if collector is not None:
            return str(collector.download("backup", part)["Llmobserve-Backup-Point"])
    from llmobserve_server.app import Databases
    from llmobserve_server.jobs.backup import Backups

    databases = Databases(settings)
    try:
        made = Backups(databases.store, databases.control, settings).make()
        try:
            with new_private_file(part) as written:
                while chunk := made.read():
                    written.write(chunk)
        finally:
            made.close()
    finally:
        databases.close()
    return made.point.isoformat(timespec="microseconds").replace("+00:00", "Z")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `llmobserve db backup` wrote.")],
    db: Db = None,
    data_dir: DataDir = None,
) -> None:
    """Bring a backup to a data directory that has no data yet, and prove that it is what was written.

    Nothing is left there when it is not. The keys and browser sessions of the backup are valid again.
    """
    from llmobserve_server.jobs.backup import restore as restore_file

    with ending():
        settings = places(data_dir=data_dir, db=db)
        restored = restore_file(file.expanduser(), settings)
    rows = [("table", "rows", "cost_usd")]
    for table, figures in restored.tables.items():
        cost = figures.sums.get("cost_usd")
        rows.append((table, f"{figures.rows:,}", "" if cost is None else f"{cost:f}"))
    print(table_text(rows, right={1, 2}))
    print(
        f"Rows, values that are set and exact sums of every column are those of {restored.point:%Y-%m-%d %H:%M:%S} UTC."
    )
    if not restored.has_control:
        print("! The control database was not in it: bring back that of PostgreSQL.")
    print(f"Start it: llmobserve serve --data-dir {settings.directory}")
