"""What questions have in common: the project of the credential, the time range and the filter, read from the URL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query, Request

from llmobserve_server.auth.access import ReadAccess
from llmobserve_server.pricing.books import Books
from llmobserve_server.pricing.project_rules import ProjectRules
from llmobserve_server.query.filters import Term, parse
from llmobserve_server.query.window import Scope, Window, parse_window
from llmobserve_server.store.protocol import Store

__all__ = ["Asked", "AskedHere", "BooksHere", "LongAskedHere", "RulesHere", "ScopeHere", "StoreHere", "WindowHere"]

_LONG = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's scope and filter."""

    scope: Scope
    terms: Sequence[Term]


def _scope(access: ReadAccess) -> Scope:
    return Scope(access.project_id)


def _window(
    access: ReadAccess,
    from_: Annotated[
        str | None, Query(alias="from", description="Start, ISO 8601; default: 24 hours before the end.")
    ] = None,
    to: Annotated[str | None, Query(description="End (exclusive), ISO 8601; default: now.")] = None,
) -> Scope:
    return Scope(access.project_id, parse_window(from_, to, datetime.now(UTC)))


WindowHere = Annotated[Scope, Depends(_window)]
"""The project within the time range, for questions that no filter is for."""


def _asked(
    scope: WindowHere,
    q: Annotated[str, Query(description="Filter, as `model:gpt-5* cost:>0.01 -status:error`.")] = "",
) -> Asked:
    return Asked(scope, parse(q))


def _long_asked(
    access: ReadAccess,
    from_: Annotated[str | None, Query(alias="from", description="Start; default: 30 days before the end.")] = None,
    to: Annotated[str | None, Query(description="End (exclusive), ISO 8601; default: now.")] = None,
    q: Annotated[str, Query(description="Filter, as `model:gpt-5* cost:>0.01 -status:error`.")] = "",
) -> Asked:
    window = parse_window(from_, to, datetime.now(UTC))
    if from_ is None:
        window = Window(window.end - _LONG, window.end)
    return Asked(Scope(access.project_id, window), parse(q))


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _books(request: Request) -> Books:
    books: Books = request.app.state.books
    return books


def _rules(request: Request) -> ProjectRules:
    rules: ProjectRules = request.app.state.project_rules
    return rules


AskedHere = Annotated[Asked, Depends(_asked)]
LongAskedHere = Annotated[Asked, Depends(_long_asked)]
"""As `AskedHere`, with 30 days where no start is given."""
BooksHere = Annotated[Books, Depends(_books)]
RulesHere = Annotated[ProjectRules, Depends(_rules)]
ScopeHere = Annotated[Scope, Depends(_scope)]
StoreHere = Annotated[Store, Depends(_store)]
