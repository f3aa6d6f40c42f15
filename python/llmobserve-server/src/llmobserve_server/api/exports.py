"""Exports: tables as CSV, JSON, JSON lines or Parquet, streamed, so that their size does not matter."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from llmobserve_server.api.asked import AskedHere, StoreHere, WindowHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.auth.access import Access, ReadAccess, gate_of
from llmobserve_server.control.audit import record
from llmobserve_server.control.database import ControlDatabase
from llmobserve_server.errors import Overloaded
from llmobserve_server.export.columns import Record
from llmobserve_server.export.formats import MEDIA_TYPES, FileFormat, Writer, new_writer
from llmobserve_server.export.tables import Export, events_of, runs_of, scores_said, totals_of
from llmobserve_server.query.buckets import zone
from llmobserve_server.query.events import EventType
from llmobserve_server.query.totals import DIMENSIONS, MAX_LIMIT, TOTALS_SORTS, Question

__all__ = ["RunningExports", "router"]

router = APIRouter(prefix="/export", tags=["exports"])

_AT_ONCE = 2
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, as an attachment. A connection that ends early means that the file is not complete.",
        "content": {kind.partition(";")[0]: {} for kind in MEDIA_TYPES.values()},
    }
}
FormatHere = Annotated[FileFormat, Query(alias="format", description="csv, json, jsonl or parquet.")]


class RunningExports:
    """Counts the exports of an application, so that they leave room for questions."""

    def __init__(self) -> None:
        self._running = 0

    def begin(self) -> None:
        """Count one more. Raises Overloaded where there are too many."""
        if self._running >= _AT_ONCE:
            raise Overloaded("Two exports are being written already. Ask again when one is done.", retry_after_s=10)
        self._running += 1

    def end(self) -> None:
        """One less."""
        self._running -= 1


@router.get("/events", response_class=StreamingResponse, responses=_FILE)
async def export_events(
    request: Request,
    asked: AskedHere,
    access: ReadAccess,
    store: StoreHere,
    file_format: FormatHere = "csv",
    of_type: Annotated[EventType, Query(alias="type")] = "call",
    content: Annotated[bool, Query(description="With what was said, where it was captured.")] = False,
) -> StreamingResponse:
    """All events of the time range and filter, in order of start; a `type` in the filter wins over the parameter."""
    export = events_of(store, asked.scope, asked.terms, of_type, content=content)
    return await _answer(request, access, export, "events", file_format)


@router.get("/runs", response_class=StreamingResponse, responses=_FILE)
async def export_runs(
    request: Request, asked: AskedHere, access: ReadAccess, store: StoreHere, file_format: FormatHere = "csv"
) -> StreamingResponse:
    """All runs with a record in the time range that match the filter, the oldest first."""
    return await _answer(request, access, runs_of(store, asked.scope, asked.terms), "runs", file_format)


@router.get("/scores", response_class=StreamingResponse, responses=_FILE)
async def export_scores(
    request: Request,
    scope: WindowHere,
    access: ReadAccess,
    store: StoreHere,
    file_format: FormatHere = "csv",
    name: str | None = None,
    source: str | None = None,
) -> StreamingResponse:
    """All scores that were said in the time range, the newest first."""
    return await _answer(request, access, scores_said(store, scope, name=name, source=source), "scores", file_format)


@router.get("/totals", response_class=StreamingResponse, responses=_FILE)
async def export_totals(
    request: Request,
    asked: AskedHere,
    access: ReadAccess,
    store: StoreHere,
    file_format: FormatHere = "csv",
    group_by: Annotated[str, Query(description=f"Up to two, with a comma: {', '.join(DIMENSIONS)}.")] = "",
    sort: Annotated[str | None, Query(description=f"{', '.join(TOTALS_SORTS)}; `-` in front: greatest first.")] = None,
    tz: Annotated[str | None, Query(description="IANA time zone in which days begin; default UTC.")] = None,
) -> StreamingResponse:
    """Totals as `/totals` answers them, the first 10,000 groups, one line each."""
    groups = tuple(name.strip() for name in group_by.split(",") if name.strip())
    question = Question(group_by=groups, terms=asked.terms, sort=sort, limit=MAX_LIMIT, tz=zone(tz))
    return await _answer(request, access, totals_of(store, asked.scope, question), "totals", file_format)


async def _answer(
    request: Request, access: Access, export: Export, name: str, file_format: FileFormat
) -> StreamingResponse:
    running: RunningExports = request.app.state.exports
    running.begin()
    try:
        pages = export.pages()
        # The first page is read before the answer begins, so that what is wrong with the question is said as usual.
        first = await in_reader(request, next, pages, None)
        detail = {"format": file_format, "query": str(request.url.query)[:2000]}
        await in_reader(request, _write_down, gate_of(request).control, access, name, detail)
    except BaseException:
        running.end()
        raise
    today = datetime.now(UTC).strftime("%Y%m%d")
    disposition = f'attachment; filename="llmobserve-{name}-{today}.{file_format}"'
    return _File(
        _parts(request, new_writer(file_format, export.columns), first, pages),
        media_type=MEDIA_TYPES[file_format],
        headers={"Content-Disposition": disposition},
        running=running,
    )


class _File(StreamingResponse):
    """Counts as running until it is sent, or its reader is gone."""

    def __init__(self, parts: AsyncGenerator[bytes], *, running: RunningExports, **options: Any) -> None:
        super().__init__(parts, **options)
        self._running = running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._running.end()


async def _parts(
    request: Request, writer: Writer, first: Sequence[Record] | None, pages: Iterator[Sequence[Record]]
) -> AsyncGenerator[bytes]:
    page = first
    while page is not None:
        if part := await in_reader(request, writer.write, page):
            yield part
        page = await in_reader(request, next, pages, None)
    yield await in_reader(request, writer.end)


def _write_down(control: ControlDatabase, access: Access, name: str, detail: dict[str, Any]) -> None:
    with control.session() as session, session.begin():
        record(session, access.actor, "export", name, project_id=access.project_id, detail=detail)
