"""A newer price book for the running server: what it would change, and taking it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from llmobserve.wire import now_us
from llmobserve_server.api.asked import BooksHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.auth.access import Access, AdminAccess, gate_of
from llmobserve_server.control.database import ControlDatabase
from llmobserve_server.control.projects import list_projects
from llmobserve_server.errors import Forbidden
from llmobserve_server.pricing.book_file import read_book_file
from llmobserve_server.pricing.books import Books
from llmobserve_server.pricing.take_book import take_book
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
    diff = diff_books(books.current, file.book, sha256=file.sha256, taken=not dry_run, at_us=now_us())
    if not dry_run:
        take_book(control, books, access.actor, file, diff.counts(), older=older)
    return diff
