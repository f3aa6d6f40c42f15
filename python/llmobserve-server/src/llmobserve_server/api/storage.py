"""How much the store holds, from when to when, and what is deleted next."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from llmobserve_server.api.asked import StoreHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.auth.access import ReadAccess
from llmobserve_server.query.model import Model
from llmobserve_server.store.figures import rows_before, table_figures
from llmobserve_server.store.protocol import Store
from llmobserve_server.store.retention import KINDS, Kind

if TYPE_CHECKING:
    from llmobserve_server.jobs.retention import Retention

__all__ = ["router", "storage_of"]

router = APIRouter(tags=["storage"])


class ProjectStorage(Model):
    """The rows of one project in a table."""

    project_id: str
    rows: int
    bytes: int | None
    """Its share of the table's, by the number of rows; `None` when the engine cannot tell."""
    oldest: datetime
    newest: datetime


class TableStorage(Model):
    """One table: all of it, or with a key what of it is the project's."""

    table: str
    rows: int
    bytes: int | None
    """About, on disk, without indexes; `None` when the engine cannot tell."""
    projects: list[ProjectStorage]
    """Those that have rows, the largest first."""


class KindRetention(Model):
    """How long one kind of data is kept."""

    kind: Kind
    tables: list[str]
    kept_days: int | None
    """`None`: for ever."""
    deleted_before: datetime | None
    """What is older may go now; `None`: nothing may."""
    rows_due: int
    """Rows that are older, and go with the next run."""
    setting: str
    """Environment variable that decides it."""


class Storage(Model):
    """What the store holds."""

    engine: str
    total_bytes: int | None
    """Of the whole store, with indexes, logs and what is free for new rows; `None` for a key."""
    disk_free_bytes: int | None
    """On the disk of the store; `None` when that is another machine's, or for a key."""
    tables: list[TableStorage]
    retention: list[KindRetention]
    next_run: datetime | None
    """When what is due will be deleted; `None`: nothing ever is."""
    last_run: datetime | None
    """End of the last complete run since the server was started."""
    last_error: str | None
    """Why the last run ended early."""


@router.get("/storage")
async def storage(request: Request, access: ReadAccess, store: StoreHere) -> Storage:
    """Bytes and rows by table and project, and what retention deletes next.

    A browser session sees all projects, a key its own.
    """
    retention: Retention = request.app.state.retention
    return await in_reader(request, storage_of, store, retention, access.bound_project_id)


def storage_of(store: Store, retention: "Retention", project_id: str | None) -> Storage:
    """What a store holds of one project or of all. Raises StoreError."""
    sizes, state = store.sizes(), retention.state()
    now = datetime.now(UTC).replace(tzinfo=None)
    return Storage(
        engine=store.name,
        total_bytes=sizes.total_bytes if project_id is None else None,
        disk_free_bytes=sizes.disk_free_bytes if project_id is None else None,
        tables=[
            TableStorage(
                table=table.table,
                rows=table.rows,
                bytes=table.bytes,
                projects=[
                    ProjectStorage(
                        project_id=part.project_id,
                        rows=part.rows,
                        bytes=part.bytes,
                        oldest=part.oldest.replace(tzinfo=UTC),
                        newest=part.newest.replace(tzinfo=UTC),
                    )
                    for part in table.projects
                ],
            )
            for table in table_figures(store, sizes.tables, project_id)
        ],
        retention=[_kind(store, retention, kind, now, project_id) for kind in KINDS],
        next_run=_zoned(state.next_start),
        last_run=_zoned(state.last_end),
        last_error=state.last_error,
    )


def _kind(store: Store, retention: "Retention", kind: Kind, now: datetime, project_id: str | None) -> KindRetention:
    before = retention.rules.before(kind, now)
    return KindRetention(
        kind=kind,
        tables=list(KINDS[kind]),
        kept_days=retention.rules.kept_days(kind),
        deleted_before=_zoned(before),
        rows_due=0 if before is None else rows_before(store, KINDS[kind], before, project_id),
        setting=f"LLMOBSERVE_RETENTION_{kind.upper()}_DAYS",
    )


def _zoned(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
