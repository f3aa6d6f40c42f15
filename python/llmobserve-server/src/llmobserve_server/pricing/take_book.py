"""Takes a checked price book into use, with an entry in the audit record."""

from collections.abc import Mapping
from datetime import UTC, datetime

from llmobserve_server.control.audit import Actor, record
from llmobserve_server.control.database import ControlDatabase
from llmobserve_server.errors import BadRequest
from llmobserve_server.pricing.book_file import BookFile
from llmobserve_server.pricing.books import Books, loaded_now

__all__ = ["take_book"]


def take_book(
    control: ControlDatabase, books: Books, actor: Actor, file: BookFile, differences: Mapping[str, int], *, older: bool
) -> None:
    """Price with the book in `file` from now on.

    Args:
        control: gets the audit entry.
        books: holds the book in use.
        actor: who wants it.
        file: a checked book.
        differences: counts for the audit entry.
        older: also a book whose check is older than that of the one in use.

    Raises:
        BadRequest: it is older, and that was not said.
        StoreError: its file cannot be kept.
    """
    current = books.current
    if not older and file.book.version[:10] < current.version[:10]:
        raise BadRequest(
            f"The book in use was checked on {current.version[:10]}, this one on {file.book.version[:10]}. Say `older` "
            "to go back to it.",
            field="older",
        )
    with control.session() as session, session.begin():
        detail = {"before": current.version, "sha256": file.sha256, **differences}
        record(session, actor, "prices.load", file.book.version, detail=detail)
        books.take(file.book, file.content, loaded_now(file.book, file.sha256, actor.name, datetime.now(UTC)))
