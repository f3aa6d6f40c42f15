"""Projects: list, create, rename."""

import asyncio

from fastapi import APIRouter, Request
from sqlalchemy import func, select

from llmobserve_server.api.deps import in_reader
from llmobserve_server.api.models import Project, ProjectRename, ProjectRequest
from llmobserve_server.auth.access import AdminAccess, OwnerAccess, ReadAccess, gate_of
from llmobserve_server.control import models, projects
from llmobserve_server.errors import Forbidden
from llmobserve_server.store.protocol import Store
from llmobserve_server.store.tables import events

__all__ = ["router", "visible_projects"]

router = APIRouter(tags=["projects"])


@router.get("/projects")
async def list_projects(request: Request, access: ReadAccess) -> list[Project]:
    """Projects that the credential sees, oldest first, with the number of their events."""
    found = await visible_projects(request, access)
    counts = await in_reader(request, _count_events, request.app.state.store, [project.id for project in found])
    return [Project(id=project.id, name=project.name, event_count=counts.get(project.id, 0)) for project in found]


@router.post("/projects", status_code=201)
async def create_project(request: Request, wanted: ProjectRequest, access: OwnerAccess) -> Project:
    """Create a project."""
    gate = gate_of(request)
    created = await asyncio.to_thread(projects.create_project, gate.control, wanted.name, wanted.id, access.actor)
    gate.forget_projects()
    return Project(id=created.id, name=created.name, event_count=0)


@router.patch("/projects/{project_id}")
async def rename_project(request: Request, project_id: str, wanted: ProjectRename, access: AdminAccess) -> Project:
    """Give a project another name; its id stays."""
    if access.bound_project_id not in (None, project_id):
        raise Forbidden(f"This key belongs to project {access.project_id!r}.")
    control = gate_of(request).control
    renamed = await asyncio.to_thread(projects.rename_project, control, project_id, wanted.name, access.actor)
    return Project(id=renamed.id, name=renamed.name)


async def visible_projects(request: Request, access: ReadAccess) -> list[models.Project]:
    """Projects that a credential may know of, oldest first."""
    found = await in_reader(request, projects.list_projects, gate_of(request).control)
    return [project for project in found if access.bound_project_id in (None, project.id)]


def _count_events(store: Store, project_ids: list[str]) -> dict[str, int]:
    counted = (
        select(events.c.project_id, func.count().label("event_count"))
        .where(events.c.project_id.in_(project_ids))
        .group_by(events.c.project_id)
    )
    return {row["project_id"]: row["event_count"] for row in store.fetch(counted)}
