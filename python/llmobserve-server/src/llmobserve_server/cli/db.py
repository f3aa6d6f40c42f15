"""`llmobserve db`: keeps the store of events: schema, backup, export and import, copies between engines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from llmobserve_server.cli.collector import local_collector
from llmobserve_server.cli.db_backup import backup, restore
from llmobserve_server.cli.db_copy import copy, export, import_
from llmobserve_server.cli.db_places import DataDir, Db, Host, Port, ending, existing_store, has_collector_data, places
from llmobserve_server.cli.logs import mask
from llmobserve_server.cli.tables import table_text
from llmobserve_server.settings import ServerSettings

__all__ = ["main"]

_MB = 1024 * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`; `None` takes those of the process. Ends with SystemExit."""
    command = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        help="The store of events: its schema, backups, exports, and copies between engines.",
    )
    command.command("info")(info)
    command.command("migrate")(migrate)
    command.command("backup")(backup)
    command.command("restore")(restore)
    command.command("export")(export)
    command.command("import")(import_)
    command.command("copy")(copy)
    command(args=None if arguments is None else list(arguments), prog_name="llmobserve db")
    return 0


def migrate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; status 1 when something is to do.")] = False,
    db: Db = None,
    data_dir: DataDir = None,
) -> None:
    """Bring the store and the control database to the schema of this version.

    A collector does the same when it starts. A newer schema than this version knows is refused.
    """
    from llmobserve_server.control.database import open_control, pending_control
    from llmobserve_server.store.open import make_store

    with ending():
        settings = places(data_dir=data_dir, db=db)
        pending = {
            mask(settings.db_url): make_store(settings.db_url).pending_migrations(),
            mask(settings.control_db_url): pending_control(settings.control_db_url),
        }
        if not check:
            settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            store = make_store(settings.db_url)
            store.initialize()
            store.close()
            open_control(settings.control_db_url).close()
    for name, steps in pending.items():
        done = "to do" if check else "done"
        print(f"{name}: " + (f"{done}: {', '.join(steps)}" if steps else "is up to date"))
    if check and any(pending.values()):
        raise SystemExit(1)


def info(db: Db = None, host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """What the store holds: rows, bytes and times of each table, and what is deleted when."""
    with ending():
        settings = places(host=host, port=port, data_dir=data_dir, db=db)
        if has_collector_data(settings):
            with local_collector(settings) as collector:
                told = _look(settings) if collector is None else collector.get("storage")
        else:
            told = _look(settings)
    print(f"Store    {mask(settings.db_url)}")
    print(f"Control  {mask(settings.control_db_url)}")
    print(f"Size     {told['total_bytes'] / _MB:,.1f} MB" + _free(told["disk_free_bytes"]))
    print()
    print(_table(told))
    print()
    for kind in told["retention"]:
        days, due = kind["kept_days"], kind["rows_due"]
        kept = "for ever" if days is None else f"{days:,} days"
        print(f"{kind['kind']:<13} kept {kept}" + (f", {due:,} rows are older" if due else ""))


def _look(settings: ServerSettings) -> dict[str, Any]:
    """The same figures without a collector: this process has the store for a moment."""
    from llmobserve_server.api.storage import storage_of
    from llmobserve_server.jobs.retention import Retention
    from llmobserve_server.store.retention import RetentionRules

    store = existing_store(settings.db_url)
    try:
        return storage_of(store, Retention(store, RetentionRules.of(settings)), None).model_dump(mode="json")
    finally:
        store.close()


def _table(told: dict[str, Any]) -> str:
    rows = [("table", "rows", "MB", "oldest", "newest")]
    for table in told["tables"]:
        parts = table["projects"]
        size = "–" if table["bytes"] is None else f"{table['bytes'] / _MB:,.1f}"
        oldest = _day(min(part["oldest"] for part in parts)) if parts else ""
        newest = _day(max(part["newest"] for part in parts)) if parts else ""
        rows.append((table["table"], f"{table['rows']:,}", size, oldest, newest))
    return table_text(rows, right={1, 2})


def _day(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"


def _free(free_bytes: int | None) -> str:
    return "" if free_bytes is None else f", {free_bytes / _MB:,.0f} MB free on its disk"
