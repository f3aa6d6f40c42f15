"""A newer price book for the running server: what it would change, and taking it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request

from llmobserve.pricing import PriceBook
from llmobserve.wire import now_us
from llmobserve_server.api.asked import BooksHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.auth.access import Access, AdminAccess, gate_of
from llmobserve_server.control.audit import record
from llmobserve_server.control.database import ControlDatabase
from llmobserve_server.control.projects import list_projects
from llmobserve_server.errors import BadRequest, Forbidden
from llmobserve_server.pricing.book_file import BookFile, read_book_file
from llmobserve_server.pricing.books import Books, loaded_now
from llmobserve_server.query.book_diff import PriceBookDiff, diff_books

__all__ = ["router"]

router = APIRouter(tags=["prices"])


@router.post(
    "/prices/book",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def price_book(
    request: Request,
    access: AdminAccess,
    books: BooksHere,
    dry_run: Annotated[bool, Query(description="Only say what would change.")] = False,
    older: Annotated[bool, Query(description="Take a book whose check is older than that of the one in use.")] = False,
) -> PriceBookDiff:
    """Check a price book, a file as `./dev prices pack` writes it, and take it: calls are priced with it from now on.

    What is stored keeps its cost. The book is for all projects, so a key can do this only where its project is the
    only one.
    """
    content = await request.body()
    return await in_reader(
        request, _take, gate_of(request).control, books, access, content, dry_run=dry_run, older=older
    )


def _take(
    control: ControlDatabase, books: Books, access: Access, content: bytes, *, dry_run: bool, older: bool
) -> PriceBookDiff:
    if access.bound_project_id is not None and len(list_projects(control)) > 1:
        raise Forbidden(
            "The price book is for all projects, and a key belongs to one. Sign in to the dashboard for it."
        )
    file = read_book_file(content)
    current = books.current
    diff = diff_books(current, file.book, sha256=file.sha256, taken=not dry_run, at_us=now_us())
    if dry_run:
        return diff
    if not older and file.book.version[:10] < current.version[:10]:
        raise BadRequest(
            f"The book in use was checked on {current.version[:10]}, this one on {file.book.version[:10]}. Say `older` "
            "to go back to it.",
            field="older",
        )
    _use(control, books, access, current, file, diff)
    return diff


def _use(
    control: ControlDatabase, books: Books, access: Access, before: PriceBook, file: BookFile, diff: PriceBookDiff
) -> None:
    loaded = loaded_now(file.book, file.sha256, access.actor.name, datetime.now(UTC))
    changes = {kind: sum(getattr(row, kind) for row in diff.providers) for kind in ("added", "removed", "changed")}
    with control.session() as session, session.begin():
        detail = {"before": before.version, "sha256": file.sha256, "past_changes": diff.past_changes, **changes}
        record(session, access.actor, "prices.load", file.book.version, detail=detail)
        books.take(file.book, file.content, loaded)
