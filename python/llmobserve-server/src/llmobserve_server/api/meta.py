"""What the dashboard needs before anything else."""

from datetime import UTC, datetime
from importlib.metadata import version

from fastapi import APIRouter, Request
from sqlalchemy import literal, select

from llmobserve_server.api.asked import BooksHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.api.models import Meta, Project
from llmobserve_server.api.projects import visible_projects
from llmobserve_server.auth.access import ReadAccess, gate_of
from llmobserve_server.store.protocol import Store
from llmobserve_server.store.tables import events

__all__ = ["router"]

router = APIRouter(tags=["meta"])


@router.get("/meta")
async def meta(request: Request, access: ReadAccess, books: BooksHere) -> Meta:
    """Version, store, price book and projects; `has_events` is about the project of the request."""
    deployment = gate_of(request).deployment
    store: Store = request.app.state.store
    # Where no public address is set, the name by which this browser came is one that works.
    collector_url = (
        deployment.base_url if deployment.public_url else f"{request.url.scheme}://{request.headers['host']}"
    )
    return Meta(
        version=version("llmobserve-server"),
        store=store.name,
        price_book=books.current.version,
        local_mode=deployment.local_mode,
        collector_url=collector_url,
        server_time=datetime.now(UTC),
        projects=[Project(id=project.id, name=project.name) for project in await visible_projects(request, access)],
        has_events=await in_reader(request, _has_events, store, access.project_id),
    )


def _has_events(store: Store, project_id: str) -> bool:
    one = select(literal(1).label("one")).select_from(events).where(events.c.project_id == project_id).limit(1)
    return bool(store.fetch(one))
