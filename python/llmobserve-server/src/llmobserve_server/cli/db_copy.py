"""`llmobserve db export`, `import` and `copy`: whole stores into Parquet files, back, and between engines."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmobserve_server.cli.db_places import (
    DataDir,
    Db,
    From,
    Host,
    Port,
    Project,
    To,
    ending,
    existing_store,
    places,
    readable_store,
    slice_of,
)
from llmobserve_server.cli.logs import mask
from llmobserve_server.cli.progress import ProgressBar
from llmobserve_server.cli.tables import table_text
from llmobserve_server.errors import BadRequest

if TYPE_CHECKING:
    from llmobserve_server.store.copying.copy import Copied
    from llmobserve_server.store.copying.figures import TableSums

__all__ = ["copy", "export", "import_"]


def export(
    folder: Annotated[Path, typer.Argument(help="New or empty directory.")],
    project: Project = None,
    from_: From = None,
    to: To = None,
    db: Db = None,
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
) -> None:
    """Write all tables as Parquet files, a folder each, for any tool and for `llmobserve db import`.

    Works with every engine, and while the collector runs.
    """
    from llmobserve_server.store.copying.folder import FolderExport
    from llmobserve_server.store.copying.source import StoreSource

    with ending():
        chosen = slice_of(project, from_, to)
        settings = places(host=host, port=port, data_dir=data_dir, db=db)
        target = FolderExport(folder.expanduser(), chosen)
        bar = ProgressBar()
        with readable_store(settings) as store:
            figures = target.write(StoreSource(store, chosen), bar)
        bar.end()
    print(table_text([("table", "rows"), *((name, f"{sums.rows:,}") for name, sums in figures.items())], right={1}))
    size = sum(file.stat().st_size for file in folder.expanduser().rglob("*.parquet"))
    print(f"{size / 1024**2:,.1f} MB in {folder}")


def import_(
    folder: Annotated[Path, typer.Argument(help="A directory that `llmobserve db export` wrote.")],
    db: Db = None,
    data_dir: DataDir = None,
) -> None:
    """Bring exported rows into the store as they are; what it has already stays as it is.

    The collector has to be stopped where it owns the store (DuckDB, Parquet, chDB).
    """
    from llmobserve_server.store.copying.copy import copy_tables
    from llmobserve_server.store.copying.folder import FolderSource
    from llmobserve_server.store.copying.source import StoreSource
    from llmobserve_server.store.open import open_store

    with ending():
        settings = places(data_dir=data_dir, db=db)
        source = FolderSource(folder.expanduser())
        settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        bar = ProgressBar()
        store = open_store(settings.db_url)
        try:
            copied = copy_tables(source, store, bar)
            present = StoreSource(store, source.chosen)
            found = [present.sums(table.table) for table in copied]
        finally:
            bar.end()
            store.close()
    _prove(copied, found)


def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="URL of a store, as duckdb:////srv/events.duckdb.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="URL of another one, as postgresql://host/llmobserve.")],
    project: Project = None,
    from_: From = None,
    to: To = None,
) -> None:
    """Bring all rows of one store into another as they are, whatever their engines, and prove that they are equal.

    May be stopped and started again: what was brought before is not brought twice. No collector may own either of them
    where the engine is embedded (DuckDB, Parquet, chDB). Projects and keys are in the control database and stay there.
    """
    from llmobserve_server.store.copying.copy import copy_tables
    from llmobserve_server.store.copying.source import StoreSource
    from llmobserve_server.store.open import open_store

    with ending():
        if source == target:
            raise BadRequest("FROM and TO are the same store.")
        chosen = slice_of(project, from_, to)
        opened = existing_store(source)
        bar = ProgressBar()
        try:
            other = open_store(target)
            try:
                copied = copy_tables(StoreSource(opened, chosen), other, bar)
                present = StoreSource(other, chosen)
                found = [present.sums(table.table) for table in copied]
            finally:
                other.close()
        finally:
            bar.end()
            opened.close()
    print(f"{mask(source)} → {mask(target)}")
    _prove(copied, found)


def _prove(copied: "Sequence[Copied]", found: "Sequence[TableSums]") -> None:
    """Say of each table whether it is the same in both; end with status 1 when one is not."""
    from llmobserve_server.store.copying.figures import differences

    rows = [("table", "rows", "new", "cost_usd", "")]
    wrong: list[str] = []
    for table, there in zip(copied, found, strict=True):
        unequal = differences(table.found, there)
        if not unequal:
            said = "equal"
        elif there.rows > table.found.rows:
            said = f"all there, and {there.rows - table.found.rows:,} others"
        else:
            said = "NOT EQUAL"
            wrong.append(f"{table.table}: {'; '.join(unequal)}")
        cost = table.found.sums.get("cost_usd")
        rows.append((table.table, f"{table.found.rows:,}", f"{table.new:,}", "" if cost is None else f"{cost:f}", said))
    print(table_text(rows, right={1, 2, 3}))
    if wrong:
        print("\n".join(f"! {line}" for line in wrong))
        print("Was something written meanwhile? Run it again: it brings what is missing.")
        raise SystemExit(1)
    print("Equal: the same rows, values that are set, and exact sums of every column of numbers.")
